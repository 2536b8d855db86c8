//! Which rows, blobs and dictionaries are not there any more, by what the catalogue and the row batches name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakebed_format::{BlobId, CollectionId, IdSet, SegmentNumber, Seq};

use super::meter::Meter;
use super::plan::Plan;
use super::report::{ActionKind, LossKind, RepairLoss, RepairReport};
use crate::catalogue::Collection;
use crate::error::{ErrorKind, Result};
use crate::segment::damaged_rows;
use crate::segment::large::LargeSegment;
use crate::segment::{FindDictionary, Segment};
use crate::snapshot::{BatchRef, Snapshot};

/// The rows of one collection.
#[derive(Debug, Default)]
struct Rows {
    /// Live ones whose blobs are missing: first, behind the last, and the segment of the batch.
    missing: Vec<(u64, u64, SegmentNumber)>,
    /// Sequence numbers of live rows that are in no batch.
    gaps: Vec<(u64, u64)>,
    /// Rows whose blobs were deleted.
    dead: u64,
    /// Behind the last row of all batches.
    end: Seq,
}

impl Plan {
    /// Finds what is lost, and notes it in the catalogue.
    ///
    /// # Errors
    /// `Io`, `Interrupted`.
    pub(super) fn find_losses(
        &mut self,
        report: &mut RepairReport,
        meter: &mut Meter,
    ) -> Result<()> {
        let mut present = self.present()?;
        let (rows, mut lost) = self.rows(&present, meter)?;
        let pinned = self.catalogue.pinned().minus(&present);
        let mut pins = pinned.minus(self.catalogue.deleted());
        let recovered = self.recover_large(&lost, &pins, report)?;
        let rows = if recovered.is_empty() {
            rows
        } else {
            present.extend(&recovered);
            let (rows, found) = self.rows(&present, meter)?;
            lost = found;
            rows
        };
        for (id, found) in rows {
            self.lose_rows(id, found, report);
        }
        pins = pins.minus(&recovered);
        if !pins.is_empty() {
            let mut loss = RepairLoss::new(
                LossKind::Blobs,
                format!("{} blobs that were put are lost.", pins.len()),
            );
            loss.count = pins.len();
            report.losses.push(loss);
            lost.extend(&pins);
        }
        self.lose_dictionaries(report)?;
        self.amended |= !lost.is_empty();
        self.catalogue.lose_blobs(&lost);
        self.keep_orphans(&present, report)
    }

    /// Blobs whose rows or pins are lost are kept as if they had been put. Where collections were dropped or trimmed,
    /// and all records can be read, a blob that nothing names is one of theirs.
    fn keep_orphans(&mut self, present: &IdSet, report: &mut RepairReport) -> Result<()> {
        if self.active.is_some() || !self.amended {
            return Ok(());
        }
        let mut among = IdSet::new();
        if self.catalogue.has_released() {
            for segment in &self.unpinned {
                among.extend(&segment.contents(&self.survey.context.segments)?.ids);
            }
        } else {
            among.extend(present);
        }
        let state = self.state()?;
        let reach = state.reach()?;
        let mut orphans = IdSet::new();
        for id in among.iter() {
            if !reach.contains(id)
                && !self.catalogue.is_deleted(id)
                && !self.catalogue.is_dictionary(id)
            {
                orphans.insert(id);
            }
        }
        if orphans.is_empty() {
            return Ok(());
        }
        report.act(
            ActionKind::Pin,
            "",
            format!(
                "{} blobs whose rows are lost are kept, as if they had been put.",
                orphans.len()
            ),
        );
        self.catalogue.pin(&orphans);
        Ok(())
    }

    /// What the row batches name: by collection, and the blobs that live rows name and that are missing.
    fn rows(
        &self,
        present: &IdSet,
        meter: &mut Meter,
    ) -> Result<(BTreeMap<CollectionId, Rows>, IdSet)> {
        let snapshot = Snapshot::new(Arc::new(self.state()?), None);
        let mut batches: Vec<BatchRef> = Vec::new();
        snapshot.each_batch(|entry, source| {
            batches.push(BatchRef {
                entry: *entry,
                source: source(),
            });
        })?;
        batches.sort_by_key(|batch| (batch.entry.collection, batch.entry.first_seq));
        let mut all: BTreeMap<CollectionId, Rows> = BTreeMap::new();
        let mut next: BTreeMap<CollectionId, Seq> = BTreeMap::new();
        let mut lost = IdSet::new();
        let collections: Vec<Arc<Collection>> = self.catalogue.collections().cloned().collect();
        for collection in &collections {
            all.insert(collection.id, Rows::default());
            next.insert(collection.id, collection.first_live);
        }
        for batch in batches {
            let entry = batch.entry;
            let (Some(rows), Some(at)) = (
                all.get_mut(&entry.collection),
                next.get_mut(&entry.collection),
            ) else {
                continue;
            };
            let end = Seq(entry.first_seq.0 + entry.rows);
            if end <= *at {
                continue;
            }
            if entry.first_seq > *at {
                rows.gaps.push((at.0, entry.first_seq.0));
            }
            meter.advance(entry.len)?;
            let segment = match &batch.source {
                crate::snapshot::BatchSource::Segment(segment) => segment.number(),
                crate::snapshot::BatchSource::Pending(_) => SegmentNumber(0),
            };
            let bytes = snapshot.read_batch(&batch)?;
            let decoded = bytes.decode()?;
            let skip = at.0.saturating_sub(entry.first_seq.0);
            for run in decoded.row_runs_from(skip) {
                let run = run.map_err(|error| damaged_rows(&error))?;
                for step in 0..run.len {
                    let (seq, id) = (run.seq.0 + step, BlobId(run.blob.0 + step));
                    if self.catalogue.is_deleted(id) {
                        rows.dead += 1;
                    } else if !present.contains(id) {
                        lost.insert(id);
                        match rows.missing.last_mut() {
                            Some((_, end, known)) if *end == seq && *known == segment => *end += 1,
                            _ => rows.missing.push((seq, seq + 1, segment)),
                        }
                    }
                }
            }
            *at = end;
        }
        for collection in &collections {
            let Some(at) = next.get(&collection.id) else {
                continue;
            };
            if let Some(rows) = all.get_mut(&collection.id) {
                rows.end = *at;
            }
            if *at < collection.next_seq
                && let Some(rows) = all.get_mut(&collection.id)
            {
                rows.gaps.push((at.0, collection.next_seq.0));
            }
        }
        Ok((all, lost))
    }

    fn lose_rows(&mut self, id: CollectionId, rows: Rows, report: &mut RepairReport) {
        let Some(collection) = self.catalogue.collection(id).cloned() else {
            return;
        };
        if rows.end > collection.next_seq {
            report.act(
                ActionKind::Counts,
                &*collection.name,
                format!(
                    "Row {} of {} is there, and the next one was to be {}: the number is corrected.",
                    rows.end.0 - 1,
                    collection.name,
                    collection.next_seq
                ),
            );
            self.amended = true;
            self.catalogue.add_rows(id, rows.end);
        }
        let sum = |ranges: &[(u64, u64)]| ranges.iter().map(|(a, b)| b - a).sum::<u64>();
        let gaps = sum(&rows.gaps);
        let missing: u64 = rows.missing.iter().map(|(first, end, _)| end - first).sum();
        // Gaps of an earlier repair are counted as deleted rows.
        let known_gaps = collection.deleted_rows.saturating_sub(rows.dead);
        let deleted = rows.dead + gaps + missing;
        for (first, end, segment) in &rows.missing {
            lose(
                report,
                &collection,
                *first,
                *end,
                Some(*segment),
                "their records cannot be read",
            );
        }
        if gaps > known_gaps {
            for (first, end) in &rows.gaps {
                let why = "the table that lists them cannot be read";
                lose(report, &collection, *first, *end, None, why);
            }
        }
        let new = missing + gaps.saturating_sub(known_gaps);
        report.lost_rows += new;
        if deleted == collection.deleted_rows {
            return;
        }
        if new == 0 {
            report.act(
                ActionKind::Counts,
                &*collection.name,
                format!(
                    "{} deleted rows are counted of {}, and there are {deleted}: the count is corrected.",
                    collection.deleted_rows, collection.name
                ),
            );
        }
        self.amended = true;
        self.catalogue.set_deleted_rows(id, deleted);
    }

    /// Segments of large blobs that something names and no record does. Their blobs.
    fn recover_large(
        &mut self,
        lost: &IdSet,
        pins: &IdSet,
        report: &mut RepairReport,
    ) -> Result<IdSet> {
        let context = Arc::clone(&self.survey.context);
        let files = &context.segments;
        let mut recovered = IdSet::new();
        if lost.is_empty() && pins.is_empty() && self.unpinned.is_empty() {
            return Ok(recovered);
        }
        let aside = self.survey.aside.iter().map(|one| one.header.number);
        let numbers: BTreeSet<SegmentNumber> =
            self.survey.segments.iter().copied().chain(aside).collect();
        for number in numbers {
            let Some(entry) = LargeSegment::entry_of(files, number)? else {
                continue;
            };
            let wanted = lost.contains(entry.blob) || pins.contains(entry.blob);
            let new = !self.unpinned.is_empty() && entry.blob >= self.survey.base.next_blob;
            let known = self.catalogue.large(entry.blob).is_some()
                || self.catalogue.is_deleted(entry.blob)
                || self.gone.contains(&number);
            if known || !(wanted || new) {
                continue;
            }
            let Some(entry) = LargeSegment::new(entry).with_fingerprint(files)? else {
                continue;
            };
            report.act(
                ActionKind::Large,
                lakebed_format::names::segment(number),
                format!("The large blob in segment {number}, whose record is lost, is taken in."),
            );
            self.catalogue.add_large(entry);
            if new && !wanted {
                let mut own = IdSet::new();
                own.insert(entry.blob);
                self.catalogue.pin(&own);
            }
            self.bring_back(number, report);
            recovered.insert(entry.blob);
            self.amended = true;
        }
        Ok(recovered)
    }

    fn lose_dictionaries(&mut self, report: &mut RepairReport) -> Result<()> {
        let snapshot = Snapshot::new(Arc::new(self.state()?), None);
        let mut lost = Vec::new();
        for entry in self.catalogue.dictionaries() {
            match snapshot.dictionary(entry.number) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => lost.push(*entry),
                Err(error) => return Err(error),
            }
        }
        for entry in &lost {
            let owner = self.catalogue.collection(entry.collection);
            let owner = owner.map_or_else(String::new, |owner| format!(" of {}", owner.name));
            let mut loss = RepairLoss::new(
                LossKind::Dictionary,
                format!(
                    "Dictionary {}{owner} is lost, and with it what was compressed with it.",
                    entry.number
                ),
            );
            loss.count = 1;
            report.losses.push(loss);
        }
        let numbers = lost.iter().map(|entry| entry.number).collect();
        self.amended |= !lost.is_empty();
        self.catalogue.forget(&numbers, &BTreeSet::new());
        Ok(())
    }
}

fn lose(
    report: &mut RepairReport,
    collection: &Collection,
    first: u64,
    end: u64,
    segment: Option<SegmentNumber>,
    why: &str,
) {
    let name = &collection.name;
    let last = end - 1;
    let place = segment.map_or_else(String::new, |segment| format!(" in segment {segment}"));
    let text = if first == last {
        format!("Row {first} of {name}{place} is lost: {why}.")
    } else {
        format!("Rows {first} to {last} of {name}{place} are lost: {why}.")
    };
    let mut loss = RepairLoss::new(LossKind::Rows, text);
    loss.collection = Some(name.to_string());
    loss.rows = Some((first, last));
    loss.segment = segment;
    loss.count = end - first;
    report.losses.push(loss);
}
