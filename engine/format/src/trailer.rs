//! The trailer of a sealed segment: its last 64 bytes, which say where the footer is.

use crate::checksum::checksum;
use crate::coding::{Reader, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::SegmentNumber;
use crate::limits;

/// Bytes of a trailer, of a sealed segment or of a large blob.
pub const TRAILER_LEN: usize = 64;

const MAGIC: [u8; 8] = *b"LKFOOTER";

/// Appends magic bytes, fields and checksum of a trailer that will be at `offset` in a file with `salt`.
pub(crate) fn encode_trailer(
    magic: [u8; 8],
    fields: [u64; 6],
    salt: u64,
    offset: u64,
    out: &mut Vec<u8>,
) {
    let mut bytes = Vec::with_capacity(TRAILER_LEN);
    bytes.extend_from_slice(&magic);
    for field in fields {
        put_u64(&mut bytes, field);
    }
    let checksum = checksum(salt, offset, &bytes);
    put_u64(&mut bytes, checksum);
    out.extend_from_slice(&bytes);
}

/// Decodes magic bytes, fields and checksum of the trailer at the start of `bytes` and at `offset` in its file.
pub(crate) fn decode_trailer(
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
    r.checksum(salt)?;
    Ok(fields)
}

/// The trailer of a sealed segment of the rows layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FooterTrailer {
    /// Offset of the footer's index block.
    pub block_offset: u64,
    /// Bytes of that block.
    pub block_len: u64,
    /// Offset of the last COMMIT.
    pub last_commit: u64,
    /// The segment.
    pub segment: SegmentNumber,
    /// Blobs in the segment.
    pub blobs: u64,
    /// Checksum of the block's header.
    pub header_checksum: u64,
}

impl FooterTrailer {
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
        encode_trailer(MAGIC, fields, salt, offset, out);
    }

    /// Decodes the trailer at the start of `bytes` and at `offset` in the segment, which is 64 bytes before the
    /// segment's end.
    ///
    /// # Errors
    /// The bytes are not a trailer of this salt and offset.
    pub fn decode(bytes: &[u8], salt: u64, offset: u64) -> Result<Self> {
        let [
            block_offset,
            block_len,
            last_commit,
            segment,
            blobs,
            header_checksum,
        ] = decode_trailer("footer trailer", MAGIC, bytes, salt, offset)?;
        let fits = block_offset
            .checked_add(block_len)
            .is_some_and(|end| end <= offset);
        if !fits || last_commit >= block_offset.max(1) || blobs > limits::MAX_NUMBER {
            return Err(FormatError::new(
                "footer trailer",
                offset,
                Reason::Value("its offsets contradict each other"),
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
