//! Conditions on typed columns, judged on the record where it lies: nothing is built of a record that does not pass.
//!
//! They mean what `filter` means by them on the arrays of the same columns; a test holds both against each other.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use super::request::{Op, Value};
use crate::extract::{Probe, Refused, fitting_double};
use crate::json::{Cursor, Integer, Value as Json, integer};
use crate::schema::time::{Moment, moment};
use crate::schema::{Column, DataType};

/// A condition on a typed column. That its constants fit the type was checked.
#[derive(Debug)]
pub(super) struct Narrowing {
    name: String,
    data_type: DataType,
    probe: Probe,
    op: Op,
}

/// A value of a record; of a type without order when all that counts is whether it is NULL.
enum Found<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a [u8]),
    Unordered,
}

impl Narrowing {
    pub(super) fn new(column: &Column, op: Op) -> Self {
        Self {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
            probe: Probe::of(column),
            op,
        }
    }

    /// Name and type of the column, for errors.
    pub(super) fn column(&self) -> (&str, &DataType) {
        (&self.name, &self.data_type)
    }

    /// Whether the record passes.
    #[inline]
    pub(super) fn passes(&self, record: &[u8]) -> Result<bool, Refused> {
        match self.probe.find(record)? {
            Some(mut cursor) => self.judge(&mut cursor),
            None => Ok(holds(&self.op, &Found::Null)),
        }
    }

    fn judge(&self, cursor: &mut Cursor<'_>) -> Result<bool, Refused> {
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
                    _ => return Err(Refused::Misfit),
                }
            }
            (DataType::Double, Json::Number(bytes)) => {
                Found::Float(fitting_double(bytes).ok_or(Refused::Misfit)?)
            }
            (DataType::Boolean, Json::Bool(value)) => Found::Bool(value),
            (data_type, Json::String(text)) => match (data_type, moment(text.raw)) {
                (DataType::Date, Some(Moment::Date(days))) => Found::Int(days.into()),
                (DataType::Timestamp, Some(Moment::Naive(micros)))
                | (DataType::TimestampTz, Some(Moment::Zoned { micros, .. })) => {
                    Found::Int(micros.into())
                }
                _ => return Err(Refused::Misfit),
            },
            _ => return Err(Refused::Misfit),
        };
        Ok(holds(&self.op, &found))
    }
}

fn holds(op: &Op, found: &Found<'_>) -> bool {
    let is = |value: &Value, pass: fn(Ordering) -> bool| compare(found, value).is_some_and(pass);
    match op {
        Op::IsNull => matches!(found, Found::Null),
        Op::IsNotNull => !matches!(found, Found::Null),
        Op::In(values) => values.iter().any(|value| is(value, Ordering::is_eq)),
        Op::Eq(value) => is(value, Ordering::is_eq),
        Op::Ne(value) => is(value, Ordering::is_ne),
        Op::Lt(value) => is(value, Ordering::is_lt),
        Op::Le(value) => is(value, Ordering::is_le),
        Op::Gt(value) => is(value, Ordering::is_gt),
        Op::Ge(value) => is(value, Ordering::is_ge),
    }
}

/// `None` for NULL.
fn compare(found: &Found<'_>, constant: &Value) -> Option<Ordering> {
    match (found, constant) {
        (Found::Bool(found), Value::Bool(constant)) => Some(found.cmp(constant)),
        (Found::Int(found), Value::Int(constant)) => Some(found.cmp(constant)),
        (Found::Text(found), Value::Text(constant)) => Some((*found).cmp(constant.as_bytes())),
        // JSON has no NaN; above everything is where SQL has it.
        (Found::Float(found), Value::Float(constant)) => {
            Some(found.partial_cmp(constant).unwrap_or(Ordering::Less))
        }
        _ => None,
    }
}
