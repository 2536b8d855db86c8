//! COMMIT: the 96 bytes that end a group and make it valid.

use crate::checksum::checksum;
use crate::coding::{Reader, align8, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::{BlobId, CommitNumber, SegmentNumber};
use crate::limits;

const WHAT: &str = "COMMIT";
const MAGIC: [u8; 8] = *b"LKCOMMIT";

/// Bytes of a COMMIT.
pub const COMMIT_LEN: usize = 96;

/// The fields of a COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// Its number.
    pub number: CommitNumber,
    /// Time of the commit, microseconds since 1970 UTC.
    pub time: i64,
    /// Offset of the group; a multiple of 8.
    pub group: u64,
    /// Offset of the index block; a multiple of 8.
    pub index_offset: u64,
    /// Bytes of the index block.
    pub index_len: u64,
    /// The segment.
    pub segment: SegmentNumber,
    /// The segment's salt.
    pub salt: u64,
    /// The last field of the COMMIT before, in whatever segment that is; 0 for the first of a store.
    pub predecessor: u64,
    /// The next blob id after this commit.
    pub next_blob: BlobId,
    /// XXH3-64 with the salt as seed of all bytes of the group before this COMMIT; see [`crate::RunningChecksum`].
    pub group_checksum: u64,
}

/// A COMMIT and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocatedCommit {
    /// Its offset in the segment; a multiple of 8.
    pub offset: u64,
    /// Its last field, which the next COMMIT repeats.
    pub checksum: u64,
    /// Its other fields.
    pub commit: Commit,
}

impl LocatedCommit {
    /// Offset of the next group.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(COMMIT_LEN as u64)
    }
}

impl Commit {
    /// Appends the 96 bytes, which will be at `offset` in the segment.
    pub fn encode(&self, offset: u64, out: &mut Vec<u8>) -> LocatedCommit {
        let mut bytes = Vec::with_capacity(COMMIT_LEN);
        bytes.extend_from_slice(&MAGIC);
        put_u64(&mut bytes, self.number.0);
        bytes.extend_from_slice(&self.time.to_le_bytes());
        for field in [
            self.group,
            self.index_offset,
            self.index_len,
            self.segment.0,
            self.salt,
            self.predecessor,
            self.next_blob.0,
            self.group_checksum,
        ] {
            put_u64(&mut bytes, field);
        }
        let checksum = checksum(self.salt, offset, &bytes);
        put_u64(&mut bytes, checksum);
        out.extend_from_slice(&bytes);
        LocatedCommit {
            offset,
            checksum,
            commit: *self,
        }
    }

    /// Decodes and checks the COMMIT at the start of `bytes` and at `offset` in the segment with this number and salt.
    /// The checksum of its group is not checked.
    ///
    /// # Errors
    /// The bytes are not a COMMIT of this segment and offset.
    pub fn decode(
        bytes: &[u8],
        offset: u64,
        segment: SegmentNumber,
        salt: u64,
    ) -> Result<LocatedCommit> {
        let mut r = Reader::new(WHAT, bytes, offset);
        r.magic(&MAGIC)?;
        let commit = Self {
            number: CommitNumber(r.u64()?),
            time: r.i64()?,
            group: r.u64()?,
            index_offset: r.u64()?,
            index_len: r.u64()?,
            segment: SegmentNumber(r.u64()?),
            salt: r.u64()?,
            predecessor: r.u64()?,
            next_blob: BlobId(r.u64()?),
            group_checksum: r.u64()?,
        };
        let checksum = r.checksum(salt)?;
        if commit.salt != salt || commit.segment != segment {
            return Err(FormatError::new(
                WHAT,
                offset,
                Reason::Value("it belongs to another segment"),
            ));
        }
        let ordered = commit.group >= limits::FIRST_GROUP
            && commit.group <= commit.index_offset
            && commit.index_offset < offset
            && commit.index_len < offset
            && align8(commit.index_offset.saturating_add(commit.index_len)) == offset;
        let aligned = [commit.group, commit.index_offset, offset]
            .iter()
            .all(|at| at.is_multiple_of(8));
        if !ordered || !aligned || commit.next_blob.0 > limits::MAX_NUMBER {
            return Err(FormatError::new(
                WHAT,
                offset,
                Reason::Value("its offsets contradict each other"),
            ));
        }
        Ok(LocatedCommit {
            offset,
            checksum,
            commit,
        })
    }
}

/// The last valid COMMIT in `bytes`, which begin at `base` in the segment with this number and salt. It lies wholly
/// within `bytes`, at a multiple of 8 in the file; so a search in windows overlaps them by 88 bytes.
pub fn find_last_commit(
    bytes: &[u8],
    base: u64,
    segment: SegmentNumber,
    salt: u64,
) -> Option<LocatedCommit> {
    let start = base.checked_next_multiple_of(8)?;
    let aligned = bytes.get(usize::try_from(start - base).ok()?..)?;
    let (words, _) = aligned.as_chunks::<8>();
    for (i, word) in words.iter().enumerate().rev() {
        if *word != MAGIC {
            continue;
        }
        let at = i * 8;
        if let Some(bytes) = aligned.get(at..)
            && let Ok(found) = Commit::decode(bytes, start.wrapping_add(at as u64), segment, salt)
        {
            return Some(found);
        }
    }
    None
}
