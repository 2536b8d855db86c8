//! The *large* layout: one large blob in blocks, in a segment of its own (docs/format.md).

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use lakebed_format::{
    BlobId, CommitEntry, Encoding, Fingerprint, HEADER_LEN, Hash, LargeBlock, LargeEncoding,
    LargeEntry, LargeTrailer, Layout, RowBatchEntry, SegmentHeader, SegmentNumber, TRAILER_LEN,
    limits,
};
use parking_lot::Mutex;

use super::bytes::{SegmentBytes, Slice, give, if_read};
use super::files::{SegmentFiles, reading};
use super::interface::{Contents, ReadContext, RowBatchBytes, Segment, StoredBlobs, StoredFrame};
use super::verify::Verification;
use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use crate::problem::ProblemKind;
use lakebed_codec::Decoded;

pub(crate) mod write;

/// The segment of one large blob. Its file is opened when it is first read.
#[derive(Debug)]
pub(crate) struct LargeSegment {
    entry: LargeEntry,
    opened: OnceLock<Opened>,
}

/// The open file, whose tables were checked.
#[derive(Debug)]
struct Opened {
    segment: SegmentNumber,
    salt: u64,
    bytes: SegmentBytes,
    tail: LargeTrailer,
    blocks: Vec<LargeBlock>,
    /// The checked bytes, where they can be handed out as they lie.
    whole: Option<Blob>,
}

/// Large blobs that were read, by the segment each is alone in.
#[derive(Debug, Default)]
pub(crate) struct LargeSegments {
    known: Mutex<HashMap<SegmentNumber, Arc<LargeSegment>>>,
}

impl LargeSegments {
    /// The segment of a large blob of the catalogue.
    pub(crate) fn get(&self, entry: &LargeEntry) -> Arc<LargeSegment> {
        let mut known = self.known.lock();
        if let Some(segment) = known.get(&entry.segment)
            && segment.entry.blob == entry.blob
        {
            return Arc::clone(segment);
        }
        let segment = Arc::new(LargeSegment::new(*entry));
        known.insert(entry.segment, Arc::clone(&segment));
        segment
    }

    /// Forgets blobs from this id on: after a rollback the ids are given again.
    pub(crate) fn forget(&self, from: BlobId) {
        self.known
            .lock()
            .retain(|_, segment| segment.entry.blob < from);
    }
}

impl LargeSegment {
    /// The segment of a large blob of the catalogue.
    pub(crate) fn new(entry: LargeEntry) -> Self {
        Self {
            entry,
            opened: OnceLock::new(),
        }
    }

    /// What a catalogue would say of the large blob whose segment this is, but for its fingerprint; `None` when the
    /// file is no such segment, or not a whole one.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn entry_of(
        files: &SegmentFiles,
        number: SegmentNumber,
    ) -> Result<Option<LargeEntry>> {
        let Some(file) = files.open_if_there(number)? else {
            return Ok(None);
        };
        let io = |error| Error::io(&reading(number), error);
        let len = file.len().map_err(io)?;
        let Some(at) = len.checked_sub(TRAILER_LEN as u64) else {
            return Ok(None);
        };
        let mut header = [0; HEADER_LEN];
        let mut tail = [0; TRAILER_LEN];
        file.read_exact_at(&mut header, 0).map_err(io)?;
        file.read_exact_at(&mut tail, at).map_err(io)?;
        let Ok(header) = SegmentHeader::decode(&header) else {
            return Ok(None);
        };
        let own =
            header.uuid == files.store && header.number == number && header.layout == Layout::Large;
        let (true, Ok(tail)) = (own, LargeTrailer::decode(&tail, header.salt, at)) else {
            return Ok(None);
        };
        // The blocks lie without gaps between their start and their table, which begins at a multiple of 8.
        let room = tail.table_offset.saturating_sub(limits::LARGE_START);
        let entry = |stored_len| LargeEntry {
            segment: number,
            blob: tail.blob,
            len: tail.len,
            stored_len,
            fingerprint: Fingerprint(0),
        };
        let bytes = SegmentBytes::open(files, number, len)?;
        let table = bytes.slice(tail.table_offset, tail.table_len());
        let blocks = table
            .ok()
            .and_then(|table| tail.decode_table(&table, header.salt).ok());
        let stored = blocks.map(|blocks| blocks.iter().map(|b| u64::from(b.stored_len)).sum());
        Ok(stored.filter(|stored| *stored <= room).map(entry))
    }

    /// Its entry with the fingerprint of its bytes; `None` when they cannot be read.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn with_fingerprint(&self, files: &SegmentFiles) -> Result<Option<LargeEntry>> {
        match self.whole(files) {
            Ok(blob) => Ok(Some(LargeEntry {
                fingerprint: Hash::of(&blob).fingerprint(),
                ..self.entry
            })),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The blob.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn whole(&self, files: &SegmentFiles) -> Result<Blob> {
        if let Some(opened) = self.opened.get() {
            return opened.blob();
        }
        let mut opened = Opened::new(files, &self.entry)?;
        opened.whole = opened.in_place()?;
        self.opened.get_or_init(|| opened).blob()
    }

    /// The first bytes of the blob, at most `len`; nothing behind its first block is read.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn beginning(&self, files: &SegmentFiles, len: usize) -> Result<Vec<u8>> {
        let opened = Opened::new(files, &self.entry)?;
        let Some(block) = opened.blocks.first() else {
            return Ok(Vec::new());
        };
        let mut bytes = Vec::new();
        opened.raw(0, block, &mut bytes)?;
        bytes.truncate(len);
        Ok(bytes)
    }
}

impl Segment for LargeSegment {
    fn number(&self) -> SegmentNumber {
        self.entry.segment
    }

    fn blob(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>> {
        if id != self.entry.blob {
            return Ok(None);
        }
        self.whole(read.files).map(Some)
    }

    fn blobs_from(&self, _: ReadContext<'_>, _: BlobId) -> Result<Option<Arc<Decoded>>> {
        // A large blob is read alone.
        Ok(None)
    }

    fn find(
        &self,
        _: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        if range.contains(&self.entry.fingerprint) {
            found.push(self.entry.blob);
        }
        Ok(())
    }

    fn fingerprints(
        &self,
        _: &SegmentFiles,
        each: &mut dyn FnMut(BlobId, Fingerprint),
    ) -> Result<()> {
        each(self.entry.blob, self.entry.fingerprint);
        Ok(())
    }

    fn rows(&self, _: &SegmentFiles) -> Result<Arc<[RowBatchEntry]>> {
        Ok(Arc::from([]))
    }

    fn row_batch(&self, _: &SegmentFiles, _: &RowBatchEntry) -> Result<RowBatchBytes> {
        Err(Error::internal("rows are read from a large blob's segment"))
    }

    fn commits(&self, _: &SegmentFiles) -> Result<Vec<CommitEntry>> {
        // The commit that names the blob is in the segment of its group.
        Ok(Vec::new())
    }

    fn stored(
        &self,
        read: ReadContext<'_>,
        place: usize,
        decode: bool,
    ) -> Result<Option<StoredBlobs>> {
        if place > 0 {
            return Ok(None);
        }
        let blobs = if decode {
            vec![self.whole(read.files)?]
        } else {
            Vec::new()
        };
        let entry = &self.entry;
        Ok(Some(StoredBlobs {
            ids: vec![entry.blob],
            encoding: if entry.stored_len == entry.len {
                Encoding::Raw
            } else {
                Encoding::Zstd
            },
            offset: None,
            stored_len: entry.stored_len,
            raw_len: entry.len,
            blobs,
        }))
    }

    fn contents(&self, _: &SegmentFiles) -> Result<Contents> {
        // Its blob is not in a frame.
        Ok(Contents::default())
    }

    fn frame(
        &self,
        _: &SegmentFiles,
        _: usize,
        _: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool> {
        Ok(false)
    }

    fn verify(&self, read: ReadContext<'_>, verification: &mut dyn Verification) -> Result<()> {
        let segment = self.entry.segment;
        if !verification.scope().has_structures() {
            return Ok(());
        }
        if verification.scope().sampled {
            let began = self.beginning(&read.files.without_mapping(), 1);
            verification.keep(ProblemKind::Segment, segment, None, began)?;
            return Ok(());
        }
        // The file as it is, and not a mapping that may have failed before.
        let blob = Self::new(self.entry).whole(&read.files.without_mapping());
        let blob = match blob {
            Err(error) if error.kind() == ErrorKind::Io => {
                return verification.unless_unreadable(segment, Err(error));
            }
            blob => verification.keep(ProblemKind::Segment, segment, None, blob)?,
        };
        let Some(blob) = blob else {
            return Ok(());
        };
        verification.blob();
        if Hash::of(&blob).fingerprint() != self.entry.fingerprint {
            let text = "its bytes do not have the hash they were stored under".to_owned();
            verification.problem(ProblemKind::Blob, segment, None, text);
        }
        verification.advance(blob.len() as u64)
    }
}

impl Opened {
    fn new(files: &SegmentFiles, entry: &LargeEntry) -> Result<Self> {
        let segment = entry.segment;
        let bytes = SegmentBytes::open(files, segment, file_len_of(entry))?;
        let mapping = bytes.mapping().cloned();
        if_read(
            segment,
            mapping.as_ref(),
            Self::of_bytes(files, entry, bytes),
        )
    }

    fn of_bytes(files: &SegmentFiles, entry: &LargeEntry, bytes: SegmentBytes) -> Result<Self> {
        let segment = entry.segment;
        let refused = |error| Error::of_format(segment, &error);
        let header = SegmentHeader::decode(&bytes.slice(0, HEADER_LEN as u64)?).map_err(refused)?;
        let salt = header.salt;
        let tail_at = bytes.len() - TRAILER_LEN as u64;
        let tail = LargeTrailer::decode(&bytes.slice(tail_at, TRAILER_LEN as u64)?, salt, tail_at)
            .map_err(refused)?;
        let own = header.uuid == files.store
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
        let table = bytes.slice(tail.table_offset, tail.table_len())?;
        let blocks = tail.decode_table(&table, salt).map_err(refused)?;
        Ok(Self {
            segment,
            salt,
            bytes,
            tail,
            blocks,
            whole: None,
        })
    }

    /// The bytes where they lie, if they lie there raw.
    fn in_place(&self) -> Result<Option<Blob>> {
        let Some(mapping) = self.bytes.mapping() else {
            return Ok(None);
        };
        if self.tail.encoding != LargeEncoding::Raw {
            return Ok(None);
        }
        for block in &self.blocks {
            if_read(self.segment, Some(mapping), self.stored(block))?;
        }
        let end = limits::LARGE_START.checked_add(self.tail.len);
        give(self.segment, mapping)?;
        let range = usize::try_from(limits::LARGE_START)
            .ok()
            .zip(end.and_then(|end| usize::try_from(end).ok()));
        Ok(range.and_then(|(start, end)| Blob::in_mapping(mapping.clone(), start..end)))
    }

    /// The checked stored bytes of a block.
    fn stored(&self, block: &LargeBlock) -> Result<Slice> {
        let stored = self
            .bytes
            .slice(block.offset, u64::from(block.stored_len))?;
        block
            .check(self.salt, &stored)
            .map_err(|e| Error::of_format(self.segment, &e))?;
        Ok(stored)
    }

    /// The blob.
    fn blob(&self) -> Result<Blob> {
        if let Some(blob) = &self.whole {
            return Ok(blob.clone());
        }
        let no_memory = || {
            Error::new(
                ErrorKind::Io,
                format!("There is no memory for a blob of {} bytes.", self.tail.len),
            )
        };
        let len = usize::try_from(self.tail.len).map_err(|_| no_memory())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| no_memory())?;
        for (index, block) in self.blocks.iter().enumerate() {
            self.raw(index as u64, block, &mut bytes)?;
        }
        Ok(Blob::owned(bytes))
    }

    /// Adds the raw bytes of a block, the one of this number.
    fn raw(&self, index: u64, block: &LargeBlock, bytes: &mut Vec<u8>) -> Result<()> {
        let read = self.raw_bytes(index, block, bytes);
        if_read(self.segment, self.bytes.mapping(), read)
    }

    fn raw_bytes(&self, index: u64, block: &LargeBlock, bytes: &mut Vec<u8>) -> Result<()> {
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
}

/// Bytes of the file of a large blob whose block table ends at `end`.
fn file_len(end: u64) -> u64 {
    (end + TRAILER_LEN as u64).next_multiple_of(limits::SEGMENT_ALIGN)
}

/// Bytes of the file of a large blob.
pub(crate) fn file_len_of(entry: &LargeEntry) -> u64 {
    let table_len = entry.len.div_ceil(limits::LARGE_BLOCK) * LargeBlock::LEN as u64;
    file_len((limits::LARGE_START + entry.stored_len).next_multiple_of(8) + table_len)
}
