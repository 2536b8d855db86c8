//! Rows of a collection as typed Arrow batches, in order, made by all cores.
//!
//! A scan reads one [`Snapshot`], which it holds. Its work is cut into tasks of consecutive rows; each task is read,
//! extracted, filtered and made into one batch on a worker, and the batches come out in order. At most a few tasks are
//! in progress, so that a reader that stops early (a LIMIT, a closed cursor) costs little. What no column needs is not
//! read: a scan of `_seq` touches no blob.
//!
//! Nothing here parses JSON: that is `lakebed_json`.

mod batches;
mod column_types;
mod columns;
mod files;
mod filter;
mod held;
mod json_column;
mod live;
mod parts;
mod passing;
mod plan;
mod ready;
mod record_filter;
mod records;
mod request;
mod rows;
pub mod system;
mod task;
mod texts;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use arrow_array::{RecordBatch, RecordBatchReader, new_null_array};
use arrow_schema::{ArrowError, Schema as ArrowSchema, SchemaRef};
use lakebed_format::CommitNumber;

use crate::catalogue::merged_description;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::{Snapshot, live_range};
use lakebed_codec::{Ordered, Workers};
use lakebed_json::schema::{SYSTEM_COLUMNS, Schema, Settings, StoredLayout, arrow_field};

pub use columns::system_column_type;
pub use files::{CollectionFile, FileColumn};
pub use parts::{Part, Parts};
pub use request::{Filter, Op, ScanRequest, Value};

use self::columns::system_field;
use self::plan::ScanPlan;
use self::task::ScanTask;

/// Rows of a task when the request does not say.
const BATCH_ROWS: usize = 8192;
/// Tasks are of fewer rows, down to this many, where their records come to more than [`ScanPlan::task_bytes`].
const FEWEST_ROWS: u64 = 64;
/// Tasks in progress for each thread.
const AHEAD: usize = 3;

/// Typed rows, batch by batch. An error ends it.
#[derive(Debug)]
pub struct Scan {
    schema: SchemaRef,
    plan: Arc<ScanPlan>,
    tasks: VecDeque<ScanTask>,
    batches: Ordered<Vec<RecordBatch>, Error>,
    /// Batches of the task that came last.
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
        self.committed.context.check_not_forked()?;
        self.committed.context.schema(self.named(collection)?)
    }

    /// A number that changes when the columns of a collection do.
    ///
    /// # Errors
    /// `CollectionNotFound`.
    pub fn schema_digest(&self, collection: &str) -> Result<u64> {
        use std::hash::{DefaultHasher, Hasher as _};

        let mut hasher = DefaultHasher::new();
        for part in &self.named(collection)?.schema {
            hasher.write(part);
        }
        Ok(hasher.finish())
    }

    /// What is fixed of a collection's columns.
    pub(crate) fn settings(&self, collection: &str) -> Result<Settings> {
        let entry = self.named(collection)?;
        let description = merged_description(&entry.schema).map_err(|error| {
            Error::new(
                ErrorKind::Corrupt,
                format!("The summary of the values of {collection} is damaged: {error}."),
            )
        })?;
        let settings = description.and_then(|description| description.settings);
        Ok(settings.unwrap_or_default())
    }

    /// How the records of a collection are stored, as somebody said, or by default.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`.
    pub fn layout(&self, collection: &str) -> Result<StoredLayout> {
        let layout = self.settings(collection)?.layout;
        Ok(layout.unwrap_or(StoredLayout::Auto))
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

    /// The schema that [`Snapshot::scan`] of this request gives.
    ///
    /// # Errors
    /// As [`Snapshot::scan`].
    pub fn scan_schema(&self, request: &ScanRequest) -> Result<SchemaRef> {
        Ok(self.plan(request)?.schema())
    }

    /// Scans a collection.
    ///
    /// # Errors
    /// `CollectionNotFound`; `InvalidArgument` for an unknown column or a filter of another type than its column;
    /// `Corrupt`, `Io`. Errors of single batches come from the scan.
    pub fn scan(&self, request: &ScanRequest) -> Result<Scan> {
        let (plan, tasks) = self.work(request, BATCH_ROWS)?;
        let threads = match request.threads {
            0 => self.committed.context.options.thread_count(),
            threads => threads,
        };
        // One task runs on the caller's thread.
        let threads = threads.min(tasks.len()).max(1);
        let workers = Arc::new(Workers::new(threads, self.committed.context.options.level)?);
        let limit = if threads == 1 { 1 } else { threads * AHEAD };
        Ok(Scan {
            schema: plan.schema(),
            plan,
            tasks,
            batches: Ordered::new(workers, limit),
            ready: VecDeque::new(),
            limit,
            heartbeat: request.heartbeat,
            failed: false,
        })
    }

    fn plan(&self, request: &ScanRequest) -> Result<Arc<ScanPlan>> {
        if let Some(commit) = request.as_of {
            self.check_commit(commit)?;
        }
        let schema = self.schema(&request.collection)?;
        let mut plan = ScanPlan::new(self.clone(), schema, request)?;
        plan.find_parts(self)?;
        Ok(Arc::new(plan))
    }

    /// The plan of a scan and its tasks in order, of `light` rows each if no record is read.
    fn work(
        &self,
        request: &ScanRequest,
        light: usize,
    ) -> Result<(Arc<ScanPlan>, VecDeque<ScanTask>)> {
        let plan = self.plan(request)?;
        let collection = self.named(&request.collection)?;
        let rows = match request.batch_rows {
            0 => plan
                .task_bytes()
                .map_or(light, |bytes| self.task_rows(bytes)),
            rows => rows,
        };
        let range = request.pruned_range(live_range(collection, request.range()));
        let ranges = match request.without.as_slice() {
            [] => vec![range.clone()],
            segments => self.outside(collection.id, &range, segments)?,
        };
        let mut tasks = VecDeque::new();
        for batch in self.batches(collection.id, &range)? {
            let there = request
                .as_of
                .is_none_or(|commit| batch.entry.commit <= commit);
            if there && plan.may_match(&batch.entry, request) {
                let (first, end) = (
                    batch.entry.first_seq,
                    batch.entry.first_seq.0 + batch.entry.rows,
                );
                let from = ranges.partition_point(|range| range.end <= first);
                for range in ranges
                    .iter()
                    .skip(from)
                    .take_while(|range| range.start.0 < end)
                {
                    task::split(&batch, range, rows, &mut tasks);
                }
            }
        }
        Ok((plan, tasks))
    }

    /// Rows of a task whose records should come to this many bytes, judged by the average of all committed blobs.
    fn task_rows(&self, bytes: u64) -> usize {
        let rows = |average: u64| (bytes / average.max(1)).clamp(FEWEST_ROWS, BATCH_ROWS as u64);
        self.committed.average_blob().map_or(BATCH_ROWS, |average| {
            usize::try_from(rows(average)).unwrap_or(BATCH_ROWS)
        })
    }

    /// An error when the store has no such commit.
    fn check_commit(&self, number: CommitNumber) -> Result<()> {
        let newest = self.committed.commit;
        let there = number == CommitNumber(0)
            || number <= newest && self.commits()?.iter().any(|c| c.number == number);
        if there {
            return Ok(());
        }
        let store = self.committed.context.vfs.describe();
        Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("The store {store} has no commit {number}; its newest is {newest}."),
        ))
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
                && let Some(task) = self.tasks.pop_front()
            {
                let plan = Arc::clone(&self.plan);
                self.batches.submit(move |_| plan.run(&task))?;
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
                self.tasks.clear();
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

/// A row of NULLs.
fn sign_of_life(schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| new_null_array(field.data_type(), 1))
        .collect();
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|e| Error::internal(&format!("a row of NULLs cannot be made: {e}")))
}
