//! The commit table: the commits that an index block covers.

use crate::coding::{Reader, put_u64, put_varint, until_error};
use crate::error::Result;
use crate::ids::CommitNumber;

/// A commit, as the commit table lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitEntry {
    /// Its number.
    pub number: CommitNumber,
    /// Time of the commit, microseconds since 1970 UTC.
    pub time: i64,
    /// Offset of its COMMIT in the segment.
    pub offset: u64,
    /// New blobs.
    pub blobs: u64,
    /// New rows.
    pub rows: u64,
    /// Bytes of the new blobs.
    pub raw_bytes: u64,
}

impl CommitEntry {
    /// Encodes a section's data; the commits ascend. The length does not depend on the offsets, so a block's length is
    /// known before the offset of its own COMMIT is.
    pub fn encode_all(commits: &[Self]) -> Vec<u8> {
        let mut out = Vec::with_capacity(commits.len() * 20);
        let mut last = 0;
        for commit in commits {
            put_varint(&mut out, commit.number.0.saturating_sub(last));
            out.extend_from_slice(&commit.time.to_le_bytes());
            put_u64(&mut out, commit.offset);
            put_varint(&mut out, commit.blobs);
            put_varint(&mut out, commit.rows);
            put_varint(&mut out, commit.raw_bytes);
            last = commit.number.0;
        }
        out
    }

    /// Decodes the whole section, entry by entry; ends after an error. `base` is its offset in the file.
    pub fn decode_all(data: &[u8], base: u64) -> impl Iterator<Item = Result<Self>> + '_ {
        let mut r = Reader::new("commit table", data, base);
        let mut last = 0_u64;
        until_error(move || {
            (!r.is_empty()).then(|| {
                let step = r.varint()?;
                let Some(number) = last.checked_add(step).filter(|_| step > 0) else {
                    return Err(r.value("the commits do not ascend"));
                };
                last = number;
                let (time, offset) = (r.i64()?, r.u64()?);
                Ok(Self {
                    number: CommitNumber(number),
                    time,
                    offset,
                    blobs: r.varint()?,
                    rows: r.varint()?,
                    raw_bytes: r.varint()?,
                })
            })
        })
    }
}
