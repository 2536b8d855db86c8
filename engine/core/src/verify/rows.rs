//! Rows: each names a blob that is there, and the sequence numbers of a collection have no holes, no doubles, and the
//! counts that the catalogue says.

use std::collections::BTreeMap;
use std::ops::Range;

use lakebed_format::{BlobId, CollectionId, CommitNumber, RowBatchEntry};

use super::check::{Check, Checked};
use super::tasks::Caller;
use crate::catalogue::{Catalogue, Collection};
use crate::error::Result;
use crate::problem::{Problem, ProblemKind};
use crate::reach::Marks;
use crate::segment::files::SegmentFiles;
use crate::segment::{Segment, damaged_rows};

/// What the row batches of a segment hold of a collection.
#[derive(Debug, Default)]
struct Held {
    /// Live sequence numbers, in the order of the batches; neighbours are merged.
    ranges: Vec<Range<u64>>,
    /// Rows whose blobs were deleted.
    dead: u64,
    /// Batches whose rows cannot be read: how many of them are dead is unknown.
    unread: bool,
}

/// What is wrong with the rows of a segment, and which there are.
#[derive(Default)]
struct SegmentRows {
    held: BTreeMap<CollectionId, Held>,
    problems: Vec<Problem>,
    rows: u64,
    /// The row directory cannot be read.
    unread: bool,
}

/// Checks the rows of all segments.
pub(super) fn check_rows(
    check: &mut Check<'_>,
    checked: &[Checked],
    caller: &mut Caller<'_>,
) -> Result<()> {
    let snapshot = check.snapshot;
    let catalogue = snapshot.catalogue();
    let present = present(check, checked);
    let files = check.committed().context.segments.without_mapping();
    let since = check.options.since;
    let found = caller.run(checked, |one| {
        let rows = RowCheck {
            segment: one.segment.as_ref(),
            files: &files,
            catalogue,
            present: &present,
            since,
        };
        rows.check()
    })?;
    let mut held: BTreeMap<CollectionId, Held> = BTreeMap::new();
    let mut unread = check.committed().check_whole().is_err();
    for mut one in found {
        check.report.problems.append(&mut one.problems);
        check.report.rows += one.rows;
        unread |= one.unread;
        for (id, rows) in one.held {
            let all = held.entry(id).or_default();
            all.dead += rows.dead;
            all.unread |= rows.unread;
            all.ranges.extend(rows.ranges);
        }
    }
    if unread {
        // Reported; what is missing cannot be told.
        return Ok(());
    }
    for collection in catalogue.collections() {
        let rows = held.remove(&collection.id).unwrap_or_default();
        counts(check, collection, rows);
    }
    Ok(())
}

/// The ids of all blobs that are there; of a segment that does not say, all that may occur.
fn present(check: &Check<'_>, checked: &[Checked]) -> Marks {
    let committed = check.committed();
    let mut present = Marks::default();
    for entry in committed.catalogue.large_blobs() {
        present.insert(entry.blob.0..entry.blob.0 + 1);
    }
    for one in checked {
        if let Some(ids) = &one.ids {
            for run in ids.runs() {
                present.insert(run.range());
            }
            continue;
        }
        let sealed = &committed.manifest.sealed;
        let entry = sealed
            .iter()
            .find(|sealed| sealed.entry.number == one.segment.number());
        let all = entry.map_or(
            committed.manifest.next_blob..committed.next_blob,
            |sealed| sealed.entry.first_blob..sealed.entry.end_blob,
        );
        present.insert(all.start.0..all.end.0);
    }
    if !committed.damage().is_empty() {
        present.insert(committed.manifest.next_blob.0..committed.next_blob.0);
    }
    present
}

/// The rows of one segment.
struct RowCheck<'a> {
    segment: &'a dyn Segment,
    files: &'a SegmentFiles,
    catalogue: &'a Catalogue,
    present: &'a Marks,
    since: CommitNumber,
}

impl RowCheck<'_> {
    fn check(&self) -> Result<SegmentRows> {
        let mut found = SegmentRows::default();
        let entries = match self.segment.rows(self.files) {
            Ok(entries) => entries,
            Err(error) if error.kind().is_of_one_segment() => {
                // Reported with the tables of the segment.
                found.unread = true;
                return Ok(found);
            }
            Err(error) => return Err(error),
        };
        for entry in entries.iter() {
            let Some(collection) = self.catalogue.collection(entry.collection) else {
                if entry.collection >= self.catalogue.next_collection {
                    let text = format!(
                        "a row batch is of collection {}, which there never was",
                        entry.collection
                    );
                    found.problem(self, entry, ProblemKind::RowBatch, text);
                }
                continue;
            };
            let end = entry.first_seq.0 + entry.rows;
            let first = entry.first_seq.0.max(collection.first_live.0);
            // Of rows that are not live, a compaction may have removed some and left others.
            if first >= end {
                continue;
            }
            let held = found.held.entry(entry.collection).or_default();
            match held.ranges.last_mut() {
                Some(last) if last.end == first => last.end = end,
                _ => held.ranges.push(first..end),
            }
            if entry.commit <= self.since {
                held.unread = true;
                continue;
            }
            match self.batch(entry, collection, first, &mut found) {
                Ok(()) => {}
                Err(error) if error.kind().is_of_stored_bytes() => {
                    found.held.entry(entry.collection).or_default().unread = true;
                    let text = error.message().to_owned();
                    found.problem(self, entry, ProblemKind::RowBatch, text);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn batch(
        &self,
        entry: &RowBatchEntry,
        collection: &Collection,
        first: u64,
        found: &mut SegmentRows,
    ) -> Result<()> {
        let bytes = self.segment.row_batch(self.files, entry)?;
        let batch = bytes.decode()?;
        let deleted = self.catalogue.deleted();
        let (mut least, mut most) = (u64::MAX, 0);
        let mut missing: Option<(u64, u64, u64)> = None;
        let mut dead = 0;
        for run in batch.row_runs() {
            let run = run.map_err(|e| damaged_rows(&e))?;
            least = least.min(run.blob.0);
            most = most.max(run.blob.0 + run.len - 1);
            let skip = first.saturating_sub(run.seq.0).min(run.len);
            let (seq, blob, len) = (run.seq.0 + skip, run.blob.0 + skip, run.len - skip);
            found.rows += len;
            if len == 0 || deleted.is_empty() && self.present.count(blob..blob + len) == len {
                continue;
            }
            for at in 0..len {
                let id = blob + at;
                if deleted.contains(BlobId(id)) {
                    dead += 1;
                } else if !self.present.contains(BlobId(id)) {
                    let (_, last, _) = missing.get_or_insert((seq + at, seq + at, id));
                    *last = seq + at;
                }
            }
        }
        found.held.entry(entry.collection).or_default().dead += dead;
        if let Some((from, to, id)) = missing {
            let which = if from == to {
                format!("row {from}")
            } else {
                format!("rows between {from} and {to}")
            };
            let text = format!(
                "{which} of {} name blobs that no segment holds, such as {id}",
                collection.name
            );
            found.problem(self, entry, ProblemKind::RowBlob, text);
        }
        if (least, most) != (entry.min_blob.0, entry.max_blob.0) {
            let text = "the row directory says other blob ids of a row batch".to_owned();
            found.problem(self, entry, ProblemKind::RowBatch, text);
        }
        Ok(())
    }
}

impl SegmentRows {
    fn problem(
        &mut self,
        check: &RowCheck<'_>,
        entry: &RowBatchEntry,
        kind: ProblemKind,
        message: String,
    ) {
        self.problems.push(Problem {
            kind,
            segment: Some(check.segment.number()),
            offset: Some(entry.offset),
            message,
        });
    }
}

/// Rows that are in no batch, as after a repair, are counted as deleted ones.
fn counts(check: &mut Check<'_>, collection: &Collection, mut rows: Held) {
    let name = &collection.name;
    rows.ranges.sort_by_key(|range| range.start);
    let mut next = collection.first_live.0;
    let mut gaps = Vec::new();
    for range in rows.ranges {
        if range.start < next {
            let last = range.end.min(next) - 1;
            let text = format!(
                "rows {} to {last} of {name} are in more than one row batch",
                range.start
            );
            check.problem(ProblemKind::Rows, None, text);
        }
        if range.start > next {
            gaps.push(next..range.start);
        }
        next = next.max(range.end);
    }
    let known = collection.next_seq.0;
    if next > known {
        let last = next - 1;
        let text = format!("row {last} of {name} is there, and the next one is to be {known}");
        check.problem(ProblemKind::Rows, None, text);
    }
    if next < known {
        gaps.push(next..known);
    }
    let missing: u64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
    let counted = collection.deleted_rows;
    if rows.unread {
        // How many of the rows are dead is unknown.
        if missing > counted {
            tell_gaps(check, name, gaps);
        }
    } else if counted == rows.dead + missing {
    } else if counted == rows.dead {
        tell_gaps(check, name, gaps);
    } else {
        let text = format!(
            "{counted} rows of {name} are counted as deleted, and there are {}",
            rows.dead + missing
        );
        check.problem(ProblemKind::Rows, None, text);
    }
}

fn tell_gaps(check: &mut Check<'_>, name: &str, gaps: Vec<Range<u64>>) {
    for gap in gaps {
        let (first, last) = (gap.start, gap.end - 1);
        let text = format!("rows {first} to {last} of {name} are in no row batch");
        check.problem(ProblemKind::Rows, None, text);
    }
}
