//! A scan for callers that bring threads of their own: each takes the next part and makes its batches where it stands.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use lakebed_format::Seq;

use super::request::ScanRequest;
use super::unit::{Plan, Unit};
use crate::error::Result;
use crate::snapshot::Snapshot;

/// Rows of a part of which no record is read: so many that counting the rows of a middling collection starts no second thread.
const LIGHT_ROWS: usize = 1 << 17;

/// The rows of a part.
#[derive(Debug)]
pub enum Part {
    /// As Arrow batches, of which some may be empty.
    Batches(Vec<RecordBatch>),
    /// Their sequence numbers, in order: of a scan that asks for `_seq` alone and filters nothing.
    Numbers(Vec<Range<Seq>>),
}

/// The parts of a scan. Taken by one thread they come in order.
#[derive(Debug)]
pub struct Parts {
    plan: Arc<Plan>,
    units: VecDeque<Unit>,
    taken: AtomicUsize,
}

impl Snapshot {
    /// A scan in parts; `threads` and `heartbeat` of the request mean nothing here.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    pub fn parts(&self, request: &ScanRequest) -> Result<Parts> {
        let (plan, units) = self.work(request, LIGHT_ROWS)?;
        Ok(Parts {
            plan,
            units,
            taken: AtomicUsize::new(0),
        })
    }
}

impl Parts {
    /// What the batches look like.
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// How many parts there are: more threads find nothing to do.
    pub fn count(&self) -> usize {
        self.units.len()
    }

    /// Takes the next part and reads its rows; `None` when all are taken.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, and `InvalidArgument` for a value that does not fit the type asked for.
    pub fn take(&self) -> Option<Result<Part>> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        self.units.get(number).map(|unit| {
            if self.plan.is_of_numbers() {
                self.numbers(unit).map(Part::Numbers)
            } else {
                self.plan.run(unit).map(Part::Batches)
            }
        })
    }

    fn numbers(&self, unit: &Unit) -> Result<Vec<Range<Seq>>> {
        let mut ranges: Vec<Range<Seq>> = Vec::new();
        for run in self.plan.rows(unit, &unit.range())?.runs {
            let end = Seq(run.seq.0 + run.len);
            match ranges.last_mut() {
                Some(range) if range.end == run.seq => range.end = end,
                _ => ranges.push(run.seq..end),
            }
        }
        Ok(ranges)
    }
}
