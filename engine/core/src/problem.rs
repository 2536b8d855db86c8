//! What a verification or a repair says is wrong.

use lakebed_format::SegmentNumber;

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
