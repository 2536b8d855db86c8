//! One unit of a scan: some consecutive rows, made into one Arrow batch on a worker.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_buffer::BooleanBufferBuilder;
use arrow_schema::{ArrowError, DataType as ArrowType, Schema as ArrowSchema, SchemaRef};
use lakebed_format::{BlobId, Hash, RowEntry, RowRun, Seq};

use super::column_types::{self, TypeOverrides};
use super::json_column::JsonColumn;
use super::record_filter::RecordFilter;
use super::request::{Filter, Op, ScanRequest, Value};
use super::{filter, system_field, wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::{BatchRef, Cursor, Holder, Snapshot};
use lakebed_json::extract::{ExtractError, Extractor, ValueError};
use lakebed_json::schema::{DataType, SYSTEM_COLUMNS, Schema, arrow_field};

/// A unit whose blobs lie in fewer runs than rows over this is read in the order of its rows; otherwise in the order of its blobs, so
/// that each frame is decoded once.
const ROWS_PER_RUN: usize = 4;

/// A unit's records may come to this many bytes; beyond it the unit is halved, since a text column of a batch holds at most 2 GiB.
const UNIT_BYTES: usize = 512 << 20;

/// Bytes that a unit's records should come to: where they are handed out, so few that the memory of one batch serves for the next and
/// stays in a core's cache; otherwise so few that a scan of large records does not take much memory, and that a reader who is interrupted
/// between units ends soon.
const TEXTS_BYTES: u64 = 1 << 20;
const VALUES_BYTES: u64 = 4 << 20;

/// A column by where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Its number in the schema.
    Typed(usize),
    /// Its name.
    System(&'static str),
}

/// What all units of a scan share.
#[derive(Debug)]
pub(super) struct Plan {
    snapshot: Snapshot,
    collection: String,
    typed: Arc<Schema>,
    overrides: TypeOverrides,
    /// Columns that are made: those asked for, then system columns that only filters need.
    columns: Vec<Wanted>,
    /// How many of them are given back.
    shown: usize,
    /// Their places in `typed`, in the order of `columns`.
    projection: Vec<usize>,
    /// Conditions on typed columns: a record that does not pass is not looked into further.
    record_filters: Vec<RecordFilter>,
    /// Conditions on system columns, with their place in `columns`.
    filters: Vec<(usize, Op)>,
    /// Whether `_json` is given as views.
    text_views: bool,
    schema: SchemaRef,
}

/// Consecutive rows: a part of a batch, or of several where those are small.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    parts: Vec<(BatchRef, Range<Seq>)>,
    rows: u64,
}

impl Unit {
    /// From its first row to its last.
    pub(super) fn range(&self) -> Range<Seq> {
        let start = self.parts.first().map_or(Seq(0), |(_, part)| part.start);
        start..self.parts.last().map_or(start, |(_, part)| part.end)
    }
}

/// Adds the part of a batch that is in `range` to the units, each of `rows` rows but the last.
pub(super) fn split(batch: &BatchRef, range: &Range<Seq>, rows: usize, units: &mut VecDeque<Unit>) {
    let rows = rows as u64;
    let first = batch.entry.first_seq.0;
    let mut at = first.max(range.start.0);
    let end = (first + batch.entry.rows).min(range.end.0);
    while at < end {
        if units.back().is_none_or(|unit| unit.rows >= rows) {
            units.push_back(Unit {
                parts: Vec::new(),
                rows: 0,
            });
        }
        let Some(unit) = units.back_mut() else {
            return;
        };
        let next = (at + rows - unit.rows).min(end);
        unit.parts.push((batch.clone(), Seq(at)..Seq(next)));
        unit.rows += next - at;
        at = next;
    }
}

/// The rows of a unit that are there, and what the rows of each batch share.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) runs: Vec<RowRun>,
    count: usize,
    shares: Vec<Share>,
}

/// What consecutive rows share.
struct Share {
    rows: usize,
    file: Option<Arc<str>>,
    time: i64,
}

impl Plan {
    /// `typed` is the schema of the collection.
    pub(super) fn new(
        snapshot: Snapshot,
        mut typed: Arc<Schema>,
        request: &ScanRequest,
    ) -> Result<Self> {
        let overrides = column_types::apply(&mut typed, request)?;
        let collection = request.collection.clone();
        let filtered = |name: &str| {
            request
                .filters
                .iter()
                .any(|f| f.column.eq_ignore_ascii_case(name))
        };
        let text_views = request.text_views && !filtered("_json");
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        let field_of = |column: Wanted| match column {
            Wanted::Typed(number) => typed.columns.get(number).map(|column| {
                if overrides.as_text.contains(&number) {
                    arrow_field(&column.name, &DataType::Varchar)
                } else {
                    arrow_field(&column.name, &column.data_type)
                }
            }),
            Wanted::System("_json") if text_views => {
                system_field("_json").map(|field| field.with_data_type(ArrowType::Utf8View))
            }
            Wanted::System(name) => system_field(name),
        };
        if let Some(names) = &request.columns {
            for name in names {
                columns.push(wanted(&typed, &collection, name)?);
            }
        } else {
            columns.extend((0..typed.columns.len()).map(Wanted::Typed));
            columns.extend(SYSTEM_COLUMNS.map(Wanted::System));
        }
        let shown = columns.len();
        fields.extend(columns.iter().filter_map(|column| field_of(*column)));
        let mut filters = Vec::new();
        let mut record_filters = Vec::new();
        for Filter { column, op } in &request.filters {
            let source = wanted(&typed, &collection, column)?;
            if let Some(field) = field_of(source) {
                let named = Filter {
                    column: column.clone(),
                    op: op.clone(),
                };
                filter::check(&named, &field)?;
            }
            if let Wanted::Typed(number) = source {
                let column = typed.columns.get(number);
                record_filters.extend(column.map(|column| RecordFilter::new(column, op.clone())));
                continue;
            }
            let place = columns.iter().position(|known| *known == source);
            let place = place.unwrap_or(columns.len());
            if place == columns.len() {
                columns.push(source);
            }
            filters.push((place, op.clone()));
        }
        let projection = columns
            .iter()
            .filter_map(|column| match column {
                Wanted::Typed(number) => Some(*number),
                Wanted::System(_) => None,
            })
            .collect();
        Ok(Self {
            snapshot,
            collection,
            typed,
            overrides,
            columns,
            shown,
            projection,
            record_filters,
            filters,
            text_views,
            schema: Arc::new(ArrowSchema::new(fields)),
        })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Whether rows of a batch may pass the filters on what all rows of a batch share.
    pub(super) fn may_match(&self, entry: &RowEntry, request: &ScanRequest) -> bool {
        request
            .filters
            .iter()
            .all(|filter| match (filter.column.as_str(), &filter.op) {
                ("_ingested_at", op) => {
                    let time = i128::from(entry.time);
                    match op {
                        Op::Eq(Value::Int(n)) => time == *n,
                        Op::Lt(Value::Int(n)) => time < *n,
                        Op::Le(Value::Int(n)) => time <= *n,
                        Op::Gt(Value::Int(n)) => time > *n,
                        Op::Ge(Value::Int(n)) => time >= *n,
                        _ => true,
                    }
                }
                ("_file", Op::Eq(Value::Text(name))) => self
                    .snapshot
                    .file_name(entry.file)
                    .is_some_and(|file| *file == **name),
                _ => true,
            })
    }

    /// What the records of a unit should come to; `None` where none are read.
    pub(super) fn unit_bytes(&self) -> Option<u64> {
        if self.needs("_json") {
            return Some(TEXTS_BYTES);
        }
        let reads =
            self.needs("_hash") || !self.projection.is_empty() || !self.record_filters.is_empty();
        reads.then_some(VALUES_BYTES)
    }

    fn needs(&self, name: &str) -> bool {
        self.columns
            .iter()
            .any(|column| matches!(column, Wanted::System(known) if *known == name))
    }

    /// Whether the sequence numbers of all rows are all that is asked for.
    pub(super) fn is_of_numbers(&self) -> bool {
        self.columns == [Wanted::System("_seq")]
            && self.filters.is_empty()
            && self.record_filters.is_empty()
    }

    /// Makes the Arrow batches of a unit: one, or several when its records are very large.
    pub(super) fn run(&self, unit: &Unit) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        let mut ranges = vec![unit.range()];
        while let Some(range) = ranges.pop() {
            if let Some(batch) = self.batch(unit, &range)? {
                batches.push(batch);
            } else {
                let middle = Seq(range.start.0 + (range.end.0 - range.start.0) / 2);
                ranges.push(middle..range.end);
                ranges.push(range.start..middle);
            }
        }
        Ok(batches)
    }

    /// The rows of a unit within a range of sequence numbers.
    pub(super) fn rows(&self, unit: &Unit, range: &Range<Seq>) -> Result<Rows> {
        let mut rows = Rows::default();
        for (source, part) in &unit.parts {
            let part = part.start.max(range.start)..part.end.min(range.end);
            if part.is_empty() {
                continue;
            }
            let bytes = self.snapshot.read_batch(source)?;
            let decoded = bytes.decode()?;
            let known = rows.runs.len();
            self.snapshot.live_runs(&decoded, &part, &mut rows.runs)?;
            let added = rows
                .runs
                .iter()
                .skip(known)
                .map(|run| run.len as usize)
                .sum();
            rows.count += added;
            rows.shares.push(Share {
                rows: added,
                file: self.snapshot.file_name(decoded.head.file),
                time: decoded.head.time,
            });
        }
        Ok(rows)
    }

    /// The Arrow batch of some rows; `None` when several rows are too large for one.
    fn batch(&self, unit: &Unit, range: &Range<Seq>) -> Result<Option<RecordBatch>> {
        let rows = self.rows(unit, range)?;
        let mut records = Records::new(self, rows.count);
        if records.wanted() {
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
        let mut typed = records.finish_typed()?.into_iter();
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let array = match column {
                Wanted::Typed(number) if self.overrides.as_text.contains(number) => typed
                    .next()
                    .map(|json| column_types::text_of(&json).ok_or_else(|| self.no_text(*number)))
                    .transpose()?,
                Wanted::Typed(_) => typed.next(),
                Wanted::System("_hash") => hashes.clone(),
                Wanted::System("_json") => json.clone(),
                Wanted::System(name) => {
                    let array = shared_by_runs(name, &rows);
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
                None => judged,
                Some(before) => BooleanArray::new(before.values() & judged.values(), None),
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

    #[cold]
    fn refused(&self, filter: &RecordFilter, refused: ValueError) -> Error {
        let (name, data_type) = filter.column();
        let what = match refused {
            ValueError::TypeMismatch => {
                format!("its value in column {name:?} is not of type {data_type}")
            }
            ValueError::Malformed | ValueError::TooLarge => "it is not JSON".to_owned(),
        };
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "A record of collection {} cannot be read: {what}; verify lists all damage.",
                self.collection
            ),
        )
    }

    fn misfit(&self, error: &ExtractError) -> Error {
        if let ExtractError::TypeMismatch {
            column, data_type, ..
        } = error
            && let Some(number) = self.typed.position(column)
            && self.overrides.changed.contains(&number)
        {
            return self.unasked(column, data_type);
        }
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "A record of collection {} cannot be read: {error}.",
                self.collection
            ),
        )
    }

    fn no_text(&self, number: usize) -> Error {
        let column = self.typed.columns.get(number);
        self.unasked(column.map_or("", |column| &column.name), "VARCHAR")
    }

    fn unasked(&self, column: &str, data_type: &str) -> Error {
        Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "The column {column:?} of collection {} has a value that {data_type} cannot hold: ask for JSON, which holds any.",
                self.collection
            ),
        )
    }
}

/// Columns that are made from the records' bytes.
struct Records<'a> {
    plan: &'a Plan,
    extractor: Option<Extractor>,
    hashes: Option<StringBuilder>,
    json: Option<JsonColumn>,
    /// Which records passed the record_filters, if there are any.
    passed: Option<BooleanBufferBuilder>,
    bytes: usize,
    too_large: bool,
}

impl<'a> Records<'a> {
    fn new(plan: &'a Plan, rows: usize) -> Self {
        let texts = || {
            // Some more than there are on average, so that most batches do not have to grow; what stays unused is never touched.
            let average = plan.snapshot.view.average_blob().unwrap_or_default() as usize;
            let bytes = (rows * (average + average / 8)).min(2 * TEXTS_BYTES as usize);
            JsonColumn::new(plan.text_views, rows, bytes)
        };
        Self {
            plan,
            extractor: (!plan.projection.is_empty())
                .then(|| Extractor::new(&plan.typed, &plan.projection)),
            hashes: plan.needs("_hash").then(StringBuilder::new),
            json: plan.needs("_json").then(texts),
            passed: (!plan.record_filters.is_empty()).then(|| BooleanBufferBuilder::new(0)),
            bytes: 0,
            too_large: false,
        }
    }

    fn wanted(&self) -> bool {
        self.extractor.is_some()
            || self.hashes.is_some()
            || self.json.is_some()
            || self.passed.is_some()
    }

    fn read(&mut self, snapshot: &Snapshot, runs: &[RowRun], rows: usize) -> Result<()> {
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
            if bytes.len() > UNIT_BYTES {
                self.too_large = true;
                return Ok(());
            }
            if let Some(place) = places.get_mut(row as usize) {
                *place = start..bytes.len();
            }
        }
        for place in places {
            self.push(bytes.get(place).unwrap_or_default(), None)?;
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
                if !passes.map_err(|refused| self.plan.refused(filter, refused))? {
                    passed.append(false);
                    return Ok(());
                }
            }
            passed.append(true);
        }
        self.bytes += record.len();
        self.too_large = self.bytes > UNIT_BYTES;
        if let Some(extractor) = &mut self.extractor {
            extractor
                .push(record)
                .map_err(|error| self.plan.misfit(&error))?;
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
                        "A record of collection {} is not UTF-8; verify lists all damage.",
                        self.plan.collection
                    ),
                )
            })?;
            json.push(text, known.map(|(_, holder)| holder));
        }
        Ok(())
    }

    fn finish_typed(&mut self) -> Result<Vec<ArrayRef>> {
        match &mut self.extractor {
            Some(extractor) => extractor.finish().map_err(|error| self.plan.misfit(&error)),
            None => Ok(Vec::new()),
        }
    }
}

/// The system columns that need no record.
fn shared_by_runs(name: &str, rows: &Rows) -> ArrayRef {
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

fn internal(error: &ArrowError) -> Error {
    Error::internal(&format!("Arrow refused a batch: {error}"))
}
