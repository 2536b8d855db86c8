//! Versions, limits and alignments of the format, as `docs/format.md` has them.

/// Format version of a store, major part. A reader refuses a higher one.
pub const MAJOR: u16 = 1;
/// Format version of a new store, minor part. A reader accepts any.
pub const MINOR: u16 = 5;
/// Incompatible feature of a store: segments of [`crate::SegmentFormat::V2`] occur.
pub const FEATURE_ROW_COMMITS: u64 = 1;
/// Incompatible feature of a store: segments of [`crate::SegmentFormat::V5`] occur.
pub const FEATURE_PACKED: u64 = 2;
/// All incompatible features that this code knows.
pub const KNOWN_INCOMPATIBLE: u64 = FEATURE_ROW_COMMITS | FEATURE_PACKED;

/// Read-compatible feature of a store: it is a backup, which nobody writes to.
pub const FEATURE_BACKUP: u64 = 1;

/// Largest blob, in bytes.
pub const MAX_BLOB: u64 = u32::MAX as u64;
/// Blobs above this have a segment of their own.
pub const LARGE_BLOB: u64 = 16 << 20;
/// Raw bytes of one block of a large blob.
pub const LARGE_BLOCK: u64 = 1 << 20;
/// Offset of the first block of a large blob in its segment.
pub const LARGE_START: u64 = 4096;
/// Longest line of NDJSON and longest appended record, in bytes.
pub const MAX_LINE: u64 = 256 << 20;
/// Deepest nesting of JSON.
pub const MAX_DEPTH: usize = 1024;
/// Longest collection or file name, in bytes.
pub const MAX_NAME: usize = 1024;
/// Blob ids, sequence numbers and line numbers are below this, so that any difference of two fits a column token.
pub const MAX_NUMBER: u64 = 1 << 62;
/// Most rows of one batch.
pub const MAX_BATCH_ROWS: u64 = 65_536;
/// The length of a sealed segment is a multiple of this.
pub const SEGMENT_ALIGN: u64 = 16 << 10;
/// The payload of a raw frame of one blob starts at a multiple of this.
pub const RAW_ALIGN: u64 = 64;
/// A paged section has a checksum for each page of `1 << PAGE_SHIFT` bytes.
pub const PAGE_SHIFT: u8 = 12;
/// Offset of the first group of a segment.
pub const FIRST_GROUP: u64 = 64;
/// Largest decoded payload of a frame, in bytes; the page size is at most half of it.
pub const MAX_FRAME: u64 = 64 << 20;
/// Most runs of ids in one frame: the header then fits its 16-bit length whatever the ids.
pub const MAX_FRAME_RUNS: usize = 2048;
