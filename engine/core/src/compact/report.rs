//! What a compaction is asked for, and what it reports.

use std::collections::BTreeSet;

use lakebed_format::BlobId;
use lakebed_json::schema::StoredLayout;

use super::plan::Step;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::ProgressFn;
use crate::segment::large::file_len_of;
use crate::snapshot::{CommittedState, Snapshot};

/// How to compact.
#[derive(Debug, Default)]
pub struct CompactOptions {
    /// Encode every blob again, at this zstd level from 1 to 22 and with the newest dictionary of its collection.
    /// `None` encodes only what has to be, at the store's level.
    pub level: Option<i32>,
    /// How records shall be stored; `None`: as the settings of their collections say.
    pub layout: Option<StoredLayout>,
    /// The collection that `layout` is for; `None`: all.
    pub collection: Option<String>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Called a few times a second with the bytes of segments that were read.
    pub progress: ProgressFn,
}

impl CompactOptions {
    /// # Errors
    /// `InvalidArgument`.
    pub(super) fn check(&self) -> Result<()> {
        match self.level {
            Some(level) if !(1..=22).contains(&level) => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("The compression level is from 1 to 22, not {level}."),
            )),
            _ if self.collection.is_some() && self.layout.is_none() => Err(Error::new(
                ErrorKind::InvalidArgument,
                "A compaction of one collection needs a layout for it: rows, columns or auto.",
            )),
            _ => Ok(()),
        }
    }
}

/// What a compaction did, or would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompactReport {
    /// Whether nothing was done: the numbers of "after" are estimates then.
    pub dry_run: bool,
    /// Segments before and after.
    pub segments_before: u64,
    /// Segments after.
    pub segments_after: u64,
    /// Bytes of the segments before and after.
    pub bytes_before: u64,
    /// Bytes of the segments after.
    pub bytes_after: u64,
    /// Segments that others took the place of.
    pub rewritten_segments: u64,
    /// Segments that would be better compacted and were not: there was no room, or they are damaged. A warning says
    /// which.
    pub skipped_segments: u64,
    /// Blobs that nothing reached and that are gone from the files.
    pub removed_blobs: u64,
    /// Where records stay rows although columns were asked for, and why: a sentence each.
    pub stays_rows: Vec<String>,
    /// Bytes of replaced segments that stay until snapshots and readers of older commits end.
    pub held_bytes: u64,
    /// Bytes in `aside/`: what an interrupted writer left, of which compaction does not know whether it is needed.
    pub aside_bytes: u64,
    /// Bytes of rewritten segments that were read.
    pub read_bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

impl CompactReport {
    pub(super) fn before(committed: &std::sync::Arc<CommittedState>) -> Result<Self> {
        let (segments, bytes) = sizes(committed)?;
        Ok(Self {
            segments_before: segments,
            bytes_before: bytes,
            segments_after: segments,
            bytes_after: bytes,
            ..Self::default()
        })
    }

    pub(super) fn after(&mut self, committed: &std::sync::Arc<CommittedState>) -> Result<()> {
        (self.segments_after, self.bytes_after) = sizes(committed)?;
        Ok(())
    }

    /// What these steps would make of the numbers.
    pub(super) fn foresee(&mut self, steps: &[Step], dead_large: &BTreeSet<BlobId>) {
        for step in steps {
            let segments = step.segments.len() as u64;
            self.segments_after -= segments - 1;
            self.rewritten_segments += segments;
            self.removed_blobs += step.dead();
            self.read_bytes += step.len();
            self.bytes_after = (self.bytes_after + step.kept_len()).saturating_sub(step.len());
        }
        self.removed_blobs += dead_large.len() as u64;
    }

    /// The files of these large blobs would go.
    pub(super) fn foresee_large(&mut self, committed: &CommittedState, dead: &BTreeSet<BlobId>) {
        for entry in committed.catalogue.large_blobs() {
            if dead.contains(&entry.blob) {
                self.segments_after -= 1;
                self.bytes_after = self.bytes_after.saturating_sub(file_len_of(entry));
            }
        }
    }
}

/// How many segments there are, and their bytes.
fn sizes(committed: &std::sync::Arc<CommittedState>) -> Result<(u64, u64)> {
    let segments = Snapshot::new(std::sync::Arc::clone(committed), None).segments()?;
    let bytes = segments.iter().map(|segment| segment.file_bytes).sum();
    Ok((segments.len() as u64, bytes))
}
