//! Commits after the newest catalogue: in the active segment, in segments that no manifest names, in `aside/`.

use std::sync::Arc;

use lakebed_format::{CommitEntry, CommitNumber, Layout, SegmentEntry, SegmentNumber, names};
use lakebed_vfs::ReadFile;

use super::entries::recover_collections;
use super::meter::Meter;
use super::plan::{KnownCommits, Part, Plan};
use super::report::{ActionKind, LossKind, RepairLoss, RepairReport};
use super::survey::Survey;
use crate::catalogue::Catalogue;
use crate::error::{ErrorKind, Result};
use crate::problem::{Problem, ProblemKind};
use crate::segment::columns::salvage::SalvagedSegment;
use crate::segment::damage::ReadFailure;
use crate::segment::files::len_of;
use crate::segment::rows::active::{ActiveRows, Base, Newest, SyncState};
use crate::segment::rows::salvage::{Salvaged, salvage};
use crate::segment::rows::walker::{WalkedBytes, read_header};
use crate::segment::unnamed::sealed_commits;

/// A file with commits.
struct Link {
    found: Salvaged,
    file: Arc<dyn ReadFile>,
    name: String,
    /// In its place, and not in `aside/`.
    in_place: Option<SegmentNumber>,
}

impl Link {
    fn first(&self) -> CommitNumber {
        let first = self.found.commits.keys().next();
        first.copied().unwrap_or_default()
    }

    fn last(&self) -> CommitNumber {
        let last = self.found.commits.keys().next_back();
        last.copied().unwrap_or_default()
    }
}

/// What follows the newest catalogue.
pub(super) struct Chain {
    active: Option<Arc<ActiveRows>>,
    /// The active file is there, and has commits that count or may count.
    has_active: bool,
    /// Bytes behind the last commit of the active segment.
    tail: u64,
    damage: Vec<Problem>,
    /// Files in their place that no manifest names and that hold later commits.
    later: Vec<SegmentNumber>,
    /// Files that belong to another store or to no segment.
    strangers: Vec<SegmentNumber>,
}

/// Whether a file has the whole header of a segment of this number.
pub(super) fn is_headed(file: &dyn ReadFile, number: SegmentNumber) -> Result<bool> {
    match read_header(WalkedBytes::File(file), number) {
        Ok(header) => Ok(header.number == number),
        Err(ReadFailure::Other(error)) if error.kind() == ErrorKind::Io => Err(error),
        Err(_) => Ok(false),
    }
}

impl Chain {
    /// Looks at the files that the newest catalogue does not name.
    ///
    /// # Errors
    /// `FormatTooNew`, `Io`, `Interrupted`.
    pub(super) fn of(survey: &Survey, meter: &mut Meter) -> Result<Self> {
        let files = &survey.context.segments;
        let base = &survey.base;
        let mut chain = Self {
            active: None,
            has_active: false,
            tail: 0,
            damage: Vec::new(),
            later: Vec::new(),
            strangers: Vec::new(),
        };
        for number in &survey.segments {
            let number = *number;
            if number == base.active_segment
                || base.segments.iter().any(|entry| entry.number == number)
            {
                continue;
            }
            let file = files.open(number)?;
            match read_header(WalkedBytes::File(file.as_ref()), number) {
                Ok(header) if header.uuid != files.store => {
                    chain.strangers.push(number);
                    continue;
                }
                // Those that are needed are found by their blobs.
                Ok(header) if header.layout == Layout::Large => continue,
                Ok(_) => {}
                Err(failure) => _ = failure.into_damage()?,
            }
            let last = if let Some((_, last)) = sealed_commits(files, number)? {
                Some(last)
            } else {
                let found = salvage(files, &file, number, None, &mut |n| meter.advance(n))?;
                found.and_then(|found| found.commits.keys().next_back().copied())
            };
            if last.is_some_and(|last| last > base.last_commit) {
                chain.later.push(number);
            }
        }
        chain.look_at_active(survey)?;
        Ok(chain)
    }

    fn look_at_active(&mut self, survey: &Survey) -> Result<()> {
        let files = &survey.context.segments;
        let number = survey.base.active_segment;
        let catalogue = Catalogue::from_body(&survey.base);
        let sync = |commit, _| match survey.synced {
            Some(synced) if synced >= commit => SyncState::Done,
            _ => SyncState::Unknown,
        };
        let base = Base {
            catalogue: &catalogue,
            next_blob: survey.base.next_blob,
            last_commit: survey.base.last_commit,
        };
        match ActiveRows::newest(files, number, None, base, sync) {
            Ok(Newest::Commit(active)) => {
                self.has_active = true;
                self.damage = active
                    .damage
                    .iter()
                    .map(|damage| Problem {
                        kind: damage.kind(),
                        segment: Some(number),
                        offset: Some(damage.place().offset),
                        message: damage.place().detail.clone(),
                    })
                    .collect();
                let len = len_of(number, active.file.file.as_ref())?;
                self.tail = len.saturating_sub(active.end());
                self.active = Some(active);
            }
            Ok(Newest::NoCommit) => self.has_active = true,
            Ok(Newest::NoFile | Newest::Other) => {}
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                self.damage.push(Problem {
                    kind: ProblemKind::Segment,
                    segment: Some(number),
                    offset: None,
                    message: error.message().to_owned(),
                });
                self.has_active = true;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Adds the commits to the plan. The active segment stays as it is where that is possible, unless
    /// `rewrite_active`.
    ///
    /// # Errors
    /// `FormatTooNew`, `Io`, `Interrupted`.
    pub(super) fn join(
        mut self,
        plan: &mut Plan,
        rewrite_active: bool,
        report: &mut RepairReport,
        meter: &mut Meter,
    ) -> Result<()> {
        let synced = plan.survey.synced;
        for number in &self.strangers {
            report.problems.push(Problem {
                kind: ProblemKind::Segment,
                segment: Some(*number),
                offset: None,
                message: "the file belongs to another store".to_owned(),
            });
            plan.gone.insert(*number);
        }
        report.problems.append(&mut self.damage.clone());
        let reaches = self
            .active
            .as_ref()
            .map_or(plan.last_commit, |active| active.last.commit.number);
        let mut aside = Self::aside(plan, meter)?;
        let lost = synced.is_some_and(|synced| synced > reaches);
        let follows = aside.iter().any(|link| {
            self.active
                .as_ref()
                .map_or(plan.checksum, |active| active.last.checksum)
                == link.found.predecessor.unwrap_or(0)
        });
        let alone = self.later.is_empty() && !lost && !follows && self.damage.is_empty();
        if alone && !rewrite_active {
            if let Some(active) = self.active.take() {
                plan.last_commit = active.last.commit.number;
                plan.checksum = active.last.checksum;
                plan.next_blob = active.next_blob();
                if let Some(catalogue) = active.catalogue() {
                    plan.catalogue = catalogue.clone();
                }
                self.mention_tail(plan, report);
                plan.active = Some(active);
            }
            self.histories(plan, aside, report);
            return Ok(());
        }
        let mut links = self.in_place(plan, lost, report, meter)?;
        // What a repair that was stopped wrote has a higher number than what it was made from.
        links.sort_by_key(|link| (link.first(), link.found.segment));
        for link in links {
            // Commits of the active segment come after those of all others, whatever number the manifest says.
            if link.in_place == Some(plan.survey.base.active_segment)
                && link.last() <= plan.last_commit
            {
                let sealed = plan.whole.iter().map(|sealed| sealed.entry.last_commit);
                let known = sealed.max().unwrap_or_default();
                if link.first() > known {
                    plan.last_commit = known;
                    plan.amended = true;
                }
            }
            // A repair that was stopped may have written the same commits to another file.
            if link.first() > plan.last_commit {
                take(plan, link, report);
            } else if link.last() > plan.last_commit {
                aside.push(link);
            }
        }
        // One after the other, as far as each follows what is there.
        while let Some(next) = aside.iter().position(|link| {
            link.first() > plan.last_commit && link.found.predecessor == Some(plan.checksum)
        }) {
            let link = aside.remove(next);
            take(plan, link, report);
        }
        self.histories(plan, aside, report);
        acknowledge(plan, synced, report);
        Ok(())
    }

    /// Bytes that the first writer afterwards cuts off.
    fn mention_tail(&self, plan: &Plan, report: &mut RepairReport) {
        if self.tail == 0 {
            return;
        }
        let number = plan.survey.base.active_segment;
        report.act(
            ActionKind::Tail,
            names::segment(number),
            format!(
                "{} bytes behind commit {} in segment {number} belong to no commit; they are cut off, after a copy of them is in \
                 aside/ (unless they are a footer, or zero).",
                self.tail, plan.last_commit
            ),
        );
    }

    /// The active file and the later ones.
    fn in_place(
        &self,
        plan: &mut Plan,
        lost: bool,
        report: &mut RepairReport,
        meter: &mut Meter,
    ) -> Result<Vec<Link>> {
        let survey = &plan.survey;
        let files = &survey.context.segments;
        let mut numbers = self.later.clone();
        if self.has_active {
            numbers.push(survey.base.active_segment);
        }
        let mut links = Vec::new();
        for number in numbers {
            let file = files.open(number)?;
            // Only the last one can hold what was acknowledged and has no COMMIT.
            let tail = survey.synced.filter(|_| lost);
            let found = salvage(files, &file, number, tail, &mut |n| meter.advance(n))?;
            match found {
                Some(found) if found.segment == number && !found.commits.is_empty() => {
                    links.push(Link {
                        found,
                        file,
                        name: names::segment(number),
                        in_place: Some(number),
                    });
                }
                _ => {
                    // Nothing of it was acknowledged, or nothing can be read.
                    if len_of(number, file.as_ref())? > 0 {
                        report.problems.push(Problem {
                            kind: ProblemKind::Segment,
                            segment: Some(number),
                            offset: None,
                            message: "nothing in the file can be read".to_owned(),
                        });
                        plan.gone.insert(number);
                    }
                }
            }
        }
        Ok(links)
    }

    /// Segments in `aside/`.
    fn aside(plan: &Plan, meter: &mut Meter) -> Result<Vec<Link>> {
        let survey = &plan.survey;
        let files = &survey.context.segments;
        let mut links = Vec::new();
        for one in &survey.aside {
            if one.header.layout == Layout::Large {
                continue;
            }
            let number = one.header.number;
            let found = salvage(files, &one.file, number, None, &mut |n| meter.advance(n))?;
            links.extend(
                found
                    .filter(|found| !found.commits.is_empty())
                    .map(|found| Link {
                        found,
                        file: Arc::clone(&one.file),
                        name: one.name.clone(),
                        in_place: None,
                    }),
            );
        }
        links.sort_by_key(Link::first);
        Ok(links)
    }

    /// Names what in `aside/` is of another history.
    fn histories(&self, plan: &Plan, links: Vec<Link>, report: &mut RepairReport) {
        if links.is_empty() {
            return;
        }
        let known = known_commits(plan, self);
        for link in links {
            let mut own = link.found.commits.values();
            if own.all(|commit| {
                known
                    .get(&commit.number)
                    .is_some_and(|known| is_same(known, commit))
            }) {
                continue;
            }
            let (first, last) = (link.first(), link.last());
            let rows: u64 = link.found.batches.iter().map(|batch| batch.rows).sum();
            let mut loss = RepairLoss::new(
                LossKind::History,
                format!(
                    "{} holds commits {first} to {last} that do not follow what the store holds ({rows} rows); it was not taken in, and \
                     stays where it is.",
                    link.name
                ),
            );
            loss.commits = Some((first.0, last.0));
            loss.segment = Some(link.found.segment);
            loss.count = rows;
            report.losses.push(loss);
        }
    }
}

/// Whether two entries stand for the same commit. Of one whose table is lost only number and time are known.
fn is_same(a: &CommitEntry, b: &CommitEntry) -> bool {
    let counts = |commit: &CommitEntry| (commit.blobs, commit.rows, commit.raw_bytes);
    let vague = |commit| counts(commit) == (0, 0, 0);
    a.time == b.time && (vague(a) || vague(b) || counts(a) == counts(b))
}

/// All commits that the segments of a plan list.
fn known_commits(plan: &Plan, chain: &Chain) -> KnownCommits {
    let files = &plan.survey.context.segments;
    let mut known = KnownCommits::new();
    let sealed = plan.whole.iter().map(|sealed| &sealed.segment);
    for segment in sealed {
        let commits = segment.commits(files).unwrap_or_default();
        known.extend(commits.iter().map(|commit| (commit.number, *commit)));
    }
    for active in chain.active.iter().chain(&plan.active) {
        let commits = crate::segment::Segment::commits(active.as_ref(), files).unwrap_or_default();
        known.extend(commits.iter().map(|commit| (commit.number, *commit)));
    }
    for part in &plan.parts {
        let commits = part.segment.found().commits.values();
        known.extend(commits.map(|commit| (commit.number, *commit)));
    }
    known
}

/// Commits that the last writer had on disk and that are nowhere.
fn acknowledge(plan: &mut Plan, synced: Option<CommitNumber>, report: &mut RepairReport) {
    let Some(synced) = synced.filter(|synced| *synced > plan.last_commit) else {
        return;
    };
    lose_commits(report, plan.last_commit.next(), synced);
    // Their numbers are not given again, and writers need no longer wait for them.
    plan.last_commit = synced;
    plan.amended = true;
}

fn lose_commits(report: &mut RepairReport, first: CommitNumber, last: CommitNumber) {
    let which = if first == last {
        format!("Commit {first} was")
    } else {
        format!("Commits {first} to {last} were")
    };
    let mut loss = RepairLoss::new(
        LossKind::Commits,
        format!(
            "{which} acknowledged, and nothing of it is left; how many rows it had is not known."
        ),
    );
    loss.commits = Some((first.0, last.0));
    loss.count = last.0 - first.0 + 1;
    report.losses.push(loss);
}

/// Takes the commits of a file into the plan.
fn take(plan: &mut Plan, link: Link, report: &mut RepairReport) {
    let found = link.found;
    let number = found.segment;
    let first = found.commits.keys().next().copied().unwrap_or_default();
    if first > plan.last_commit.next() {
        lose_commits(report, plan.last_commit.next(), CommitNumber(first.0 - 1));
    }
    let kind = if link.in_place == Some(plan.survey.base.active_segment) {
        ActionKind::Rewrite
    } else {
        ActionKind::Merge
    };
    let commits = found.commits.keys();
    let last = commits.max().copied().unwrap_or_default();
    let text =
        format!("Commits {first} to {last} of segment {number} are written to a new segment.");
    report.act(kind, &link.name, text);
    for record in &found.records {
        if let Err(reason) = plan.catalogue.apply(record) {
            let mut loss = RepairLoss::new(
                LossKind::Catalogue,
                format!(
                    "A record of segment {number} does not fit what is left of those before it: {reason}."
                ),
            );
            loss.segment = Some(number);
            report.losses.push(loss);
        }
    }
    recover_collections(plan, &found, report);
    let first_blob = plan.next_blob;
    plan.next_blob = plan.next_blob.max(found.next_blob);
    plan.last_commit = plan.last_commit.max(last);
    plan.checksum = found.checksum;
    plan.amended = true;
    let entry = SegmentEntry {
        number,
        layout: Layout::Rows,
        len: found.len,
        first_blob,
        end_blob: plan.next_blob,
        blobs: 0,
        rows: found.batches.iter().map(|batch| batch.rows).sum(),
        first_commit: first,
        last_commit: last,
        raw_bytes: 0,
    };
    let lost_records = found.lost_records;
    let segment = Arc::new(SalvagedSegment::new(found, link.file));
    if lost_records {
        let mut loss = RepairLoss::new(
            LossKind::Catalogue,
            format!(
                "Records of some commits of segment {number} cannot be read: which collections they made, dropped or trimmed, which \
                 blobs they deleted, and which files they name. All of their blobs and rows that are whole are kept."
            ),
        );
        loss.segment = Some(number);
        report.losses.push(loss);
        plan.unpinned.push(Arc::clone(&segment));
    }
    if let Some(number) = link.in_place {
        plan.gone.insert(number);
    }
    plan.parts.push(Part { segment, entry });
}
