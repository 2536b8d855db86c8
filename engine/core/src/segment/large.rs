//! A large blob in a segment of its own.

use lakebed_format::{
    BlobId, Encoding, HEADER_LEN, LargeBlock, LargeEncoding, LargeEntry, LargeTail, Layout,
    SegmentHeader, SegmentNumber, TAIL_LEN, limits,
};

use super::source::Source;
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::home::Home;

/// The segment of one large blob, checked.
#[derive(Debug)]
pub(crate) struct Large {
    segment: SegmentNumber,
    salt: u64,
    source: Source,
    tail: LargeTail,
    blocks: Vec<LargeBlock>,
    /// The checked bytes, where they can be handed out as they lie.
    whole: Option<Blob>,
}

/// Bytes of the file of a large blob whose block table ends at `end`.
pub(crate) fn file_len(end: u64) -> u64 {
    (end + TAIL_LEN as u64).next_multiple_of(limits::SEGMENT_ALIGN)
}

impl Large {
    /// Opens it, and checks all bytes that can then be handed out as they lie.
    pub(crate) fn open(home: &Home, entry: &LargeEntry) -> Result<Self> {
        let mut large = Self::open_unread(home, entry)?;
        large.whole = large.in_place()?;
        Ok(large)
    }

    /// The first bytes of a blob, so many at most; nothing behind its first block is read.
    pub(crate) fn beginning(home: &Home, entry: &LargeEntry, len: usize) -> Result<Vec<u8>> {
        let large = Self::open_unread(home, entry)?;
        let Some(block) = large.blocks.first() else {
            return Ok(Vec::new());
        };
        let mut bytes = Vec::new();
        large.raw(0, block, &mut bytes)?;
        bytes.truncate(len);
        Ok(bytes)
    }

    fn open_unread(home: &Home, entry: &LargeEntry) -> Result<Self> {
        let segment = entry.segment;
        let source = Source::open(home, segment, len_of(entry))?;
        let refuse = |error| Error::of_format(segment, &error);
        let header = SegmentHeader::decode(&source.slice(0, HEADER_LEN as u64)?).map_err(refuse)?;
        let salt = header.salt;
        let tail_at = source.len() - TAIL_LEN as u64;
        let tail = LargeTail::decode(&source.slice(tail_at, TAIL_LEN as u64)?, salt, tail_at)
            .map_err(refuse)?;
        let own = header.uuid == home.header.uuid
            && header.number == segment
            && header.layout == Layout::Large
            && tail.blob == entry.blob
            && tail.len == entry.len;
        if !own {
            return Err(Error::corrupt(
                segment,
                0,
                "the file holds another blob than the catalogue says",
            ));
        }
        let table = source.slice(tail.table_offset, tail.table_len())?;
        let blocks = tail.decode_table(&table, salt).map_err(refuse)?;
        Ok(Self {
            segment,
            salt,
            source,
            tail,
            blocks,
            whole: None,
        })
    }

    /// The bytes where they lie, if they lie there raw.
    fn in_place(&self) -> Result<Option<Blob>> {
        let Some(mapping) = self.source.mapping() else {
            return Ok(None);
        };
        if self.tail.encoding != LargeEncoding::Raw {
            return Ok(None);
        }
        for block in &self.blocks {
            self.stored(block)?;
        }
        let start = limits::LARGE_START as usize;
        Ok(Blob::in_mapping(
            mapping.clone(),
            start..start + self.tail.len as usize,
        ))
    }

    /// The checked stored bytes of a block.
    fn stored(&self, block: &LargeBlock) -> Result<super::source::Slice> {
        let stored = self
            .source
            .slice(block.offset, u64::from(block.stored_len))?;
        block
            .check(self.salt, &stored)
            .map_err(|e| Error::of_format(self.segment, &e))?;
        Ok(stored)
    }

    /// The blob.
    pub(crate) fn blob(&self) -> Result<Blob> {
        if let Some(blob) = &self.whole {
            return Ok(blob.clone());
        }
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(self.tail.len as usize)
            .map_err(|_| {
                Error::new(
                    crate::ErrorKind::Io,
                    format!("There is no memory for a blob of {} bytes.", self.tail.len),
                )
            })?;
        for (index, block) in self.blocks.iter().enumerate() {
            self.raw(index as u64, block, &mut bytes)?;
        }
        Ok(Blob::own(bytes))
    }

    /// Adds the raw bytes of a block, the one of this number.
    fn raw(&self, index: u64, block: &LargeBlock, bytes: &mut Vec<u8>) -> Result<()> {
        let stored = self.stored(block)?;
        if self.tail.encoding == LargeEncoding::Raw {
            bytes.extend_from_slice(&stored);
            return Ok(());
        }
        let raw_len = self.tail.block_len(index);
        // A block that does not shrink is kept as it is.
        let encoding = if stored.len() as u64 == raw_len {
            Encoding::Raw
        } else {
            Encoding::Zstd
        };
        let raw = lakebed_codec::decode(encoding, None, &stored, raw_len)
            .map_err(|e| Error::corrupt(self.segment, block.offset, e.to_string()))?;
        bytes.extend_from_slice(&raw);
        Ok(())
    }

    /// The id.
    pub(crate) fn id(&self) -> BlobId {
        self.tail.blob
    }
}

/// Bytes of the file of a large blob.
pub(crate) fn len_of(entry: &LargeEntry) -> u64 {
    let table_len = entry.len.div_ceil(limits::LARGE_BLOCK) * LargeBlock::LEN as u64;
    file_len((limits::LARGE_START + entry.stored_len).next_multiple_of(8) + table_len)
}
