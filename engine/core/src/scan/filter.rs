//! What conditions on columns mean, exactly as in SQL on the same types; and those on system columns, judged on their Arrow arrays.

use std::cmp::Ordering;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, BooleanArray};
use arrow_schema::{DataType as ArrowType, Field, TimeUnit};

use super::request::{Filter, Op, Value};
use crate::error::{Error, ErrorKind, Result};

/// Whether a filter can be judged on a column of this type.
///
/// # Errors
/// `InvalidArgument` says why not.
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
    let judged = match &filter.op {
        Op::IsNull | Op::IsNotNull => true,
        Op::In(values) => values.iter().all(fits),
        Op::Eq(v) | Op::Ne(v) | Op::Lt(v) | Op::Le(v) | Op::Gt(v) | Op::Ge(v) => fits(v),
    };
    if judged {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "The filter on column {:?} compares values of type {} with a constant of another type.",
            filter.column,
            field.data_type()
        ),
    ))
}

/// A value that a condition is about; of a type without order when all that counts is whether it is NULL.
pub(super) enum Found<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a [u8]),
    Unordered,
}

/// Whether a value passes.
pub(super) fn holds(op: &Op, found: &Found<'_>) -> bool {
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

/// `None` for NULL. [`check`] saw to it that the types fit; for others nothing ever passes.
fn compare(found: &Found<'_>, constant: &Value) -> Option<Ordering> {
    match (found, constant) {
        (Found::Bool(found), Value::Bool(constant)) => Some(found.cmp(constant)),
        (Found::Int(found), Value::Int(constant)) => Some(found.cmp(constant)),
        (Found::Text(found), Value::Text(constant)) => Some((*found).cmp(constant.as_bytes())),
        // JSON has no NaN, and SQL has it above everything; -0 and 0 are equal, as in SQL.
        (Found::Float(found), Value::Float(constant)) => {
            Some(found.partial_cmp(constant).unwrap_or(Ordering::Less))
        }
        _ => None,
    }
}

/// Which rows of a system column pass.
pub(super) fn judge(op: &Op, array: &dyn Array) -> BooleanArray {
    if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        rows(op, array, |row| Found::Int(numbers.value(row).into()))
    } else if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        rows(op, array, |row| Found::Int(times.value(row).into()))
    } else if let Some(texts) = array.as_string_opt::<i32>() {
        rows(op, array, |row| Found::Text(texts.value(row).as_bytes()))
    } else {
        rows(op, array, |_| Found::Unordered)
    }
}

fn rows<'a>(op: &Op, array: &dyn Array, value: impl Fn(usize) -> Found<'a>) -> BooleanArray {
    let found = |row| {
        if array.is_null(row) {
            Found::Null
        } else {
            value(row)
        }
    };
    (0..array.len())
        .map(|row| Some(holds(op, &found(row))))
        .collect()
}
