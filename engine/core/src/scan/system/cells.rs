//! Columns and cells of the system tables.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_schema::{DataType as ArrowType, Field, TimeUnit};

use crate::error::{Error, ErrorKind, Result};
use crate::spelling::quoted;

/// Names of the tables.
pub const SYSTEM_TABLES: [&str; 5] = [
    "blobs",
    "collections",
    "segments",
    "dictionaries",
    "commits",
];

/// The table `blobs` with previews of the bytes, for a screen; only the beginning of a large blob is read. The `hash`
/// of a large blob is its first 16 characters, which are known without reading it, and an ellipsis. `data` is text: the
/// number of bytes, a space, and the first 32 bytes in hex.
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

/// The column of the table of collections that takes reading all row batches to compute.
pub(super) const STORED_BYTES: &str = "stored_bytes";

pub(super) type Columns = &'static [(&'static str, Kind)];

/// The columns of the table of blobs; `data` is the kind of the last one.
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
    (STORED_BYTES, Kind::Int),
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

pub(super) fn columns_of(table: &str) -> Result<Columns> {
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
                "There is no system table {table}; there are {}.",
                SYSTEM_TABLES.join(", "),
                table = quoted(table)
            ),
        )),
    }
}

pub(super) fn field_of((name, kind): &(&str, Kind)) -> Field {
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

pub(super) enum Builder {
    Int(Int64Builder),
    Text(StringBuilder),
    Time(TimestampMicrosecondBuilder),
    Bytes(BinaryBuilder),
}

impl Builder {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Time => Self::Time(TimestampMicrosecondBuilder::new()),
            Kind::Bytes => Self::Bytes(BinaryBuilder::new()),
        }
    }

    pub(super) fn push(&mut self, cell: Option<&Cell>) {
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

    pub(super) fn finish(self) -> ArrayRef {
        match self {
            Self::Int(mut b) => Arc::new(b.finish()),
            Self::Text(mut b) => Arc::new(b.finish()),
            Self::Time(mut b) => Arc::new(b.finish().with_timezone("UTC")),
            Self::Bytes(mut b) => Arc::new(b.finish()),
        }
    }
}
