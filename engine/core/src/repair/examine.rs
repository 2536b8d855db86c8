//! Reading everything for a plan: which segments are whole, and what is whole of the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use lakebed_format::{LargeEntry, RowBatchEntry, SegmentEntry, SegmentNumber, names};
use lakebed_vfs::ReadFile;

use super::agreement::{Claims, KnownEnds, is_sound};
use super::chain::{Chain, is_headed};
use super::entries::recover_collections;
use super::meter::{Collect, Meter};
use super::plan::{Part, Plan, by_blobs};
use super::report::{ActionKind, LossKind, RepairLoss, RepairReport};
use super::survey::Survey;
use crate::catalogue::Catalogue;
use crate::error::{Error, ErrorKind, Result};
use crate::index::compare::difference;
use crate::index::lookup::covered_by;
use crate::problem::{Problem, ProblemKind};
use crate::segment::columns::salvage::SalvagedSegment;
use crate::segment::large::LargeSegment;
use crate::segment::rows::salvage::salvage;
use crate::segment::verify::{Ends, Verification};
use crate::segment::{SealedSegment, Segment, damaged_rows};
use crate::snapshot::Snapshot;

impl Plan {
    /// Reads everything.
    ///
    /// # Errors
    /// `FormatTooNew`, `Io`, `Interrupted`.
    pub(super) fn of(
        survey: Survey,
        rewrite_active: bool,
        report: &mut RepairReport,
        meter: &mut Meter,
    ) -> Result<Self> {
        let base = &survey.base;
        let mut plan = Self {
            catalogue: Catalogue::from_body(base),
            last_commit: base.last_commit,
            checksum: base.last_commit_checksum,
            next_blob: base.next_blob,
            whole: Vec::new(),
            parts: Vec::new(),
            large: Vec::new(),
            active: None,
            gone: BTreeSet::new(),
            back: Vec::new(),
            infer: BTreeSet::new(),
            runs: Vec::new(),
            unpinned: Vec::new(),
            amended: false,
            survey,
        };
        for entry in &plan.survey.base.segments {
            match SealedSegment::of_entry(*entry) {
                Some(sealed) => plan.whole.push(sealed),
                None => plan.large.push(*entry),
            }
        }
        plan.whole.sort_by_key(|sealed| by_blobs(&sealed.entry));
        let chain = Chain::of(&plan.survey, meter)?;
        chain.join(&mut plan, rewrite_active, report, meter)?;
        plan.check_entries(report)?;
        plan.check_segments(report, meter)?;
        if plan.active.is_some() && plan.amended {
            // It is damaged, and the plan is made again without it.
            return Ok(plan);
        }
        plan.check_large(report, meter)?;
        plan.prove(meter)?;
        plan.find_losses(report, meter)?;
        plan.check_runs(report, meter)?;
        Ok(plan)
    }

    /// Checks the sealed segments and the active one; damaged ones become parts.
    fn check_segments(&mut self, report: &mut RepairReport, meter: &mut Meter) -> Result<()> {
        let snapshot = Snapshot::new(Arc::new(self.state()?), None);
        let mut ends = KnownEnds::new();
        let mut claims = Claims::default();
        let mut damaged = self.dictionary_holders(&snapshot)?;
        for number in &damaged {
            let mut collect = Collect {
                meter,
                problems: Vec::new(),
                ends: None,
            };
            let text = "a dictionary in it cannot be read".to_owned();
            collect.problem(ProblemKind::Dictionary, *number, None, text);
            report.problems.append(&mut collect.problems);
        }
        for sealed in &self.whole {
            let number = sealed.entry.number;
            if damaged.contains(&number) {
                continue;
            }
            let (problems, found) = check(&snapshot, sealed.segment.as_ref(), meter)?;
            if !problems.is_empty() {
                damaged.insert(number);
                report.problems.extend(problems);
            } else if let Some(found) = found {
                ends.insert(number, found);
            }
        }
        if let Some(active) = self.active.clone() {
            let (problems, found) = check(&snapshot, active.as_ref(), meter)?;
            self.amended |= !problems.is_empty();
            report.problems.extend(problems);
            ends.extend(found.map(|found| (active.file.number, found)));
        }
        let disagreeing = self.disagreeing(&damaged, &ends, &mut claims, report)?;
        let active = self.active.as_ref().map(|active| active.file.number);
        self.amended |= active.is_some_and(|active| disagreeing.contains(&active));
        damaged.extend(disagreeing);
        let (whole, broken): (Vec<_>, Vec<_>) = std::mem::take(&mut self.whole)
            .into_iter()
            .partition(|sealed| !damaged.contains(&sealed.entry.number));
        self.whole = whole;
        for sealed in broken {
            self.salvage(&sealed.entry, report, meter)?;
        }
        for part in &self.parts {
            let keep =
                |entry: &RowBatchEntry| is_sound(entry, self.next_blob) && claims.take(entry);
            part.segment.keep_batches(keep);
        }
        Ok(())
    }

    /// The segments of dictionaries that cannot be read: of others that use them nothing can be told.
    fn dictionary_holders(&self, snapshot: &Snapshot) -> Result<BTreeSet<SegmentNumber>> {
        let mut holders = BTreeSet::new();
        for entry in self.catalogue.dictionaries() {
            match snapshot.read(entry.blob) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    let mut whole = self.whole.iter().map(|sealed| sealed.entry);
                    let holder =
                        whole.find(|one| one.first_blob <= entry.blob && entry.blob < one.end_blob);
                    holders.extend(holder.map(|one| one.number));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(holders)
    }

    /// Takes what is whole of a sealed segment that is not.
    fn salvage(
        &mut self,
        entry: &SegmentEntry,
        report: &mut RepairReport,
        meter: &mut Meter,
    ) -> Result<()> {
        let number = entry.number;
        let files = &self.survey.context.segments;
        let mut found = None;
        for (file, place) in self.sources(number)? {
            let mut advance = |bytes| meter.advance(bytes);
            let known = Some(entry.last_commit);
            if let Some(salvaged) = salvage(files, &file, number, known, &mut advance)?
                && salvaged.segment == number
                && !(salvaged.frames.is_empty() && salvaged.batches.is_empty())
            {
                found = Some((salvaged, file, place));
                break;
            }
        }
        if self.survey.has_files(number) {
            self.gone.insert(number);
        }
        let Some((mut salvaged, file, place)) = found else {
            let commits = (entry.first_commit.0, entry.last_commit.0);
            let mut loss = RepairLoss::new(
                LossKind::Segment,
                format!(
                    "Nothing of segment {number} can be read; it held commits {} to {}.",
                    commits.0, commits.1
                ),
            );
            loss.segment = Some(number);
            loss.commits = Some(commits);
            loss.count = entry.blobs;
            report.losses.push(loss);
            self.amended = true;
            return Ok(());
        };
        report.act(
            ActionKind::Rewrite,
            place,
            format!("What is whole of segment {number} is written to a new segment."),
        );
        salvaged.keep_commits(entry.first_commit..=entry.last_commit);
        recover_collections(self, &salvaged, report);
        let entry = SegmentEntry {
            len: salvaged.len,
            ..*entry
        };
        self.parts.push(Part {
            segment: Arc::new(SalvagedSegment::new(salvaged, file)),
            entry,
        });
        Ok(())
    }

    /// Files that may hold a segment: the one of its name, one under another's name, one in `aside/`.
    fn sources(&self, number: SegmentNumber) -> Result<Vec<(Arc<dyn ReadFile>, String)>> {
        let files = &self.survey.context.segments;
        let mut sources = Vec::new();
        let others = self
            .survey
            .segments
            .iter()
            .filter(|other| **other != number);
        for other in std::iter::once(&number).chain(others) {
            if let Some(file) = files.open_if_there(*other)? {
                let own = *other == number || is_headed(file.as_ref(), number)?;
                if own {
                    sources.push((file, names::segment(*other)));
                }
            }
        }
        let aside = self.survey.aside.iter();
        let aside = aside.filter(|one| one.header.number == number);
        sources.extend(aside.map(|one| (Arc::clone(&one.file), one.name.clone())));
        Ok(sources)
    }

    /// Checks the large blobs; damaged ones are forgotten.
    fn check_large(&mut self, report: &mut RepairReport, meter: &mut Meter) -> Result<()> {
        let snapshot = Snapshot::new(Arc::new(self.state()?), None);
        let mut lost = BTreeSet::new();
        let listed: Vec<LargeEntry> = self.catalogue.large_blobs().copied().collect();
        for entry in listed {
            let (problems, _) = check(&snapshot, &LargeSegment::new(entry), meter)?;
            if problems.is_empty() {
                self.bring_back(entry.segment, report);
                continue;
            }
            report.problems.extend(problems);
            lost.insert(entry.blob);
            if self.survey.segments.contains(&entry.segment) {
                self.gone.insert(entry.segment);
            }
        }
        if !lost.is_empty() {
            self.amended = true;
            self.catalogue.forget(&BTreeSet::new(), &lost);
            self.large.retain(|entry| !lost.contains(&entry.first_blob));
        }
        Ok(())
    }

    /// Decodes the frames of the parts.
    fn prove(&mut self, meter: &mut Meter) -> Result<()> {
        let snapshot = Snapshot::new(Arc::new(self.state()?), None);
        for part in &self.parts {
            let range = part.entry.first_blob..part.entry.end_blob;
            let mut advance = |bytes| meter.advance(bytes);
            part.segment
                .prove(snapshot.reader(), &range, &mut advance)?;
        }
        Ok(())
    }

    /// Compares the store-wide runs with the segments. Those of segments that are written again go.
    fn check_runs(&mut self, report: &mut RepairReport, meter: &mut Meter) -> Result<()> {
        let vfs = self.survey.context.vfs.as_ref();
        let found = crate::index::runs::open_all(vfs, false);
        let mut bad = found.unreadable;
        let state = self.state()?;
        let files = &self.survey.context.segments;
        let parts: BTreeSet<SegmentNumber> =
            self.parts.iter().map(|part| part.entry.number).collect();
        let used = covered_by(&state.manifest.sealed, &found.runs);
        for run in &found.runs {
            let number = run.header().number;
            let is_used = used.iter().any(|(used, _)| used.header().number == number);
            // Nobody uses it now; with the counts of the segments that are written again somebody may.
            if !is_used && (!parts.is_empty() || run.entries().any(|entry| entry.is_err())) {
                bad.push(number);
            }
        }
        for (run, covered) in used {
            let mut advance = |entries| meter.advance(entries);
            let numbers = covered.iter().map(|sealed| sealed.entry.number);
            if numbers.into_iter().any(|number| parts.contains(&number))
                || difference(run, covered, files, &mut advance)?.is_some()
            {
                bad.push(run.header().number);
            }
        }
        for number in &bad {
            let name = names::run(*number);
            report.act(
                ActionKind::Index,
                &name,
                format!(
                    "{name} does not list what the segments hold and is removed; the next run is made from the segments."
                ),
            );
        }
        self.runs = bad;
        Ok(())
    }
}

/// What is wrong with a segment, its row batches included.
fn check(
    snapshot: &Snapshot,
    segment: &dyn Segment,
    meter: &mut Meter,
) -> Result<(Vec<Problem>, Option<Ends>)> {
    let files = &snapshot.committed.context.segments;
    let mut collect = Collect {
        meter,
        problems: Vec::new(),
        ends: None,
    };
    segment.verify(snapshot.reader(), &mut collect)?;
    if collect.problems.is_empty() {
        let rows = || -> Result<()> {
            for entry in segment.rows(files)?.iter() {
                let (mut least, mut most) = (u64::MAX, 0);
                for run in segment.row_batch(files, entry)?.decode()?.row_runs() {
                    let run = run.map_err(|error| damaged_rows(&error))?;
                    least = least.min(run.blob.0);
                    most = most.max(run.blob.0 + run.len - 1);
                }
                if (least, most) != (entry.min_blob.0, entry.max_blob.0) {
                    return Err(Error::corrupt(
                        segment.number(),
                        entry.offset,
                        "the row directory says other blob ids of a row batch",
                    ));
                }
            }
            Ok(())
        };
        let checked: &mut dyn Verification = &mut collect;
        checked.keep(ProblemKind::RowBatch, segment.number(), None, rows())?;
    }
    Ok((collect.problems, collect.ends))
}
