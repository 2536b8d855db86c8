//! What calls report back. Plain data; times are microseconds since 1970 UTC, sizes are bytes.

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
    /// Of these, segments that others have replaced, and that snapshots or readers of older commits still hold.
    pub held_bytes: u64,
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
