//! Exact texts for values of every Arrow type.

use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, ListBuilder, ListViewBuilder, MapBuilder, StringBuilder,
    StringDictionaryBuilder, StringRunBuilder,
};
use arrow_array::types::{
    ArrowDictionaryKeyType, Float16Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalDayTime, IntervalMonthDayNano, RunEndIndexType, UInt8Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryViewArray, BooleanArray, Date32Array,
    Date64Array, Decimal32Array, Decimal64Array, Decimal128Array, Decimal256Array,
    DurationMicrosecondArray, DurationMillisecondArray, DurationNanosecondArray,
    DurationSecondArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, IntervalDayTimeArray, IntervalMonthDayNanoArray,
    IntervalYearMonthArray, LargeBinaryArray, LargeListArray, LargeStringArray, ListArray,
    NullArray, RecordBatch, StringArray, StringViewArray, StructArray, Time32MillisecondArray,
    Time32SecondArray, Time64MicrosecondArray, Time64NanosecondArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array, UnionArray,
};
use arrow_buffer::{ScalarBuffer, i256};
use arrow_schema::{DataType, Field, Fields, UnionFields};

use super::{WriteError, Writer};

type F16 = <Float16Type as ArrowPrimitiveType>::Native;

pub(super) fn records(batch: &RecordBatch) -> Result<Vec<Vec<u8>>, WriteError> {
    Writer::new(&batch.schema())?.records(batch)
}

fn written(column: impl arrow_array::Array + 'static) -> Result<Vec<String>, WriteError> {
    let column: ArrayRef = Arc::new(column);
    let batch = RecordBatch::try_from_iter_with_nullable([("v", column, true)]).unwrap();
    let records = records(&batch)?.into_iter();
    Ok(records
        .map(|record| {
            crate::validate(&record).unwrap();
            let record = String::from_utf8(record).unwrap();
            let value = record.strip_prefix("{\"v\":").unwrap();
            value.strip_suffix('}').unwrap().to_owned()
        })
        .collect())
}

#[track_caller]
pub(super) fn check(column: impl arrow_array::Array + 'static, expected: &[&str]) {
    assert_eq!(written(column).unwrap(), expected);
}

#[track_caller]
pub(super) fn refuse(column: impl arrow_array::Array + 'static, message: &str) {
    assert_eq!(written(column).unwrap_err().to_string(), message);
}

#[test]
fn a_row_is_an_object_of_all_columns_in_their_order() {
    let batch = RecordBatch::try_from_iter([
        ("b", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
        (
            "a \"quoted\"\n",
            Arc::new(StringArray::from(vec![None, Some("é")])),
        ),
        ("", Arc::new(BooleanArray::from(vec![true, false]))),
    ])
    .unwrap();
    let records = records(&batch).unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0], br#"{"b":1,"a \"quoted\"\n":null,"":true}"#);
    assert_eq!(
        String::from_utf8_lossy(&records[1]),
        r#"{"b":2,"a \"quoted\"\n":"é","":false}"#
    );
}

#[test]
fn a_batch_without_columns_gives_empty_objects() {
    let rows = arrow_array::RecordBatchOptions::new().with_row_count(Some(2));
    let schema = Arc::new(arrow_schema::Schema::empty());
    let batch = RecordBatch::try_new_with_options(schema, vec![], &rows).unwrap();
    assert_eq!(records(&batch).unwrap(), [b"{}", b"{}"]);
}

#[test]
fn nulls_are_written() {
    check(NullArray::new(2), &["null", "null"]);
    check(Int64Array::from(vec![None, Some(1)]), &["null", "1"]);
    check(StringArray::from(vec![None, Some("")]), &["null", "\"\""]);
}

#[test]
fn booleans_and_integers_have_all_their_digits() {
    check(BooleanArray::from(vec![true, false]), &["true", "false"]);
    check(Int8Array::from(vec![i8::MIN, i8::MAX]), &["-128", "127"]);
    check(Int16Array::from(vec![i16::MIN]), &["-32768"]);
    check(Int32Array::from(vec![i32::MIN]), &["-2147483648"]);
    check(
        Int64Array::from(vec![i64::MIN, 0, i64::MAX]),
        &["-9223372036854775808", "0", "9223372036854775807"],
    );
    check(UInt8Array::from(vec![u8::MAX]), &["255"]);
    check(UInt16Array::from(vec![u16::MAX]), &["65535"]);
    check(UInt32Array::from(vec![u32::MAX]), &["4294967295"]);
    check(UInt64Array::from(vec![u64::MAX]), &["18446744073709551615"]);
}

#[test]
fn floats_are_the_shortest_number_of_their_precision() {
    check(
        Float64Array::from(vec![0.1, 1.0, -0.0, 1e300, 5e-324, 0.1 + 0.2]),
        &[
            "0.1",
            "1.0",
            "-0.0",
            "1e300",
            "5e-324",
            "0.30000000000000004",
        ],
    );
    check(
        Float32Array::from(vec![0.1, 16_777_216.0, f32::MAX]),
        &["0.1", "16777216.0", "3.4028235e38"],
    );
    check(
        Float16Array::from(vec![F16::from_f32(0.5), F16::from_f32(-2.0)]),
        &["0.5", "-2.0"],
    );
}

#[test]
fn nan_is_null_and_infinities_are_an_error() {
    check(Float64Array::from(vec![1.0, f64::NAN]), &["1.0", "null"]);
    check(Float32Array::from(vec![f32::NAN]), &["null"]);
    for (value, shown) in [(f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
        refuse(
            Float64Array::from(vec![1.0, value]),
            &format!("Column \"v\" holds {shown}, which JSON cannot write; make it NULL first."),
        );
    }
}

#[test]
fn decimals_keep_their_scale() {
    let small = Decimal32Array::from(vec![12_345, -5]);
    check(
        small.with_precision_and_scale(9, 2).unwrap(),
        &["123.45", "-0.05"],
    );
    let middle = Decimal64Array::from(vec![-1, 0]);
    check(
        middle.with_precision_and_scale(18, 3).unwrap(),
        &["-0.001", "0.000"],
    );
    let whole = Decimal128Array::from(vec![10i128.pow(38) - 1]);
    check(
        whole.with_precision_and_scale(38, 0).unwrap(),
        &["99999999999999999999999999999999999999"],
    );
    let large = Decimal256Array::from(vec![i256::from_i128(-1_000)]);
    check(large.with_precision_and_scale(76, 1).unwrap(), &["-100.0"]);
}

#[test]
fn text_is_escaped_only_where_json_demands_it() {
    let text = "\"\\/\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}é漢🙂\u{2028}";
    let expected = "\"\\\"\\\\/\\n\\r\\t\\b\\f\\u0000\\u001f\u{7f}é漢🙂\u{2028}\"";
    check(StringArray::from(vec![text]), &[expected]);
    check(LargeStringArray::from(vec![text]), &[expected]);
    check(StringViewArray::from(vec![text, "a"]), &[expected, "\"a\""]);
    check(
        StringArray::from(vec!["\n", "a\n", "\na", "plain"]),
        &["\"\\n\"", "\"a\\n\"", "\"\\na\"", "\"plain\""],
    );
}

#[test]
fn bytes_are_base64() {
    let values: Vec<&[u8]> = vec![b"", b"f", b"fo", b"foo", b"\xFF\xFE\xFD\x00"];
    let expected = ["\"\"", "\"Zg==\"", "\"Zm8=\"", "\"Zm9v\"", "\"//79AA==\""];
    check(BinaryArray::from(values.clone()), &expected);
    check(LargeBinaryArray::from(values.clone()), &expected);
    check(BinaryViewArray::from(values), &expected);
    let mut fixed = FixedSizeBinaryBuilder::new(2);
    fixed.append_value(b"fo").unwrap();
    check(fixed.finish(), &["\"Zm8=\""]);
}

#[test]
fn dates_and_times_are_iso_8601() {
    check(
        Date32Array::from(vec![0, -1, 19_782, -719_528]),
        &[
            "\"1970-01-01\"",
            "\"1969-12-31\"",
            "\"2024-02-29\"",
            "\"0000-01-01\"",
        ],
    );
    check(
        Date64Array::from(vec![86_400_000, -86_400_000]),
        &["\"1970-01-02\"", "\"1969-12-31\""],
    );
    check(
        Time32SecondArray::from(vec![0, 86_399]),
        &["\"00:00:00\"", "\"23:59:59\""],
    );
    check(
        Time32MillisecondArray::from(vec![1_500]),
        &["\"00:00:01.5\""],
    );
    check(
        Time64MicrosecondArray::from(vec![3_661_000_001]),
        &["\"01:01:01.000001\""],
    );
    check(
        Time64NanosecondArray::from(vec![1, 1_000_000_000]),
        &["\"00:00:00.000000001\"", "\"00:00:01\""],
    );
}

#[test]
fn timestamps_have_the_digits_they_need_and_z_with_a_zone() {
    check(
        TimestampSecondArray::from(vec![0, -1]),
        &["\"1970-01-01T00:00:00\"", "\"1969-12-31T23:59:59\""],
    );
    check(
        TimestampMillisecondArray::from(vec![1, 1_000]),
        &["\"1970-01-01T00:00:00.001\"", "\"1970-01-01T00:00:01\""],
    );
    check(
        TimestampMicrosecondArray::from(vec![1_700_000_000_000_001]),
        &["\"2023-11-14T22:13:20.000001\""],
    );
    check(
        TimestampNanosecondArray::from(vec![1]),
        &["\"1970-01-01T00:00:00.000000001\""],
    );
    check(
        TimestampMicrosecondArray::from(vec![Some(0), None]).with_timezone("Europe/Vienna"),
        &["\"1970-01-01T00:00:00Z\"", "null"],
    );
}

#[test]
fn dates_outside_four_digit_years_are_an_error() {
    let message = "Column \"v\" holds a date outside the years that ISO 8601 writes with four digits; cast it to text first.";
    for days in [2_932_897, -719_529, i32::MAX, i32::MIN] {
        refuse(Date32Array::from(vec![days]), message);
    }
    for value in [253_402_300_800, i64::MAX, i64::MIN] {
        refuse(TimestampSecondArray::from(vec![value]), message);
        refuse(
            Date64Array::from(vec![value.saturating_mul(1_000)]),
            message,
        );
    }
    check(Date32Array::from(vec![2_932_896]), &["\"9999-12-31\""]);
}

#[test]
fn durations_and_intervals_are_iso_8601_periods() {
    check(
        DurationSecondArray::from(vec![0, 90, -1]),
        &["\"PT0S\"", "\"PT90S\"", "\"PT-1S\""],
    );
    check(
        DurationMillisecondArray::from(vec![-1_500]),
        &["\"PT-1.5S\""],
    );
    check(
        DurationMicrosecondArray::from(vec![1]),
        &["\"PT0.000001S\""],
    );
    check(
        DurationNanosecondArray::from(vec![i64::MIN]),
        &["\"PT-9223372036.854775808S\""],
    );
    check(
        IntervalYearMonthArray::from(vec![14, 0, -1]),
        &["\"P14M\"", "\"PT0S\"", "\"P-1M\""],
    );
    check(
        IntervalDayTimeArray::from(vec![IntervalDayTime::new(2, -500)]),
        &["\"P2DT-0.5S\""],
    );
    check(
        IntervalMonthDayNanoArray::from(vec![
            IntervalMonthDayNano::new(1, 2, 3_500_000_000),
            IntervalMonthDayNano::new(0, 0, 0),
        ]),
        &["\"P1M2DT3.5S\"", "\"PT0S\""],
    );
}

#[test]
fn lists_of_every_layout_are_arrays() {
    let values = || vec![Some(vec![Some(1), None]), None, Some(vec![])];
    let expected = ["[1,null]", "null", "[]"];
    check(
        ListArray::from_iter_primitive::<Int32Type, _, _>(values()),
        &expected,
    );
    check(
        LargeListArray::from_iter_primitive::<Int32Type, _, _>(values()),
        &expected,
    );
    check(
        FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
            vec![Some(vec![Some(1), Some(2)]), None],
            2,
        ),
        &["[1,2]", "null"],
    );
    let mut view = ListViewBuilder::new(StringBuilder::new());
    view.append_value([Some("a"), None]);
    view.append_null();
    check(view.finish(), &["[\"a\",null]", "null"]);
    let mut nested = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    nested.values().append_value([Some("a")]);
    nested.values().append_null();
    nested.append(true);
    check(nested.finish(), &["[[\"a\"],null]"]);
}

#[test]
fn structs_are_objects() {
    let fields = Fields::from(vec![
        Field::new("x", DataType::Int64, true),
        Field::new("y \"\\\"", DataType::Utf8, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
        Arc::new(StringArray::from(vec![Some("a"), Some("b"), None])),
    ];
    let nulls = vec![true, true, false].into();
    check(
        StructArray::new(fields, columns, Some(nulls)),
        &[
            r#"{"x":1,"y \"\\\"":"a"}"#,
            r#"{"x":null,"y \"\\\"":"b"}"#,
            "null",
        ],
    );
}

#[test]
fn maps_are_objects_and_their_keys_text() {
    let mut texts = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    texts.keys().append_value("a\"b");
    texts.values().append_value("c");
    texts.keys().append_value("d");
    texts.values().append_null();
    texts.append(true).unwrap();
    texts.append(true).unwrap();
    texts.append(false).unwrap();
    check(texts.finish(), &[r#"{"a\"b":"c","d":null}"#, "{}", "null"]);
    let keys = arrow_array::builder::Int64Builder::new();
    let mut numbers = MapBuilder::new(None, keys, StringBuilder::new());
    numbers.keys().append_value(-7);
    numbers.values().append_value("x");
    numbers.append(true).unwrap();
    check(numbers.finish(), &[r#"{"-7":"x"}"#]);
}

#[test]
fn dictionaries_run_ends_and_unions_are_their_values() {
    fn dictionary<K: ArrowDictionaryKeyType>() {
        let mut builder = StringDictionaryBuilder::<K>::new();
        builder.append_value("b");
        builder.append_null();
        builder.append_value("a");
        builder.append_value("b");
        check(builder.finish(), &["\"b\"", "null", "\"a\"", "\"b\""]);
    }
    fn runs<E: RunEndIndexType>() {
        let mut builder = StringRunBuilder::<E>::new();
        for value in [Some("a"), Some("a"), None, Some("b")] {
            builder.append_option(value);
        }
        check(builder.finish(), &["\"a\"", "\"a\"", "null", "\"b\""]);
    }
    dictionary::<Int8Type>();
    dictionary::<Int64Type>();
    dictionary::<UInt8Type>();
    dictionary::<UInt64Type>();
    runs::<Int16Type>();
    runs::<Int32Type>();
    runs::<Int64Type>();

    let fields: UnionFields = [
        (0, Arc::new(Field::new("n", DataType::Int64, true))),
        (4, Arc::new(Field::new("t", DataType::Utf8, true))),
    ]
    .into_iter()
    .collect();
    let children: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(1), None])),
        Arc::new(StringArray::from(vec!["x"])),
    ];
    let types = ScalarBuffer::from(vec![4_i8, 0, 0]);
    let offsets = ScalarBuffer::from(vec![0, 0, 1]);
    check(
        UnionArray::try_new(fields, types, Some(offsets), children).unwrap(),
        &["\"x\"", "1", "null"],
    );
}

#[test]
fn a_value_deep_inside_names_the_column() {
    let list =
        ListArray::from_iter_primitive::<arrow_array::types::Float64Type, _, _>(vec![Some(vec![
            Some(f64::INFINITY),
        ])]);
    refuse(
        list,
        "Column \"v\" holds inf, which JSON cannot write; make it NULL first.",
    );
}
