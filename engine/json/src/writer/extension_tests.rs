//! Types that Arrow's extension types name, and names of columns.

use std::sync::Arc;

use arrow_array::{
    Array as _, ArrayRef, FixedSizeBinaryArray, Int8Array, Int64Array, ListArray, RecordBatch,
    StringArray, StringViewArray, StructArray,
};
use arrow_schema::{DataType, Field};

use super::Writer;
use super::tests::{check, records, refuse};

fn typed(name: &str, metadata: &str, column: ArrayRef) -> RecordBatch {
    let about = [
        ("ARROW:extension:name", name),
        ("ARROW:extension:metadata", metadata),
    ];
    let about = about.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let field = Field::new("v", column.data_type().clone(), true).with_metadata(about);
    let schema = arrow_schema::Schema::new(vec![field]);
    RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap()
}

#[track_caller]
fn check_typed(name: &str, metadata: &str, column: ArrayRef, expected: &[&str]) {
    let written = records(&typed(name, metadata, column)).unwrap();
    let written: Vec<_> = written
        .iter()
        .map(|one| String::from_utf8_lossy(one))
        .collect();
    assert_eq!(written, expected);
}

#[test]
fn json_is_its_own_text() {
    let texts = StringArray::from(vec![Some("{\"a\": 1.10}"), None, Some("[1,\n2]")]);
    check_typed(
        "arrow.json",
        "",
        Arc::new(texts),
        &["{\"v\":{\"a\": 1.10}}", "{\"v\":null}", "{\"v\":[1, 2]}"],
    );
    for text in ["1,\"w\":2", "x", ""] {
        let column: ArrayRef = Arc::new(StringViewArray::from(vec![text]));
        let error = records(&typed("arrow.json", "", column)).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("Column \"v\" holds text that is not JSON")
        );
    }
}

#[test]
fn json_inside_lists_structs_and_maps_is_its_own_text() {
    let about = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())];
    let json = Field::new("j", DataType::Utf8, true).with_metadata(about);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["1.10", "\"x\""]));
    let record = StructArray::from(vec![(Arc::new(json), text)]);
    let item = Arc::new(Field::new("item", record.data_type().clone(), true));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths([2]);
    let list = ListArray::new(item, offsets, Arc::new(record), None);
    check(list, &["[{\"j\":1.10},{\"j\":\"x\"}]"]);
}

#[test]
fn json_may_be_told_by_its_place() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["1.10"]));
    let field = Arc::new(Field::new("j", DataType::Utf8, true));
    let record: ArrayRef = Arc::new(StructArray::from(vec![(field, Arc::clone(&text))]));
    let batch = RecordBatch::try_from_iter([("a", text), ("b", record)]).unwrap();
    let mut writer = Writer::new(&batch.schema()).unwrap();
    writer.set_json(&[vec![1, 0], vec![9], vec![1, 9, 9], vec![]]);
    let records = writer.records(&batch).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&records[0]),
        "{\"a\":\"1.10\",\"b\":{\"j\":1.10}}"
    );
}

#[test]
fn types_of_other_systems_have_their_text_or_are_refused() {
    let bytes = |value: [u8; 16]| -> ArrayRef {
        Arc::new(FixedSizeBinaryArray::try_from_iter([value].into_iter()).unwrap())
    };
    check_typed(
        "arrow.uuid",
        "",
        bytes(0x8f71_f638_d80f_4cb1_9e2f_9c35_a3dd_5cf7_u128.to_be_bytes()),
        &["{\"v\":\"8f71f638-d80f-4cb1-9e2f-9c35a3dd5cf7\"}"],
    );
    check_typed(
        "arrow.bool8",
        "",
        Arc::new(Int8Array::from(vec![1, 0])),
        &["{\"v\":true}", "{\"v\":false}"],
    );
    let named = |name: &str| format!("{{\"vendor_name\":\"DuckDB\",\"type_name\":\"{name}\"}}");
    check_typed(
        "arrow.opaque",
        &named("hugeint"),
        bytes(i128::MIN.to_le_bytes()),
        &["{\"v\":-170141183460469231731687303715884105728}"],
    );
    check_typed(
        "arrow.opaque",
        &named("uhugeint"),
        bytes(u128::MAX.to_le_bytes()),
        &["{\"v\":340282366920938463463374607431768211455}"],
    );
    let refused = records(&typed("arrow.opaque", &named("time_tz"), bytes([0; 16]))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Column \"v\" has the type TIME_TZ, which has no JSON form; CAST it AS VARCHAR first."
    );
}

#[test]
fn equal_names_are_an_error() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let fields: Vec<_> = ["a", "b", "a"]
        .iter()
        .map(|name| Arc::new(Field::new(*name, DataType::Int64, true)))
        .collect();
    let columns = vec![Arc::clone(&column), Arc::clone(&column), column];
    let record = StructArray::new(fields.clone().into(), columns.clone(), None);
    let schema = Arc::new(arrow_schema::Schema::new(fields));
    assert_eq!(
        Writer::new(&schema).unwrap_err().to_string(),
        "Two columns are named \"a\", and a JSON object has each key once; rename one of them."
    );
    refuse(
        record,
        "Column \"v\" has two fields named \"a\", and a JSON object has each key once; rename one of them.",
    );
}
