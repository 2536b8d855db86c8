//! What calls report back. Plain data; times are microseconds since 1970 UTC, sizes are bytes.

use crate::train::TrainReport;
use lakebed_format::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, Hash, SegmentNumber, Seq,
};

/// What an `append` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Rows added.
    pub rows: u64,
    /// Blobs that were not there before.
    pub new_blobs: u64,
    /// Rows whose blob was there before.
    pub duplicates: u64,
    /// Sequence number of the first row added.
    pub first_seq: Option<Seq>,
    /// Bytes of the records.
    pub bytes: u64,
}

/// What an `ingest` did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IngestReport {
    /// The collection.
    pub collection: String,
    /// The name kept with the rows.
    pub file: String,
    /// The file was ingested in full before: nothing was done.
    pub skipped: bool,
    /// The line after which an earlier ingest was resumed.
    pub resumed_after_line: Option<u64>,
    /// Lines read, blank ones included.
    pub lines: u64,
    /// Rows added.
    pub rows: u64,
    /// Blobs that were not there before.
    pub new_blobs: u64,
    /// Rows whose blob was there before.
    pub duplicates: u64,
    /// Lines that were no acceptable records.
    pub bad_lines: u64,
    /// The first bad lines.
    pub first_bad: Vec<BadLine>,
    /// The collection bad lines went to.
    pub quarantine: Option<String>,
    /// Bytes of lines read, decompressed.
    pub bytes_in: u64,
    /// Bytes by which the store's segments grew.
    pub bytes_stored: u64,
    /// The dictionary that was trained for it.
    pub trained: Option<TrainReport>,
    /// How long it took.
    pub seconds: f64,
    /// The last commit it made.
    pub commit: CommitNumber,
}

impl IngestReport {
    /// Bytes in for each byte stored.
    pub fn ratio(&self) -> f64 {
        if self.bytes_stored == 0 {
            0.0
        } else {
            self.bytes_in as f64 / self.bytes_stored as f64
        }
    }

    /// Millions of bytes in, a second.
    pub fn mb_per_second(&self) -> f64 {
        if self.seconds > 0.0 {
            self.bytes_in as f64 / 1e6 / self.seconds
        } else {
            0.0
        }
    }
}

/// A line that is no acceptable record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: u64,
    /// The column the reason points at, from 1, in bytes.
    pub column: u64,
    /// Why.
    pub reason: String,
}

/// What an `export` did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExportReport {
    /// Rows written.
    pub rows: u64,
    /// Bytes written, line breaks included.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its number; a re-created collection has a new one.
    pub id: CollectionId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: i64,
    /// Rows there are: neither trimmed nor deleted.
    pub rows: u64,
    /// Rows that were deleted with their blobs.
    pub deleted_rows: u64,
    /// The first sequence number that was not trimmed.
    pub first_seq: Seq,
    /// The sequence number the next row will get.
    pub next_seq: Seq,
    /// The dictionary new rows are compressed with.
    pub dictionary: Option<DictionaryNumber>,
}

/// Whether a segment is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// The one that is written to.
    Active,
    /// Finished and immutable.
    Sealed,
}

impl SegmentState {
    /// `active` or `sealed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            SegmentState::Active => "active",
            SegmentState::Sealed => "sealed",
        }
    }
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub number: SegmentNumber,
    /// Active or sealed.
    pub state: SegmentState,
    /// How blobs lie in it: `rows` or `large`.
    pub layout: &'static str,
    /// Its size as a file.
    pub file_bytes: u64,
    /// Bytes of its blobs.
    pub raw_bytes: u64,
    /// The first blob id that may be in it.
    pub first_id: BlobId,
    /// The first blob id after it.
    pub end_id: BlobId,
    /// Blobs in it.
    pub blobs: u64,
    /// Rows in it.
    pub rows: u64,
    /// The first commit in it.
    pub first_commit: CommitNumber,
    /// The last commit in it.
    pub last_commit: CommitNumber,
}

/// A dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DictionaryInfo {
    /// Its number in the store.
    pub number: DictionaryNumber,
    /// The collection it was trained on.
    pub collection: CollectionId,
    /// That collection's name, unless it was dropped.
    pub collection_name: Option<String>,
    /// Its generation in the collection, from 1.
    pub generation: u64,
    /// Its identity.
    pub hash: Hash,
    /// Its size.
    pub size: u64,
    /// The blob that holds it.
    pub blob: BlobId,
}

/// A commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its number.
    pub number: CommitNumber,
    /// When it was made.
    pub time: i64,
    /// The segment it lies in.
    pub segment: SegmentNumber,
    /// Where its trailer lies in the segment.
    pub offset: u64,
    /// Blobs it added.
    pub blobs: u64,
    /// Rows it added.
    pub rows: u64,
}

/// The store in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Where the store is.
    pub path: String,
    /// Its identity, 32 hex characters.
    pub uuid: String,
    /// When it was made.
    pub created: i64,
    /// The commit this object sees.
    pub commit: u64,
    /// Collections.
    pub collections: u64,
    /// Rows of all collections.
    pub rows: u64,
    /// Live blobs, dictionaries not counted.
    pub blobs: u64,
    /// Dictionaries.
    pub dictionaries: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of all blobs stored.
    pub raw_bytes: u64,
    /// Bytes of everything on disk.
    pub disk_bytes: u64,
    /// Of these, segments.
    pub segment_bytes: u64,
    /// Of these, derived indexes.
    pub index_bytes: u64,
    /// Of these, everything else.
    pub other_bytes: u64,
    /// Blobs pending in this object.
    pub pending_blobs: u64,
    /// Rows pending in this object.
    pub pending_rows: u64,
    /// Memory held by decoded frames.
    pub cache_bytes: u64,
    /// The most it may hold.
    pub cache_capacity: u64,
    /// Reads answered from decoded frames.
    pub cache_hits: u64,
    /// Reads that had to decode a frame.
    pub cache_misses: u64,
    /// The oldest commit that a snapshot of this object still holds.
    pub oldest_snapshot: u64,
}

impl Stats {
    /// Bytes of blobs for each byte on disk.
    pub fn ratio(&self) -> f64 {
        if self.disk_bytes == 0 {
            0.0
        } else {
            self.raw_bytes as f64 / self.disk_bytes as f64
        }
    }
}

/// What a `verify` found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerifyReport {
    /// Segments read.
    pub segments: u64,
    /// Commits checked.
    pub commits: u64,
    /// Frames decoded.
    pub frames: u64,
    /// Blobs hashed.
    pub blobs: u64,
    /// Rows resolved.
    pub rows: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Everything that is wrong; empty when the store is whole.
    pub problems: Vec<Problem>,
    /// How long it took.
    pub seconds: f64,
}

/// Something wrong in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The segment, where it lies in one.
    pub segment: Option<SegmentNumber>,
    /// Where in the segment.
    pub offset: Option<u64>,
    /// What is wrong.
    pub message: String,
}
