//! Rows of a collection: which batches hold them, and one by one.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use lakebed_format::{BlobId, CollectionId, FileNumber, RowBatch, RowBatchEntry, RowRun, Seq};

use super::{Cursor, Snapshot};
use crate::blob::Blob;
use crate::catalogue::Collection;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::rows::pending::PendingBatch;
use crate::segment::{RowBatchBytes, RowSink, Segment, damaged_rows};
use crate::spelling::{closest_name, quoted};

/// A row of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the collection.
    pub seq: Seq,
    /// The number of its blob.
    pub blob: BlobId,
    /// The file it came from.
    pub file: Option<Arc<str>>,
    /// Its line in that file, from 1.
    pub line: Option<u64>,
    /// When it was ingested, microseconds since 1970 UTC.
    pub time: i64,
}

/// Where a batch of rows is.
#[derive(Clone, Debug)]
pub(crate) enum BatchSource {
    Segment(Arc<dyn Segment>),
    Pending(Arc<PendingBatch>),
}

/// A batch of rows that was not read yet.
#[derive(Clone, Debug)]
pub(crate) struct BatchRef {
    pub(crate) entry: RowBatchEntry,
    pub(crate) source: BatchSource,
}

impl Snapshot {
    /// The collection of this name.
    pub(crate) fn named(&self, name: &str) -> Result<&Arc<Collection>> {
        self.catalogue().named(name).ok_or_else(|| {
            let known: Vec<&str> = self.catalogue().collections().map(|c| &*c.name).collect();
            let hint = if let Some(near) = closest_name(name, known.iter().copied()) {
                format!("did you mean {near}?", near = quoted(near))
            } else if known.is_empty() {
                "it has none yet.".to_owned()
            } else {
                let first: Vec<&str> = known.into_iter().take(8).collect();
                format!("among those it has are {}.", first.join(", "))
            };
            let store = self.committed.context.vfs.describe();
            Error::new(
                ErrorKind::CollectionNotFound,
                format!(
                    "The store {store} has no collection {name}; {hint}",
                    name = quoted(name)
                ),
            )
        })
    }

    /// The batches that hold rows of a collection in this range, in order.
    pub(crate) fn batches(
        &self,
        collection: CollectionId,
        range: &Range<Seq>,
    ) -> Result<Vec<BatchRef>> {
        self.committed.context.check_not_forked()?;
        self.committed.check_whole()?;
        let mut found = Vec::new();
        self.each_batch(|entry, source| {
            let wanted = entry.collection == collection
                && entry.first_seq < range.end
                && entry.first_seq.0 + entry.rows > range.start.0;
            if wanted {
                found.push(BatchRef {
                    entry: *entry,
                    source: source(),
                });
            }
        })?;
        found.sort_by_key(|batch| batch.entry.first_seq);
        Ok(found)
    }

    /// Tells all batches, in the order they were written.
    pub(crate) fn each_batch(
        &self,
        mut each: impl FnMut(&RowBatchEntry, &dyn Fn() -> BatchSource),
    ) -> Result<()> {
        for segment in self.committed.segments() {
            for entry in segment.rows(&self.committed.context.segments)?.iter() {
                each(entry, &|| BatchSource::Segment(Arc::clone(&segment)));
            }
        }
        if let Some(pending) = &self.pending {
            let commit = self.committed.commit.next();
            for batch in pending.batches() {
                each(&batch.entry(commit), &|| {
                    BatchSource::Pending(Arc::clone(batch))
                });
            }
        }
        Ok(())
    }

    /// Reads a batch and checks it.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn read_batch(&self, batch: &BatchRef) -> Result<RowBatchBytes> {
        self.committed.context.check_not_forked()?;
        match &batch.source {
            BatchSource::Segment(segment) => {
                segment.row_batch(&self.committed.context.segments, &batch.entry)
            }
            BatchSource::Pending(pending) => pending.encoded(batch.entry.commit),
        }
    }

    /// Passes the rows of a batch within a range of sequence numbers to a scan.
    ///
    /// # Errors
    /// `Corrupt`, `Io`; those of the sink.
    pub(crate) fn scan_batch(
        &self,
        batch: &BatchRef,
        range: &Range<Seq>,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        self.committed.context.check_not_forked()?;
        match &batch.source {
            BatchSource::Segment(segment) => {
                let files = &self.committed.context.segments;
                segment.scan(files, &batch.entry, range, sink)
            }
            BatchSource::Pending(pending) => {
                let bytes = pending.encoded(batch.entry.commit)?;
                sink.records(&bytes.decode()?, range)
            }
        }
    }

    /// The live rows of a batch within a range of sequence numbers, in runs of consecutive lines and ids.
    pub(crate) fn live_runs(
        &self,
        batch: &RowBatch<'_>,
        range: &Range<Seq>,
        runs: &mut impl Extend<RowRun>,
    ) -> Result<()> {
        let first = batch.head.first_seq.0;
        let skip = range.start.0.saturating_sub(first);
        let deleted = self.catalogue().deleted();
        for run in batch.row_runs_from(skip) {
            let mut run = run.map_err(|e| damaged_rows(&e))?;
            if run.seq >= range.end {
                break;
            }
            run.len = run.len.min(range.end.0 - run.seq.0);
            if deleted.is_empty() {
                runs.extend([run]);
                continue;
            }
            let mut start = 0;
            for at in 0..=run.len {
                if at < run.len && !deleted.contains(BlobId(run.blob.0 + at)) {
                    continue;
                }
                if at > start {
                    runs.extend([RowRun {
                        seq: Seq(run.seq.0 + start),
                        line: run.line.map(|line| line + start),
                        blob: BlobId(run.blob.0 + start),
                        len: at - start,
                    }]);
                }
                start = at + 1;
            }
        }
        Ok(())
    }

    /// Rows of a collection, in order.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`, `Io`.
    pub fn rows(&self, collection: &str, range: Range<Seq>) -> Result<Rows> {
        let collection = self.named(collection)?;
        let range = live_range(collection, range);
        let batches = self.batches(collection.id, &range)?;
        Ok(Rows {
            cursor: Cursor::new(self),
            range,
            batches: batches.into(),
            runs: VecDeque::new(),
            file: None,
            time: 0,
            failed: false,
        })
    }

    /// A file's name.
    pub(crate) fn file_name(&self, file: FileNumber) -> Option<Arc<str>> {
        self.catalogue().file(file).cloned()
    }
}

/// The live part of a range of a collection's rows.
pub(crate) fn live_range(collection: &Collection, range: Range<Seq>) -> Range<Seq> {
    let start = range.start.max(collection.first_live);
    start..range.end.min(collection.next_seq).max(start)
}

/// Rows of a collection, in order; ends after an error.
#[derive(Debug)]
pub struct Rows {
    cursor: Cursor,
    range: Range<Seq>,
    batches: VecDeque<BatchRef>,
    runs: VecDeque<RowRun>,
    file: Option<Arc<str>>,
    time: i64,
    failed: bool,
}

impl Rows {
    /// The bytes of a row. Rows that are taken in order have each frame decoded once.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn blob(&mut self, row: &Row) -> Result<Blob> {
        self.cursor.blob(row.blob)
    }

    fn load(&mut self, batch: &BatchRef) -> Result<()> {
        let snapshot = self.cursor.snapshot();
        let bytes = snapshot.read_batch(batch)?;
        let decoded = bytes.decode()?;
        self.file = snapshot.file_name(decoded.head.file);
        self.time = decoded.head.time;
        snapshot.live_runs(&decoded, &self.range, &mut self.runs)
    }
}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            if let Some(run) = self.runs.front_mut() {
                let row = Row {
                    seq: run.seq,
                    blob: run.blob,
                    file: self.file.clone(),
                    line: run.line,
                    time: self.time,
                };
                if run.len > 1 {
                    run.len -= 1;
                    run.seq.0 += 1;
                    run.blob.0 += 1;
                    if let Some(line) = &mut run.line {
                        *line += 1;
                    }
                } else {
                    self.runs.pop_front();
                }
                return Some(Ok(row));
            }
            let batch = self.batches.pop_front()?;
            if let Err(error) = self.load(&batch) {
                self.failed = true;
                return Some(Err(error));
            }
        }
        None
    }
}
