//! A scan for callers with threads of their own: each thread takes the next part and makes its batches.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use lakebed_format::Seq;

use super::plan::ScanPlan;
use super::request::ScanRequest;
use super::task::ScanTask;
use crate::error::Result;
use crate::snapshot::Snapshot;

/// Rows of a part if no record is read: so many that counting the rows of a medium collection needs no second thread.
const LIGHT_ROWS: usize = 1 << 17;

/// The rows of a part.
#[derive(Debug)]
pub enum Part {
    /// As Arrow batches; some may be empty.
    Batches(Vec<RecordBatch>),
    /// As their sequence numbers, in order, if the scan is of `_seq` alone without filters.
    Numbers(Vec<Range<Seq>>),
}

/// The parts of a scan, handed out in order.
#[derive(Debug)]
pub struct Parts {
    plan: Arc<ScanPlan>,
    tasks: VecDeque<ScanTask>,
    taken: AtomicUsize,
}

impl Snapshot {
    /// A scan in parts; `threads` and `heartbeat` of the request are ignored.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    pub fn parts(&self, request: &ScanRequest) -> Result<Parts> {
        let (plan, tasks) = self.work(request, LIGHT_ROWS)?;
        Ok(Parts {
            plan,
            tasks,
            taken: AtomicUsize::new(0),
        })
    }
}

impl Parts {
    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// The number of parts; more threads than that find no work.
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Takes the next part and reads its rows; `None` when all are taken.
    ///
    /// # Errors
    /// `Corrupt`, `Io`; `InvalidArgument` for a value that does not fit the requested type.
    pub fn take(&self) -> Option<Result<Part>> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        self.tasks.get(number).map(|task| {
            if self.plan.only_sequence_numbers() {
                self.numbers(task).map(Part::Numbers)
            } else {
                self.plan.run(task).map(Part::Batches)
            }
        })
    }

    fn numbers(&self, task: &ScanTask) -> Result<Vec<Range<Seq>>> {
        let mut ranges: Vec<Range<Seq>> = Vec::new();
        for run in self.plan.rows(task, &task.range())?.runs {
            let end = Seq(run.seq.0 + run.len);
            match ranges.last_mut() {
                Some(range) if range.end == run.seq => range.end = end,
                _ => ranges.push(run.seq..end),
            }
        }
        Ok(ranges)
    }
}
