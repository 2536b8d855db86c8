//! Projected fields of validated records as Arrow arrays.
//!
//! An [`Extractor`] is made for some columns of a [`Schema`] and takes records one by one; only what the columns ask for is looked
//! at and only that is built. It serves one thread at a time and any number of batches.
//!
//! What a record lacks, and the JSON null, is NULL. Of equal keys the first counts. A JSON column gets the exact bytes of the value. A
//! value that its column's type cannot hold is an [`ExtractError`], never another value: that happens only when the schema is not that
//! of a snapshot the record is in. A key inside a STRUCT that the type lacks is passed over, as a column nobody asked for is.
//!
//! Records come from the store, which took none that is not JSON. Other bytes give errors or nonsense, never a panic.

mod builder;
mod find;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::SchemaRef;

pub use self::builder::{Refused, fitting_double};
pub use self::find::Probe;

use self::builder::Builder;
use self::find::{Plan, Projected};
use crate::schema::{Schema, Source, arrow_schema};
use crate::syntax::Cursor;

/// Why a batch cannot be made. The batch is lost; the extractor starts a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtractError {
    /// The value does not fit the column's type: the schema is older than the record.
    Misfit {
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
            Self::Misfit {
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

/// Makes batches of typed columns of records. See the [module](self).
#[derive(Debug)]
pub struct Extractor {
    plan: Plan,
    columns: Vec<Projected>,
    /// Places in `columns` of the columns asked for: a column asked for twice is built once.
    order: Vec<usize>,
    schema: SchemaRef,
    rows: usize,
    bytes: usize,
}

impl Extractor {
    /// For the columns of `schema` with these numbers, in this order. Numbers it does not have are left out.
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
            plan: Plan::of(&columns),
            columns,
            order,
            schema: Arc::new(arrow_schema(schema, projection)),
            rows: 0,
            bytes: 0,
        }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Records in the batch so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// At most this many bytes of text are in the batch so far: the length of its records. Finish it before they are 1 GiB.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a record to the batch. After an error the batch is empty.
    #[inline]
    pub fn push(&mut self, record: &[u8]) -> Result<(), ExtractError> {
        let pushed = self.take(record);
        if let Err((column, refused)) = pushed {
            return Err(self.fail(column, refused));
        }
        self.rows += 1;
        self.bytes += record.len();
        Ok(())
    }

    fn take(&mut self, record: &[u8]) -> Result<(), (usize, Refused)> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let mut cursor = Cursor::new(record);
        let object = cursor.peek().map_err(|_| (0, Refused::Malformed))? == b'{';
        if object {
            match &mut self.plan {
                Plan::Search(search) => search.push(&mut self.columns, record)?,
                Plan::Walk(walk) => walk.push(&mut self.columns, cursor)?,
            }
        }
        for (number, column) in self.columns.iter_mut().enumerate() {
            let value = match column.source {
                Source::Key(_) if object => continue,
                Source::Record if !object => true,
                Source::Whole => true,
                Source::Key(_) | Source::Record => false,
            };
            if value {
                column
                    .builder
                    .append(&mut Cursor::new(record))
                    .map_err(|refused| (number, refused))?;
            } else {
                column.builder.append_null();
            }
        }
        Ok(())
    }

    #[cold]
    fn fail(&mut self, column: usize, refused: Refused) -> ExtractError {
        let record = self.rows;
        self.clear();
        let shown =
            |of: fn(&Projected) -> String| self.columns.get(column).map(of).unwrap_or_default();
        let name = shown(|column| column.name.clone());
        match refused {
            Refused::Malformed => ExtractError::Malformed { record },
            Refused::Misfit => {
                let data_type = shown(|column| column.data_type.to_string());
                ExtractError::Misfit {
                    column: name,
                    data_type,
                    record,
                }
            }
            Refused::TooLarge => ExtractError::TooLarge { column: name },
        }
    }

    fn clear(&mut self) {
        for column in &mut self.columns {
            column.builder = Builder::new(&column.data_type);
        }
        (self.rows, self.bytes) = (0, 0);
    }

    /// The columns of the batch, in the order asked for; the next batch begins.
    pub fn finish(&mut self) -> Result<Vec<ArrayRef>, ExtractError> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for number in 0..self.columns.len() {
            let Some(column) = self.columns.get_mut(number) else {
                break;
            };
            match column.builder.finish() {
                Ok(array) => arrays.push(array),
                Err(refused) => return Err(self.fail(number, refused)),
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
