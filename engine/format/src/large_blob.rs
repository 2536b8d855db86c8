//! The segment of a large blob: the blob in blocks, the table of the blocks, and a trailer.

use crate::checksum::checksum;
use crate::coding::{Reader, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::BlobId;
use crate::limits;
use crate::trailer::{decode_trailer, encode_trailer};

const MAGIC: [u8; 8] = *b"LKLARGE\n";

/// How the blocks of a large blob are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LargeEncoding {
    /// Each raw; together they are the blob.
    Raw,
    /// Each a zstd frame, or raw where that is not smaller.
    Zstd,
}

/// One block of a large blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargeBlock {
    /// Its offset in the segment.
    pub offset: u64,
    /// Its bytes in the file.
    pub stored_len: u32,
    /// `checksum(salt, offset, stored bytes)`.
    pub checksum: u64,
}

impl LargeBlock {
    /// Bytes of an entry of the block table.
    pub const LEN: usize = 24;

    /// Appends the entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.offset);
        out.extend_from_slice(&self.stored_len.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        put_u64(out, self.checksum);
    }

    /// Checks the block's stored bytes.
    ///
    /// # Errors
    /// Their length or checksum does not match.
    pub fn check(&self, salt: u64, stored: &[u8]) -> Result<()> {
        if stored.len() as u64 != u64::from(self.stored_len)
            || checksum(salt, self.offset, stored) != self.checksum
        {
            return Err(FormatError::new(
                "block of a large blob",
                self.offset,
                Reason::Checksum,
            ));
        }
        Ok(())
    }
}

/// The trailer of the segment of a large blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargeTrailer {
    /// The blob.
    pub blob: BlobId,
    /// Its length in bytes.
    pub len: u64,
    /// How its blocks are stored.
    pub encoding: LargeEncoding,
    /// Offset of the block table; a multiple of 8.
    pub table_offset: u64,
    /// Number of blocks: one for each MiB that is begun.
    pub blocks: u64,
    /// Checksum of the table.
    pub table_checksum: u64,
}

impl LargeTrailer {
    /// Appends the 64 bytes, which will be at `offset`.
    pub fn encode(&self, salt: u64, offset: u64, out: &mut Vec<u8>) {
        let encoding = u64::from(self.encoding == LargeEncoding::Zstd);
        let fields = [
            self.blob.0,
            self.len,
            encoding,
            self.table_offset,
            self.blocks,
            self.table_checksum,
        ];
        encode_trailer(MAGIC, fields, salt, offset, out);
    }

    /// Decodes the trailer at the start of `bytes` and at `offset` in the segment, which is 64 bytes before the
    /// segment's end.
    ///
    /// # Errors
    /// The bytes are not a trailer of this salt and offset.
    pub fn decode(bytes: &[u8], salt: u64, offset: u64) -> Result<Self> {
        let [blob, len, encoding, table_offset, blocks, table_checksum] =
            decode_trailer("trailer of a large blob", MAGIC, bytes, salt, offset)?;
        let error = |text| FormatError::new("trailer of a large blob", offset, Reason::Value(text));
        let encoding = match encoding {
            0 => LargeEncoding::Raw,
            1 => LargeEncoding::Zstd,
            _ => return Err(error("the encoding is unknown")),
        };
        if blob >= limits::MAX_NUMBER
            || len > limits::MAX_BLOB
            || blocks != len.div_ceil(limits::LARGE_BLOCK)
        {
            return Err(error(
                "blob id, length or number of blocks is out of its range",
            ));
        }
        let table_len = blocks * LargeBlock::LEN as u64;
        let fits = table_offset.is_multiple_of(8)
            && table_offset
                .checked_add(table_len)
                .is_some_and(|end| end <= offset);
        if !fits || table_offset < limits::LARGE_START {
            return Err(error("the block table is misplaced"));
        }
        Ok(Self {
            blob: BlobId(blob),
            len,
            encoding,
            table_offset,
            blocks,
            table_checksum,
        })
    }

    /// Bytes of the block table.
    pub fn table_len(&self) -> u64 {
        self.blocks * LargeBlock::LEN as u64
    }

    /// Decodes and checks the block table, which is all of `bytes`.
    ///
    /// # Errors
    /// The bytes are not this trailer's table, or its blocks do not follow each other.
    pub fn decode_table(&self, bytes: &[u8], salt: u64) -> Result<Vec<LargeBlock>> {
        let what = "block table of a large blob";
        if bytes.len() as u64 != self.table_len() {
            return Err(FormatError::new(what, self.table_offset, Reason::Truncated));
        }
        if checksum(salt, self.table_offset, bytes) != self.table_checksum {
            return Err(FormatError::new(what, self.table_offset, Reason::Checksum));
        }
        let mut r = Reader::new(what, bytes, self.table_offset);
        let mut blocks: Vec<LargeBlock> = Vec::with_capacity(bytes.len() / LargeBlock::LEN);
        let mut next = limits::LARGE_START;
        while !r.is_empty() {
            let (offset, stored_len) = (r.u64()?, r.u32()?);
            r.zeros(4)?;
            let block = LargeBlock {
                offset,
                stored_len,
                checksum: r.u64()?,
            };
            let raw = self.block_len(blocks.len() as u64);
            let fits = self.encoding == LargeEncoding::Zstd || u64::from(stored_len) == raw;
            if offset != next || offset + u64::from(stored_len) > self.table_offset || !fits {
                return Err(r.value("the blocks do not follow each other"));
            }
            next = offset + u64::from(stored_len);
            blocks.push(block);
        }
        Ok(blocks)
    }

    /// Raw bytes of block `index`: 1 MiB, the last one what is left.
    pub fn block_len(&self, index: u64) -> u64 {
        self.len
            .saturating_sub(index.saturating_mul(limits::LARGE_BLOCK))
            .min(limits::LARGE_BLOCK)
    }
}
