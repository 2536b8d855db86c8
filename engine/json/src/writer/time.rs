//! Dates, times, timestamps, durations and intervals, as ISO 8601 writes them.

use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions as temporal;
use arrow_array::types as t;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

/// Writes a date, time, timestamp, duration or interval as a JSON string. `None`, and a part of it written, where the
/// date is outside the years 0000 to 9999.
pub(super) fn time(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Option<()> {
    out.push(b'"');
    match array.data_type() {
        DataType::Date32 => {
            let date = temporal::date32_to_datetime(int::<t::Date32Type>(array, row))?;
            four_digits(date.format("%Y-%m-%d").to_string(), out)?;
        }
        DataType::Date64 => {
            let date = temporal::date64_to_datetime(int::<t::Date64Type>(array, row))?;
            four_digits(date.format("%Y-%m-%d").to_string(), out)?;
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
            let moment = moment?;
            four_digits(
                moment
                    .format(&format!("%Y-%m-%dT%H:%M:{digits}"))
                    .to_string(),
                out,
            )?;
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
    Some(())
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

/// Writes a time of day.
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

/// Writes the decimal point and the fraction of a second; nothing where that is zero.
fn fraction(nanos: u128, out: &mut Vec<u8>) {
    if nanos > 0 {
        let digits = format!("{nanos:09}");
        out.push(b'.');
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

/// Writes a period of time; each part has its own sign.
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
