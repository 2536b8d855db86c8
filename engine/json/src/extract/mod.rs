//! Extracts columns of validated records into Arrow arrays.
//!
//! An [`Extractor`] is made for some columns of a [`Schema`] and takes records one by one; it parses and builds only
//! those columns. It serves one thread at a time and any number of batches.
//!
//! A missing key and the JSON null are NULL. Of equal keys the first counts. A JSON column gets the exact bytes of the
//! value. A value that its column's type cannot hold is an [`ExtractError`], never another value: that happens only
//! when the schema does not include the record. Where the type was declared, such a value is NULL, and counted
//! ([`Extractor::misfits`]); [`fit()`] says what a declared type holds. A key inside a STRUCT that the type lacks is
//! skipped, like a column outside the projection.
//!
//! Records must be validated JSON. Other bytes give errors or arbitrary values, never a panic.

mod builder;
mod find;
mod fit;
mod texts;
mod value_error;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::SchemaRef;

pub use self::find::ValueFinder;
pub use self::fit::{Fitted, fit};
pub use self::value_error::ValueError;

use self::builder::Builder;
use self::find::{KeyLookup, Projected};
use crate::schema::{ColumnSource, Schema, arrow_schema};
use crate::syntax::Cursor;

/// Why a batch cannot be built. The batch is discarded, and the extractor starts a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtractError {
    /// The column's type cannot hold the value: the schema is older than the record.
    TypeMismatch {
        /// Name of the column.
        column: String,
        /// Its type.
        data_type: String,
        /// Number of the record in the batch, from 0.
        record: usize,
    },
    /// The record is not JSON: it is damaged, or was never validated.
    Malformed {
        /// Number of the record in the batch, from 0.
        record: usize,
    },
    /// The texts of one column come to more than 2 GiB; see [`Extractor::bytes`].
    TooLarge {
        /// Name of the column.
        column: String,
    },
}

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TypeMismatch {
                column,
                data_type,
                record,
            } => write!(
                f,
                "record {record} of the batch has a value in column \"{column}\" that {data_type} cannot hold; take the schema of \
                 the snapshot that is read"
            ),
            Self::Malformed { record } => write!(f, "record {record} of the batch is not JSON"),
            Self::TooLarge { column } => {
                write!(
                    f,
                    "the texts of column \"{column}\" are over 2 GiB in one batch; ask for fewer rows a batch"
                )
            }
        }
    }
}

impl std::error::Error for ExtractError {}

/// Builds batches of typed columns of records. See the [module](self).
#[derive(Debug)]
pub struct Extractor {
    lookup: KeyLookup,
    columns: Vec<Projected>,
    /// For each column of the projection, its index in `columns`: a repeated column is built once.
    order: Vec<usize>,
    schema: SchemaRef,
    rows: usize,
    bytes: usize,
    /// The value of a column of [`ColumnSource::Rest`]; kept to reuse its memory.
    rest: Vec<u8>,
}

impl Extractor {
    /// For the columns of `schema` with the indices in `projection`, in that order. Indices it does not have are left
    /// out.
    pub fn new(schema: &Schema, projection: &[usize]) -> Self {
        let mut numbers = Vec::new();
        let mut columns = Vec::new();
        let mut order = Vec::new();
        for number in projection {
            if let Some(column) = schema.columns.get(*number) {
                let known = numbers.iter().position(|known| known == number);
                order.push(known.unwrap_or(numbers.len()));
                if known.is_none() {
                    numbers.push(*number);
                    columns.push(Projected::new(column));
                }
            }
        }
        Self {
            lookup: KeyLookup::of(&columns),
            columns,
            order,
            schema: Arc::new(arrow_schema(schema, projection)),
            rows: 0,
            bytes: 0,
            rest: Vec::new(),
        }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The number of records in the current batch.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The length in bytes of the records in the current batch, which bounds its text. Finish the batch before it
    /// reaches 1 GiB.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a record to the current batch.
    ///
    /// # Errors
    /// See [`ExtractError`]; the current batch is then empty.
    #[inline]
    pub fn push(&mut self, record: &[u8]) -> Result<(), ExtractError> {
        let pushed = self.take(record);
        if let Err((column, error)) = pushed {
            return Err(self.fail(column, error));
        }
        self.rows += 1;
        self.bytes += record.len();
        Ok(())
    }

    fn take(&mut self, record: &[u8]) -> Result<(), (usize, ValueError)> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let mut cursor = Cursor::new(record);
        let object = cursor.peek().map_err(|_| (0, ValueError::Malformed))? == b'{';
        if object {
            match &mut self.lookup {
                KeyLookup::Search(search) => search.push(&mut self.columns, record)?,
                KeyLookup::Walk(walk) => walk.push(&mut self.columns, &mut cursor)?,
            }
        }
        for (number, column) in self.columns.iter_mut().enumerate() {
            let appended = match &column.source {
                ColumnSource::Key(_) | ColumnSource::Path(_) if object => continue,
                ColumnSource::NonObject if !object => {
                    column.builder.append(&mut Cursor::new(record))
                }
                ColumnSource::Rest(known) if object => {
                    self.rest.clear();
                    match find::rest_of(record, known, &mut self.rest) {
                        Ok(()) if self.rest.is_empty() => {
                            column.builder.append_null();
                            Ok(())
                        }
                        Ok(()) => column.builder.append_text(&self.rest),
                        Err(error) => Err(error.into()),
                    }
                }
                _ => {
                    column.builder.append_null();
                    Ok(())
                }
            };
            appended.map_err(|error| (number, error))?;
        }
        Ok(())
    }

    /// For each column of the projection, how many values its declared types could not hold, since the extractor was
    /// made.
    pub fn misfits(&self) -> Vec<u64> {
        let of = |place: &usize| {
            self.columns
                .get(*place)
                .map_or(0, |column| column.builder.misfits())
        };
        self.order.iter().map(of).collect()
    }

    #[cold]
    fn fail(&mut self, column: usize, error: ValueError) -> ExtractError {
        let record = self.rows;
        self.clear();
        match (error, self.columns.get(column)) {
            (ValueError::TypeMismatch, Some(column)) => ExtractError::TypeMismatch {
                column: column.name.clone(),
                data_type: column.data_type.to_string(),
                record,
            },
            (ValueError::TooLarge, Some(column)) => ExtractError::TooLarge {
                column: column.name.clone(),
            },
            _ => ExtractError::Malformed { record },
        }
    }

    fn clear(&mut self) {
        for column in &mut self.columns {
            column.builder = Builder::new(&column.data_type, &column.declared);
        }
        (self.rows, self.bytes) = (0, 0);
    }

    /// Ends the current batch and returns its columns, in the order of the projection.
    ///
    /// # Errors
    /// See [`ExtractError`]; the current batch is then empty.
    pub fn finish(&mut self) -> Result<Vec<ArrayRef>, ExtractError> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for number in 0..self.columns.len() {
            let Some(column) = self.columns.get_mut(number) else {
                break;
            };
            match column.builder.finish() {
                Ok(array) => arrays.push(array),
                Err(error) => return Err(self.fail(number, error)),
            }
        }
        (self.rows, self.bytes) = (0, 0);
        Ok(self
            .order
            .iter()
            .filter_map(|place| arrays.get(*place).cloned())
            .collect())
    }
}
