//! Verification: reads everything and checks it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use lakebed_format::{BlobId, CollectionId, Hash, SegmentNumber, Seq};

use super::{Store, VerifyReport};
use crate::catalogue::Collection;
use crate::error::Result;
use crate::problem::Problem;
use crate::progress::{Progress, ProgressFn};
use crate::segment::large::LargeSegment;
use crate::segment::verify::Verification;
use crate::segment::{Segment, damaged_rows};
use crate::snapshot::open::{Caller, newest};
use crate::snapshot::{BatchRef, Snapshot};
use crate::writer_lock::read_synced;

/// Bytes read between two progress reports.
const REPORT_BYTES: u64 = 8 << 20;

impl Store {
    /// Reads everything that this store object sees of the committed store and checks it: groups, frames, hashes, rows,
    /// tables. Problems are in the report; an error means that checking could not go on.
    ///
    /// # Errors
    /// `Io`, `Interrupted`.
    pub fn verify(&self, progress: ProgressFn) -> Result<VerifyReport> {
        self.shared.check_open()?;
        let snapshot = Snapshot::new(self.shared.here()?.committed(), None);
        let mut check = Check {
            snapshot: &snapshot,
            report: VerifyReport::default(),
            began: Instant::now(),
            reported: 0,
            total: snapshot.segments()?.iter().map(|s| s.file_bytes).sum(),
            progress,
        };
        check.acknowledged()?;
        check.segments()?;
        check.rows()?;
        check.dictionaries()?;
        let mut report = check.report;
        report.seconds = check.began.elapsed().as_secs_f64();
        Ok(report)
    }
}

/// What the row batches hold of a collection.
#[derive(Debug, Default)]
struct FoundRows {
    /// Behind the last row so far.
    next: Seq,
    /// Live sequence numbers in no batch.
    gaps: Vec<Range<Seq>>,
    /// Rows whose blobs were deleted.
    dead: u64,
}

struct Check<'a> {
    snapshot: &'a Snapshot,
    report: VerifyReport,
    began: Instant,
    reported: u64,
    total: u64,
    progress: ProgressFn,
}

impl Check<'_> {
    fn problem(&mut self, segment: Option<SegmentNumber>, offset: Option<u64>, message: String) {
        self.report.problems.push(Problem {
            segment,
            offset,
            message,
        });
    }

    /// The value of a result. Damage of the store becomes a problem and `None`; other errors end checking.
    fn keep<T>(
        &mut self,
        segment: Option<SegmentNumber>,
        offset: Option<u64>,
        result: Result<T>,
    ) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind().is_of_stored_bytes() => {
                self.problem(segment, offset, error.message().to_owned());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn add_bytes(&mut self, bytes: u64) -> Result<()> {
        self.snapshot
            .committed
            .context
            .options
            .check_interrupted()?;
        self.report.bytes += bytes;
        if self.report.bytes - self.reported >= REPORT_BYTES {
            self.reported = self.report.bytes;
            self.progress.report(&Progress {
                bytes: self.report.bytes,
                total_bytes: Some(self.total),
                rows: self.report.blobs,
                seconds: self.began.elapsed().as_secs_f64(),
            })?;
        }
        Ok(())
    }

    /// The last writer noted which commit was on disk: everything up to it must exist.
    fn acknowledged(&mut self) -> Result<()> {
        let committed = Arc::clone(&self.snapshot.committed);
        let Some(synced) = read_synced(committed.context.vfs.as_ref()) else {
            return Ok(());
        };
        let found = newest(&committed.context, Some(&committed), Caller::Reader)?;
        if found.commit < synced {
            let text = format!(
                "commits up to {synced} were acknowledged and the last one found is {}",
                found.commit
            );
            self.problem(Some(found.manifest.active), None, text);
        }
        Ok(())
    }

    fn segments(&mut self) -> Result<()> {
        let committed = Arc::clone(&self.snapshot.committed);
        let read = self.snapshot.reader();
        for damage in committed.damage() {
            let place = damage.place();
            self.problem(
                Some(place.segment),
                Some(place.offset),
                place.detail.clone(),
            );
        }
        let large = committed.catalogue.large_blobs();
        let large = large.map(|entry| Arc::new(LargeSegment::new(*entry)) as Arc<dyn Segment>);
        for segment in committed.segments().chain(large) {
            self.report.segments += 1;
            segment.verify(read, self)?;
        }
        Ok(())
    }

    /// Every row's blob exists, and sequence numbers have no gaps.
    fn rows(&mut self) -> Result<()> {
        let snapshot = self.snapshot;
        if snapshot.committed.check_whole().is_err() {
            // Reported above; unreadable rows cannot be counted.
            return Ok(());
        }
        let mut batches: Vec<BatchRef> = Vec::new();
        let listed = snapshot.each_batch(|entry, source| {
            batches.push(BatchRef {
                entry: *entry,
                source: source(),
            });
        });
        self.keep(None, None, listed)?;
        batches.sort_by_key(|batch| (batch.entry.collection, batch.entry.first_seq));
        let mut found: BTreeMap<CollectionId, FoundRows> = BTreeMap::new();
        for collection in snapshot.catalogue().collections() {
            let rows = FoundRows {
                next: collection.first_live,
                ..FoundRows::default()
            };
            found.insert(collection.id, rows);
        }
        for batch in batches {
            snapshot.committed.context.options.check_interrupted()?;
            let entry = batch.entry;
            let end = Seq(entry.first_seq.0 + entry.rows);
            // Of rows that are not live, a compaction may have removed some and left others.
            let known = found.get_mut(&entry.collection);
            let Some(rows) = known.filter(|rows| end > rows.next) else {
                continue;
            };
            if entry.first_seq > rows.next {
                rows.gaps.push(rows.next..entry.first_seq);
            }
            let skip = rows.next.0.saturating_sub(entry.first_seq.0);
            rows.next = end;
            let bytes = snapshot.read_batch(&batch);
            let bytes = self.keep(None, None, bytes)?;
            let Some(bytes) = bytes else {
                continue;
            };
            let decoded = bytes.decode()?;
            for run in decoded.row_runs_from(skip) {
                let run = run.map_err(|e| damaged_rows(&e));
                let Some(run) = self.keep(None, None, run)? else {
                    break;
                };
                self.report.rows += run.len;
                let ids = run.blob.0..run.blob.0 + run.len;
                let deleted = snapshot.catalogue().deleted();
                if !deleted.is_empty() {
                    rows.dead += ids.filter(|id| deleted.contains(BlobId(*id))).count() as u64;
                }
                if run.blob.0 + run.len > snapshot.committed.next_blob.0 {
                    let text = format!("row {} names a blob that does not exist", run.seq);
                    self.problem(None, None, text);
                }
            }
        }
        for collection in snapshot.catalogue().collections() {
            if let Some(rows) = found.remove(&collection.id) {
                self.counts(collection, rows);
            }
        }
        Ok(())
    }

    /// Rows that are in no batch, as after a repair, are counted as deleted ones.
    fn counts(&mut self, collection: &Collection, mut rows: FoundRows) {
        if rows.next < collection.next_seq {
            rows.gaps.push(rows.next..collection.next_seq);
        }
        let gaps: u64 = rows.gaps.iter().map(|gap| gap.end.0 - gap.start.0).sum();
        let (name, counted) = (&collection.name, collection.deleted_rows);
        if counted == rows.dead + gaps {
            return;
        }
        if counted == rows.dead {
            for gap in rows.gaps {
                let (first, last) = (gap.start, gap.end.0 - 1);
                let text = format!("rows {first} to {last} of {name} are in no row batch");
                self.problem(None, None, text);
            }
            return;
        }
        let text = format!(
            "{counted} rows of {name} are counted as deleted, and there are {}",
            rows.dead + gaps
        );
        self.problem(None, None, text);
    }

    fn dictionaries(&mut self) -> Result<()> {
        let entries: Vec<_> = self.snapshot.catalogue().dictionaries().copied().collect();
        for entry in entries {
            let blob = self.snapshot.read(entry.blob);
            let whole = self
                .keep(None, None, blob)?
                .flatten()
                .is_some_and(|blob| Hash::of(&blob) == entry.hash);
            if !whole {
                let text = format!("dictionary {} is missing or damaged", entry.number);
                self.problem(None, None, text);
            }
        }
        Ok(())
    }
}

impl Verification for Check<'_> {
    fn problem(&mut self, segment: SegmentNumber, offset: Option<u64>, message: String) {
        Check::problem(self, Some(segment), offset, message);
    }

    fn commit(&mut self) {
        self.report.commits += 1;
    }

    fn frame(&mut self) {
        self.report.frames += 1;
    }

    fn blob(&mut self) {
        self.report.blobs += 1;
    }

    fn advance(&mut self, bytes: u64) -> Result<()> {
        self.add_bytes(bytes)
    }
}
