//! Columns whose type was declared.

use super::*;
use crate::schema::{Declaration, Step};

fn settings(declarations: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (key, data_type) in declarations {
        let declaration = Declaration {
            data_type: data_type.parse().unwrap(),
            nulls: ["-".into(), "-999".into()].into(),
        };
        let path = key.split('.').map(|key| match key {
            "[]" => Step::Element,
            key => Step::Key(key.as_bytes().into()),
        });
        settings.declare(path.collect(), Some(declaration));
    }
    settings
}

#[test]
fn values_that_fit_are_in_the_columns_and_others_come_back_too() {
    let settings = settings(&[
        ("n", "BIGINT"),
        ("u", "UBIGINT"),
        ("h", "HUGEINT"),
        ("d", "DOUBLE"),
        ("b", "BOOLEAN"),
        ("v", "VARCHAR"),
        ("t", "TIMESTAMP"),
        ("z", "TIMESTAMPTZ"),
        ("day", "DATE"),
        ("j", "JSON"),
        ("l", "BIGINT[]"),
        ("s", "STRUCT(a BIGINT, b DOUBLE[])"),
        ("m", "MAP(VARCHAR, DOUBLE)"),
        ("o.x", "DOUBLE"),
        ("p.[].x", "BIGINT"),
    ]);
    let values = [
        "1",
        "-0",
        "3.0",
        "1e2",
        "\"12\"",
        "\" +7 \"",
        "\"-\"",
        "-999",
        "null",
        "true",
        "\"True\"",
        "\"a\\tb\"",
        "{\"a\": 1}",
        "[1, \"2\", \"-\", \"x\", null]",
        "\"2024-02-29\"",
        "\"2024-02-29T12:00:00\"",
        "\"2024-02-29 12:00:00Z\"",
        "\"\\ud800\"",
        "1e400",
        "[]",
        "{}",
        "{\"a\":\"5\",\"b\":[1,\"2.5\",\"-\"],\"c\":1}",
        "{\"a\":\"x\",\"b\":\"-\",\"a\":7}",
        "[{\"x\":\"1\"},{\"x\":\"-\"},{\"x\":\"y\"},{},{\"x\":2}]",
        "18446744073709551616",
    ];
    let keys = [
        "n", "u", "h", "d", "b", "v", "t", "z", "day", "j", "l", "s", "m", "o", "p",
    ];
    let mut records = Vec::new();
    let filler = "f".repeat(400);
    for (row, value) in values.iter().enumerate() {
        for inside in ["", "x"] {
            let members: Vec<String> = keys
                .iter()
                .map(|key| match (*key, inside) {
                    ("o", "x") => format!("\"o\":{{\"x\":{value}}}"),
                    ("p", "x") => format!("\"p\":[{{\"x\":{value}}},{{\"x\":{row}}}]"),
                    (key, _) => format!("\"{key}\":{value}"),
                })
                .collect();
            records.push(format!(
                "{{{},\"filler\":\"{filler}\"}}",
                members.join(", ")
            ));
        }
    }
    let part = check(&records, &settings);
    assert_eq!(part.raw(), 0);
}

#[test]
fn numbers_in_quotes_need_no_fix() {
    let records = [
        r#"{"price":"12.50","id":17,"ok":"true","e":"-"}"#,
        r#"{"price":"3.00","id":18,"ok":"false","e":"-999"}"#,
    ];
    let settings = settings(&[
        ("price", "DOUBLE"),
        ("id", "VARCHAR"),
        ("ok", "BOOLEAN"),
        ("e", "DOUBLE"),
    ]);
    let part = check(&records, &settings);
    assert_eq!((part.raw(), part.fixed()), (0, 0));
}

proptest! {
    #[test]
    fn declared_types_lose_nothing(
        records in prop::collection::vec(record(), 1..6),
        types in prop::collection::vec(prop::sample::select(vec![
            "BIGINT", "UBIGINT", "HUGEINT", "DOUBLE", "BOOLEAN", "VARCHAR", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "JSON",
            "VARCHAR[]", "DOUBLE[][]", "MAP(VARCHAR, VARCHAR)", "STRUCT(a VARCHAR, b JSON[])", "MAP(VARCHAR, JSON)[]",
        ]), 5),
    ) {
        let declarations: Vec<(&str, &str)> = ["a", "b", "c", "d", "e"].into_iter().zip(types).collect();
        check(&records, &settings(&declarations));
    }
}
