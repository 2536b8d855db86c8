//! The sealed segments of a manifest, each of its layout.

use std::sync::Arc;

use lakebed_format::{Layout, SegmentEntry};

use super::checked::Checked;
use super::columns::sealed::SealedColumns;
use super::files::SegmentFiles;
use super::interface::Segment;
use super::rows::sealed::SealedRows;
use crate::error::Result;

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
        let segment: Arc<dyn Segment> = match entry.layout {
            Layout::Rows => Arc::new(Checked(SealedRows::new(entry))),
            Layout::Columns => Arc::new(Checked(SealedColumns::new(entry))),
            Layout::Large => return None,
        };
        Some(Self { entry, segment })
    }

    /// Bytes of its files.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn bytes(&self, files: &SegmentFiles) -> Result<u64> {
        let parts = self.segment.parts(files)?;
        Ok(self.entry.len + parts.iter().map(|part| part.len).sum::<u64>())
    }
}
