//! Filters on typed columns, evaluated on the bytes of the record: nothing is extracted from a record that does not
//! match.

#[cfg(test)]
mod tests;

use super::filter::{Operand, matches};
use super::request::Op;
use lakebed_json::extract::{ValueError, ValueFinder};
use lakebed_json::schema::{Column, DataType};
use lakebed_json::time::{Moment, moment};
use lakebed_json::{Cursor, Integer, Value as Json, fitting_double, integer};

/// A filter on a typed column. Its constants fit the type, which [`super::filter::check`] has verified.
#[derive(Debug)]
pub(super) struct RecordFilter {
    name: String,
    data_type: DataType,
    finder: ValueFinder,
    op: Op,
}

impl RecordFilter {
    /// For that column.
    pub(super) fn new(column: &Column, op: Op) -> Self {
        Self {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            finder: ValueFinder::new(column),
            op,
        }
    }

    /// The name and type of the column, for errors.
    pub(super) fn column(&self) -> (&str, &DataType) {
        (&self.name, &self.data_type)
    }

    /// Whether the record matches.
    ///
    /// # Errors
    /// The record is not JSON, or its value does not have the column's type.
    #[inline]
    pub(super) fn matches(&self, record: &[u8]) -> Result<bool, ValueError> {
        match self.finder.find(record)? {
            Some(mut cursor) => self.matches_value(&mut cursor),
            None => Ok(matches(&self.op, &Operand::Null)),
        }
    }

    fn matches_value(&self, cursor: &mut Cursor<'_>) -> Result<bool, ValueError> {
        if cursor.peek()? == b'n' {
            return Ok(matches(&self.op, &Operand::Null));
        }
        if matches!(self.op, Op::IsNull | Op::IsNotNull) {
            return Ok(matches(&self.op, &Operand::Other));
        }
        let unescaped;
        let operand = match (&self.data_type, cursor.value()?) {
            (DataType::Varchar, Json::String(text)) => {
                unescaped = text.unescaped();
                Operand::Text(&unescaped)
            }
            (DataType::BigInt | DataType::UBigInt | DataType::HugeInt, Json::Number(bytes)) => {
                match integer(bytes) {
                    Some(Integer::Small(value)) => Operand::Int(value.into()),
                    Some(Integer::Large(value)) => Operand::Int(value),
                    _ => return Err(ValueError::TypeMismatch),
                }
            }
            (DataType::Double, Json::Number(bytes)) => {
                Operand::Float(fitting_double(bytes).ok_or(ValueError::TypeMismatch)?)
            }
            (DataType::Boolean, Json::Bool(value)) => Operand::Bool(value),
            (data_type, Json::String(text)) => match (data_type, moment(text.raw)) {
                (DataType::Date, Some(Moment::Date(days))) => Operand::Int(days.into()),
                (DataType::Timestamp, Some(Moment::Naive(micros)))
                | (DataType::TimestampTz, Some(Moment::Zoned { micros, .. })) => {
                    Operand::Int(micros.into())
                }
                _ => return Err(ValueError::TypeMismatch),
            },
            _ => return Err(ValueError::TypeMismatch),
        };
        Ok(matches(&self.op, &operand))
    }
}
