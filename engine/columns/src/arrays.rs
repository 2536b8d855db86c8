//! Ready arrays: columns of consecutive rows of a part, by the `parquet` crate.
//!
//! What the crate reads of the file are the footer and the pages that the directory lists: a footer that says something
//! else is refused. Whoever calls has checked the checksums of the pages ([`PartArrays::pages`]).

use std::io::Read;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatch, StructArray};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;

use crate::directory::{PageDirectory, PageRef};
use crate::error::{ColumnsError, Result};
use crate::statistics::GroupStatistics;

/// Bytes of a file, whoever owns them.
pub type Piece = Box<dyn AsRef<[u8]> + Send + Sync>;

/// The file of a part.
pub trait PartBytes: Send + Sync + std::fmt::Debug {
    /// Bytes of the file.
    fn file_len(&self) -> u64;

    /// Some of them.
    ///
    /// # Errors
    /// They cannot be read, or do not lie within the file.
    fn piece(&self, offset: u64, len: usize) -> std::io::Result<Piece>;
}

/// A part whose footer was read.
#[derive(Clone, Debug)]
pub struct PartArrays {
    metadata: ArrowReaderMetadata,
    /// The first rows of the row groups.
    groups: Vec<u64>,
    rows: u64,
}

/// A column to read: the names that lead to it, from a column of the part through groups.
pub type ColumnPath = Vec<String>;

impl PartArrays {
    /// Reads the footer of a part that has this directory.
    ///
    /// # Errors
    /// The file is not one with these pages; it cannot be read.
    pub fn open(file: &Arc<dyn PartBytes>, directory: &PageDirectory) -> Result<Self> {
        let source = Source(Arc::clone(file));
        let options = ArrowReaderOptions::new()
            .with_offset_index_policy(PageIndexPolicy::Required)
            .with_column_index_policy(PageIndexPolicy::Skip);
        let metadata = guarded(|| Ok(ArrowReaderMetadata::load(&source, options)?))?;
        let found = Self {
            metadata,
            groups: directory.groups.clone(),
            rows: directory.rows,
        };
        if !found.agrees(directory) {
            return Err(ColumnsError::damaged(
                "the footer of the file and the page directory differ",
            ));
        }
        Ok(found)
    }

    /// Whether the footer says of the pages what the directory says.
    fn agrees(&self, directory: &PageDirectory) -> bool {
        let metadata = self.metadata.metadata();
        let leaves = metadata.file_metadata().schema_descr().num_columns();
        if leaves != directory.leaves.len() || metadata.num_row_groups() != directory.groups.len() {
            return false;
        }
        let mut rows = 0;
        for (number, group) in metadata.row_groups().iter().enumerate() {
            let index = metadata.page_index_for_row_group(number);
            if directory.groups.get(number) != Some(&rows) {
                return false;
            }
            for (place, (column, chunks)) in
                group.columns().iter().zip(&directory.chunks).enumerate()
            {
                let (Some(chunk), Some(index)) = (chunks.get(number), index.offset_index(place))
                else {
                    return false;
                };
                let offset = column.dictionary_page_offset().map(i64::cast_unsigned);
                let locations = index.page_locations();
                let same = locations.len() == chunk.pages.len()
                    && offset == chunk.dictionary.as_ref().map(|page| page.offset)
                    && locations.iter().zip(&chunk.pages).all(|(found, page)| {
                        found.offset.cast_unsigned() == page.offset
                            && found.compressed_page_size.cast_unsigned() == page.len
                            && found.first_row_index.cast_unsigned().checked_add(rows)
                                == Some(page.first_row)
                    });
                if !same {
                    return false;
                }
            }
            rows += group.num_rows().cast_unsigned();
        }
        rows == directory.rows
    }

    /// The columns of the part, system columns last.
    pub fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// What the file says under a key.
    pub fn note(&self, key: &str) -> Option<&str> {
        let notes = self.metadata.metadata().file_metadata();
        let found = notes.key_value_metadata()?.iter().find(|n| n.key == key)?;
        found.value.as_deref()
    }

    /// Whether a column that is no group has a value in any row.
    pub fn has_values(&self, name: &str) -> bool {
        let metadata = self.metadata.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let place = schema
            .columns()
            .iter()
            .position(|column| matches!(column.path().parts(), [only] if only == name));
        let Some(place) = place else {
            return false;
        };
        metadata.row_groups().iter().any(|group| {
            let statistics = group.columns().get(place).and_then(|c| c.statistics());
            let nulls = statistics.and_then(Statistics::null_count_opt);
            nulls.is_none_or(|nulls| nulls < group.num_rows().cast_unsigned())
        })
    }

    /// The least and the greatest value of a column of integers, if the footer has them.
    pub fn bounds(&self, name: &str) -> Option<(i64, i64)> {
        let metadata = self.metadata.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let place = schema
            .columns()
            .iter()
            .position(|column| matches!(column.path().parts(), [only] if only == name))?;
        let mut found: Option<(i64, i64)> = None;
        for group in metadata.row_groups() {
            let Some(Statistics::Int64(known)) = group.columns().get(place)?.statistics() else {
                return None;
            };
            let (low, high) = (*known.min_opt()?, *known.max_opt()?);
            found = Some(found.map_or((low, high), |(l, h)| (l.min(low), h.max(high))));
        }
        found
    }

    /// The leaves that a column consists of; none when the part does not have it.
    pub fn leaves(&self, path: &[String]) -> Vec<usize> {
        let schema = self.metadata.metadata().file_metadata().schema_descr();
        let columns = schema.columns().iter().enumerate();
        let found = columns.filter(|(_, column)| column.path().parts().starts_with(path));
        found.map(|(place, _)| place).collect()
    }

    /// What the footer says of a column that is one leaf and no list, for each row group that has statistics.
    pub fn statistics(&self, path: &[String]) -> Vec<GroupStatistics> {
        let metadata = self.metadata.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let mut columns = schema.columns().iter();
        let Some(leaf) = columns.position(|column| column.path().parts() == path) else {
            return Vec::new();
        };
        let groups = metadata.row_groups().iter().zip(&self.groups);
        let found = groups.filter_map(|(group, first)| {
            let known = group.columns().get(leaf)?.statistics()?;
            let rows = *first..first + group.num_rows().cast_unsigned();
            Some(GroupStatistics::new(rows, known))
        });
        found.collect()
    }

    /// The pages that rows of a leaf are read from.
    pub fn pages(
        directory: &PageDirectory,
        leaf: usize,
        rows: Range<u64>,
    ) -> impl Iterator<Item = PageRef<'_>> {
        let mut row = rows.start;
        std::iter::from_fn(move || {
            if row >= rows.end {
                return None;
            }
            let found = directory.page(leaf, row)?;
            row = found.page.first_row + (found.rows as u64).max(1);
            Some(found)
        })
    }

    /// The columns with these paths, in this order, of the rows in these ranges, which ascend.
    ///
    /// # Errors
    /// The part has no such column or rows; a page is damaged, or an array would be too large.
    pub fn read(
        &self,
        file: &Arc<dyn PartBytes>,
        paths: &[ColumnPath],
        rows: &[Range<u64>],
    ) -> Result<Vec<ArrayRef>> {
        let source = Source(Arc::clone(file));
        let batch = guarded(|| self.read_batch(source, paths, rows))?;
        paths
            .iter()
            .map(|path| {
                find(&batch, path).ok_or_else(|| ColumnsError::damaged("a column is not there"))
            })
            .collect()
    }

    fn read_batch(
        &self,
        source: Source,
        paths: &[ColumnPath],
        rows: &[Range<u64>],
    ) -> Result<RecordBatch> {
        let metadata = self.metadata.metadata();
        let leaves: Vec<usize> = paths.iter().flat_map(|path| self.leaves(path)).collect();
        let mask = ProjectionMask::leaves(metadata.file_metadata().schema_descr(), leaves);
        let (groups, selection, count) = self
            .selected(rows)
            .ok_or_else(|| ColumnsError::damaged("rows are missing"))?;
        let mut reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone())
                .with_projection(mask)
                .with_row_groups(groups)
                .with_row_selection(selection)
                .with_batch_size(count)
                .build()?;
        let batch = reader.next().transpose()?;
        match batch {
            Some(batch) if batch.num_rows() == count => Ok(batch),
            _ => Err(ColumnsError::damaged("rows are missing")),
        }
    }
}

impl PartArrays {
    /// The row groups of some rows, which of the rows in those, and how many; `None` where they do not ascend or are
    /// not there.
    fn selected(&self, rows: &[Range<u64>]) -> Option<(Vec<usize>, RowSelection, usize)> {
        let (mut groups, mut selectors) = (Vec::new(), Vec::new());
        let mut count = 0;
        for (number, start) in self.groups.iter().enumerate() {
            let end = self.groups.get(number + 1).copied().unwrap_or(self.rows);
            let from = rows.partition_point(|range| range.end <= *start);
            let inside = rows.iter().skip(from);
            let mut inside = inside.take_while(|range| range.start < end).peekable();
            if inside.peek().is_none() {
                continue;
            }
            groups.push(number);
            let mut at = *start;
            for range in inside {
                let (first, behind) = (range.start.max(*start), range.end.min(end));
                let skipped = usize::try_from(first.checked_sub(at)?).ok()?;
                let len = usize::try_from(behind.checked_sub(first)?).ok()?;
                selectors.extend([RowSelector::skip(skipped), RowSelector::select(len)]);
                (at, count) = (behind, count + len);
            }
            let rest = usize::try_from(end.checked_sub(at)?).ok()?;
            selectors.push(RowSelector::skip(rest));
        }
        let asked: u64 = rows.iter().map(|range| range.end - range.start).sum();
        (count as u64 == asked).then(|| (groups, RowSelection::from(selectors), count))
    }
}

/// The array of a column or of a field inside groups.
fn find(batch: &RecordBatch, path: &[String]) -> Option<ArrayRef> {
    let (first, rest) = path.split_first()?;
    let mut array = Arc::clone(batch.column_by_name(first)?);
    for name in rest {
        let group = array.as_any().downcast_ref::<StructArray>()?;
        array = Arc::clone(group.column_by_name(name)?);
    }
    Some(array)
}

/// A panic of the `parquet` crate is an error.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(ColumnsError::damaged(
            "its Parquet structures are malformed",
        ))
    })
}

/// A file as the `parquet` crate reads it.
#[derive(Debug)]
struct Source(Arc<dyn PartBytes>);

impl Length for Source {
    fn len(&self) -> u64 {
        self.0.file_len()
    }
}

impl ChunkReader for Source {
    type T = Stream;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Stream> {
        Ok(Stream {
            file: Arc::clone(&self.0),
            at: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let piece = self.0.piece(start, length);
        let piece = piece.map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(Bytes::from_owner(Owned(piece)))
    }
}

struct Owned(Piece);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

/// Bytes of a file from a place on.
#[derive(Debug)]
struct Stream {
    file: Arc<dyn PartBytes>,
    at: u64,
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let rest =
            usize::try_from(self.file.file_len().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = into.len().min(rest);
        let piece = self.file.piece(self.at, len)?;
        let bytes = (*piece).as_ref();
        for (to, from) in into.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.at += len as u64;
        Ok(len)
    }
}
