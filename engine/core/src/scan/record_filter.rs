//! Filters on typed columns, evaluated on the bytes of the record: nothing is extracted from a record that does not
//! match.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::filter::{Operand, matches};
use super::request::Op;
use lakebed_json::extract::{Fitted, ValueError, ValueFinder, fit};
use lakebed_json::schema::{Column, DataType};
use lakebed_json::time::{Moment, moment};
use lakebed_json::{Cursor, Integer, Value as Json, fitting_double, integer};

/// A filter on a typed column. Its constants fit the type, which [`super::filter::check`] has verified.
#[derive(Debug)]
pub(super) struct RecordFilter {
    name: String,
    data_type: DataType,
    finder: ValueFinder,
    /// The texts that mean NULL, if the type was declared: then a value that does not fit is NULL, too.
    declared: Option<Arc<[Box<str>]>>,
    op: Op,
}

impl RecordFilter {
    /// For that column.
    pub(super) fn new(column: &Column, op: Op) -> Self {
        Self {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            finder: ValueFinder::new(column),
            declared: column
                .declared
                .iter()
                .find(|part| part.path.is_empty())
                .map(|part| Arc::clone(&part.nulls)),
            op,
        }
    }

    /// What its values are compared with.
    pub(super) fn op(&self) -> &Op {
        &self.op
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
        if let Some(nulls) = &self.declared {
            return self.matches_fitting(cursor, nulls);
        }
        if cursor.peek()? == b'n' {
            return Ok(matches(&self.op, &Operand::Null));
        }
        let compares_nothing = match &self.op {
            Op::IsNull | Op::IsNotNull => true,
            Op::In(constants) => constants.is_empty(),
            _ => false,
        };
        if compares_nothing {
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

    fn matches_fitting(
        &self,
        cursor: &mut Cursor<'_>,
        nulls: &[Box<str>],
    ) -> Result<bool, ValueError> {
        let mut ahead = *cursor;
        let raw = ahead.skip()?;
        let value = cursor.value()?;
        let kind_fits = matches!(
            (&self.data_type, value),
            (DataType::List(_), Json::Array(_))
                | (DataType::Struct(_) | DataType::Map(_), Json::Object(_))
        );
        let fitted = fit(&self.data_type, value, raw, nulls);
        let operand = match &fitted {
            _ if kind_fits => Operand::Other,
            None | Some(Fitted::Null) => Operand::Null,
            Some(Fitted::Bool(value)) => Operand::Bool(*value),
            Some(Fitted::Int(value)) => Operand::Int(*value),
            Some(Fitted::Float(value)) => Operand::Float(*value),
            Some(Fitted::Text(text)) => Operand::Text(text),
            Some(Fitted::Days(days)) => Operand::Int((*days).into()),
            Some(Fitted::Micros(micros)) => Operand::Int((*micros).into()),
        };
        Ok(matches(&self.op, &operand))
    }
}
