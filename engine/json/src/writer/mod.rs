//! Writes Arrow rows as JSON objects, in the form that `Store.append` documents for Python objects: compact UTF-8, all
//! columns in their order, nulls included.
//!
//! | Arrow | JSON |
//! |---|---|
//! | booleans, integers, decimals | `true`, `false`, numbers with all their digits |
//! | floats | the shortest number that parses to the same value; NaN is `null`, infinities are an error |
//! | text | strings |
//! | JSON (`arrow.json`) | its own text; what is not JSON is an error |
//! | UUIDs (`arrow.uuid`) | strings, `8f71f638-d80f-4cb1-9e2f-9c35a3dd5cf7` |
//! | binary | strings, base64 |
//! | dates, times, timestamps | strings, ISO 8601, as many digits of a second as there are; with a time zone: in UTC, ending in `Z` |
//! | durations and intervals | strings, ISO 8601 (`P1M2DT3.5S`) |
//! | lists | arrays |
//! | structs and maps | objects; a key of another type than text is the text of its JSON |
//! | dictionaries, run ends, unions | the value they stand for |
//!
//! Dates outside the years 0000 to 9999 are an error: ISO 8601 has no four digits for them. So are equal names of
//! columns, and types of other systems that Arrow does not know.

mod error;
mod shape;
mod text;
mod time;

#[cfg(test)]
mod extension_tests;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display};
use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types as t;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_buffer::ArrowNativeType as _;
use arrow_schema::{DataType, Schema};

pub use self::error::WriteError;
use self::shape::{Form, Shape};
use self::text::{base64, key, string};
use self::time::time;
use crate::quoted::quoted;

/// Writes the rows of batches with one schema.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Of each column, with the colon.
    keys: Vec<Vec<u8>>,
    names: Vec<String>,
    shapes: Vec<Shape>,
}

impl Writer {
    /// For batches with this schema.
    ///
    /// # Errors
    /// Two columns have the same name, or a type has no JSON form.
    pub fn new(schema: &Schema) -> Result<Self, WriteError> {
        let names = schema.fields().iter().map(|field| field.name().clone());
        Ok(Self {
            keys: schema
                .fields()
                .iter()
                .map(|field| key(field.name()))
                .collect(),
            names: names.collect(),
            shapes: Shape::of_columns(schema)?,
        })
    }

    /// Says that the text at these paths is JSON, which the schema does not say. A path is the position of a column,
    /// then of a field of a struct or a member of a union; 0 is the item of a list, 0 and 1 are the key and the value
    /// of a map.
    pub fn set_json(&mut self, paths: &[Vec<usize>]) {
        for path in paths {
            if let Some((&column, rest)) = path.split_first()
                && let Some(shape) = self.shapes.get_mut(column)
            {
                shape.set_json(rest);
            }
        }
    }

    /// One JSON object for each row of the batch.
    ///
    /// # Errors
    /// A value has no JSON form.
    pub fn records(&self, batch: &RecordBatch) -> Result<Vec<Vec<u8>>, WriteError> {
        let mut records = Vec::with_capacity(batch.num_rows());
        let mut size = 0;
        for row in 0..batch.num_rows() {
            let mut out = Vec::with_capacity(size);
            out.push(b'{');
            let columns = self.keys.iter().zip(&self.names).zip(&self.shapes);
            for (index, (((key, name), shape), column)) in columns.zip(batch.columns()).enumerate()
            {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                value(column, row, shape, &mut out).map_err(|reason| {
                    WriteError(format!("Column {name} {reason}", name = quoted(name)))
                })?;
            }
            out.push(b'}');
            size = out.len();
            records.push(out);
        }
        Ok(records)
    }
}

/// Why a value has no JSON form: the rest of a sentence that begins with the column.
type Reason = String;

const BEYOND: &str =
    "holds a date outside the years that ISO 8601 writes with four digits; cast it to text first.";

fn value(array: &ArrayRef, row: usize, shape: &Shape, out: &mut Vec<u8>) -> Result<(), Reason> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    if shape.form != Form::Plain && extension(array, row, shape.form, out)? {
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
        DataType::List(_) => list(&array.as_list::<i32>().value(row), shape.child(0), out)?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row), shape.child(0), out)?,
        DataType::ListView(_) => {
            list(&array.as_list_view::<i32>().value(row), shape.child(0), out)?;
        }
        DataType::LargeListView(_) => {
            list(&array.as_list_view::<i64>().value(row), shape.child(0), out)?;
        }
        DataType::FixedSizeList(..) => {
            list(&array.as_fixed_size_list().value(row), shape.child(0), out)?;
        }
        DataType::Struct(fields) => {
            out.push(b'{');
            for (index, (field, column)) in
                fields.iter().zip(array.as_struct().columns()).enumerate()
            {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(&key(field.name()));
                value(column, row, shape.child(index), out)?;
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
                map_key(entries.column(0), index, shape.child(0), out)?;
                value(entries.column(1), index, shape.child(1), out)?;
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
            value(dictionary.values(), at, shape, out)?;
        }
        DataType::RunEndEncoded(ends, _) => {
            let (values, at) = match ends.data_type() {
                DataType::Int16 => run::<t::Int16Type>(array, row),
                DataType::Int32 => run::<t::Int32Type>(array, row),
                _ => run::<t::Int64Type>(array, row),
            };
            value(&values, at, shape.child(0), out)?;
        }
        DataType::Union(..) => {
            let union = array.as_union();
            let id = union.type_id(row);
            let member = match array.data_type() {
                DataType::Union(fields, _) => fields.iter().position(|(one, _)| one == id),
                _ => None,
            };
            value(
                union.child(id),
                union.value_offset(row),
                shape.child(member.unwrap_or(usize::MAX)),
                out,
            )?;
        }
    }
    Ok(())
}

/// Writes a value of an extension type; false where its storage is another one than the extension type has.
fn extension(array: &ArrayRef, row: usize, form: Form, out: &mut Vec<u8>) -> Result<bool, Reason> {
    match (form, array.data_type()) {
        (Form::Json, DataType::Utf8) => json(array.as_string::<i32>().value(row), out)?,
        (Form::Json, DataType::LargeUtf8) => json(array.as_string::<i64>().value(row), out)?,
        (Form::Json, DataType::Utf8View) => json(array.as_string_view().value(row), out)?,
        (Form::Uuid, DataType::FixedSizeBinary(16)) => {
            uuid(array.as_fixed_size_binary().value(row), out);
        }
        (Form::Bool8, DataType::Int8) => {
            display(out, array.as_primitive::<t::Int8Type>().value(row) != 0);
        }
        (Form::Signed128 | Form::Unsigned128, DataType::FixedSizeBinary(16)) => {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(array.as_fixed_size_binary().value(row));
            if form == Form::Signed128 {
                display(out, i128::from_le_bytes(bytes));
            } else {
                display(out, u128::from_le_bytes(bytes));
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Writes text that is JSON as it is; a line break in it is white space and becomes a blank.
fn json(text: &str, out: &mut Vec<u8>) -> Result<(), Reason> {
    crate::validate(text.as_bytes())
        .map_err(|error| format!("holds text that is not JSON ({error}); CAST it AS VARCHAR."))?;
    out.extend(text.bytes().map(|byte| {
        if matches!(byte, b'\n' | b'\r') {
            b' '
        } else {
            byte
        }
    }));
    Ok(())
}

fn uuid(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        let _ = write!(out, "{byte:02x}");
    }
    out.push(b'"');
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
    if value.is_nan() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    if value.is_infinite() {
        return Err(format!(
            "holds {value}, which JSON cannot write; make it NULL first."
        ));
    }
    let _ = write!(out, "{shown:?}");
    Ok(())
}

fn list(items: &ArrayRef, shape: &Shape, out: &mut Vec<u8>) -> Result<(), Reason> {
    out.push(b'[');
    for index in 0..items.len() {
        if index > 0 {
            out.push(b',');
        }
        value(items, index, shape, out)?;
    }
    out.push(b']');
    Ok(())
}

fn map_key(keys: &ArrayRef, row: usize, shape: &Shape, out: &mut Vec<u8>) -> Result<(), Reason> {
    let start = out.len();
    value(keys, row, shape, out)?;
    if out.get(start) != Some(&b'"') {
        let written = String::from_utf8_lossy(&out.split_off(start)).into_owned();
        string(&written, out);
    }
    out.push(b':');
    Ok(())
}
