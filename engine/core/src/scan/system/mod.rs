//! The system tables: blobs, collections, segments, dictionaries, commits.
//!
//! They show what is committed. Only the table of blobs is long: see `blobs`.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow_schema::{ArrowError, Field, Schema as ArrowSchema, SchemaRef};

use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::Snapshot;
use crate::spelling::quoted;

mod blobs;
mod cells;

use self::blobs::Blobs;
use self::cells::{Builder, Cell, Kind, STORED_BYTES, columns_of, field_of, int, text};
pub use self::cells::{GLANCES, SYSTEM_TABLES};

/// A system table, batch by batch.
pub struct SystemScan {
    schema: SchemaRef,
    columns: Vec<(usize, Kind)>,
    rows: RowSource,
}

/// Where the rows of a system table come from.
enum RowSource {
    All(VecDeque<Vec<Cell>>),
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
                                format!(
                                    "The system table {table} has no column {name}.",
                                    name = quoted(name)
                                ),
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
        let rows = match table {
            "blobs" => RowSource::Blobs(Box::new(Blobs::new(self, &places, false)?)),
            GLANCES => RowSource::Blobs(Box::new(Blobs::new(self, &places, true)?)),
            "collections" => {
                let with_sizes = places.iter().any(|place| {
                    all.get(*place)
                        .is_some_and(|(name, _)| *name == STORED_BYTES)
                });
                RowSource::All(self.collection_rows(with_sizes)?)
            }
            "segments" => RowSource::All(self.segment_rows()?),
            "dictionaries" => RowSource::All(self.dictionary_rows()?),
            _ => RowSource::All(self.commit_rows()?),
        };
        Ok(SystemScan {
            schema: Arc::new(ArrowSchema::new(fields)),
            columns,
            rows,
        })
    }

    fn collection_rows(&self, with_sizes: bool) -> Result<VecDeque<Vec<Cell>>> {
        let sizes = with_sizes.then(|| self.stored_bytes()).transpose()?;
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
                    Cell::Int(sizes.as_ref().and_then(|sizes| sizes.get(&c.id).copied())),
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
        let rows = match &mut self.rows {
            RowSource::All(rows) => Ok(std::mem::take(rows)),
            RowSource::Blobs(blobs) => blobs.rows(),
        };
        let batch = match rows {
            Ok(rows) if rows.is_empty() => return None,
            Ok(rows) => self.batch(&rows),
            Err(error) => {
                self.rows = RowSource::All(VecDeque::new());
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
