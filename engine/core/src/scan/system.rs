//! What a store tells about itself as tables: blobs, collections, segments, dictionaries, commits.
//!
//! They show what is committed. Only the table of blobs is long: it is made frame by frame, and decodes a frame only when sizes, hashes
//! or bytes are asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow_schema::{
    ArrowError, DataType as ArrowType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit,
};
use lakebed_format::{BlobId, Encoding, FrameHeader, Hash, LargeEntry, SegmentNumber, names};
use lakebed_vfs::{File, Open};

use crate::error::{Error, ErrorKind, Result};
use crate::segment::frame::{self, Place};
use crate::segment::source::missing;
use crate::snapshot::Snapshot;

/// Names of the tables.
pub const SYSTEM_TABLES: [&str; 5] = [
    "blobs",
    "collections",
    "segments",
    "dictionaries",
    "commits",
];

/// Blobs of a batch at least, but for the last one.
const BATCH_BLOBS: usize = 2048;
/// A batch ends also when its data column has this many bytes.
const BATCH_BYTES: usize = 32 << 20;

/// A cell.
enum Cell {
    Int(Option<u64>),
    Text(Option<String>),
    Time(i64),
    Bytes(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Time,
    Bytes,
}

type Columns = &'static [(&'static str, Kind)];

const BLOBS: Columns = &[
    ("id", Kind::Int),
    ("hash", Kind::Text),
    ("kind", Kind::Text),
    ("size", Kind::Int),
    ("stored_size", Kind::Int),
    ("encoding", Kind::Text),
    ("dictionary", Kind::Int),
    ("segment", Kind::Int),
    ("frame", Kind::Int),
    ("data", Kind::Bytes),
];
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
            "blobs" => Source::Blobs(Box::new(Blobs::new(self, &places)?)),
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

fn int(number: u64) -> Cell {
    Cell::Int(Some(number))
}

fn text(text: impl Into<String>) -> Cell {
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

/// Where frames of one segment are.
struct Frames {
    segment: SegmentNumber,
    salt: u64,
    /// Offset of each frame, and the end of the last one at the latest.
    offsets: VecDeque<u64>,
    limit: u64,
    file: Option<Arc<dyn File>>,
}

/// All blobs, frame by frame.
struct Blobs {
    snapshot: Snapshot,
    frames: VecDeque<Frames>,
    large: VecDeque<LargeEntry>,
    /// Sizes, hashes or bytes are asked for, so that frames are decoded.
    bytes: bool,
    hash: bool,
    data: bool,
}

impl Blobs {
    fn new(snapshot: &Snapshot, places: &[usize]) -> Result<Self> {
        let view = &snapshot.view;
        view.check_whole()?;
        let mut frames = VecDeque::new();
        for sealed in &view.base.sealed {
            let commits = sealed.commits(&view.home)?;
            frames.push_back(Frames {
                segment: sealed.entry.number,
                salt: sealed.salt(&view.home)?,
                offsets: sealed.frame_offsets(&view.home)?.into(),
                limit: commits.last().map_or(0, |commit| commit.offset),
                file: None,
            });
        }
        if let Some(active) = &view.active {
            frames.push_back(Frames {
                segment: active.file.number,
                salt: active.file.salt,
                offsets: active
                    .blocks
                    .iter()
                    .flat_map(|block| &block.frames)
                    .map(|frame| frame.offset)
                    .collect(),
                limit: active.end(),
                file: Some(Arc::clone(&active.file.file)),
            });
        }
        let asks = |name: &str| {
            BLOBS
                .iter()
                .position(|(known, _)| *known == name)
                .is_some_and(|place| places.contains(&place))
        };
        let (hash, data) = (asks("hash"), asks("data"));
        Ok(Self {
            snapshot: snapshot.clone(),
            frames,
            large: view.catalogue.large_blobs().copied().collect(),
            bytes: hash || data || asks("size") || asks("stored_size"),
            hash,
            data,
        })
    }

    fn rows(&mut self) -> Result<VecDeque<Vec<Cell>>> {
        let mut rows = VecDeque::new();
        let mut bytes = 0;
        while rows.len() < BATCH_BLOBS && bytes < BATCH_BYTES {
            if let Some(frames) = self.frames.front_mut() {
                let Some(offset) = frames.offsets.pop_front() else {
                    self.frames.pop_front();
                    continue;
                };
                bytes += self.frame(offset, &mut rows)?;
            } else if let Some(entry) = self.large.pop_front() {
                bytes += self.large(&entry, &mut rows)?;
            } else {
                break;
            }
        }
        Ok(rows)
    }

    /// The blobs of the frame at `offset` of the segment in front; returns the bytes of data.
    fn frame(&mut self, offset: u64, rows: &mut VecDeque<Vec<Cell>>) -> Result<usize> {
        let home = Arc::clone(&self.snapshot.view.home);
        let Some(frames) = self.frames.front_mut() else {
            return Ok(0);
        };
        let file = if let Some(file) = &frames.file {
            Arc::clone(file)
        } else {
            let name = names::segment(frames.segment);
            let file = home
                .vfs
                .open(&name, Open::Read)
                .map_err(|e| missing(frames.segment, &name, e))?;
            frames.file = Some(Arc::clone(&file));
            file
        };
        let place = Place {
            segment: frames.segment,
            salt: frames.salt,
            offset,
        };
        let next = frames.offsets.front().copied();
        let stored = frame::read(file.as_ref(), place, next, frames.limit)?;
        let header = FrameHeader::decode(&stored, offset).map_err(|e| place.error(&e))?;
        let decoded = if self.bytes {
            Some(frame::decode(self.snapshot.reading(), place, &stored)?)
        } else {
            None
        };
        let (encoding, dictionary) = match header.encoding {
            Encoding::Raw => ("raw", None),
            Encoding::Zstd => ("zstd", None),
            Encoding::ZstdDictionary(number) => ("zstd+dictionary", Some(number.0)),
        };
        let mut data = 0;
        for (index, id) in header.ids.iter().enumerate() {
            if self.snapshot.catalogue().is_deleted(id) {
                continue;
            }
            let bytes = decoded.as_ref().and_then(|decoded| decoded.blob(index));
            let size = bytes.map(|bytes| bytes.len() as u64);
            // A frame's stored bytes, shared out by size.
            let share = size.map(|size| {
                (u128::from(header.stored_len) * u128::from(size)
                    / u128::from(header.raw_len.max(1))) as u64
            });
            rows.push_back(vec![
                int(id.0),
                self.hash(bytes),
                text(self.kind(id)),
                Cell::Int(size),
                Cell::Int(share),
                text(encoding),
                Cell::Int(dictionary),
                int(place.segment.0),
                int(offset),
                self.bytes_of(bytes),
            ]);
            data += bytes.filter(|_| self.data).map_or(0, <[u8]>::len);
        }
        Ok(data)
    }

    fn large(&self, entry: &LargeEntry, rows: &mut VecDeque<Vec<Cell>>) -> Result<usize> {
        if self.snapshot.catalogue().is_deleted(entry.blob) {
            return Ok(0);
        }
        let blob = if self.hash || self.data {
            Some(self.snapshot.view.home.large(entry)?)
        } else {
            None
        };
        let encoding = if entry.stored_len == entry.len {
            "raw"
        } else {
            "zstd"
        };
        let bytes = blob.as_deref();
        rows.push_back(vec![
            int(entry.blob.0),
            self.hash(bytes),
            text(self.kind(entry.blob)),
            int(entry.len),
            int(entry.stored_len),
            text(encoding),
            Cell::Int(None),
            int(entry.segment.0),
            Cell::Int(None),
            self.bytes_of(bytes),
        ]);
        Ok(bytes.filter(|_| self.data).map_or(0, <[u8]>::len))
    }

    fn hash(&self, bytes: Option<&[u8]>) -> Cell {
        Cell::Text(
            bytes
                .filter(|_| self.hash)
                .map(|bytes| Hash::of(bytes).to_string()),
        )
    }

    fn bytes_of(&self, bytes: Option<&[u8]>) -> Cell {
        Cell::Bytes(bytes.filter(|_| self.data).unwrap_or_default().to_vec())
    }

    fn kind(&self, id: BlobId) -> &'static str {
        let catalogue = self.snapshot.catalogue();
        if catalogue.is_dictionary(id) {
            "dictionary"
        } else if catalogue.pinned().contains(id) {
            "pinned"
        } else {
            "record"
        }
    }
}
