//! Arrow rows as JSON objects, in the serialisation that `Store.append` documents for Python objects: compact UTF-8, columns in
//! their order, nulls written out.
//!
//! | Arrow | JSON |
//! |---|---|
//! | booleans, integers, decimals | `true`, `false`, numbers with all their digits |
//! | floats | the shortest number that reads back as the same value; NaN and infinities are refused |
//! | text | strings |
//! | binary | strings, base64 |
//! | dates, times, timestamps | strings, ISO 8601, as many digits of a second as there are; with a time zone: in UTC, ending in `Z` |
//! | durations and intervals | strings, ISO 8601 (`P1M2DT3.5S`) |
//! | lists | arrays |
//! | structs and maps | objects; a key that is no text is written as its JSON |
//! | dictionaries, run ends, unions | the value they stand for |

use std::fmt::{self, Display};
use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions as temporal;
use arrow_array::types as t;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use arrow_buffer::ArrowNativeType as _;
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

/// A value that JSON cannot write: the message names the column and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteError(String);

impl Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WriteError {}

/// The records of a batch.
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
            value(column, row, &mut out).map_err(|refused| {
                WriteError(format!("Column {:?} {refused}", schema.field(index).name()))
            })?;
        }
        out.push(b'}');
        size = out.len();
        records.push(out);
    }
    Ok(records)
}

/// Why a value has no JSON: the rest of a sentence that begins with the column.
type Refused = String;

/// A member's name and its colon.
fn key(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    string(name, &mut out);
    out.push(b':');
    out
}

fn value(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), Refused> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Null => out.extend_from_slice(b"null"),
        DataType::Boolean => text(out, array.as_boolean().value(row)),
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
        DataType::Decimal32(..) => text(
            out,
            array
                .as_primitive::<t::Decimal32Type>()
                .value_as_string(row),
        ),
        DataType::Decimal64(..) => text(
            out,
            array
                .as_primitive::<t::Decimal64Type>()
                .value_as_string(row),
        ),
        DataType::Decimal128(..) => text(
            out,
            array
                .as_primitive::<t::Decimal128Type>()
                .value_as_string(row),
        ),
        DataType::Decimal256(..) => text(
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
        | DataType::Interval(_) => time(array, row, out)?,
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

/// A key of a dictionary array, which is valid: not null, and inside the values.
fn index<T: ArrowPrimitiveType>(keys: &dyn Array, row: usize) -> usize {
    keys.as_primitive::<T>().value(row).as_usize()
}

fn text(out: &mut Vec<u8>, value: impl Display) {
    // Writing to memory does not fail.
    let _ = write!(out, "{value}");
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize, out: &mut Vec<u8>)
where
    T::Native: Display,
{
    text(out, array.as_primitive::<T>().value(row));
}

/// `shown` prints in its own precision; Rust's Debug of a finite float is the shortest text that reads back, and is JSON.
fn finite(value: f64, shown: impl fmt::Debug, out: &mut Vec<u8>) -> Result<(), Refused> {
    if !value.is_finite() {
        return Err(format!(
            "holds {value}, which JSON cannot write; make it NULL first."
        ));
    }
    let _ = write!(out, "{shown:?}");
    Ok(())
}

fn list(items: &ArrayRef, out: &mut Vec<u8>) -> Result<(), Refused> {
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

fn map_key(keys: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), Refused> {
    let start = out.len();
    value(keys, row, out)?;
    if out.get(start) != Some(&b'"') {
        let written = String::from_utf8_lossy(&out.split_off(start)).into_owned();
        string(&written, out);
    }
    out.push(b':');
    Ok(())
}

/// A JSON string, escaped as Python's `json` does without `ensure_ascii`.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        let escaped: Option<&[u8]> = match byte {
            b'"' => Some(b"\\\""),
            b'\\' => Some(b"\\\\"),
            b'\n' => Some(b"\\n"),
            b'\r' => Some(b"\\r"),
            b'\t' => Some(b"\\t"),
            0x08 => Some(b"\\b"),
            0x0c => Some(b"\\f"),
            0..=0x1f => None,
            _ => continue,
        };
        out.extend_from_slice(text.as_bytes().get(done..at).unwrap_or_default());
        match escaped {
            Some(escaped) => out.extend_from_slice(escaped),
            None => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        done = at + 1;
    }
    out.extend_from_slice(text.as_bytes().get(done..).unwrap_or_default());
    out.push(b'"');
}

/// Standard base64 with padding.
fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for chunk in bytes.chunks(3) {
        let mut three = [0_u8; 3];
        for (slot, &byte) in three.iter_mut().zip(chunk) {
            *slot = byte;
        }
        let [a, b, c] = three.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            let pad = digit > chunk.len() as u32;
            out.push(if pad {
                b'='
            } else {
                DIGITS.get(index as usize).copied().unwrap_or(b'=')
            });
        }
    }
    out.push(b'"');
}

fn time(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), Refused> {
    let beyond = || {
        "holds a date outside the years that ISO 8601 writes with four digits; cast it to text first.".to_owned()
    };
    out.push(b'"');
    match array.data_type() {
        DataType::Date32 => {
            let date = temporal::date32_to_datetime(int::<t::Date32Type>(array, row))
                .ok_or_else(beyond)?;
            four_digits(date.format("%Y-%m-%d").to_string(), out).ok_or_else(beyond)?;
        }
        DataType::Date64 => {
            let date = temporal::date64_to_datetime(int::<t::Date64Type>(array, row))
                .ok_or_else(beyond)?;
            four_digits(date.format("%Y-%m-%d").to_string(), out).ok_or_else(beyond)?;
        }
        DataType::Time32(TimeUnit::Second) => {
            clock(
                i64::from(int::<t::Time32SecondType>(array, row)) * 1_000_000_000,
                out,
            );
        }
        DataType::Time32(_) => clock(
            i64::from(int::<t::Time32MillisecondType>(array, row)) * 1_000_000,
            out,
        ),
        DataType::Time64(TimeUnit::Nanosecond) => {
            clock(int::<t::Time64NanosecondType>(array, row), out);
        }
        DataType::Time64(_) => clock(
            int::<t::Time64MicrosecondType>(array, row).saturating_mul(1_000),
            out,
        ),
        DataType::Timestamp(unit, zone) => {
            let (moment, digits) = match unit {
                TimeUnit::Second => (
                    temporal::timestamp_s_to_datetime(int::<t::TimestampSecondType>(array, row)),
                    "%S",
                ),
                TimeUnit::Millisecond => (
                    temporal::timestamp_ms_to_datetime(int::<t::TimestampMillisecondType>(
                        array, row,
                    )),
                    "%S%.f",
                ),
                TimeUnit::Microsecond => (
                    temporal::timestamp_us_to_datetime(int::<t::TimestampMicrosecondType>(
                        array, row,
                    )),
                    "%S%.f",
                ),
                TimeUnit::Nanosecond => (
                    temporal::timestamp_ns_to_datetime(int::<t::TimestampNanosecondType>(
                        array, row,
                    )),
                    "%S%.f",
                ),
            };
            let moment = moment.ok_or_else(beyond)?;
            four_digits(
                moment
                    .format(&format!("%Y-%m-%dT%H:%M:{digits}"))
                    .to_string(),
                out,
            )
            .ok_or_else(beyond)?;
            if zone.is_some() {
                out.push(b'Z');
            }
        }
        DataType::Duration(unit) => {
            let nanos = match unit {
                TimeUnit::Second => {
                    i128::from(int::<t::DurationSecondType>(array, row)) * 1_000_000_000
                }
                TimeUnit::Millisecond => {
                    i128::from(int::<t::DurationMillisecondType>(array, row)) * 1_000_000
                }
                TimeUnit::Microsecond => {
                    i128::from(int::<t::DurationMicrosecondType>(array, row)) * 1_000
                }
                TimeUnit::Nanosecond => i128::from(int::<t::DurationNanosecondType>(array, row)),
            };
            period(0, 0, nanos, out);
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            period(
                i64::from(int::<t::IntervalYearMonthType>(array, row)),
                0,
                0,
                out,
            );
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let interval = int::<t::IntervalDayTimeType>(array, row);
            period(
                0,
                i64::from(interval.days),
                i128::from(interval.milliseconds) * 1_000_000,
                out,
            );
        }
        _ => {
            let interval = int::<t::IntervalMonthDayNanoType>(array, row);
            period(
                i64::from(interval.months),
                i64::from(interval.days),
                i128::from(interval.nanoseconds),
                out,
            );
        }
    }
    out.push(b'"');
    Ok(())
}

fn int<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> T::Native {
    let array: &PrimitiveArray<T> = array.as_primitive();
    array.value(row)
}

/// Appends a date, unless its year has a sign or more than four digits.
fn four_digits(date: String, out: &mut Vec<u8>) -> Option<()> {
    if date.starts_with(['-', '+']) {
        return None;
    }
    out.extend_from_slice(date.as_bytes());
    Some(())
}

/// A time of day.
fn clock(nanos: i64, out: &mut Vec<u8>) {
    let seconds = nanos / 1_000_000_000;
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    fraction((nanos % 1_000_000_000).unsigned_abs().into(), out);
}

/// The digits after a second's point, none if it is whole.
fn fraction(nanos: u128, out: &mut Vec<u8>) {
    if nanos > 0 {
        let digits = format!("{nanos:09}");
        out.push(b'.');
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

/// A period of time; each part has its own sign.
fn period(months: i64, days: i64, nanos: i128, out: &mut Vec<u8>) {
    out.push(b'P');
    if months != 0 {
        let _ = write!(out, "{months}M");
    }
    if days != 0 {
        let _ = write!(out, "{days}D");
    }
    if nanos != 0 || (months == 0 && days == 0) {
        let sign = if nanos < 0 { "-" } else { "" };
        let size = nanos.unsigned_abs();
        let _ = write!(out, "T{sign}{}", size / 1_000_000_000);
        fraction(size % 1_000_000_000, out);
        out.push(b'S');
    }
}
