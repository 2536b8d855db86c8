//! What a store tells about itself as tables: blobs, collections, segments, dictionaries, commits.
//!
//! They show what is committed. Only the table of blobs is long: see `blobs`.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow_schema::{
    ArrowError, DataType as ArrowType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit,
};

use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::Snapshot;

mod blobs;

use self::blobs::Blobs;

/// Names of the tables.
pub const SYSTEM_TABLES: [&str; 5] = [
    "blobs",
    "collections",
    "segments",
    "dictionaries",
    "commits",
];

/// `blobs` for a screen, which reads the beginning of a large blob alone. Of such a blob `hash` is what is known without reading it, its
/// first 16 characters and an ellipsis. `data` is text: how many bytes there are, a space, and the first 32 of them in hex.
pub const GLANCES: &str = "glances";

/// A cell.
pub(super) enum Cell {
    Int(Option<u64>),
    Text(Option<String>),
    Time(i64),
    Bytes(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    Time,
    Bytes,
}

pub(super) type Columns = &'static [(&'static str, Kind)];

/// The columns of blobs, which differ in how their bytes are given.
const fn blobs(data: Kind) -> [(&'static str, Kind); 10] {
    [
        ("id", Kind::Int),
        ("hash", Kind::Text),
        ("kind", Kind::Text),
        ("size", Kind::Int),
        ("stored_size", Kind::Int),
        ("encoding", Kind::Text),
        ("dictionary", Kind::Int),
        ("segment", Kind::Int),
        ("frame", Kind::Int),
        ("data", data),
    ]
}

pub(super) const BLOBS: Columns = &blobs(Kind::Bytes);
const GLANCES_OF_BLOBS: Columns = &blobs(Kind::Text);
const COLLECTIONS: Columns = &[
    ("id", Kind::Int),
    ("name", Kind::Text),
    ("created_at", Kind::Time),
    ("rows", Kind::Int),
    ("deleted_rows", Kind::Int),
    ("first_seq", Kind::Int),
    ("next_seq", Kind::Int),
    ("dictionary", Kind::Int),
];
const SEGMENTS: Columns = &[
    ("number", Kind::Int),
    ("state", Kind::Text),
    ("layout", Kind::Text),
    ("file_bytes", Kind::Int),
    ("raw_bytes", Kind::Int),
    ("first_id", Kind::Int),
    ("end_id", Kind::Int),
    ("blobs", Kind::Int),
    ("rows", Kind::Int),
    ("first_commit", Kind::Int),
    ("last_commit", Kind::Int),
];
const DICTIONARIES: Columns = &[
    ("number", Kind::Int),
    ("collection", Kind::Text),
    ("generation", Kind::Int),
    ("hash", Kind::Text),
    ("size", Kind::Int),
    ("blob", Kind::Int),
];
const COMMITS: Columns = &[
    ("number", Kind::Int),
    ("committed_at", Kind::Time),
    ("segment", Kind::Int),
    ("blobs", Kind::Int),
    ("rows", Kind::Int),
];

/// A system table, batch by batch.
pub struct SystemScan {
    schema: SchemaRef,
    columns: Vec<(usize, Kind)>,
    source: Source,
}

enum Source {
    Rows(VecDeque<Vec<Cell>>),
    Blobs(Box<Blobs>),
}

impl std::fmt::Debug for SystemScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SystemScan")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The columns of a system table.
    ///
    /// # Errors
    /// `InvalidArgument` when there is no such table.
    pub fn system_schema(&self, table: &str) -> Result<SchemaRef> {
        let fields: Vec<Field> = columns_of(table)?.iter().map(field_of).collect();
        Ok(Arc::new(ArrowSchema::new(fields)))
    }

    /// A system table, with these columns or all.
    ///
    /// # Errors
    /// `InvalidArgument` when there is no such table or column; `Corrupt`, `Io`.
    pub fn system_table(&self, table: &str, columns: Option<&[String]>) -> Result<SystemScan> {
        let all = columns_of(table)?;
        let places: Vec<usize> = match columns {
            None => (0..all.len()).collect(),
            Some(names) => names
                .iter()
                .map(|name| {
                    all.iter()
                        .position(|(known, _)| known.eq_ignore_ascii_case(name))
                        .ok_or_else(|| {
                            Error::new(
                                ErrorKind::InvalidArgument,
                                format!("The system table {table} has no column {name:?}."),
                            )
                        })
                })
                .collect::<Result<_>>()?,
        };
        let columns: Vec<(usize, Kind)> = places
            .iter()
            .filter_map(|place| Some((*place, all.get(*place)?.1)))
            .collect();
        let fields: Vec<Field> = places
            .iter()
            .filter_map(|place| all.get(*place))
            .map(field_of)
            .collect();
        let source = match table {
            "blobs" => Source::Blobs(Box::new(Blobs::new(self, &places, false)?)),
            GLANCES => Source::Blobs(Box::new(Blobs::new(self, &places, true)?)),
            "collections" => Source::Rows(self.collection_rows()?),
            "segments" => Source::Rows(self.segment_rows()?),
            "dictionaries" => Source::Rows(self.dictionary_rows()?),
            _ => Source::Rows(self.commit_rows()?),
        };
        Ok(SystemScan {
            schema: Arc::new(ArrowSchema::new(fields)),
            columns,
            source,
        })
    }

    fn collection_rows(&self) -> Result<VecDeque<Vec<Cell>>> {
        Ok(self
            .collections()?
            .into_iter()
            .map(|c| {
                vec![
                    int(c.id.0),
                    text(c.name),
                    Cell::Time(c.created),
                    int(c.rows),
                    int(c.deleted_rows),
                    int(c.first_seq.0),
                    int(c.next_seq.0),
                    Cell::Int(c.dictionary.map(|d| d.0)),
                ]
            })
            .collect())
    }

    fn segment_rows(&self) -> Result<VecDeque<Vec<Cell>>> {
        Ok(self
            .segments()?
            .into_iter()
            .map(|s| {
                vec![
                    int(s.number.0),
                    text(s.state.as_str()),
                    text(s.layout),
                    int(s.file_bytes),
                    int(s.raw_bytes),
                    int(s.first_id.0),
                    int(s.end_id.0),
                    int(s.blobs),
                    int(s.rows),
                    int(s.first_commit.0),
                    int(s.last_commit.0),
                ]
            })
            .collect())
    }

    fn dictionary_rows(&self) -> Result<VecDeque<Vec<Cell>>> {
        Ok(self
            .dictionaries()?
            .into_iter()
            .map(|d| {
                vec![
                    int(d.number.0),
                    Cell::Text(d.collection_name),
                    int(d.generation),
                    text(d.hash.to_string()),
                    int(d.size),
                    int(d.blob.0),
                ]
            })
            .collect())
    }

    fn commit_rows(&self) -> Result<VecDeque<Vec<Cell>>> {
        Ok(self
            .commits()?
            .into_iter()
            .map(|c| {
                vec![
                    int(c.number.0),
                    Cell::Time(c.time),
                    int(c.segment.0),
                    int(c.blobs),
                    int(c.rows),
                ]
            })
            .collect())
    }
}

fn columns_of(table: &str) -> Result<Columns> {
    match table {
        "blobs" => Ok(BLOBS),
        GLANCES => Ok(GLANCES_OF_BLOBS),
        "collections" => Ok(COLLECTIONS),
        "segments" => Ok(SEGMENTS),
        "dictionaries" => Ok(DICTIONARIES),
        "commits" => Ok(COMMITS),
        _ => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "There is no system table {table:?}; there are {}.",
                SYSTEM_TABLES.join(", ")
            ),
        )),
    }
}

fn field_of((name, kind): &(&str, Kind)) -> Field {
    Field::new(*name, arrow_type(*kind), true)
}

pub(super) fn int(number: u64) -> Cell {
    Cell::Int(Some(number))
}

pub(super) fn text(text: impl Into<String>) -> Cell {
    Cell::Text(Some(text.into()))
}

fn arrow_type(kind: Kind) -> ArrowType {
    match kind {
        Kind::Int => ArrowType::Int64,
        Kind::Text => ArrowType::Utf8,
        Kind::Time => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Bytes => ArrowType::Binary,
    }
}

enum Builder {
    Int(Int64Builder),
    Text(StringBuilder),
    Time(TimestampMicrosecondBuilder),
    Bytes(BinaryBuilder),
}

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Time => Self::Time(TimestampMicrosecondBuilder::new()),
            Kind::Bytes => Self::Bytes(BinaryBuilder::new()),
        }
    }

    fn push(&mut self, cell: Option<&Cell>) {
        match (self, cell) {
            (Self::Int(b), Some(Cell::Int(n))) => b.append_option(n.map(|n| n as i64)),
            (Self::Text(b), Some(Cell::Text(t))) => b.append_option(t.as_deref()),
            (Self::Time(b), Some(Cell::Time(t))) => b.append_value(*t),
            (Self::Bytes(b), Some(Cell::Bytes(bytes))) => b.append_value(bytes),
            (Self::Int(b), _) => b.append_null(),
            (Self::Text(b), _) => b.append_null(),
            (Self::Time(b), _) => b.append_null(),
            (Self::Bytes(b), _) => b.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Int(mut b) => Arc::new(b.finish()),
            Self::Text(mut b) => Arc::new(b.finish()),
            Self::Time(mut b) => Arc::new(b.finish().with_timezone("UTC")),
            Self::Bytes(mut b) => Arc::new(b.finish()),
        }
    }
}

impl SystemScan {
    fn batch(&self, rows: &VecDeque<Vec<Cell>>) -> Result<RecordBatch> {
        let arrays: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|(place, kind)| {
                let mut builder = Builder::new(*kind);
                for row in rows {
                    builder.push(row.get(*place));
                }
                builder.finish()
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|e| Error::internal(&format!("Arrow refused a batch: {e}")))
    }
}

impl Iterator for SystemScan {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = match &mut self.source {
            Source::Rows(rows) => Ok(std::mem::take(rows)),
            Source::Blobs(blobs) => blobs.rows(),
        };
        let batch = match rows {
            Ok(rows) if rows.is_empty() => return None,
            Ok(rows) => self.batch(&rows),
            Err(error) => {
                self.source = Source::Rows(VecDeque::new());
                Err(error)
            }
        };
        Some(batch.map_err(|error| ArrowError::ExternalError(Box::new(error))))
    }
}

impl RecordBatchReader for SystemScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
