//! Verification: reads a committed state and checks its structures against each other.
//!
//! Segments are checked on all cores, large ones in slices: every group, frame and blob, and the tables of each segment
//! against its groups and the manifest. Then what holds between segments: the links of their commits, rows against
//! blobs and counts ([`rows`]), dictionaries, index runs ([`runs`]). The time is linear in what is stored; memory is
//! that of the tables of one segment a thread, a bit a blob where ids have gaps, and the ranges of rows of each
//! collection.

mod check;
mod report;
mod rows;
mod runs;
mod tasks;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use lakebed_format::{Hash, Manifest, SegmentNumber};

pub use report::{VerifyOptions, VerifyReport};

use crate::catalogue::merged_description;
use crate::error::{Error, ErrorKind, Result};
use crate::problem::{Problem, ProblemKind};
use crate::progress::ProgressFn;
use crate::segment::large::LargeSegment;
use crate::segment::links::{Linked, broken_links};
use crate::segment::verify::{Ends, Scope, Verification};
use crate::segment::{ReadContext, Segment};
use crate::snapshot::Snapshot;
use crate::snapshot::manifest_file::manifest_bytes;
use crate::snapshot::open::{Caller as Asker, newest};
use crate::writer_lock::read_synced;
use check::{Check, Checked};
use rows::check_rows;
use tasks::{Caller, Meter};

/// A slice of a segment has about so many bytes.
const SLICE: u64 = 8 << 20;

/// Checks a state. Problems are in the report; an error means that checking could not go on.
///
/// # Errors
/// `Interrupted`, `InvalidArgument`.
pub(crate) fn verify(
    snapshot: &Snapshot,
    options: &VerifyOptions,
    mut progress: ProgressFn,
) -> Result<VerifyReport> {
    let committed = &snapshot.committed;
    if options.since > committed.commit {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "There is no commit {} to check from: the last one is {}.",
                options.since, committed.commit
            ),
        ));
    }
    let meter = Meter::default();
    let settings = &committed.context.options;
    let sealed = committed.manifest.sealed.iter().map(|s| s.entry.len);
    let large = committed.catalogue.large_blobs().map(|entry| entry.len);
    let active = committed.active.as_ref().map_or(0, |active| active.end());
    let mut caller = Caller {
        threads: settings.thread_count(),
        interrupted: settings.interrupted,
        progress: &mut progress,
        meter: &meter,
        total: sealed.chain(large).sum::<u64>() + active,
        began: Instant::now(),
    };
    let mut check = Check {
        snapshot,
        options: *options,
        report: VerifyReport::default(),
    };
    check.acknowledged()?;
    check.manifest()?;
    check.entries();
    let found = check.segments(&mut caller)?;
    check.links(&found);
    check_rows(&mut check, &found, &mut caller)?;
    check.dictionaries()?;
    runs::check_runs(&mut check, &mut caller)?;
    caller.report()?;
    let mut report = check.report;
    report.seconds = caller.began.elapsed().as_secs_f64();
    report.bytes = meter.bytes.load(Ordering::Relaxed);
    Ok(report)
}

/// A part of the frames of a segment; the first part is everything else of it, too.
struct Task {
    segment: Arc<dyn Segment>,
    scope: Scope,
}

/// What a task found.
#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
    commits: u64,
    frames: u64,
    blobs: u64,
    ends: Option<Ends>,
}

impl Check<'_> {
    /// The last writer noted which commit was on disk: everything up to it must exist.
    fn acknowledged(&mut self) -> Result<()> {
        let committed = Arc::clone(&self.snapshot.committed);
        let Some(synced) = read_synced(committed.context.vfs.as_ref()) else {
            return Ok(());
        };
        let found = newest(&committed.context, Some(&committed), Asker::Reader);
        let found = self.keep(ProblemKind::Manifest, None, found)?;
        if let Some(found) = found.filter(|found| found.commit < synced) {
            let text = format!(
                "commits up to {synced} were acknowledged and the last one found is {}",
                found.commit
            );
            let active = Some(found.manifest.active);
            self.problem(ProblemKind::LostCommits, active, text);
        }
        Ok(())
    }

    /// The manifest as it is on disk now.
    fn manifest(&mut self) -> Result<()> {
        let committed = Arc::clone(&self.snapshot.committed);
        let manifest = &committed.manifest;
        if manifest.rebuilt.is_some() {
            let text = "the newest manifest is damaged or missing; footers say the same".to_owned();
            self.problem(ProblemKind::Manifest, None, text);
            return Ok(());
        }
        let bytes = manifest_bytes(manifest.held.as_ref());
        let bytes = bytes.map_err(|error| Error::io("reading the manifest", error));
        let bytes = self.keep(ProblemKind::Manifest, None, bytes)?;
        let read = bytes.map(|bytes| Manifest::decode(&bytes));
        let wrong = match read {
            Some(Err(error)) => Some(format!("is damaged: {error}")),
            Some(Ok(found)) => {
                (found.catalogue.contradiction()).map(|what| format!("contradicts itself: {what}"))
            }
            None => None,
        };
        if let Some(wrong) = wrong {
            let text = format!("manifest {} {wrong}", manifest.number);
            self.problem(ProblemKind::Manifest, None, text);
        }
        Ok(())
    }

    /// Entries of the catalogue that cannot be read, or that name what is not there.
    fn entries(&mut self) {
        let catalogue = self.snapshot.catalogue();
        for collection in catalogue.collections() {
            if let Err(error) = merged_description(&collection.schema) {
                let name = &collection.name;
                let text = format!("the summary of the values of {name} is damaged: {error}");
                self.problem(ProblemKind::Manifest, None, text);
            }
        }
        for entry in catalogue.ingests() {
            let known = catalogue.file(entry.file).is_some()
                && catalogue.collection(entry.collection).is_some();
            if !known {
                let text = "an ingest names a file or a collection that there is not".to_owned();
                self.problem(ProblemKind::Manifest, None, text);
            }
        }
    }

    /// Checks each segment by itself.
    fn segments(&mut self, caller: &mut Caller<'_>) -> Result<Vec<Checked>> {
        let committed = Arc::clone(&self.snapshot.committed);
        for damage in committed.damage() {
            let place = damage.place();
            self.report.problems.push(Problem {
                kind: damage.kind(),
                segment: Some(place.segment),
                offset: Some(place.offset),
                message: place.detail.clone(),
            });
        }
        let mut tasks = Vec::new();
        let mut checked = Vec::new();
        let since = self.options.since;
        for sealed in &committed.manifest.sealed {
            let entry = &sealed.entry;
            self.add_tasks(&mut tasks, &sealed.segment, entry.len);
            checked.push(Checked {
                segment: Arc::clone(&sealed.segment),
                last_commit: Some(entry.last_commit),
                ids: None,
                ends: None,
            });
        }
        if let Some(active) = &committed.active {
            let segment: Arc<dyn Segment> = Arc::clone(active) as _;
            self.add_tasks(&mut tasks, &segment, active.end());
            checked.push(Checked {
                segment,
                last_commit: None,
                ids: None,
                ends: None,
            });
        }
        for entry in committed.catalogue.large_blobs() {
            let listed = &committed.manifest.large;
            let listed = listed.iter().find(|one| one.number == entry.segment);
            if listed.is_none_or(|listed| listed.last_commit > since) {
                let segment: Arc<dyn Segment> = Arc::new(LargeSegment::new(*entry));
                self.add_tasks(&mut tasks, &segment, 0);
            }
        }
        let snapshot = self.snapshot;
        let files = &committed.context.segments;
        let meter = caller.meter;
        let done = caller.run(&tasks, |task| {
            let mut one = One {
                scope: task.scope,
                meter,
                found: Found::default(),
            };
            let read: ReadContext<'_> = snapshot.reader();
            task.segment.verify(read, &mut one)?;
            let ids = task.scope.has_structures().then(|| {
                let contents = task.segment.contents(&files.without_mapping());
                contents.ok().map(|contents| contents.ids)
            });
            Ok((one.found, ids.flatten()))
        })?;
        for (task, (mut found, ids)) in tasks.iter().zip(done) {
            self.report.problems.append(&mut found.problems);
            self.report.commits += found.commits;
            self.report.frames += found.frames;
            self.report.blobs += found.blobs;
            if !task.scope.has_structures() {
                continue;
            }
            self.report.segments += 1;
            let number = task.segment.number();
            let place = checked
                .iter_mut()
                .find(|one| one.segment.number() == number);
            if let Some(place) = place {
                place.ids = ids;
                place.ends = found.ends;
            }
        }
        Ok(checked)
    }

    fn add_tasks(&self, tasks: &mut Vec<Task>, segment: &Arc<dyn Segment>, bytes: u64) {
        let slices = usize::try_from(bytes.div_ceil(SLICE)).unwrap_or(1).max(1);
        for slice in 0..slices {
            tasks.push(Task {
                segment: Arc::clone(segment),
                scope: Scope {
                    since: self.options.since,
                    sampled: self.options.quick,
                    slice: (slice, slices),
                },
            });
        }
    }

    /// Commits follow each other from segment to segment.
    fn links(&mut self, checked: &[Checked]) {
        let manifest = &self.snapshot.committed.manifest;
        let linked = checked.iter().map(|one| Linked {
            number: one.segment.number(),
            last_commit: one.last_commit,
            ends: one.ends,
        });
        let broken = broken_links(linked, (manifest.last_commit, manifest.last_checksum));
        let problems = broken.into_iter().map(|link| Problem {
            kind: ProblemKind::Link,
            segment: Some(link.segment),
            offset: link.offset,
            message: link.message,
        });
        self.report.problems.extend(problems);
    }

    fn dictionaries(&mut self) -> Result<()> {
        let entries: Vec<_> = self.snapshot.catalogue().dictionaries().copied().collect();
        for entry in entries {
            let blob = self.snapshot.read(entry.blob);
            let whole = match blob {
                Err(error) if !error.kind().is_of_stored_bytes() => return Err(error),
                blob => blob
                    .ok()
                    .flatten()
                    .is_some_and(|blob| Hash::of(&blob) == entry.hash),
            };
            if !whole {
                let text = format!("dictionary {} is missing or damaged", entry.number);
                self.problem(ProblemKind::Dictionary, None, text);
            }
        }
        Ok(())
    }
}

/// Checks one slice of a segment.
struct One<'a> {
    scope: Scope,
    meter: &'a Meter,
    found: Found,
}

impl Verification for One<'_> {
    fn scope(&self) -> Scope {
        self.scope
    }

    fn problem(
        &mut self,
        kind: ProblemKind,
        segment: SegmentNumber,
        offset: Option<u64>,
        message: String,
    ) {
        self.found.problems.push(Problem {
            kind,
            segment: Some(segment),
            offset,
            message,
        });
    }

    fn ends(&mut self, ends: Ends) {
        self.found.ends = Some(ends);
    }

    fn commit(&mut self) {
        self.found.commits += 1;
    }

    fn frame(&mut self) {
        self.found.frames += 1;
    }

    fn blob(&mut self) {
        self.found.blobs += 1;
        self.meter.blobs.fetch_add(1, Ordering::Relaxed);
    }

    fn advance(&mut self, bytes: u64) -> Result<()> {
        self.meter.advance(bytes)
    }
}
