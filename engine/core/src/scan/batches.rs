//! From a task to Arrow batches.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::ArrowError;
use lakebed_format::Seq;

use super::column_types;
use super::columns::ScanColumn;
use super::filter;
use super::json_column::JsonColumn;
use super::plan::ScanPlan;
use super::records::RecordColumns;
use super::rows::{RowCollector, TaskRows, system_column};
use super::task::ScanTask;
use crate::error::{Error, Result};

impl ScanPlan {
    /// Makes the Arrow batches of a task: one, or several when its records are very large.
    pub(super) fn run(&self, task: &ScanTask) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        let mut ranges = vec![task.range()];
        while let Some(range) = ranges.pop() {
            if let Some(batch) = self.batch(task, &range)? {
                batches.push(batch);
            } else {
                let middle = Seq(range.start.0 + (range.end.0 - range.start.0) / 2);
                ranges.push(middle..range.end);
                ranges.push(range.start..middle);
            }
        }
        Ok(batches)
    }

    /// The rows of a task within a range of sequence numbers.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn rows(&self, task: &ScanTask, range: &Range<Seq>) -> Result<TaskRows> {
        let mut collector = RowCollector {
            snapshot: &self.snapshot,
            rows: TaskRows::default(),
        };
        for (batch, part) in &task.parts {
            let part = part.start.max(range.start)..part.end.min(range.end);
            if !part.is_empty() {
                self.snapshot.scan_batch(batch, &part, &mut collector)?;
            }
        }
        Ok(collector.rows)
    }

    /// The Arrow batch of some rows; `None` when several rows are too large for one.
    fn batch(&self, task: &ScanTask, range: &Range<Seq>) -> Result<Option<RecordBatch>> {
        let rows = self.rows(task, range)?;
        let passed = self.passed(&rows)?;
        let judged = passed.is_some();
        let rows = match passed {
            Some(passed) => rows.filtered(&passed),
            None => rows,
        };
        let mut records = RecordColumns::new(self, rows.count, judged);
        let ready = if judged || self.record_filters.is_empty() {
            self.ready_columns(&rows)?
        } else {
            None
        };
        if ready.is_none() && records.is_needed() {
            records.read(&self.snapshot, &rows.runs, rows.count)?;
            if records.too_large && rows.count > 1 {
                return Ok(None);
            }
        }
        let passed = records
            .passed
            .take()
            .map(|mut passed| BooleanArray::new(passed.finish(), None));
        let count = passed.as_ref().map_or(rows.count, BooleanArray::true_count);
        let hashes = records.hashes.take();
        let hashes = hashes.map(|mut hashes| Arc::new(hashes.finish()) as ArrayRef);
        let json = records.json.take().map(JsonColumn::finish);
        let typed = match ready {
            Some(arrays) => arrays,
            None => records.finish_typed()?,
        };
        let mut typed = typed.into_iter();
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let array = match column {
                ScanColumn::Typed(number) if self.overrides.as_text.contains(number) => typed
                    .next()
                    .map(|json| column_types::text_of(&json).ok_or_else(|| self.no_text(*number)))
                    .transpose()?,
                ScanColumn::Typed(_) => typed.next(),
                ScanColumn::System("_hash") => hashes.clone(),
                ScanColumn::System("_json") => json.clone(),
                ScanColumn::System(name) => {
                    let array = system_column(name, &rows);
                    Some(match &passed {
                        None => array,
                        Some(passed) => arrow_select::filter::filter(&array, passed)
                            .map_err(|e| internal(&e))?,
                    })
                }
            };
            arrays.push(array.ok_or_else(|| Error::internal("a scan lost one of its columns"))?);
        }
        self.filtered(arrays, count).map(Some)
    }

    fn filtered(&self, mut arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let mut passing: Option<BooleanArray> = None;
        for (place, op) in &self.filters {
            let Some(array) = arrays.get(*place) else {
                continue;
            };
            let judged = filter::matching_rows(op, array.as_ref());
            passing = Some(match passing {
                None => BooleanArray::new(judged, None),
                Some(before) => BooleanArray::new(before.values() & &judged, None),
            });
        }
        arrays.truncate(self.shown);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema(), arrays, &options)
            .map_err(|e| internal(&e))?;
        match passing {
            None => Ok(batch),
            Some(passing) => arrow_select::filter::filter_record_batch(&batch, &passing)
                .map_err(|e| internal(&e)),
        }
    }
}

fn internal(error: &ArrowError) -> Error {
    Error::internal(&format!("Arrow refused a batch: {error}"))
}
