//! An index block of the active segment, and whether it says what a writer may have written.

use lakebed_format::{BlobId, FrameEntry, IdSet, IndexBlock, LocatedCommit, RowBatchEntry};

use crate::catalogue::Catalogue;
use crate::segment::bytes::Slice;

/// An index block as it is read, before the catalogue is known.
pub(super) struct LoadedBlock {
    pub(super) header: IndexBlock,
    pub(super) commit: LocatedCommit,
    pub(super) frames: Vec<FrameEntry>,
    pub(super) ids: IdSet,
    pub(super) rows: Vec<RowBatchEntry>,
    pub(super) records: Slice,
}

impl LoadedBlock {
    /// What the block says that no writer says; `catalogue` is the one after it, `first` the next blob id before it.
    pub(super) fn contradiction(
        &self,
        catalogue: &Catalogue,
        first: BlobId,
    ) -> Option<&'static str> {
        let end = self.commit.commit.next_blob;
        let (least, most) = (self.ids.first(), self.ids.last());
        if end < first || least.is_some_and(|id| id < first) || most.is_some_and(|id| id >= end) {
            return Some("it lists blob ids that are not its own");
        }
        let mut frames = self.frames.iter();
        let groups = self.header.first_group..self.header.offset;
        let ascend = self
            .frames
            .is_sorted_by(|a, b| a.first < b.first && a.offset < b.offset);
        if !ascend
            || frames.any(|frame| {
                frame.first < first || frame.first >= end || !groups.contains(&frame.offset)
            })
        {
            return Some("its frames are not in the order of their blobs");
        }
        let mut rows = self.rows.iter();
        if rows.any(|entry| {
            entry.max_blob >= end
                || entry.collection >= catalogue.next_collection
                || entry.file >= catalogue.next_file
        }) {
            return Some("a row batch names what there is not yet");
        }
        catalogue.beyond(end)
    }
}
