//! Whether segments that are whole by themselves agree with each other: a row is in one batch, a batch names what
//! there is, commits follow each other.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use lakebed_format::{BlobId, CollectionId, RowBatchEntry, SegmentNumber, limits};

use super::plan::Plan;
use super::report::RepairReport;
use crate::error::Result;
use crate::problem::{Problem, ProblemKind};
use crate::segment::Segment;
use crate::segment::links::{Linked, broken_links};
use crate::segment::verify::Ends;

/// The rows that batches hold, by collection: first, and behind the last.
#[derive(Debug, Default)]
pub(super) struct Claims {
    rows: BTreeMap<CollectionId, BTreeMap<u64, u64>>,
}

impl Claims {
    /// Takes the rows of a batch; false when another batch holds one of them.
    pub(super) fn take(&mut self, entry: &RowBatchEntry) -> bool {
        let known = self.rows.entry(entry.collection).or_default();
        let own = rows(entry);
        let before = known.range(..own.end).next_back();
        if before.is_some_and(|(_, end)| *end > own.start) {
            return false;
        }
        known.insert(own.start, own.end);
        true
    }

    fn give_back(&mut self, entry: &RowBatchEntry) {
        if let Some(known) = self.rows.get_mut(&entry.collection) {
            known.remove(&entry.first_seq.0);
        }
    }
}

fn rows(entry: &RowBatchEntry) -> Range<u64> {
    entry.first_seq.0..entry.first_seq.0 + entry.rows
}

/// Whether a batch may be one of a store whose next blob id this is: what it names is there or was.
pub(super) fn is_sound(entry: &RowBatchEntry, next_blob: BlobId) -> bool {
    let highest = limits::MAX_NUMBER - 1;
    entry.max_blob < next_blob && entry.collection.0 < highest && entry.file.0 < highest
}

/// The first and the last COMMIT of the segments that are whole.
pub(super) type KnownEnds = BTreeMap<SegmentNumber, Ends>;

impl Plan {
    /// The segments, of those that are whole by themselves, that do not agree with earlier ones. The others' rows are
    /// claimed.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn disagreeing(
        &self,
        damaged: &BTreeSet<SegmentNumber>,
        ends: &KnownEnds,
        claims: &mut Claims,
        report: &mut RepairReport,
    ) -> Result<BTreeSet<SegmentNumber>> {
        let mut found = BTreeSet::new();
        let mut problem = |kind, segment, offset, message: String| {
            found.insert(segment);
            report.problems.push(Problem {
                kind,
                segment: Some(segment),
                offset,
                message,
            });
        };
        let active = self.active.as_deref();
        let base = &self.survey.base;
        let linked = self.whole.iter().map(|sealed| Linked {
            number: sealed.entry.number,
            last_commit: Some(sealed.entry.last_commit),
            ends: ends.get(&sealed.entry.number).copied(),
        });
        let active_link = active.map(|active| Linked {
            number: active.file.number,
            last_commit: None,
            ends: ends.get(&active.file.number).copied(),
        });
        let last = (base.last_commit, base.last_commit_checksum);
        for link in broken_links(linked.chain(active_link), last) {
            problem(ProblemKind::Link, link.segment, link.offset, link.message);
        }
        let mut in_order: Vec<_> = self.whole.iter().collect();
        in_order.sort_by_key(|sealed| sealed.entry.last_commit);
        let sealed = in_order
            .iter()
            .filter(|sealed| !damaged.contains(&sealed.entry.number))
            .map(|sealed| sealed.segment.as_ref());
        let active = active.map(|active| active as &dyn Segment);
        for segment in sealed.chain(active) {
            let number = segment.number();
            let entries = segment.rows(&self.survey.context.segments)?;
            let mut own = Vec::new();
            for entry in entries.iter() {
                let named = entry.collection < self.catalogue.next_collection;
                let what = if !named || !is_sound(entry, self.next_blob) {
                    "names a collection or blobs that there never were"
                } else if !claims.take(entry) {
                    "holds rows that another one holds"
                } else {
                    own.push(*entry);
                    continue;
                };
                let text = format!("a row batch {what}");
                problem(ProblemKind::Rows, number, Some(entry.offset), text);
                for entry in &own {
                    claims.give_back(entry);
                }
                break;
            }
        }
        Ok(found)
    }
}
