//! Conditions on columns, judged on Arrow arrays exactly as SQL judges them on the same types.

use std::cmp::Ordering;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
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

/// Which rows pass.
pub(super) fn judge(op: &Op, array: &dyn Array) -> BooleanArray {
    match op {
        Op::IsNull => rows(array, |row| array.is_null(row)),
        Op::IsNotNull => rows(array, |row| array.is_valid(row)),
        Op::In(values) => {
            let each: Vec<_> = values.iter().map(|value| compare(array, value)).collect();
            rows(array, |row| {
                array.is_valid(row) && each.iter().any(|compare| compare(row) == Ordering::Equal)
            })
        }
        Op::Eq(value) => compared(array, value, Ordering::is_eq),
        Op::Ne(value) => compared(array, value, Ordering::is_ne),
        Op::Lt(value) => compared(array, value, Ordering::is_lt),
        Op::Le(value) => compared(array, value, Ordering::is_le),
        Op::Gt(value) => compared(array, value, Ordering::is_gt),
        Op::Ge(value) => compared(array, value, Ordering::is_ge),
    }
}

fn rows(array: &dyn Array, pass: impl Fn(usize) -> bool) -> BooleanArray {
    (0..array.len()).map(|row| Some(pass(row))).collect()
}

fn compared(array: &dyn Array, value: &Value, pass: fn(Ordering) -> bool) -> BooleanArray {
    let compare = compare(array, value);
    rows(array, |row| array.is_valid(row) && pass(compare(row)))
}

type Compare<'a> = Box<dyn Fn(usize) -> Ordering + 'a>;

/// Compares a row's value with the constant. [`check`] saw to it that the types fit; for others nothing is ever equal.
fn compare<'a>(array: &'a dyn Array, value: &'a Value) -> Compare<'a> {
    let data_type = array.data_type();
    match value {
        Value::Bool(constant) => match array.as_boolean_opt() {
            Some(array) => Box::new(move |row| array.value(row).cmp(constant)),
            None => never(),
        },
        Value::Float(constant) => match array.as_primitive_opt::<Float64Type>() {
            // JSON has no NaN, and SQL has it above everything; -0 and 0 are equal, as in SQL.
            Some(array) => Box::new(move |row| {
                array
                    .value(row)
                    .partial_cmp(constant)
                    .unwrap_or(Ordering::Less)
            }),
            None => never(),
        },
        Value::Text(constant) => match array.as_string_opt::<i32>() {
            Some(array) => {
                Box::new(move |row| array.value(row).as_bytes().cmp(constant.as_bytes()))
            }
            None => never(),
        },
        Value::Int(constant) => {
            let constant = *constant;
            match data_type {
                ArrowType::Int64 => integers::<Int64Type>(array, constant),
                ArrowType::UInt64 => integers::<UInt64Type>(array, constant),
                ArrowType::Date32 => integers::<Date32Type>(array, constant),
                ArrowType::Decimal128(..) => integers::<Decimal128Type>(array, constant),
                ArrowType::Timestamp(..) => integers::<TimestampMicrosecondType>(array, constant),
                _ => never(),
            }
        }
    }
}

fn integers<T>(array: &dyn Array, constant: i128) -> Compare<'_>
where
    T: arrow_array::ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    match array.as_primitive_opt::<T>() {
        Some(array) => Box::new(move |row| array.value(row).into().cmp(&constant)),
        None => never(),
    }
}

fn never<'a>() -> Compare<'a> {
    Box::new(|_| Ordering::Greater)
}
