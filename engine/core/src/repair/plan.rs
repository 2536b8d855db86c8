//! What a repair will do: which segments stay, which are written again, and the catalogue afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakebed_format::{
    BlobId, CommitEntry, CommitNumber, IdSet, Layout, SegmentEntry, SegmentNumber,
};

use super::report::{ActionKind, LossKind, RepairReport};
use super::survey::{Survey, some_file};
use crate::catalogue::Catalogue;
use crate::error::Result;
use crate::index::lookup::Lookup;
use crate::segment::columns::salvage::SalvagedSegment;
use crate::segment::rows::active::ActiveRows;
use crate::segment::{SealedSegment, Segment};
use crate::snapshot::CommittedState;
use crate::snapshot::committed::HeldManifest;

/// A segment that is written again.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) segment: Arc<SalvagedSegment>,
    /// What a manifest said of it, or would say.
    pub(super) entry: SegmentEntry,
}

/// The plan.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) survey: Survey,
    pub(super) catalogue: Catalogue,
    pub(super) last_commit: CommitNumber,
    pub(super) checksum: u64,
    pub(super) next_blob: BlobId,
    /// Segments that stay.
    pub(super) whole: Vec<SealedSegment>,
    pub(super) parts: Vec<Part>,
    pub(super) large: Vec<SegmentEntry>,
    /// The active segment, if it stays as it is.
    pub(super) active: Option<Arc<ActiveRows>>,
    /// Segment files that go to `aside/`.
    pub(super) gone: BTreeSet<SegmentNumber>,
    /// Segments of large blobs that come back from `aside/`.
    pub(super) back: Vec<(String, SegmentNumber)>,
    /// Collections whose types are inferred anew.
    pub(super) infer: BTreeSet<Arc<str>>,
    /// Runs under `index/` that cannot be read to their end.
    pub(super) runs: Vec<u64>,
    /// Segments with groups whose records are lost: nothing tells which of their blobs were put.
    pub(super) unpinned: Vec<Arc<SalvagedSegment>>,
    /// Whether the catalogue says something else than the manifest and the active segment.
    pub(super) amended: bool,
}

impl Plan {
    /// The store as it would be read with what is planned so far.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn state(&self) -> Result<CommittedState> {
        let context = &self.survey.context;
        let mut sealed = self.whole.clone();
        sealed.extend(self.parts.iter().map(|part| SealedSegment {
            entry: part.entry,
            segment: Arc::clone(&part.segment) as Arc<dyn Segment>,
        }));
        sealed.sort_by_key(|sealed| by_blobs(&sealed.entry));
        // With an active segment the catalogue before it is the manifest's.
        let catalogue = match &self.active {
            Some(_) => Catalogue::from_body(&self.survey.base),
            None => self.catalogue.clone(),
        };
        let manifest = HeldManifest {
            number: self.survey.manifests.last().copied().unwrap_or(0),
            catalogue,
            last_commit: self.last_commit,
            last_checksum: self.checksum,
            next_blob: match &self.active {
                Some(_) => self.survey.base.next_blob,
                None => self.next_blob,
            },
            active: self.survey.base.active_segment,
            sealed,
            lookup: Lookup::default(),
            large: self.large.clone(),
            held: some_file(context.vfs.as_ref())?,
            rebuilt: None,
        };
        let active = self.active.clone();
        Ok(CommittedState::new(
            Arc::clone(context),
            Arc::new(manifest),
            active,
        ))
    }

    /// The segment of a large blob is to be in its place.
    pub(super) fn bring_back(&mut self, number: SegmentNumber, report: &mut RepairReport) {
        if self.survey.segments.contains(&number) {
            return;
        }
        let mut aside = self.survey.aside.iter();
        let Some(found) =
            aside.find(|one| one.header.layout == Layout::Large && one.header.number == number)
        else {
            return;
        };
        report.act(
            ActionKind::Large,
            &found.name,
            format!("The large blob in segment {number} comes back from aside/."),
        );
        self.back.push((found.name.clone(), number));
    }

    /// Whether the active segment, which was to stay, has to be written again after all.
    pub(super) fn must_rewrite_active(&self, report: &RepairReport) -> bool {
        self.active.is_some()
            && (self.amended
                || !self.parts.is_empty()
                || report
                    .losses
                    .iter()
                    .any(|loss| loss.kind != LossKind::History))
    }

    /// Whether a manifest is to be written.
    pub(super) fn writes_manifest(&self) -> bool {
        !self.survey.has_manifest || self.amended || !self.parts.is_empty()
    }

    /// The segments whose first and last commits, blobs and rows the report gives.
    pub(super) fn totals(&self, report: &mut RepairReport) -> Result<()> {
        let files = &self.survey.context.segments;
        let state = self.state()?;
        report.commit = state.commit;
        report.segments = (state.manifest.sealed.len() + state.catalogue.large_blobs().len())
            as u64
            + u64::from(state.active.is_some());
        let mut blobs = state.catalogue.large_blobs().len() as u64;
        for segment in state.segments() {
            blobs += segment.contents(files)?.ids.len();
        }
        report.blobs = blobs;
        report.rows = state.catalogue.collections().map(|c| c.rows()).sum();
        Ok(())
    }

    /// Ids of all blobs that are there.
    pub(super) fn present(&self) -> Result<IdSet> {
        let files = &self.survey.context.segments;
        let mut present = IdSet::new();
        for segment in self.state()?.segments() {
            present.extend(&segment.contents(files)?.ids);
        }
        for entry in self.catalogue.large_blobs() {
            present.insert(entry.blob);
        }
        Ok(present)
    }

    /// Numbers of segments by the names of files that are there.
    pub(super) fn highest_segment(&self) -> SegmentNumber {
        let aside = self.survey.aside.iter().map(|one| one.header.number);
        let all = self.survey.segments.iter().copied().chain(aside);
        all.max().unwrap_or_default()
    }
}

/// The order of segments in a manifest. One without blobs comes before the one that begins with the same id, which is
/// then found by it.
pub(super) fn by_blobs(entry: &SegmentEntry) -> (BlobId, BlobId) {
    (entry.first_blob, entry.end_blob)
}

/// What segments list of commits.
pub(super) type KnownCommits = BTreeMap<CommitNumber, CommitEntry>;
