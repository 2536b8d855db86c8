//! Columns that are made from the bytes of records.
#![expect(
    clippy::cast_possible_truncation,
    reason = "estimates of bytes in memory"
)]

use arrow_array::ArrayRef;
use arrow_array::builder::StringBuilder;
use arrow_buffer::BooleanBufferBuilder;
use lakebed_format::{BlobId, Hash, RowRun};
use lakebed_json::extract::Extractor;

use super::json_column::JsonColumn;
use super::plan::{ScanPlan, TEXTS_BYTES};
use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::{Cursor, Holder, Snapshot};

/// A task whose blobs lie in fewer runs than rows over this is read in the order of its rows; otherwise in the order of
/// its blobs, so that each frame is decoded once.
const ROWS_PER_RUN: usize = 4;

/// A task's records may come to this many bytes; beyond it the task is halved, since a text column of a batch holds at
/// most 2 GiB.
const TASK_BYTES: usize = 512 << 20;

/// Columns that are made from the records' bytes.
pub(super) struct RecordColumns<'a> {
    pub(super) plan: &'a ScanPlan,
    pub(super) extractor: Option<Extractor>,
    pub(super) hashes: Option<StringBuilder>,
    pub(super) json: Option<JsonColumn>,
    /// Which records passed the record_filters, if there are any.
    pub(super) passed: Option<BooleanBufferBuilder>,
    pub(super) bytes: usize,
    pub(super) too_large: bool,
}

impl<'a> RecordColumns<'a> {
    /// What the scan makes of the records of so many rows; `judged` says that all of them passed its filters.
    pub(super) fn new(plan: &'a ScanPlan, rows: usize, judged: bool) -> Self {
        let texts = || {
            // Some more than there are on average, so that most batches do not have to grow; what stays unused is never
            // touched.
            let average = plan.snapshot.committed.average_blob().unwrap_or(0) as usize;
            let bytes = (rows * (average + average / 8)).min(2 * TEXTS_BYTES as usize);
            JsonColumn::new(plan.text_views, rows, bytes)
        };
        Self {
            plan,
            extractor: (!plan.projection.is_empty())
                .then(|| Extractor::new(&plan.typed, &plan.projection)),
            hashes: plan.needs("_hash").then(StringBuilder::new),
            json: plan.needs("_json").then(texts),
            passed: (!judged && !plan.record_filters.is_empty())
                .then(|| BooleanBufferBuilder::new(rows)),
            bytes: 0,
            too_large: false,
        }
    }

    /// Which records pass the filters, and nothing else of them.
    pub(super) fn judging(plan: &'a ScanPlan, rows: usize) -> Self {
        Self {
            plan,
            extractor: None,
            hashes: None,
            json: None,
            passed: Some(BooleanBufferBuilder::new(rows)),
            bytes: 0,
            too_large: false,
        }
    }

    pub(super) fn is_needed(&self) -> bool {
        self.extractor.is_some()
            || self.hashes.is_some()
            || self.json.is_some()
            || self.passed.is_some()
    }

    pub(super) fn read(&mut self, snapshot: &Snapshot, runs: &[RowRun], rows: usize) -> Result<()> {
        let mut cursor = Cursor::new(snapshot);
        if runs.len() * ROWS_PER_RUN <= rows || runs.len() <= ROWS_PER_RUN {
            for run in runs {
                for step in 0..run.len {
                    self.read_one(&mut cursor, BlobId(run.blob.0 + step))?;
                    if self.too_large && rows > 1 {
                        return Ok(());
                    }
                }
            }
            return Ok(());
        }
        // Rows in no order of their blobs: copied out frame by frame, then taken in the order of the rows.
        let mut order: Vec<(BlobId, u32)> = runs
            .iter()
            .flat_map(|run| (0..run.len).map(|step| BlobId(run.blob.0 + step)))
            .zip(0..)
            .collect();
        order.sort_unstable();
        let mut bytes = Vec::new();
        let mut places = vec![0..0; rows];
        for (id, row) in order {
            let start = bytes.len();
            bytes.extend_from_slice(cursor.bytes(id)?);
            if bytes.len() > TASK_BYTES {
                self.too_large = true;
                return Ok(());
            }
            if let Some(place) = places.get_mut(row as usize) {
                *place = start..bytes.len();
            }
        }
        for place in places {
            let record = bytes.get(place);
            let record = record.ok_or_else(|| Error::internal("a copied record is gone"))?;
            self.push(record, None)?;
        }
        Ok(())
    }

    #[inline]
    fn read_one(&mut self, cursor: &mut Cursor, id: BlobId) -> Result<()> {
        if self.json.is_some()
            && let Some((text, holder)) = cursor.text(id)?
        {
            return self.push(text.as_bytes(), Some((text, holder)));
        }
        self.push(cursor.bytes(id)?, None)
    }

    /// Takes a record; `known` is the same where it is known to be text, and what has it.
    #[inline]
    fn push(&mut self, record: &[u8], known: Option<(&str, Holder<'_>)>) -> Result<()> {
        if let Some(passed) = &mut self.passed {
            for filter in &self.plan.record_filters {
                let passes = filter.matches(record);
                if !passes.map_err(|error| self.plan.filter_error(filter, error))? {
                    passed.append(false);
                    return Ok(());
                }
            }
            passed.append(true);
        }
        self.bytes += record.len();
        self.too_large = self.bytes > TASK_BYTES;
        if let Some(extractor) = &mut self.extractor {
            extractor
                .push(record)
                .map_err(|error| self.plan.extraction_error(&error))?;
        }
        if let Some(hashes) = &mut self.hashes {
            hashes.append_value(Hash::of(record).to_string());
        }
        if let Some(json) = &mut self.json {
            let text = match known {
                Some((text, _)) => Some(text),
                None => simdutf8::basic::from_utf8(record).ok(),
            };
            let text = text.ok_or_else(|| {
                Error::new(
                    ErrorKind::Corrupt,
                    format!(
                        "A record of collection {} is not UTF-8; `lakebed verify` lists all damage, and `lakebed repair` mends what can be mended.",
                        self.plan.collection
                    ),
                )
            })?;
            json.push(text, known.map(|(_, holder)| holder));
        }
        Ok(())
    }

    pub(super) fn finish_typed(&mut self) -> Result<Vec<ArrayRef>> {
        match &mut self.extractor {
            Some(extractor) => extractor
                .finish()
                .map_err(|error| self.plan.extraction_error(&error)),
            None => Ok(Vec::new()),
        }
    }
}
