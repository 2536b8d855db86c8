//! COMMIT: the 96 bytes that end a group and make it count.

use crate::checksum::checksum;
use crate::coding::{Reader, align8, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::{BlobId, CommitNumber, SegmentNumber};
use crate::limits;

const WHAT: &str = "COMMIT";
const MAGIC: [u8; 8] = *b"LKCOMMIT";

/// Bytes of a COMMIT.
pub const COMMIT_LEN: usize = 96;

/// What a COMMIT says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// Its number.
    pub number: CommitNumber,
    /// When, microseconds since 1970 UTC.
    pub time: i64,
    /// Where the group starts; a multiple of 8.
    pub group: u64,
    /// Where the index block is; a multiple of 8.
    pub index_offset: u64,
    /// Bytes of the index block.
    pub index_len: u64,
    /// The segment.
    pub segment: SegmentNumber,
    /// The segment's salt.
    pub salt: u64,
    /// The checksum field of the COMMIT before, in whatever segment it lies; 0 for the first of a store.
    pub predecessor: u64,
    /// The next blob id after this commit.
    pub next_blob: BlobId,
    /// XXH3-64 with the salt as seed of all bytes of the group before this COMMIT; see [`crate::RunningChecksum`].
    pub group_checksum: u64,
}

/// A COMMIT and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocatedCommit {
    /// Where it is in its segment; a multiple of 8.
    pub offset: u64,
    /// Its own checksum field, which the next COMMIT repeats.
    pub checksum: u64,
    /// What it says.
    pub commit: Commit,
}

impl LocatedCommit {
    /// Where the next group starts.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(COMMIT_LEN as u64)
    }
}

impl Commit {
    /// Appends the 96 bytes, which will be at `offset`.
    pub fn encode(&self, offset: u64, out: &mut Vec<u8>) -> LocatedCommit {
        let from = out.len();
        out.extend_from_slice(&MAGIC);
        put_u64(out, self.number.0);
        out.extend_from_slice(&self.time.to_le_bytes());
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
            put_u64(out, field);
        }
        let checksum = checksum(self.salt, offset, out.get(from..).unwrap_or_default());
        put_u64(out, checksum);
        LocatedCommit {
            offset,
            checksum,
            commit: *self,
        }
    }

    /// Reads and checks the COMMIT at the start of `bytes` and at `offset` in the segment with this number and salt. The group checksum is
    /// not asked: the group is not at hand.
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
        let checksum = checksum(
            salt,
            offset,
            bytes.get(..COMMIT_LEN - 8).unwrap_or_default(),
        );
        r.checksum(checksum)?;
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
                Reason::Value("its places do not fit each other"),
            ));
        }
        Ok(LocatedCommit {
            offset,
            checksum,
            commit,
        })
    }
}

/// The last valid COMMIT in `bytes`, which begin at `base` in the segment with this number and salt. Only whole ones at multiples of 8
/// count, so overlap successive windows by 88 bytes.
pub fn find_last_commit(
    bytes: &[u8],
    base: u64,
    segment: SegmentNumber,
    salt: u64,
) -> Option<LocatedCommit> {
    let skip = base.wrapping_neg() & 7;
    let start = base.wrapping_add(skip);
    let aligned = bytes.get(skip as usize..)?;
    let (words, _) = aligned.as_chunks::<8>();
    for (i, word) in words.iter().enumerate().rev() {
        if *word != MAGIC {
            continue;
        }
        let place = aligned.get(i * 8..).unwrap_or_default();
        if let Ok(found) = Commit::decode(place, start.wrapping_add(i as u64 * 8), segment, salt) {
            return Some(found);
        }
    }
    None
}
