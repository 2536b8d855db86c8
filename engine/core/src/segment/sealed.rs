//! The sealed segments of a manifest, each of its layout.

use std::sync::Arc;

use lakebed_format::{Layout, SegmentEntry};

use super::checked::Checked;
use super::interface::Segment;
use super::rows::sealed::SealedRows;

/// A sealed segment, and what the manifest says of it.
#[derive(Clone, Debug)]
pub(crate) struct SealedSegment {
    pub(crate) entry: SegmentEntry,
    pub(crate) segment: Arc<dyn Segment>,
}

impl SealedSegment {
    /// The segment of a manifest's entry; its file is opened when it is first read. `None` for a large blob's, which
    /// the catalogue names by its blob.
    pub(crate) fn of_entry(entry: SegmentEntry) -> Option<Self> {
        let segment = match entry.layout {
            Layout::Rows => Arc::new(Checked(SealedRows::new(entry))),
            Layout::Large => return None,
        };
        Some(Self { entry, segment })
    }
}
