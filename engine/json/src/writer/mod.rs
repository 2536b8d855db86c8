//! Writes Arrow rows as JSON objects, in the form that `Store.append` documents for Python objects: compact UTF-8, all
//! columns in their order, nulls included.
//!
//! | Arrow | JSON |
//! |---|---|
//! | booleans, integers, decimals | `true`, `false`, numbers with all their digits |
//! | floats | the shortest number that parses to the same value; NaN and infinities are an error |
//! | text | strings |
//! | binary | strings, base64 |
//! | dates, times, timestamps | strings, ISO 8601, as many digits of a second as there are; with a time zone: in UTC, ending in `Z` |
//! | durations and intervals | strings, ISO 8601 (`P1M2DT3.5S`) |
//! | lists | arrays |
//! | structs and maps | objects; a key of another type than text is the text of its JSON |
//! | dictionaries, run ends, unions | the value they stand for |
//!
//! Dates outside the years 0000 to 9999 are an error: ISO 8601 has no four digits for them.

mod text;
mod time;

#[cfg(test)]
mod tests;

use std::fmt::{self, Display};
use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types as t;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_buffer::ArrowNativeType as _;
use arrow_schema::DataType;

use self::text::{base64, key, string};
use self::time::time;

/// A value without a JSON form. The message is a sentence that names the column and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteError(String);

impl Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WriteError {}

/// One JSON object for each row of the batch.
///
/// # Errors
/// A value has no JSON form.
pub fn records(batch: &RecordBatch) -> Result<Vec<Vec<u8>>, WriteError> {
    let schema = batch.schema();
    let keys: Vec<Vec<u8>> = schema
        .fields()
        .iter()
        .map(|field| key(field.name()))
        .collect();
    let mut records = Vec::with_capacity(batch.num_rows());
    let mut size = 0;
    for row in 0..batch.num_rows() {
        let mut out = Vec::with_capacity(size);
        out.push(b'{');
        for (index, (key, column)) in keys.iter().zip(batch.columns()).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            value(column, row, &mut out).map_err(|reason| {
                WriteError(format!("Column {:?} {reason}", schema.field(index).name()))
            })?;
        }
        out.push(b'}');
        size = out.len();
        records.push(out);
    }
    Ok(records)
}

/// Why a value has no JSON form: the rest of a sentence that begins with the column.
type Reason = String;

const BEYOND: &str =
    "holds a date outside the years that ISO 8601 writes with four digits; cast it to text first.";

fn value(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), Reason> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Null => out.extend_from_slice(b"null"),
        DataType::Boolean => display(out, array.as_boolean().value(row)),
        DataType::Int8 => number::<t::Int8Type>(array, row, out),
        DataType::Int16 => number::<t::Int16Type>(array, row, out),
        DataType::Int32 => number::<t::Int32Type>(array, row, out),
        DataType::Int64 => number::<t::Int64Type>(array, row, out),
        DataType::UInt8 => number::<t::UInt8Type>(array, row, out),
        DataType::UInt16 => number::<t::UInt16Type>(array, row, out),
        DataType::UInt32 => number::<t::UInt32Type>(array, row, out),
        DataType::UInt64 => number::<t::UInt64Type>(array, row, out),
        DataType::Float16 => {
            let value = array.as_primitive::<t::Float16Type>().value(row).to_f32();
            finite(f64::from(value), value, out)?;
        }
        DataType::Float32 => {
            let value = array.as_primitive::<t::Float32Type>().value(row);
            finite(f64::from(value), value, out)?;
        }
        DataType::Float64 => {
            let value = array.as_primitive::<t::Float64Type>().value(row);
            finite(value, value, out)?;
        }
        DataType::Decimal32(..) => display(
            out,
            array
                .as_primitive::<t::Decimal32Type>()
                .value_as_string(row),
        ),
        DataType::Decimal64(..) => display(
            out,
            array
                .as_primitive::<t::Decimal64Type>()
                .value_as_string(row),
        ),
        DataType::Decimal128(..) => display(
            out,
            array
                .as_primitive::<t::Decimal128Type>()
                .value_as_string(row),
        ),
        DataType::Decimal256(..) => display(
            out,
            array
                .as_primitive::<t::Decimal256Type>()
                .value_as_string(row),
        ),
        DataType::Utf8 => string(array.as_string::<i32>().value(row), out),
        DataType::LargeUtf8 => string(array.as_string::<i64>().value(row), out),
        DataType::Utf8View => string(array.as_string_view().value(row), out),
        DataType::Binary => base64(array.as_binary::<i32>().value(row), out),
        DataType::LargeBinary => base64(array.as_binary::<i64>().value(row), out),
        DataType::BinaryView => base64(array.as_binary_view().value(row), out),
        DataType::FixedSizeBinary(_) => base64(array.as_fixed_size_binary().value(row), out),
        DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Duration(_)
        | DataType::Interval(_) => time(array, row, out).ok_or(BEYOND)?,
        DataType::List(_) => list(&array.as_list::<i32>().value(row), out)?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row), out)?,
        DataType::ListView(_) => list(&array.as_list_view::<i32>().value(row), out)?,
        DataType::LargeListView(_) => list(&array.as_list_view::<i64>().value(row), out)?,
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row), out)?,
        DataType::Struct(fields) => {
            out.push(b'{');
            for (index, (field, column)) in
                fields.iter().zip(array.as_struct().columns()).enumerate()
            {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(&key(field.name()));
                value(column, row, out)?;
            }
            out.push(b'}');
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            out.push(b'{');
            for index in 0..entries.len() {
                if index > 0 {
                    out.push(b',');
                }
                map_key(entries.column(0), index, out)?;
                value(entries.column(1), index, out)?;
            }
            out.push(b'}');
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let at = match dictionary.keys().data_type() {
                DataType::Int8 => index::<t::Int8Type>(dictionary.keys(), row),
                DataType::Int16 => index::<t::Int16Type>(dictionary.keys(), row),
                DataType::Int32 => index::<t::Int32Type>(dictionary.keys(), row),
                DataType::Int64 => index::<t::Int64Type>(dictionary.keys(), row),
                DataType::UInt8 => index::<t::UInt8Type>(dictionary.keys(), row),
                DataType::UInt16 => index::<t::UInt16Type>(dictionary.keys(), row),
                DataType::UInt32 => index::<t::UInt32Type>(dictionary.keys(), row),
                _ => index::<t::UInt64Type>(dictionary.keys(), row),
            };
            value(dictionary.values(), at, out)?;
        }
        DataType::RunEndEncoded(ends, _) => {
            let (values, at) = match ends.data_type() {
                DataType::Int16 => run::<t::Int16Type>(array, row),
                DataType::Int32 => run::<t::Int32Type>(array, row),
                _ => run::<t::Int64Type>(array, row),
            };
            value(&values, at, out)?;
        }
        DataType::Union(..) => {
            let union = array.as_union();
            value(
                union.child(union.type_id(row)),
                union.value_offset(row),
                out,
            )?;
        }
    }
    Ok(())
}

fn run<T: t::RunEndIndexType>(array: &ArrayRef, row: usize) -> (ArrayRef, usize) {
    let array = array.as_run::<T>();
    (array.values().clone(), array.get_physical_index(row))
}

/// The key of a row of a dictionary array. It is valid: not null, and within the values.
fn index<T: ArrowPrimitiveType>(keys: &dyn Array, row: usize) -> usize {
    keys.as_primitive::<T>().value(row).as_usize()
}

fn display(out: &mut Vec<u8>, value: impl Display) {
    // Writing to memory does not fail.
    let _ = write!(out, "{value}");
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize, out: &mut Vec<u8>)
where
    T::Native: Display,
{
    display(out, array.as_primitive::<T>().value(row));
}

/// Writes a float. `shown` is `value` in its own precision: Rust's `Debug` of a finite float is the shortest text that
/// parses to the same value, and is JSON.
fn finite(value: f64, shown: impl fmt::Debug, out: &mut Vec<u8>) -> Result<(), Reason> {
    if !value.is_finite() {
        return Err(format!(
            "holds {value}, which JSON cannot write; make it NULL first."
        ));
    }
    let _ = write!(out, "{shown:?}");
    Ok(())
}

fn list(items: &ArrayRef, out: &mut Vec<u8>) -> Result<(), Reason> {
    out.push(b'[');
    for index in 0..items.len() {
        if index > 0 {
            out.push(b',');
        }
        value(items, index, out)?;
    }
    out.push(b']');
    Ok(())
}

fn map_key(keys: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), Reason> {
    let start = out.len();
    value(keys, row, out)?;
    if out.get(start) != Some(&b'"') {
        let written = String::from_utf8_lossy(&out.split_off(start)).into_owned();
        string(&written, out);
    }
    out.push(b':');
    Ok(())
}
