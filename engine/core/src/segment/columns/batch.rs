//! Rows of a part before they are written: typed columns, and the columns that rebuild records.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, DataType, Field, Schema as ArrowSchema, TimeUnit};
use lakebed_json::schema::{Schema, arrow_schema};
use lakebed_json::shapes::{ArrowValues, Shaper};

use super::rows::{PartRow, PartRows};

/// Rows of a batch at most.
const ROWS: usize = 4_096;
/// Bytes of its records, about.
const BYTES: usize = 16 << 20;

/// The columns of a part: the typed ones, then [`super::pages::SYSTEM`] more.
pub(super) fn fields(schema: &Schema) -> Vec<Field> {
    let all: Vec<usize> = (0..schema.columns.len()).collect();
    let typed = arrow_schema(schema, &all);
    let mut fields: Vec<Field> = typed.fields().iter().map(|f| f.as_ref().clone()).collect();
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    for (name, data_type, nullable) in [
        ("_seq", DataType::Int64, false),
        ("_file", DataType::Utf8, true),
        ("_line", DataType::Int64, true),
        ("_ingested_at", time, false),
        ("_shape", DataType::Int32, true),
        ("_fix", DataType::Binary, true),
        ("_raw", DataType::Binary, true),
    ] {
        let mut name = name.to_owned();
        while schema.position(&name).is_some() {
            name.push('_');
        }
        fields.push(Field::new(name, data_type, nullable));
    }
    fields
}

/// Rows whose typed values the extractor holds.
#[derive(Debug, Default)]
pub(super) struct Batch {
    rows: Vec<PartRow>,
    /// Their records, one after the other, and where each ends.
    records: Vec<u8>,
    ends: Vec<usize>,
    shapes: Vec<Option<u32>>,
    fixes: Vec<u8>,
    fix_ends: Vec<usize>,
}

impl Batch {
    /// What is in it; it is empty afterwards, with room for as much.
    pub(super) fn take(&mut self) -> Self {
        let next = Self {
            rows: Vec::with_capacity(self.rows.len()),
            records: Vec::with_capacity(self.records.len()),
            ends: Vec::with_capacity(self.ends.len()),
            ..Self::default()
        };
        std::mem::replace(self, next)
    }

    pub(super) fn push(&mut self, row: PartRow, record: &[u8]) {
        self.rows.push(row);
        self.records.extend_from_slice(record);
        self.ends.push(self.records.len());
    }

    /// Bytes of its records.
    pub(super) fn bytes(&self) -> usize {
        self.records.len()
    }

    /// Finds the shape of each record.
    pub(super) fn shape(&mut self, shaper: &mut Shaper) {
        let mut fix = Vec::new();
        for place in 0..self.rows.len() {
            let record = Self::of(&self.records, &self.ends, place);
            let shape = shaper.shape(record, &mut fix);
            self.shapes.push(shape);
            if shape.is_some() {
                self.fixes.extend_from_slice(&fix);
            }
            self.fix_ends.push(self.fixes.len());
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.records.len() >= BYTES
    }

    fn of<'a>(all: &'a [u8], ends: &[usize], place: usize) -> &'a [u8] {
        let start = place
            .checked_sub(1)
            .and_then(|before| ends.get(before).copied());
        let end = ends.get(place).copied().unwrap_or_default();
        all.get(start.unwrap_or(0)..end).unwrap_or_default()
    }

    /// The bytes that are not in typed columns.
    pub(super) fn overflow(&self) -> u64 {
        let places = self.shapes.iter().enumerate();
        let bytes = places.map(|(place, shape)| match shape {
            Some(_) => Self::of(&self.fixes, &self.fix_ends, place).len() as u64,
            None => Self::of(&self.records, &self.ends, place).len() as u64,
        });
        bytes.sum()
    }

    /// Rebuilds each record from the typed values, and keeps those raw that differ. Returns how many do.
    pub(super) fn settle(&mut self, shaper: &Shaper, values: &mut ArrowValues) -> u64 {
        let mut differ = 0;
        let mut rebuilt = Vec::new();
        for (place, shape) in self.shapes.iter_mut().enumerate() {
            let record = Self::of(&self.records, &self.ends, place);
            let fix = Self::of(&self.fixes, &self.fix_ends, place);
            if let Some(number) = *shape {
                rebuilt.clear();
                values.go_to(place);
                let result = shaper.shapes().rebuild(
                    shaper.spellers(),
                    number,
                    values,
                    fix,
                    record.len(),
                    &mut rebuilt,
                );
                if result.is_err() || rebuilt != record {
                    *shape = None;
                    differ += 1;
                }
            }
        }
        differ
    }

    /// The rows as they are written.
    pub(super) fn into_columns(
        self,
        rows: &PartRows,
        mut arrays: Vec<ArrayRef>,
    ) -> Result<RecordBatch, ArrowError> {
        let mut files = StringBuilder::new();
        let mut times = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let share = rows.shares.get(row.share as usize);
            files.append_option(share.and_then(|(file, _)| file.as_deref()));
            times.push(share.map_or(0, |(_, time)| *time));
        }
        let (mut fixes, mut raws) = (BinaryBuilder::new(), BinaryBuilder::new());
        for (place, shape) in self.shapes.iter().enumerate() {
            let fix = Self::of(&self.fixes, &self.fix_ends, place);
            fixes.append_option((shape.is_some() && !fix.is_empty()).then_some(fix));
            let record = Self::of(&self.records, &self.ends, place);
            raws.append_option(shape.is_none().then_some(record));
        }
        let seqs: Vec<i64> = self
            .rows
            .iter()
            .map(|row| row.seq.0.cast_signed())
            .collect();
        let lines = self.rows.iter().map(|row| row.line.map(u64::cast_signed));
        let shapes = self.shapes.iter().map(|shape| shape.map(u32::cast_signed));
        arrays.extend([
            Arc::new(Int64Array::from(seqs)) as ArrayRef,
            Arc::new(files.finish()),
            Arc::new(lines.collect::<Int64Array>()),
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
            Arc::new(shapes.collect::<Int32Array>()),
            Arc::new(fixes.finish()),
            Arc::new(raws.finish()),
        ]);
        RecordBatch::try_new(Arc::new(ArrowSchema::new(fields(&rows.schema))), arrays)
    }
}
