//! The meaning of filters, as in SQL on the same types, and their evaluation on arrays.

use std::cmp::Ordering;

use arrow_array::Array;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType as ArrowType, Field, TimeUnit};
use lakebed_columns::{Bounds, GroupStatistics};

use super::request::{Filter, Op, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::spelling::quoted;

/// Verifies that the constants of a filter fit the type of its column.
///
/// # Errors
/// `InvalidArgument` where they do not.
pub(super) fn check(filter: &Filter, field: &Field) -> Result<()> {
    let fits = |value: &Value| {
        matches!(
            (value, field.data_type()),
            (Value::Bool(_), ArrowType::Boolean)
                | (
                    Value::Int(_),
                    ArrowType::Int64
                        | ArrowType::UInt64
                        | ArrowType::Decimal128(38, 0)
                        | ArrowType::Date32
                        | ArrowType::Timestamp(TimeUnit::Microsecond, _)
                )
                | (Value::Float(_), ArrowType::Float64)
        ) || matches!((value, field.data_type()), (Value::Text(_), ArrowType::Utf8))
            // JSON is text to Arrow and not to SQL.
            && field.metadata().is_empty()
    };
    let fits_all = match &filter.op {
        Op::IsNull | Op::IsNotNull => true,
        Op::In(values) => values.iter().all(fits),
        Op::Eq(v) | Op::Ne(v) | Op::Lt(v) | Op::Le(v) | Op::Gt(v) | Op::Ge(v) => fits(v),
    };
    if fits_all {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "The filter on column {} compares values of type {} with a constant of another type.",
            quoted(&filter.column),
            field.data_type()
        ),
    ))
}

/// The value of a row that a filter compares.
pub(super) enum Operand<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a [u8]),
    /// A value that is not NULL, of a type without comparisons.
    Other,
}

/// Whether a value matches. All filters are evaluated by this function.
pub(super) fn matches(op: &Op, operand: &Operand<'_>) -> bool {
    let is = |value: &Value, pass: fn(Ordering) -> bool| compare(operand, value).is_some_and(pass);
    match op {
        Op::IsNull => matches!(operand, Operand::Null),
        Op::IsNotNull => !matches!(operand, Operand::Null),
        Op::In(values) => values.iter().any(|value| is(value, Ordering::is_eq)),
        Op::Eq(value) => is(value, Ordering::is_eq),
        Op::Ne(value) => is(value, Ordering::is_ne),
        Op::Lt(value) => is(value, Ordering::is_lt),
        Op::Le(value) => is(value, Ordering::is_le),
        Op::Gt(value) => is(value, Ordering::is_gt),
        Op::Ge(value) => is(value, Ordering::is_ge),
    }
}

/// `None` for NULL, and for types that do not fit, which [`check`] excludes.
fn compare(operand: &Operand<'_>, constant: &Value) -> Option<Ordering> {
    match (operand, constant) {
        (Operand::Bool(value), Value::Bool(constant)) => Some(value.cmp(constant)),
        (Operand::Int(value), Value::Int(constant)) => Some(value.cmp(constant)),
        (Operand::Text(value), Value::Text(constant)) => Some((*value).cmp(constant.as_bytes())),
        // -0 and 0 are equal, as in SQL. A constant may be NaN, which SQL orders above all numbers; a JSON value is
        // not.
        (Operand::Float(value), Value::Float(constant)) => {
            Some(value.partial_cmp(constant).unwrap_or(Ordering::Less))
        }
        _ => None,
    }
}

/// The rows of a column that match.
pub(super) fn matching_rows(op: &Op, array: &dyn Array) -> BooleanBuffer {
    if matches!(op, Op::IsNull | Op::IsNotNull) {
        return rows(op, array, |_| Operand::Other);
    }
    if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        rows(op, array, |row| Operand::Int(numbers.value(row).into()))
    } else if let Some(numbers) = array.as_primitive_opt::<UInt64Type>() {
        rows(op, array, |row| Operand::Int(numbers.value(row).into()))
    } else if let Some(numbers) = array.as_primitive_opt::<Decimal128Type>() {
        rows(op, array, |row| Operand::Int(numbers.value(row)))
    } else if let Some(days) = array.as_primitive_opt::<Date32Type>() {
        rows(op, array, |row| Operand::Int(days.value(row).into()))
    } else if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        rows(op, array, |row| Operand::Int(times.value(row).into()))
    } else if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        rows(op, array, |row| Operand::Float(numbers.value(row)))
    } else if let Some(values) = array.as_boolean_opt() {
        rows(op, array, |row| Operand::Bool(values.value(row)))
    } else if let Some(texts) = array.as_string_opt::<i32>() {
        rows(op, array, |row| Operand::Text(texts.value(row).as_bytes()))
    } else {
        rows(op, array, |_| Operand::Other)
    }
}

fn rows<'a>(op: &Op, array: &dyn Array, value: impl Fn(usize) -> Operand<'a>) -> BooleanBuffer {
    let nulls = array.nulls();
    BooleanBuffer::collect_bool(array.len(), |row| {
        let operand = if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            Operand::Null
        } else {
            value(row)
        };
        matches(op, &operand)
    })
}

/// Whether a row of a row group may match, by what its file says of the values of a column of this type.
pub(super) fn may_match(op: &Op, group: &GroupStatistics, data_type: &ArrowType) -> bool {
    let rows = group.rows.end - group.rows.start;
    match op {
        Op::IsNull => return group.nulls != Some(0),
        Op::IsNotNull => return group.nulls != Some(rows),
        _ if group.nulls == Some(rows) => return false,
        _ => {}
    }
    let (low, high) = match (&group.bounds, data_type) {
        (Bounds::Ints(low, high), ArrowType::UInt64) => (
            Operand::Int(low.cast_unsigned().into()),
            Operand::Int(high.cast_unsigned().into()),
        ),
        (
            Bounds::Ints(low, high),
            ArrowType::Int64 | ArrowType::Date32 | ArrowType::Timestamp(TimeUnit::Microsecond, _),
        ) => (Operand::Int((*low).into()), Operand::Int((*high).into())),
        (Bounds::Floats(low, high), ArrowType::Float64) => {
            (Operand::Float(*low), Operand::Float(*high))
        }
        (Bounds::Bytes(low, high), ArrowType::Utf8) => (Operand::Text(low), Operand::Text(high)),
        _ => return true,
    };
    let below = |value: &Value| compare(&low, value).is_none_or(Ordering::is_le);
    let above = |value: &Value| compare(&high, value).is_none_or(Ordering::is_ge);
    match op {
        Op::Eq(value) => below(value) && above(value),
        Op::In(values) => values.iter().any(|value| below(value) && above(value)),
        Op::Lt(value) => compare(&low, value).is_none_or(Ordering::is_lt),
        Op::Le(value) => below(value),
        Op::Gt(value) => compare(&high, value).is_none_or(Ordering::is_gt),
        Op::Ge(value) => above(value),
        Op::Ne(_) | Op::IsNull | Op::IsNotNull => true,
    }
}
