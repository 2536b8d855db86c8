//! Conditions on typed columns, judged on the record where it lies: nothing is built of a record that does not pass.

#[cfg(test)]
mod tests;

use super::filter::{Found, holds};
use super::request::Op;
use lakebed_json::extract::{ValueError, ValueFinder};
use lakebed_json::schema::{Column, DataType};
use lakebed_json::time::{Moment, moment};
use lakebed_json::{Cursor, Integer, Value as Json, fitting_double, integer};

/// A condition on a typed column. That its constants fit the type was checked.
#[derive(Debug)]
pub(super) struct Narrowing {
    name: String,
    data_type: DataType,
    finder: ValueFinder,
    op: Op,
}

impl Narrowing {
    pub(super) fn new(column: &Column, op: Op) -> Self {
        Self {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            finder: ValueFinder::new(column),
            op,
        }
    }

    /// Name and type of the column, for errors.
    pub(super) fn column(&self) -> (&str, &DataType) {
        (&self.name, &self.data_type)
    }

    /// Whether the record passes.
    #[inline]
    pub(super) fn passes(&self, record: &[u8]) -> Result<bool, ValueError> {
        match self.finder.find(record)? {
            Some(mut cursor) => self.judge(&mut cursor),
            None => Ok(holds(&self.op, &Found::Null)),
        }
    }

    fn judge(&self, cursor: &mut Cursor<'_>) -> Result<bool, ValueError> {
        if cursor.peek()? == b'n' {
            return Ok(holds(&self.op, &Found::Null));
        }
        if matches!(self.op, Op::IsNull | Op::IsNotNull) {
            return Ok(holds(&self.op, &Found::Unordered));
        }
        let unescaped;
        let found = match (&self.data_type, cursor.value()?) {
            (DataType::Varchar, Json::String(text)) => {
                unescaped = text.unescaped();
                Found::Text(&unescaped)
            }
            (DataType::BigInt | DataType::UBigInt | DataType::HugeInt, Json::Number(bytes)) => {
                match integer(bytes) {
                    Some(Integer::Small(value)) => Found::Int(value.into()),
                    Some(Integer::Large(value)) => Found::Int(value),
                    _ => return Err(ValueError::TypeMismatch),
                }
            }
            (DataType::Double, Json::Number(bytes)) => {
                Found::Float(fitting_double(bytes).ok_or(ValueError::TypeMismatch)?)
            }
            (DataType::Boolean, Json::Bool(value)) => Found::Bool(value),
            (data_type, Json::String(text)) => match (data_type, moment(text.raw)) {
                (DataType::Date, Some(Moment::Date(days))) => Found::Int(days.into()),
                (DataType::Timestamp, Some(Moment::Naive(micros)))
                | (DataType::TimestampTz, Some(Moment::Zoned { micros, .. })) => {
                    Found::Int(micros.into())
                }
                _ => return Err(ValueError::TypeMismatch),
            },
            _ => return Err(ValueError::TypeMismatch),
        };
        Ok(holds(&self.op, &found))
    }
}
