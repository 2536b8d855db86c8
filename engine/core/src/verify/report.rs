//! What a verification is asked for, and what it says.

use lakebed_format::CommitNumber;

use crate::problem::Problem;

/// How much a `verify` checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Check the structures, and of frames and Parquet files samples, others each time.
    pub quick: bool,
    /// Take what commits up to this one wrote as checked; 0 for nothing.
    pub since: CommitNumber,
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
    /// Everything that is wrong; empty when what was checked is whole.
    pub problems: Vec<Problem>,
    /// How long it took.
    pub seconds: f64,
}
