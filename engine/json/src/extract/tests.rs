//! What is extracted, against serde_json and between the two ways of finding it.

mod rest;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::*;
use crate::schema::{Column, DataType, Settings, Summary, to_columns, validate_and_observe};
use crate::time::{Moment, moment};
use lakebed_testkit::json::record;

fn schema_of<T: AsRef<str>>(records: &[T]) -> Schema {
    let mut summary = Summary::new();
    for record in records {
        validate_and_observe(record.as_ref().as_bytes(), &mut summary).unwrap();
    }
    to_columns(&summary, &Settings::default())
}

fn extract<T: AsRef<str>>(extractor: &mut Extractor, records: &[T]) -> Vec<ArrayRef> {
    for record in records {
        extractor.push(record.as_ref().as_bytes()).unwrap();
    }
    assert_eq!(extractor.rows(), records.len());
    let arrays = extractor.finish().unwrap();
    if !arrays.is_empty() {
        RecordBatch::try_new(extractor.schema(), arrays.clone()).unwrap();
    }
    arrays
}

/// One value of an array as text that tells everything apart.
fn shown(array: &dyn Array, row: usize, data_type: &DataType) -> String {
    if array.is_null(row) {
        return "NULL".to_owned();
    }
    match data_type {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::BigInt => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UBigInt => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::HugeInt => array
            .as_primitive::<Decimal128Type>()
            .value(row)
            .to_string(),
        DataType::Double => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Varchar => format!("{:?}", array.as_string::<i32>().value(row)),
        DataType::Json => array.as_string::<i32>().value(row).to_owned(),
        DataType::Date => array.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Timestamp | DataType::TimestampTz => array
            .as_primitive::<TimestampMicrosecondType>()
            .value(row)
            .to_string(),
        DataType::List(element) => {
            let list = array.as_list::<i32>().value(row);
            let elements: Vec<String> = (0..list.len())
                .map(|index| shown(&list, index, element))
                .collect();
            format!("[{}]", elements.join(","))
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let values: Vec<String> = fields
                .iter()
                .zip(columns)
                .map(|(field, column)| shown(column, row, &field.data_type))
                .collect();
            format!("({})", values.join(","))
        }
        DataType::Map(value) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1));
            let pairs: Vec<String> = (0..entries.len())
                .map(|index| format!("{:?}={}", keys.value(index), shown(values, index, value)))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

/// The members of an object as serde_json reads them, the first of equal keys only.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members: Vec<(String, &RawValue)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    if members.iter().all(|(known, _)| *known != key) {
                        members.push((key, value));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(First)
    }
}

fn member<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    let Members(members) = serde_json::from_str(object).unwrap();
    members
        .into_iter()
        .find(|(known, _)| known == key)
        .map(|(_, value)| value.get())
}

/// What [`shown`] must give for the JSON value `raw`.
fn wanted(raw: Option<&str>, data_type: &DataType) -> String {
    let Some(raw) = raw.filter(|raw| *raw != "null") else {
        return "NULL".to_owned();
    };
    let time = || moment(serde_json::from_str::<String>(raw).unwrap().as_bytes()).unwrap();
    match data_type {
        DataType::Boolean | DataType::Json => raw.to_owned(),
        DataType::BigInt | DataType::UBigInt | DataType::HugeInt => {
            if raw == "-0" { "0" } else { raw }.to_owned()
        }
        DataType::Double => format!("{:?}", raw.parse::<f64>().unwrap()),
        DataType::Varchar => format!("{:?}", serde_json::from_str::<String>(raw).unwrap()),
        DataType::Date | DataType::Timestamp | DataType::TimestampTz => match time() {
            Moment::Date(days) => days.to_string(),
            Moment::Naive(micros) | Moment::Zoned { micros, .. } => micros.to_string(),
        },
        DataType::List(element) => {
            let elements: Vec<&RawValue> = serde_json::from_str(raw).unwrap();
            let elements: Vec<String> = elements
                .iter()
                .map(|value| wanted(Some(value.get()), element))
                .collect();
            format!("[{}]", elements.join(","))
        }
        DataType::Struct(fields) => {
            let values: Vec<String> = fields
                .iter()
                .map(|field| wanted(member(raw, &field.name), &field.data_type))
                .collect();
            format!("({})", values.join(","))
        }
        DataType::Map(value) => {
            let Members(members) = serde_json::from_str(raw).unwrap();
            let pairs: Vec<String> = members
                .iter()
                .map(|(key, raw)| format!("{key:?}={}", wanted(Some(raw.get()), value)))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

fn wanted_column(record: &str, column: &Column) -> String {
    let record = record.trim_ascii();
    let object = record.starts_with('{');
    match &column.source {
        ColumnSource::Key(key) if object => wanted(
            member(record, std::str::from_utf8(key).unwrap()),
            &column.data_type,
        ),
        ColumnSource::NonObject if !object => wanted(Some(record), &column.data_type),
        _ => "NULL".to_owned(),
    }
}

/// Extracts `projection` both ways; the columns as text.
fn both_ways<T: AsRef<str>>(
    schema: &Schema,
    projection: &[usize],
    records: &[T],
) -> Vec<Vec<String>> {
    let mut walked = schema.clone();
    for column in &mut walked.columns {
        column.unique = false;
    }
    let mut extractor = Extractor::new(schema, projection);
    let arrays = extract(&mut extractor, records);
    assert_eq!(
        arrays,
        extract(&mut Extractor::new(&walked, projection), records)
    );
    assert_eq!(
        arrays,
        extract(&mut extractor, records),
        "an extractor serves a second batch"
    );
    let column = |(array, number): (&ArrayRef, &usize)| {
        (0..records.len())
            .map(|row| shown(array, row, &schema.columns[*number].data_type))
            .collect()
    };
    arrays.iter().zip(projection).map(column).collect()
}

#[test]
fn every_type_is_extracted() {
    let records = [
        r#"{"b":true,"i":-1,"u":18446744073709551615,"h":-99999999999999999999999999999999999999,"d":1,"s":"a\"\u00e9\ud83d\ude00",
            "day":"2024-01-01","at":"2024-01-01T00:00:00","z":"2024-01-01T00:00:00+01:00","l":[1,null],"o":{"x":1,"y":{"z":"q"}},"j":1}"#,
        r#"{"j": {"k" : [1, 2 ]} ,"o":{"y":null,"x":2,"x":3},"l":[],"d":-0.5e1,"u":0}"#,
        "{}",
    ];
    let schema = schema_of(&records);
    let all: Vec<usize> = (0..schema.columns.len()).collect();
    let columns = both_ways(&schema, &all, &records);
    let column = |name: &str| {
        columns[schema.position(name).unwrap()]
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
    };
    assert_eq!(column("b"), ["true", "NULL", "NULL"]);
    assert_eq!(column("i"), ["-1", "NULL", "NULL"]);
    assert_eq!(column("u"), ["18446744073709551615", "0", "NULL"]);
    assert_eq!(
        column("h"),
        ["-99999999999999999999999999999999999999", "NULL", "NULL"]
    );
    assert_eq!(column("d"), ["1.0", "-5.0", "NULL"]);
    assert_eq!(column("s"), ["\"a\\\"é😀\"", "NULL", "NULL"]);
    assert_eq!(column("day"), ["19723", "NULL", "NULL"]);
    assert_eq!(column("at"), ["1704067200000000", "NULL", "NULL"]);
    assert_eq!(column("z"), ["1704063600000000", "NULL", "NULL"]);
    assert_eq!(column("l"), ["[1,NULL]", "[]", "NULL"]);
    assert_eq!(column("o"), ["(1,(\"q\"))", "(2,NULL)", "NULL"]);
    assert_eq!(column("j"), ["1", "{\"k\" : [1, 2 ]}", "NULL"]);
}

#[test]
fn strings_that_look_like_keys_are_not_taken_for_them() {
    let records = [
        r#"{"x":"\"key\":1","key":2}"#,
        r#"{"x":"key","key" : 3}"#,
        r#"{"x":"say \"key","key":4}"#,
        r#"{"x":"\\","key":5}"#,
        r#"{"x":"\"key\\\":6","y":["key","key"]}"#,
        r#"{"x":"key:","y":["\"key"]}"#,
        r#"{"y":["\\\"key"],"x":"\"key\"  :7"}"#,
    ];
    let schema = schema_of(&records);
    let key = schema.position("key").unwrap();
    assert!(schema.columns[key].unique);
    let values = both_ways(&schema, &[key], &records);
    assert_eq!(values[0], ["2", "3", "4", "5", "NULL", "NULL", "NULL"]);
}

#[test]
fn of_equal_keys_the_first_counts() {
    let records = [
        r#"{"a":1,"a":"x","b":[1],"b":2}"#,
        r#"{"a":null,"a":5}"#,
        r#"{"\u0061":7,"a":8,"c":{"d":1,"\u0064":2}}"#,
    ];
    let schema = schema_of(&records);
    let columns = both_ways(&schema, &[0, 1, 2], &records);
    assert_eq!(
        columns,
        [
            ["1", "NULL", "7"],
            ["[1]", "NULL", "NULL"],
            ["NULL", "NULL", "(1)"]
        ]
    );
}

#[test]
fn maps_have_each_key_once() {
    let records: Vec<String> = (0..400)
        .map(|row| {
            format!(
                "{{\"m\":{{\"k{row}\":{row},\"\\u006b{row}\":-1,\"other{}\":null}}}}",
                row % 3
            )
        })
        .collect();
    let schema = schema_of(&records);
    assert_eq!(
        schema.columns[0].data_type.to_string(),
        "MAP(VARCHAR, BIGINT)"
    );
    let columns = both_ways(&schema, &[0], &records);
    assert_eq!(columns[0][7], "{\"k7\"=7,\"other1\"=NULL}");
}

#[test]
fn records_that_are_no_objects_have_a_column() {
    let records = ["{\"a\":1}", " [1, 2] ", "null", "\"\\ud800\"", "7"];
    let schema = schema_of(&records);
    let columns = both_ways(&schema, &[1, 0], &records);
    assert_eq!(
        columns,
        [
            ["NULL", "[1, 2]", "NULL", "\"\\ud800\"", "7"],
            ["1", "NULL", "NULL", "NULL", "NULL"]
        ]
    );
}

#[test]
fn columns_may_be_asked_for_twice_or_not_at_all() {
    let records = [r#"{"a":1,"b":2}"#];
    let schema = schema_of(&records);
    assert_eq!(
        both_ways(&schema, &[1, 0, 1], &records),
        [["2"], ["1"], ["2"]]
    );
    let mut none = Extractor::new(&schema, &[9]);
    none.push(b"{}").unwrap();
    assert_eq!(none.rows(), 1);
    assert_eq!(none.finish().unwrap().len(), 0);
    assert_eq!(none.rows(), 0);
}

#[test]
fn a_value_that_does_not_fit_is_an_error() {
    let misfits: &[(&str, &[&str])] = &[
        ("true", &["1", "\"true\"", "[]"]),
        (
            "1",
            &["1.0", "1e2", "\"1\"", "true", "9223372036854775808", "{}"],
        ),
        (
            "9223372036854775808",
            &["-1", "18446744073709551616", "0.5"],
        ),
        (
            "18446744073709551616",
            &["100000000000000000000000000000000000000", "1.5"],
        ),
        (
            "0.5",
            &[
                "1e999",
                "1e-999",
                "9007199254740993",
                "36893488147419103233",
                "\"0.5\"",
            ],
        ),
        ("\"x\"", &["1", "\"\\udc00\"", "[\"x\"]"]),
        (
            "\"2024-01-01\"",
            &["\"2024-01-01T00:00:00\"", "\"\"", "5", "\"2024-13-01\""],
        ),
        (
            "\"2024-01-01T00:00:00\"",
            &["\"2024-01-01T00:00:00Z\"", "\"2024-01-01\""],
        ),
        (
            "\"2024-01-01T00:00:00Z\"",
            &[
                "\"2024-01-01T00:00:00\"",
                "\"2024-01-01T00:00:00.1234567Z\"",
            ],
        ),
        ("[1]", &["1", "{}", "[\"x\"]", "[[1]]"]),
        ("{\"a\":1}", &["[]", "1", "{\"a\":\"x\"}"]),
    ];
    for (fits, others) in misfits {
        let schema = schema_of(&[format!("{{\"k\":{fits}}}")]);
        for other in *others {
            let mut extractor = Extractor::new(&schema, &[0]);
            extractor
                .push(format!("{{\"k\":{fits}}}").as_bytes())
                .unwrap();
            let error = extractor
                .push(format!("{{\"k\":{other}}}").as_bytes())
                .unwrap_err();
            assert!(
                matches!(&error, ExtractError::TypeMismatch { column, record: 1, .. } if column == "k"),
                "{fits} {other}: {error:?}"
            );
            assert_eq!(extractor.rows(), 0);
            extractor.push(b"{}").unwrap();
            assert_eq!(
                extractor.finish().unwrap()[0].len(),
                1,
                "a new batch after an error"
            );
        }
    }
}

#[test]
fn other_bytes_are_errors_or_nonsense_but_never_a_panic() {
    let records = [r#"{"a":1,"b":"x","c":[{"d":1.5}],"e":{"f":null}}"#];
    let schema = schema_of(&records);
    let record = records[0].as_bytes();
    for cut in 0..record.len() {
        let mut extractor = Extractor::new(&schema, &[0, 1, 2, 3]);
        let _ = extractor.push(&record[..cut]);
        let _ = extractor.finish();
        for byte in [
            b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'n', 0, 0xff,
        ] {
            let mut changed = record.to_vec();
            changed[cut] = byte;
            let _ = extractor.push(&changed);
            let _ = extractor.push(record);
            let _ = extractor.finish();
        }
    }
    let mut extractor = Extractor::new(&schema, &[1]);
    extractor.push(b"{\"b\":\"\xff\"}").unwrap();
    assert_eq!(
        extractor.finish(),
        Err(ExtractError::Malformed { record: 1 })
    );
}

/// Objects with the keys a, b and c at the top only, whose strings are made of what searching could stumble over.
fn deceptive() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "\\\"",
        "\\\\",
        "\\\"a\\\"",
        "\\\"a\\\":1",
        ":",
        ",",
        " ",
        "b",
        "\\u0022a",
    ]);
    let string =
        prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    let value = prop_oneof![
        3 => string.clone(),
        1 => prop::collection::vec(string.clone(), 0..3).prop_map(|strings| format!("[{}]", strings.join(","))),
        1 => string.prop_map(|string| format!("{{\"x\":{string}}}")),
        1 => Just("1".to_owned()),
    ];
    let member = (
        prop::sample::select(vec!["a", "b", "c"]),
        prop::sample::select(vec!["", " "]),
        value,
    )
        .prop_map(|(key, blank, value)| format!("\"{key}\"{blank}:{blank}{value}"));
    prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #[test]
    fn searching_finds_what_walking_finds(records in prop::collection::vec(deceptive(), 1..12)) {
        let schema = schema_of(&records);
        for number in 0..schema.columns.len() {
            both_ways(&schema, &[number], &records);
        }
    }

    #[test]
    fn records_are_extracted_as_serde_reads_them(
        records in prop::collection::vec(record(), 1..12),
        projection in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
    ) {
        // serde_json has no lone surrogates.
        let readable = |record: &String| serde_json::from_str::<serde_json::Value>(record).is_ok();
        let records: Vec<String> = records.into_iter().filter(readable).collect();
        let schema = schema_of(&records);
        prop_assume!(!schema.columns.is_empty());
        let projection: Vec<usize> = projection.iter().map(|index| index.index(schema.columns.len())).collect();
        let columns = both_ways(&schema, &projection, &records);
        for (column, number) in columns.iter().zip(&projection) {
            for (value, record) in column.iter().zip(&records) {
                prop_assert_eq!(value, &wanted_column(record, &schema.columns[*number]), "{}", record);
            }
        }
    }

    #[test]
    fn any_record_is_extracted_by_the_schema_of_all(records in prop::collection::vec(record(), 1..12)) {
        let schema = schema_of(&records);
        let all: Vec<usize> = (0..schema.columns.len()).collect();
        both_ways(&schema, &all, &records);
        for number in all {
            both_ways(&schema, &[number], &records);
        }
    }
}
