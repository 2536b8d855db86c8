//! The last 64 bytes of sealed segments and of large blobs, and a large blob's block table.

use crate::checksum::sum;
use crate::error::{FormatError, Reason, Result};
use crate::ids::{BlobId, SegmentNumber};
use crate::limits;
use crate::wire::{Reader, put_u64};

/// Bytes of either tail.
pub const TAIL_LEN: usize = 64;

const FOOTER_MAGIC: [u8; 8] = *b"LKFOOTER";
const LARGE_MAGIC: [u8; 8] = *b"LKLARGE\n";

/// Appends magic, fields and checksum of a tail that will be at `offset` in a file with `salt`.
fn encode_tail(magic: [u8; 8], fields: [u64; 6], salt: u64, offset: u64, out: &mut Vec<u8>) {
    let from = out.len();
    out.extend_from_slice(&magic);
    for field in fields {
        put_u64(out, field);
    }
    let sum = sum(salt, offset, out.get(from..).unwrap_or_default());
    put_u64(out, sum);
}

/// Reads magic, fields and checksum of the tail at the start of `bytes`.
fn decode_tail(
    what: &'static str,
    magic: [u8; 8],
    bytes: &[u8],
    salt: u64,
    offset: u64,
) -> Result<[u64; 6]> {
    let mut r = Reader::new(what, bytes, offset);
    r.magic(&magic)?;
    let mut fields = [0; 6];
    for field in &mut fields {
        *field = r.u64()?;
    }
    r.checksum(sum(salt, offset, bytes.get(..56).unwrap_or_default()))?;
    Ok(fields)
}

/// The tail of a sealed segment of layout 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FooterTail {
    /// Where the footer's block is.
    pub block_offset: u64,
    /// Its bytes.
    pub block_len: u64,
    /// Where the last COMMIT is.
    pub last_commit: u64,
    /// The segment.
    pub segment: SegmentNumber,
    /// Blobs in the segment.
    pub blobs: u64,
    /// Checksum of the block's header.
    pub header_checksum: u64,
}

impl FooterTail {
    /// Appends the 64 bytes, which will be at `offset`.
    pub fn encode(&self, salt: u64, offset: u64, out: &mut Vec<u8>) {
        let fields = [
            self.block_offset,
            self.block_len,
            self.last_commit,
            self.segment.0,
            self.blobs,
            self.header_checksum,
        ];
        encode_tail(FOOTER_MAGIC, fields, salt, offset, out);
    }

    /// Reads the tail at the start of `bytes`, which is at `offset`: 64 bytes before the end of the segment.
    pub fn decode(bytes: &[u8], salt: u64, offset: u64) -> Result<Self> {
        let [
            block_offset,
            block_len,
            last_commit,
            segment,
            blobs,
            header_checksum,
        ] = decode_tail("footer tail", FOOTER_MAGIC, bytes, salt, offset)?;
        let fits = block_offset
            .checked_add(block_len)
            .is_some_and(|end| end <= offset);
        if !fits || last_commit >= block_offset.max(1) || blobs > limits::MAX_NUMBER {
            return Err(FormatError::new(
                "footer tail",
                offset,
                Reason::Value("its places do not fit each other"),
            ));
        }
        Ok(Self {
            block_offset,
            block_len,
            last_commit,
            segment: SegmentNumber(segment),
            blobs,
            header_checksum,
        })
    }
}

/// How the blocks of a large blob are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LargeEncoding {
    /// As they are, contiguous.
    Raw,
    /// A zstd frame each.
    Zstd,
}

/// One block of a large blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargeBlock {
    /// Where it is in the segment.
    pub offset: u64,
    /// Its stored bytes.
    pub stored_len: u32,
    /// `sum(salt, offset, stored bytes)`.
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
    pub fn check(&self, salt: u64, stored: &[u8]) -> Result<()> {
        if stored.len() as u64 != u64::from(self.stored_len)
            || sum(salt, self.offset, stored) != self.checksum
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

/// The tail of the segment of a large blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargeTail {
    /// The blob.
    pub blob: BlobId,
    /// Its bytes.
    pub len: u64,
    /// How its blocks are stored.
    pub encoding: LargeEncoding,
    /// Where the block table is; a multiple of 8.
    pub table_offset: u64,
    /// Number of blocks: one a started MiB.
    pub blocks: u64,
    /// Checksum of the table.
    pub table_checksum: u64,
}

impl LargeTail {
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
        encode_tail(LARGE_MAGIC, fields, salt, offset, out);
    }

    /// Reads the tail at the start of `bytes`, which is at `offset`: 64 bytes before the end of the segment.
    pub fn decode(bytes: &[u8], salt: u64, offset: u64) -> Result<Self> {
        let [blob, len, encoding, table_offset, blocks, table_checksum] =
            decode_tail("tail of a large blob", LARGE_MAGIC, bytes, salt, offset)?;
        let error = |text| FormatError::new("tail of a large blob", offset, Reason::Value(text));
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

    /// Reads and checks the block table, which `bytes` are.
    pub fn decode_table(&self, bytes: &[u8], salt: u64) -> Result<Vec<LargeBlock>> {
        let what = "block table of a large blob";
        if bytes.len() as u64 != self.table_len() {
            return Err(FormatError::new(what, self.table_offset, Reason::Truncated));
        }
        if sum(salt, self.table_offset, bytes) != self.table_checksum {
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
