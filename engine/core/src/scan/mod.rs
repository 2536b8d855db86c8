//! Rows of a collection as typed Arrow batches, in order, made by all cores.
//!
//! A scan is of one [`Snapshot`], which it keeps. Its work is cut into units of consecutive rows; each unit is read, extracted, filtered
//! and made into one batch on a worker, and the batches come out in order. At most a few units are under way, so that a reader that
//! stops early (a LIMIT, a closed cursor) costs little. What no column needs is not read: a scan of `_seq` touches no blob.
//!
//! Nothing here parses JSON: that is `extract`.

mod blobs;
mod column_types;
mod filter;
mod json_column;
mod parts;
mod record_filter;
mod request;
pub mod system;
mod unit;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use arrow_array::{RecordBatch, RecordBatchReader, new_null_array};
use arrow_schema::{
    ArrowError, DataType as ArrowType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit,
};
use lakebed_format::{CommitNumber, SegmentNumber};

use crate::error::{Error, ErrorKind, Result};
use crate::near::nearest;
use crate::snapshot::{Snapshot, live_range};
use lakebed_codec::{Ordered, Workers};
use lakebed_json::schema::{DataType, SYSTEM_COLUMNS, Schema, arrow_field};

pub use parts::{Part, Parts};
pub use request::{Filter, Op, ScanRequest, Value};

use self::unit::{Plan, Unit, Wanted};

/// Rows of a unit of work when the request does not say.
const BATCH_ROWS: usize = 8192;
/// Units are of fewer rows, down to this many, where their records come to more than [`Plan::unit_bytes`].
const FEWEST_ROWS: u64 = 64;
/// Units under way for each thread.
const AHEAD: usize = 3;

/// Typed rows, batch by batch. An error ends it.
#[derive(Debug)]
pub struct Scan {
    schema: SchemaRef,
    plan: Arc<Plan>,
    units: VecDeque<Unit>,
    batches: Ordered<Vec<RecordBatch>, Error>,
    /// Batches of the unit that came last.
    ready: VecDeque<RecordBatch>,
    limit: usize,
    heartbeat: Option<Duration>,
    failed: bool,
}

impl Snapshot {
    /// The typed columns of a collection, without the system columns.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`.
    pub fn schema(&self, collection: &str) -> Result<Arc<Schema>> {
        self.view.home.schema(self.named(collection)?)
    }

    /// The Arrow schema of a whole row of a collection: typed columns, then system columns.
    ///
    /// # Errors
    /// As [`Snapshot::schema`].
    pub fn arrow_schema(&self, collection: &str) -> Result<ArrowSchema> {
        let schema = self.schema(collection)?;
        let typed = schema
            .columns
            .iter()
            .map(|column| arrow_field(&column.name, &column.data_type));
        Ok(ArrowSchema::new(
            typed
                .chain(SYSTEM_COLUMNS.iter().filter_map(|name| system_field(name)))
                .collect::<Vec<_>>(),
        ))
    }

    /// The schema of what [`Snapshot::scan`] of this request gives, and all its errors but those of reading.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    pub fn scan_schema(&self, request: &ScanRequest) -> Result<SchemaRef> {
        Ok(self.plan(request)?.schema())
    }

    /// Scans a collection.
    ///
    /// # Errors
    /// `CollectionNotFound`; `InvalidArgument` for a column that is not there or a filter that cannot be judged; `Corrupt`, `Io`. Errors of
    /// single batches come out of the scan.
    pub fn scan(&self, request: &ScanRequest) -> Result<Scan> {
        let (plan, units) = self.work(request, BATCH_ROWS)?;
        let threads = match request.threads {
            0 => self.view.home.options.thread_count(),
            threads => threads,
        };
        // One unit needs no thread of its own.
        let threads = threads.min(units.len()).max(1);
        let workers = Arc::new(Workers::new(threads, self.view.home.options.level)?);
        let limit = if threads == 1 { 1 } else { threads * AHEAD };
        Ok(Scan {
            schema: plan.schema(),
            plan,
            units,
            batches: Ordered::new(workers, limit),
            ready: VecDeque::new(),
            limit,
            heartbeat: request.heartbeat,
            failed: false,
        })
    }

    fn plan(&self, request: &ScanRequest) -> Result<Arc<Plan>> {
        if let Some(commit) = request.as_of {
            self.end_of(commit)?;
        }
        let schema = self.schema(&request.collection)?;
        Ok(Arc::new(Plan::new(self.clone(), schema, request)?))
    }

    /// How a scan goes about it, and its units in order, of `light` rows where none of their records is read.
    fn work(&self, request: &ScanRequest, light: usize) -> Result<(Arc<Plan>, VecDeque<Unit>)> {
        let plan = self.plan(request)?;
        let collection = self.named(&request.collection)?;
        let rows = match request.batch_rows {
            0 => plan
                .unit_bytes()
                .map_or(light, |bytes| self.unit_rows(bytes)),
            rows => rows,
        };
        let range = request.pruned_range(live_range(collection, request.range()));
        let end = request
            .as_of
            .map(|commit| self.end_of(commit))
            .transpose()?;
        let mut units = VecDeque::new();
        for batch in self.batches(collection.id, &range)? {
            let there = end.is_none_or(|end| batch.place().is_some_and(|place| place < end));
            if there && plan.may_match(&batch.entry, request) {
                unit::split(&batch, &range, rows, &mut units);
            }
        }
        Ok((plan, units))
    }

    /// Rows of a unit whose records should come to this many bytes, judged by the average of all committed blobs.
    fn unit_rows(&self, bytes: u64) -> usize {
        let rows = |average: u64| (bytes / average.max(1)).clamp(FEWEST_ROWS, BATCH_ROWS as u64);
        self.view
            .average_blob()
            .map_or(BATCH_ROWS, |average| rows(average) as usize)
    }

    /// Where a commit ends: its segment and the offset there.
    fn end_of(&self, number: CommitNumber) -> Result<(SegmentNumber, u64)> {
        let newest = self.view.commit;
        if number == CommitNumber(0) {
            return Ok((SegmentNumber(0), 0));
        }
        let found = if number <= newest {
            self.commits()?.into_iter().find(|c| c.number == number)
        } else {
            None
        };
        found
            .map(|commit| (commit.segment, commit.offset))
            .ok_or_else(|| {
                let store = self.view.home.vfs.describe();
                Error::new(
                    ErrorKind::InvalidArgument,
                    format!("The store {store} has no commit {number}; its newest is {newest}."),
                )
            })
    }
}

impl Scan {
    fn advance(&mut self) -> Result<Option<RecordBatch>> {
        let began = Instant::now();
        loop {
            while let Some(batch) = self.ready.pop_front() {
                if batch.num_rows() > 0 {
                    return Ok(Some(batch));
                }
            }
            while self.batches.in_progress() < self.limit
                && let Some(unit) = self.units.pop_front()
            {
                let plan = Arc::clone(&self.plan);
                self.batches.submit(move |_| plan.run(&unit))?;
            }
            let came = match self.heartbeat {
                Some(silence) => {
                    let rest = silence.saturating_sub(began.elapsed());
                    self.batches.next_within(rest)
                }
                None => Poll::Ready(self.batches.next()),
            };
            match came {
                Poll::Ready(Some(batches)) => self.ready.extend(batches?),
                Poll::Ready(None) => return Ok(None),
                Poll::Pending => return sign_of_life(&self.schema).map(Some),
            }
            let silent = self.ready.iter().all(|batch| batch.num_rows() == 0);
            if silent
                && self
                    .heartbeat
                    .is_some_and(|silence| began.elapsed() >= silence)
            {
                return sign_of_life(&self.schema).map(Some);
            }
        }
    }
}

impl Iterator for Scan {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.advance() {
            Ok(batch) => batch.map(Ok),
            Err(error) => {
                self.failed = true;
                self.units.clear();
                self.ready.clear();
                Some(Err(ArrowError::ExternalError(Box::new(error))))
            }
        }
    }
}

impl RecordBatchReader for Scan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// One row of nothing but NULL.
fn sign_of_life(schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| new_null_array(field.data_type(), 1))
        .collect();
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|e| Error::internal(&format!("a row of nothing: {e}")))
}

/// The field of a system column.
pub(crate) fn system_field(name: &str) -> Option<Field> {
    let data_type = match name {
        "_seq" | "_line" => ArrowType::Int64,
        "_hash" | "_file" => ArrowType::Utf8,
        "_ingested_at" => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "_json" => return Some(arrow_field(name, &DataType::Json)),
        _ => return None,
    };
    Some(Field::new(name, data_type, true))
}

/// The SQL type of a system column.
pub fn system_column_type(name: &str) -> &'static str {
    match name {
        "_seq" | "_line" => "BIGINT",
        "_ingested_at" => "TIMESTAMP WITH TIME ZONE",
        "_json" => "JSON",
        _ => "VARCHAR",
    }
}

/// What a name stands for: a typed column, in whatever case, or a system column.
fn wanted(schema: &Schema, collection: &str, name: &str) -> Result<Wanted> {
    if let Some(position) = schema.position(name) {
        return Ok(Wanted::Typed(position));
    }
    if let Some(known) = SYSTEM_COLUMNS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))
    {
        return Ok(Wanted::System(known));
    }
    let known = schema.columns.iter().map(|column| column.name.as_str());
    let hint = match nearest(name, known.chain(SYSTEM_COLUMNS)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("describe {collection} lists its columns."),
    };
    Err(Error::new(
        ErrorKind::InvalidArgument,
        format!("Collection {collection} has no column {name:?}; {hint}"),
    ))
}
