//! Verification: reads everything and checks it.

use std::sync::Arc;
use std::time::Instant;

use lakebed_format::{Hash, SegmentNumber, Seq};

use super::{Problem, Store, VerifyReport};
use crate::error::Result;
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
        let mut expected: Option<(lakebed_format::CollectionId, Seq)> = None;
        for batch in batches {
            snapshot.committed.context.options.check_interrupted()?;
            let entry = batch.entry;
            let end = Seq(entry.first_seq.0 + entry.rows);
            // Of rows that are not live, a compaction may have removed some and left others.
            let known = snapshot.catalogue().collection(entry.collection);
            let Some(collection) = known.filter(|known| end > known.first_live) else {
                continue;
            };
            let first = entry.first_seq.max(collection.first_live);
            if let Some((collection, seq)) = expected
                && collection == entry.collection
                && seq != first
            {
                let text =
                    format!("the rows of collection {collection} go from {seq} on with {first}");
                self.problem(None, None, text);
            }
            expected = Some((entry.collection, end));
            let bytes = snapshot.read_batch(&batch);
            let Some(bytes) = self.keep(None, None, bytes)? else {
                continue;
            };
            let decoded = bytes.decode()?;
            for run in decoded.row_runs() {
                let run = run.map_err(|e| damaged_rows(&e));
                let Some(run) = self.keep(None, None, run)? else {
                    break;
                };
                self.report.rows += run.len;
                if run.blob.0 + run.len > snapshot.committed.next_blob.0 {
                    let text = format!("row {} names a blob that does not exist", run.seq);
                    self.problem(None, None, text);
                }
            }
        }
        Ok(())
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
