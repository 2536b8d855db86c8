//! The rows of a task, and the system columns that need no record.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, Int64Array};
use arrow_buffer::BooleanBuffer;
use lakebed_format::{BlobId, RowBatch, RowRun, Seq};

use crate::error::Result;
use crate::segment::RowSink;
use crate::snapshot::Snapshot;

/// The rows of a task that are there, and what the rows of each batch share.
#[derive(Default)]
pub(super) struct TaskRows {
    pub(super) runs: Vec<RowRun>,
    pub(super) count: usize,
    shares: Vec<Share>,
}

impl TaskRows {
    /// The rows that passed.
    pub(super) fn filtered(self, passed: &BooleanBuffer) -> Self {
        let mut runs = Vec::new();
        let mut at = 0;
        for run in self.runs {
            let len = usize::try_from(run.len).unwrap_or(usize::MAX);
            for (start, end) in passed.slice(at, len).set_slices() {
                let step = start as u64;
                runs.push(RowRun {
                    seq: Seq(run.seq.0 + step),
                    line: run.line.map(|line| line + step),
                    blob: BlobId(run.blob.0 + step),
                    len: (end - start) as u64,
                });
            }
            at += len;
        }
        let mut at = 0;
        let shares = self.shares.into_iter().map(|share| {
            let rows = passed.slice(at, share.rows).count_set_bits();
            at += share.rows;
            Share { rows, ..share }
        });
        Self {
            runs,
            count: passed.count_set_bits(),
            shares: shares.collect(),
        }
    }
}

/// What consecutive rows share.
struct Share {
    rows: usize,
    file: Option<Arc<str>>,
    time: i64,
}

/// Collects the live rows of a task.
pub(super) struct RowCollector<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) rows: TaskRows,
}

impl RowSink for RowCollector<'_> {
    fn records(&mut self, batch: &RowBatch<'_>, range: &Range<Seq>) -> Result<()> {
        let rows = &mut self.rows;
        let known = rows.runs.len();
        self.snapshot.live_runs(batch, range, &mut rows.runs)?;
        let added = rows.runs.iter().skip(known);
        let added = added
            .map(|run| usize::try_from(run.len).unwrap_or(usize::MAX))
            .sum();
        rows.count += added;
        rows.shares.push(Share {
            rows: added,
            file: self.snapshot.file_name(batch.head.file),
            time: batch.head.time,
        });
        Ok(())
    }
}

/// The system columns that need no record.
pub(super) fn system_column(name: &str, rows: &TaskRows) -> ArrayRef {
    let runs = &rows.runs;
    match name {
        "_file" => {
            let mut files = StringBuilder::new();
            for share in &rows.shares {
                match &share.file {
                    Some(file) => (0..share.rows).for_each(|_| files.append_value(file)),
                    None => files.append_nulls(share.rows),
                }
            }
            Arc::new(files.finish())
        }
        "_ingested_at" => {
            let mut times = TimestampMicrosecondBuilder::with_capacity(rows.count);
            for share in &rows.shares {
                times.append_value_n(share.time, share.rows);
            }
            Arc::new(times.finish().with_timezone("UTC"))
        }
        "_line" => {
            let lines = runs
                .iter()
                .flat_map(|run| (0..run.len).map(|step| run.line.map(|line| (line + step) as i64)));
            Arc::new(lines.collect::<Int64Array>())
        }
        _ => {
            let mut seqs: Vec<i64> = Vec::with_capacity(rows.count);
            for run in runs {
                seqs.extend(run.seq.0 as i64..(run.seq.0 + run.len) as i64);
            }
            Arc::new(Int64Array::from(seqs))
        }
    }
}
