//! Summaries merge in any order and are bounded; types hold what was seen.

mod fixed;

use proptest::prelude::*;

use super::node::Limits;
use super::*;
use crate::time::{Moment, moment};
use lakebed_testkit::json::record;

/// Small enough for short test records to exceed.
const TINY: Limits = [24, 16, 6, 4, 3, 2, 2, 2, 2, 2, 2, 2];

fn summary_of<T: AsRef<[u8]>>(mut summary: Summary, lines: &[T]) -> Summary {
    for line in lines {
        let line = line.as_ref();
        validate_and_observe(line, &mut summary)
            .unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(line)));
    }
    summary
}

fn schema_of(lines: &[&str]) -> Schema {
    let summary = summary_of(Summary::new(), lines);
    assert_eq!(Summary::decode(&summary.encode()).as_ref(), Ok(&summary));
    to_columns(&summary, &Settings::default())
}

impl Summary {
    /// Rows and type of the keys that have a node.
    fn top_columns(&self) -> std::collections::HashMap<ColumnSource, (u64, String)> {
        let schema = to_columns(self, &Settings::default());
        let columns = schema.columns.into_iter();
        let keys = columns.filter(|column| matches!(column.source, ColumnSource::Key(_)));
        keys.map(|column| {
            (
                column.source,
                (column.missing, column.data_type.to_string()),
            )
        })
        .collect()
    }
}

fn shown(schema: &Schema) -> String {
    let columns: Vec<String> = schema
        .columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.data_type))
        .collect();
    columns.join(", ")
}

/// The type of values that stand under one key, in one row each.
fn type_of(values: &[&str]) -> String {
    let lines: Vec<String> = values
        .iter()
        .map(|value| format!("{{\"k\":{value}}}"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    schema_of(&lines).columns[0].data_type.to_string()
}

#[test]
fn types_hold_every_value() {
    let cases: &[(&[&str], &str)] = &[
        (&["true", "null", "false"], "BOOLEAN"),
        (&["1", "-5"], "BIGINT"),
        (&["-0"], "BIGINT"),
        (&["-9223372036854775808", "9223372036854775807"], "BIGINT"),
        (&["0", "9223372036854775808"], "UBIGINT"),
        (&["18446744073709551615"], "UBIGINT"),
        (&["-1", "9223372036854775808"], "HUGEINT"),
        (&["18446744073709551616"], "HUGEINT"),
        (&["99999999999999999999999999999999999999"], "HUGEINT"),
        (&["100000000000000000000000000000000000000"], "JSON"),
        (&["-100000000000000000000000000000000000000"], "JSON"),
        (
            &["1", "1000000000000000000000000000000000000000000000000000"],
            "JSON",
        ),
        (&["1.0"], "DOUBLE"),
        (&["1", "1.5"], "DOUBLE"),
        (&["-0.0", "1e308", "0e999999"], "DOUBLE"),
        (&["9007199254740992", "0.5"], "DOUBLE"),
        (&["9007199254740993", "0.5"], "JSON"),
        (&["0.5", "-9007199254740993"], "JSON"),
        (&["36893488147419103232", "0.5"], "DOUBLE"),
        (&["36893488147419103233", "0.5"], "JSON"),
        (&["1e400"], "JSON"),
        (&["1e-400"], "JSON"),
        (&["\"\"", "\"x\""], "VARCHAR"),
        (&["\"\\u0000\""], "VARCHAR"),
        (&["\"\\ud83d\\ude00\""], "VARCHAR"),
        (&["\"x\"", "\"\\ud83d\""], "JSON"),
        (&["\"2024-02-29\"", "null"], "DATE"),
        (&["\"2023-02-29\""], "VARCHAR"),
        (&["\"2024-02-29\"", "\"2024-02-29T00:00:00\""], "VARCHAR"),
        (
            &["\"2024-02-29 01:02:03\"", "\"2024-02-29T01:02:03.123456\""],
            "TIMESTAMP",
        ),
        (&["\"2024-02-29T01:02:03.1234567\""], "VARCHAR"),
        (
            &[
                "\"2024-02-29T01:02:03Z\"",
                "\"2024-02-29T01:02:03.5+05:30\"",
            ],
            "TIMESTAMP WITH TIME ZONE",
        ),
        (
            &["\"2024-02-29T01:02:03Z\"", "\"2024-02-29T01:02:03\""],
            "VARCHAR",
        ),
        (&["\"2024-02-29T01:02:03Z\"", "\"later\""], "VARCHAR"),
        (&["\"2024-02-29\"", "\"2024-02\\u002d28\""], "VARCHAR"),
        (&["1", "\"1\""], "JSON"),
        (&["1", "true"], "JSON"),
        (&["1", "[1]"], "JSON"),
        (&["{}", "[]"], "JSON"),
        (&["null"], "JSON"),
        (&["{}"], "JSON"),
        (&["[]"], "JSON[]"),
        (&["[1,null]", "[2.5]", "[]"], "DOUBLE[]"),
        (&["[1,\"a\"]"], "JSON[]"),
        (&["[[\"2024-01-01\"]]"], "DATE[][]"),
        (
            &["{\"a\":1}", "{\"b\":\"x\"}"],
            "STRUCT(\"a\" BIGINT, \"b\" VARCHAR)",
        ),
        (
            &["{\"a\\\"b\":{\"c\":null}}"],
            "STRUCT(\"a\"\"b\" STRUCT(\"c\" JSON))",
        ),
        (&["{\"a\":1,\"A\":1}"], "JSON"),
        (&["{\"a\":1}", "{\"A\":1}"], "JSON"),
        (&["{\"\":1}"], "JSON"),
        (&["{\"\\u0000\":1}"], "JSON"),
        (&["{\"\\ud800\":1}"], "JSON"),
        (&["{\"a\":1,\"a\":\"x\"}"], "STRUCT(\"a\" BIGINT)"),
        (
            &["[{\"a\":1},{\"a\":2,\"b\":[{}]}]"],
            "STRUCT(\"a\" BIGINT, \"b\" JSON[])[]",
        ),
    ];
    for (values, data_type) in cases {
        assert_eq!(type_of(values), *data_type, "{values:?}");
    }
}

#[test]
fn columns_say_what_a_user_should_know() {
    let schema = schema_of(&[
        r#"{"id":1,"Name":"a","_seq":7,"mixed":1,"twice":1,"twice":"x"}"#,
        r#"{"id":null,"name":"b","mixed":"x","at":"2024-01-01T00:00:00+01:00"}"#,
        r#"{"id":3,"name":"c","n":0.12345678901234567890}"#,
    ]);
    let column = |name: &str| &schema.columns[schema.position(name).unwrap()];
    assert_eq!(schema.rows, 3);
    assert_eq!(
        (
            column("id").values,
            column("id").nulls,
            column("id").missing
        ),
        (2, 1, 0)
    );
    assert_eq!(column("name").missing, 1);
    assert_eq!(
        column("Name_1").source,
        ColumnSource::Key(b"Name".as_slice().into())
    );
    assert_eq!(column("name_1").notes, ["renamed from \"Name\""]);
    assert_eq!(column("_seq_1").notes, ["renamed from \"_seq\""]);
    assert_eq!(column("mixed").notes, ["mixed kinds: numbers, strings"]);
    assert_eq!(column("twice").data_type, DataType::BigInt);
    assert!(column("twice").notes[0].contains("the first counts"));
    assert!(column("at").notes[0].contains("_json has the zones"));
    assert!(column("n").notes[0].contains("17 digits"));
}

#[test]
fn names_are_ones_sql_can_have() {
    let schema = schema_of(&[
        r#"{"a":1,"A":2,"a_1":3,"":4,"_JSON":5,"\ud800x":6,"n\u0000":7,"ä":8,"Ä":9,"value":10}"#,
        "[1]",
        "null",
    ]);
    assert_eq!(
        shown(&schema),
        "A BIGINT, a_2 BIGINT, a_1 BIGINT, empty_key BIGINT, _JSON_1 BIGINT, \\ud800x BIGINT, n\u{2400} BIGINT, ä BIGINT, Ä BIGINT, \
         value BIGINT, value_1 JSON"
            .replace("A BIGINT, a_2", "a BIGINT, A_2")
    );
    assert_eq!(schema.columns[10].source, ColumnSource::NonObject);
    assert_eq!(
        (
            schema.columns[10].values,
            schema.columns[10].nulls,
            schema.columns[10].missing
        ),
        (1, 1, 1)
    );
    assert_eq!(shown(&schema_of(&["1", "\"x\""])), "value JSON");
    assert_eq!(shown(&schema_of(&["{}"])), "");
}

#[test]
fn columns_stand_in_the_order_of_the_records() {
    let schema = schema_of(&[
        r#"{"id":1,"z":1,"size":1}"#,
        r#"{"id":1,"rare":1,"z":1,"b":1,"size":1}"#,
        r#"{"id":1,"z":1,"b":1,"size":1}"#,
    ]);
    let names: Vec<&str> = schema
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["id", "rare", "z", "b", "size"]);
}

#[test]
fn very_many_keys_become_a_map_or_json() {
    let wide = |value: &str| -> Vec<String> {
        (0..3000)
            .map(|row| {
                format!("{{\"id\":{row},\"tags\":{{\"k{row}\":{value},\"m{row}\":{value}}}}}")
            })
            .collect()
    };
    let types = |lines: &[String]| {
        shown(&to_columns(
            &summary_of(Summary::new(), lines),
            &Settings::default(),
        ))
    };
    assert_eq!(types(&wide("1")), "id BIGINT, tags MAP(VARCHAR, BIGINT)");
    assert_eq!(
        types(&wide("1")[..150]),
        "id BIGINT, tags MAP(VARCHAR, BIGINT)",
        "many keys, few in each row"
    );
    assert_eq!(
        types(&wide("{\"a\":[1]}")),
        "id BIGINT, tags MAP(VARCHAR, STRUCT(\"a\" BIGINT[]))"
    );
    let mut mixed = wide("1");
    mixed.extend(wide("\"x\""));
    assert_eq!(types(&mixed), "id BIGINT, tags JSON");
}

#[test]
fn a_summary_is_bounded() {
    let mut summary = Summary::new();
    // One record with more keys, and longer ones, than a summary may hold; then many records with new keys each.
    let members: Vec<String> = (0..200_000)
        .map(|key| format!("\"{key:0>9}\":{{\"{key}\":{key}}}"))
        .collect();
    summary = summary_of(summary, &[format!("[{{\"a\":{{{}}}}}]", members.join(","))]);
    let long = format!("{{\"{}\":1}}", "k".repeat(3_000_000));
    summary = summary_of(summary, &[long]);
    for row in 0..2000 {
        let line = format!(
            "{{\"x{row}\":{{\"y{row}\":{{\"z{row}\":[{{\"w{row}\":{{\"v{row}\":1}}}}]}}}}}}"
        );
        summary = summary_of(summary, &[line]);
    }
    let encoded = summary.encode();
    assert!(encoded.len() < 200_000, "{}", encoded.len());
    assert_eq!(Summary::decode(&encoded), Ok(summary));
}

#[test]
fn nesting_beyond_the_typed_depth_is_json() {
    let deep = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(
        shown(&schema_of(&[&deep(11)])),
        format!("a BIGINT{}", "[]".repeat(11))
    );
    assert_eq!(
        shown(&schema_of(&[&deep(12)])),
        format!("a JSON{}", "[]".repeat(11))
    );
    assert_eq!(
        shown(&schema_of(&[&deep(1000)])),
        format!("a JSON{}", "[]".repeat(11))
    );
}

#[test]
fn a_key_is_unique_when_a_search_for_its_bytes_is_right() {
    let unique = |lines: &[&str]| -> Vec<String> {
        schema_of(lines)
            .columns
            .into_iter()
            .filter_map(|column| column.unique.then_some(column.name))
            .collect()
    };
    assert_eq!(
        unique(&[r#"{"a":1,"b":{"a":2,"c":1},",":1,":":1," ":2,"d e":3}"#]),
        ["b", "d e"]
    );
    assert_eq!(unique(&[r#"{"a":1,"b":[{"a":2}]}"#]), ["b"]);
    assert_eq!(unique(&[r#"{"a":1,"\u0062":2}"#]), Vec::<String>::new());
    assert_eq!(
        unique(&[r#"{"a":1,"b":1,"b":{"a":3}}"#]),
        Vec::<String>::new(),
        "a key inside a repeated one"
    );
    assert_eq!(unique(&[r#"{"a":1,"b":1,"b":3}"#]), ["a", "b"]);
    let deep = format!(
        "{{\"a\":1,\"b\":{}{{\"a\":1}}{}}}",
        "[".repeat(20),
        "]".repeat(20)
    );
    assert_eq!(unique(&[&deep]), Vec::<String>::new());
    assert_eq!(unique(&[r#"{"a":1}"#, "[1]"]), ["a"]);
    assert_eq!(
        unique(&[r#"{"a":1}"#, r#"[{"a":1}]"#]),
        Vec::<String>::new()
    );
}

#[test]
fn moments_have_their_value() {
    assert_eq!(moment(b"1970-01-01"), Some(Moment::Date(0)));
    assert_eq!(moment(b"1969-12-31"), Some(Moment::Date(-1)));
    assert_eq!(moment(b"2000-03-01"), Some(Moment::Date(11_017)));
    assert_eq!(moment(b"0001-01-01"), Some(Moment::Date(-719_162)));
    assert_eq!(moment(b"9999-12-31"), Some(Moment::Date(2_932_896)));
    assert_eq!(
        moment(b"1970-01-01T00:00:01.5"),
        Some(Moment::Naive(1_500_000))
    );
    assert_eq!(
        moment(b"1970-01-01 01:00:00+01"),
        Some(Moment::Zoned {
            micros: 0,
            utc: false
        })
    );
    assert_eq!(
        moment(b"1970-01-01T00:00:00-00:30"),
        Some(Moment::Zoned {
            micros: 1_800_000_000,
            utc: false
        })
    );
    assert_eq!(
        moment(b"1970-01-01T00:00:00.000001Z"),
        Some(Moment::Zoned {
            micros: 1,
            utc: true
        })
    );
    for text in [
        "0000-01-01",
        "1970-13-01",
        "1970-00-01",
        "1970-01-00",
        "1970-01-32",
        "1900-02-29",
        "1970-1-1",
        "1970-01-01T",
        "1970-01-01T00:00",
        "1970-01-01T24:00:00",
        "1970-01-01T00:60:00",
        "1970-01-01T00:00:60",
        "1970-01-01T00:00:00.",
        "1970-01-01T00:00:00z",
        "1970-01-01T00:00:00+1",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+16:00",
        "1970-01-01T00:00:00 Z",
        "1970-01-01t00:00:00",
        "1970-01-01T00:00:00Z ",
        "+970-01-01",
        "1970-01-01T00:00:00+01:",
        "1970-01-01T00:00:00*01:00",
    ] {
        assert_eq!(moment(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn other_bytes_are_no_summary() {
    let summary = summary_of(
        Summary::new(),
        &[
            r#"{"a":[1,{"b":"2024-01-01"}],"c":1e400}"#,
            r#"{"a":99999999999999999999}"#,
        ],
    );
    let bytes = summary.encode();
    for cut in 0..bytes.len() {
        assert!(Summary::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(Summary::decode(&longer).is_err());
    let mut newer = bytes.clone();
    newer[0] = 3;
    assert!(
        Summary::decode(&newer)
            .unwrap_err()
            .to_string()
            .contains("newer")
    );
}

#[test]
fn arrow_fields_carry_json() {
    let schema = schema_of(&[r#"{"a":1,"b":{},"c":[null],"d":{"e":"x"}}"#]);
    let arrow = arrow_schema(&schema, &[1, 0, 3, 9]);
    let shown: Vec<String> = arrow
        .fields()
        .iter()
        .map(|field| format!("{} {}", field.name(), field.data_type()))
        .collect();
    assert_eq!(shown.len(), 3);
    assert_eq!(shown[0], "b Utf8");
    assert_eq!(arrow.field(0).extension_type_name(), Some("arrow.json"));
    assert_eq!(arrow.field(1).extension_type_name(), None);
}

proptest! {
    #[test]
    fn any_split_and_order_gives_the_same_summary(
        lines in prop::collection::vec(record(), 1..30),
        shuffle in prop::collection::vec(any::<u32>(), 30),
        parts in prop::collection::vec(0..4usize, 30),
        tiny in any::<bool>(),
    ) {
        let empty = || if tiny { Summary::with_limits(&TINY) } else { Summary::new() };
        let whole = summary_of(empty(), &lines);
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by_key(|index| shuffle[*index]);
        let mut split = [empty(), empty(), empty(), empty()];
        for index in order {
            validate_and_observe(lines[index].as_bytes(), &mut split[parts[index]]).unwrap();
        }
        let [mut a, mut b, c, d] = split;
        // (a + (b + c)) + d, with d having been through its bytes.
        b.merge(&c);
        a.merge(&b);
        a.merge(&empty().decoded(&d.encode()).unwrap());
        prop_assert_eq!(a.rows(), lines.len() as u64);
        let known = summary_of(a.expecting(), &lines[..1]);
        let decoded = empty().decoded(&known.encode());
        prop_assert_eq!(decoded.as_ref(), Ok(&known));
        if whole.needs_second_version() || a.needs_second_version() {
            // Which keys a record keeps that has too many may depend on the order; what it says of them does not.
            let (a, whole) = (a.top_columns(), whole.top_columns());
            for (key, column) in &a {
                prop_assert!(whole.get(key).is_none_or(|known| known == column));
            }
            return Ok(());
        }
        prop_assert_eq!(&a, &whole);
        prop_assert_eq!(to_columns(&a, &Settings::default()), to_columns(&whole, &Settings::default()));
        // What merging left behind serves further lines as well.
        for line in &lines {
            validate_and_observe(line.as_bytes(), &mut a).unwrap();
        }
        let mut twice = whole.clone();
        twice.merge(&whole);
        prop_assert_eq!(a, twice);
    }

    #[test]
    fn summaries_survive_their_bytes(lines in prop::collection::vec(record(), 0..20)) {
        let summary = summary_of(Summary::new(), &lines);
        let bytes = summary.encode();
        let decoded = Summary::decode(&bytes).unwrap();
        prop_assert_eq!(decoded.encode(), bytes);
        prop_assert_eq!(decoded, summary);
    }

    #[test]
    fn damaged_summaries_are_errors_or_summaries(
        lines in prop::collection::vec(record(), 0..10),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = summary_of(Summary::new(), &lines).encode();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(summary) = Summary::decode(&bytes) {
            prop_assert_eq!(summary.encode(), bytes);
            let mut merged = summary.clone();
            merged.merge(&summary);
            let _ = to_columns(&merged, &Settings::default());
        }
    }
}
