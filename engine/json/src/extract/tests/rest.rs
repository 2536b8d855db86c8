//! Keys that have no column or field of their own, and fields by their path.

use super::*;
use crate::schema::{Declaration, Step};

#[test]
fn keys_without_a_field_are_in_one_text() {
    let wide: Vec<String> = (0..300).map(|key| format!("\"k{key}\":{key}")).collect();
    let mut records = vec![r#"{"o":{"id":1}}"#.to_owned(); 100];
    records.push(format!(
        "{{\"o\":{{\"id\":2,{},\"k1\":\"again\"}}}}",
        wide.join(",")
    ));
    records.push(r#"{"o":{"other_keys":[1], "id":3,"k5" : "x"}}"#.to_owned());
    let schema = schema_of(&records);
    let (column, data_type) = (&schema.columns[0].name, &schema.columns[0].data_type);
    assert_eq!(
        format!("{column} {data_type}"),
        "o STRUCT(\"id\" BIGINT, \"other_keys\" JSON)"
    );
    let arrays = extract(&mut Extractor::new(&schema, &[0]), &records);
    assert_eq!(shown(&arrays[0], 0, data_type), "(1,NULL)");
    assert_eq!(
        shown(&arrays[0], 100, data_type),
        format!("(2,{{{}}})", wide.join(","))
    );
    assert_eq!(
        shown(&arrays[0], 101, data_type),
        r#"(3,{"other_keys":[1],"k5":"x"})"#
    );
}

#[test]
fn a_field_by_its_path_is_the_one_in_its_object() {
    let records = [
        r#"{"a":{"x":1,"y":{"z":"one"}},"x":10}"#,
        r#"{"x":20,"a":{"y":{"z":"two"},"x":2}}"#,
        r#"{"a":{"y":null},"b":{"z":"other"}}"#,
        r#"{"a":null}"#,
        "[]",
    ];
    let mut schema = schema_of(&records);
    let first = schema.columns.len();
    for (path, data_type) in [
        (&["a", "y", "z"][..], DataType::Varchar),
        (&["a", "x"], DataType::BigInt),
    ] {
        let keys = path.iter().map(|key| key.as_bytes().into()).collect();
        schema.columns.push(Column {
            name: path.join("."),
            source: ColumnSource::Path(keys),
            data_type,
            unique: false,
            ..schema.columns[0].clone()
        });
    }
    let a = schema.position("a").unwrap();
    for projection in [&[first, first + 1][..], &[first, a, first + 1]] {
        let arrays = extract(&mut Extractor::new(&schema, projection), &records);
        let z: Vec<String> = (0..5)
            .map(|row| shown(&arrays[0], row, &DataType::Varchar))
            .collect();
        assert_eq!(z, ["\"one\"", "\"two\"", "NULL", "NULL", "NULL"]);
        let last = arrays.last().unwrap();
        let x: Vec<String> = (0..5)
            .map(|row| shown(last, row, &DataType::BigInt))
            .collect();
        assert_eq!(x, ["1", "2", "NULL", "NULL", "NULL"]);
    }
}

#[test]
fn a_declared_map_lacks_entries_that_it_cannot_hold() {
    let mut settings = Settings::default();
    let declaration = Declaration {
        data_type: "MAP(VARCHAR, BIGINT)".parse().unwrap(),
        nulls: [].into(),
    };
    settings.declare(vec![Step::Key(b"m"[..].into())], Some(declaration));
    let record = r#"{"m":{"a\u0041":1,"\ud800":2,"b":"x","c":4}}"#;
    let mut summary = Summary::new();
    validate_and_observe(record.as_bytes(), &mut summary).unwrap();
    let schema = to_columns(&summary, &settings);
    let mut extractor = Extractor::new(&schema, &[0]);
    extractor.push(record.as_bytes()).unwrap();
    assert_eq!(extractor.misfits(), [2]);
    let arrays = extractor.finish().unwrap();
    let map = arrays[0].as_map();
    let keys: Vec<_> = map.keys().as_string::<i32>().iter().flatten().collect();
    assert_eq!(keys, ["aA", "b", "c"]);
    assert_eq!(map.values().null_count(), 1);
}
