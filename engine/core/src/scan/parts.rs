//! A scan for callers that bring threads of their own: each takes the next part and makes its batches where it stands.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::request::ScanRequest;
use super::unit::{Plan, Unit};
use crate::error::Result;
use crate::snapshot::Snapshot;

/// The parts of a scan. Taken by one thread they come in order.
#[derive(Debug)]
pub struct Parts {
    plan: Arc<Plan>,
    units: VecDeque<Unit>,
    taken: AtomicUsize,
}

impl Snapshot {
    /// A scan in parts; `threads` and `signs_of_life` of the request mean nothing here.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    pub fn parts(&self, request: &ScanRequest) -> Result<Parts> {
        let (plan, units) = self.work(request)?;
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

    /// Takes the next part and makes its batches, of which some may be empty; `None` when all are taken.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, and `InvalidArgument` for a value that does not fit the type asked for.
    pub fn take(&self) -> Option<Result<Vec<RecordBatch>>> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        self.units.get(number).map(|unit| self.plan.run(unit))
    }
}
