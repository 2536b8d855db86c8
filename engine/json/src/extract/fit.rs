//! Fits scalars to a declared type, where the value may be of another kind: "12.5" to DOUBLE, 7 to VARCHAR.

use std::borrow::Cow;

use crate::schema::DataType;
use crate::syntax::{Integer, Text, Value, double, integer};
use crate::time::{Moment, moment};

/// A value of a declared type.
#[derive(Clone, Debug, PartialEq)]
pub enum Fitted<'a> {
    /// NULL: the JSON null, or a text that was declared to mean it.
    Null,
    /// For BOOLEAN.
    Bool(bool),
    /// For BIGINT, UBIGINT and HUGEINT.
    Int(i128),
    /// For DOUBLE.
    Float(f64),
    /// For VARCHAR, UTF-8; for JSON, the exact bytes.
    Text(Cow<'a, [u8]>),
    /// For DATE: days since 1970.
    Days(i32),
    /// For TIMESTAMP and TIMESTAMP WITH TIME ZONE: microseconds since 1970.
    Micros(i64),
}

/// The value as one of a scalar type; `None` where the type cannot hold it. `raw` are its bytes, and `nulls` the texts
/// that mean NULL.
///
/// Numbers may be strings, and so may `true` and `false`. An integer may be written with a fraction of zero. DOUBLE is
/// the nearest one. A date is the beginning of its day as TIMESTAMP. Any value is a VARCHAR, as its text.
pub fn fit<'a>(
    data_type: &DataType,
    value: Value<'a>,
    raw: &'a [u8],
    nulls: &[Box<str>],
) -> Option<Fitted<'a>> {
    let text = match value {
        Value::Null => return Some(Fitted::Null),
        Value::String(text) => Some(text.unescaped()),
        _ => None,
    };
    let written: &[u8] = text.as_deref().unwrap_or(raw);
    if nulls.iter().any(|null| null.as_bytes() == written) {
        return Some(Fitted::Null);
    }
    let number = || match value {
        Value::Number(bytes) => Some(bytes),
        Value::String(Text {
            raw,
            escaped: false,
        }) => number_in(raw),
        _ => None,
    };
    let whole = || whole_number(number()?);
    let time = || match value {
        Value::String(text) => moment(text.raw),
        _ => None,
    };
    match data_type {
        DataType::Boolean => match value {
            Value::Bool(value) => Some(Fitted::Bool(value)),
            Value::String(_) if written.eq_ignore_ascii_case(b"true") => Some(Fitted::Bool(true)),
            Value::String(_) if written.eq_ignore_ascii_case(b"false") => Some(Fitted::Bool(false)),
            _ => None,
        },
        DataType::BigInt => i64::try_from(whole()?)
            .ok()
            .map(|value| Fitted::Int(value.into())),
        DataType::UBigInt => u64::try_from(whole()?)
            .ok()
            .map(|value| Fitted::Int(value.into())),
        DataType::HugeInt => {
            let value = whole()?;
            (value.unsigned_abs() < 10u128.pow(38)).then_some(Fitted::Int(value))
        }
        DataType::Double => double(number()?).map(Fitted::Float),
        DataType::Varchar => {
            let text = text.unwrap_or(Cow::Borrowed(raw));
            simdutf8::basic::from_utf8(&text)
                .is_ok()
                .then_some(Fitted::Text(text))
        }
        DataType::Date => match time()? {
            Moment::Date(days) => Some(Fitted::Days(days)),
            _ => None,
        },
        DataType::Timestamp => match time()? {
            Moment::Naive(micros) => Some(Fitted::Micros(micros)),
            Moment::Date(days) => Some(Fitted::Micros(i64::from(days) * 86_400_000_000)),
            Moment::Zoned { .. } => None,
        },
        DataType::TimestampTz => match time()? {
            Moment::Zoned { micros, .. } => Some(Fitted::Micros(micros)),
            _ => None,
        },
        DataType::Json => Some(Fitted::Text(Cow::Borrowed(raw))),
        DataType::List(_) | DataType::Struct(_) | DataType::Map(_) => None,
    }
}

/// The number that a text is, without blanks around it and a plus before it.
fn number_in(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let begins = matches!(digits, [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..]);
    let allowed = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    (begins && digits.iter().all(allowed)).then_some(text)
}

/// The integer that a number is, also where it is written with a fraction of zeros or an exponent.
fn whole_number(bytes: &[u8]) -> Option<i128> {
    match integer(bytes) {
        Some(Integer::Small(value)) => return Some(value.into()),
        Some(Integer::Large(value)) => return Some(value),
        Some(Integer::Beyond) => return None,
        None => {}
    }
    if let Some(point) = bytes.iter().position(|byte| *byte == b'.')
        && let Some((whole, fraction)) = bytes.split_at_checked(point)
        && fraction.iter().skip(1).all(|digit| *digit == b'0')
    {
        return whole_number(whole);
    }
    // Of the numbers with an exponent, those that are exact as doubles.
    let value = double(bytes)?;
    let exact = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
    exact.then_some(value as i128)
}

#[cfg(test)]
mod tests {
    use super::{Fitted, fit};
    use crate::schema::DataType;
    use crate::syntax::Cursor;

    fn fitted(data_type: &DataType, json: &str) -> String {
        let raw = json.as_bytes();
        let value = Cursor::new(raw).value().unwrap();
        match fit(data_type, value, raw, &["-".into(), "-999".into()]) {
            None => "misfit".to_owned(),
            Some(Fitted::Null) => "NULL".to_owned(),
            Some(Fitted::Text(text)) => String::from_utf8(text.into_owned()).unwrap(),
            Some(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn values_of_other_kinds_fit_where_nothing_is_lost() {
        let cases: &[(DataType, &[(&str, &str)])] = &[
            (
                DataType::Double,
                &[
                    ("1.5", "Float(1.5)"),
                    ("7", "Float(7.0)"),
                    ("\"12.50\"", "Float(12.5)"),
                    ("\" +.5e1 \"", "Float(5.0)"),
                    ("9007199254740993", "Float(9007199254740992.0)"),
                    ("1e400", "misfit"),
                    ("\"nan\"", "misfit"),
                    ("\"1.5 EUR\"", "misfit"),
                    ("\"-\"", "NULL"),
                    ("-999", "NULL"),
                    ("null", "NULL"),
                    ("true", "misfit"),
                    ("\"\"", "misfit"),
                    ("[1]", "misfit"),
                ],
            ),
            (
                DataType::BigInt,
                &[
                    ("3", "Int(3)"),
                    ("3.0", "Int(3)"),
                    ("3.5", "misfit"),
                    ("1e2", "Int(100)"),
                    ("\"-007\"", "Int(-7)"),
                    ("9223372036854775808", "misfit"),
                    ("9223372036854775807.00", "Int(9223372036854775807)"),
                    ("\"1-2\"", "misfit"),
                ],
            ),
            (
                DataType::UBigInt,
                &[
                    ("-1", "misfit"),
                    ("18446744073709551615", "Int(18446744073709551615)"),
                ],
            ),
            (
                DataType::HugeInt,
                &[
                    (
                        "99999999999999999999999999999999999999",
                        "Int(99999999999999999999999999999999999999)",
                    ),
                    ("100000000000000000000000000000000000000", "misfit"),
                ],
            ),
            (
                DataType::Boolean,
                &[
                    ("true", "Bool(true)"),
                    ("\"False\"", "Bool(false)"),
                    ("1", "misfit"),
                ],
            ),
            (
                DataType::Varchar,
                &[
                    ("\"a\\tb\"", "a\tb"),
                    ("1.50", "1.50"),
                    ("{\"a\": 1}", "{\"a\": 1}"),
                    ("\"\\ud800\"", "misfit"),
                ],
            ),
            (
                DataType::Date,
                &[
                    ("\"1970-01-02\"", "Days(1)"),
                    ("\"1970-01-02T00:00:00\"", "misfit"),
                ],
            ),
            (
                DataType::Timestamp,
                &[
                    ("\"1970-01-02\"", "Micros(86400000000)"),
                    ("\"1970-01-01T00:00:01\"", "Micros(1000000)"),
                    ("\"1970-01-01T00:00:01Z\"", "misfit"),
                    ("\"\"", "misfit"),
                    ("5", "misfit"),
                ],
            ),
            (
                DataType::TimestampTz,
                &[
                    ("\"1970-01-01T00:00:01Z\"", "Micros(1000000)"),
                    ("\"1970-01-01\"", "misfit"),
                ],
            ),
        ];
        for (data_type, values) in cases {
            for (json, expected) in *values {
                assert_eq!(fitted(data_type, json), *expected, "{json} as {data_type}");
            }
        }
    }
}
