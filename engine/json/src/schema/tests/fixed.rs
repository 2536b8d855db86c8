//! Records with very many keys, names that stay, declared types.

use super::*;

fn wide_record(keys: std::ops::Range<u32>) -> String {
    let members: Vec<String> = keys.map(|key| format!("\"s{key}\":{key}")).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn a_record_with_very_many_keys_leaves_the_others_their_columns() {
    let mut lines: Vec<String> = (0..1000)
        .map(|id| format!("{{\"id\":{id},\"level\":\"info\"}}"))
        .collect();
    lines.push(wide_record(0..4097));
    let schema = to_columns(&summary_of(Summary::new(), &lines), &Settings::default());
    assert_eq!(shown(&schema), "id BIGINT, level VARCHAR, other_keys JSON");
    assert!(schema.columns[2].notes[0].starts_with("holds the 4097 keys that have no column"));
    assert_eq!(
        (schema.columns[0].values, schema.columns[0].missing),
        (1000, 1)
    );
    // So many that the summary gives up their paths: the frequent ones stay.
    lines.extend((1..60).map(|n| wide_record(n * 5000..(n + 1) * 5000)));
    let summary = summary_of(Summary::new(), &lines);
    let schema = to_columns(&summary, &Settings::default());
    assert_eq!(shown(&schema), "id BIGINT, level VARCHAR, other_keys JSON");
    assert!(schema.columns[2].notes[0].starts_with("holds all keys that have no column"));
    assert_eq!(
        (schema.columns[0].values, schema.columns[0].missing),
        (1000, 60)
    );
    assert_eq!(Summary::decode(&summary.encode()), Ok(summary));
    // Many records of few keys each, none of them frequent.
    let records: Vec<String> = (0..5000)
        .map(|row| format!("{{\"k{row}\":{row}}}"))
        .collect();
    let schema = to_columns(&summary_of(Summary::new(), &records), &Settings::default());
    assert_eq!(shown(&schema), "other_keys JSON");
}

#[test]
fn a_key_that_one_summary_gave_up_gets_no_column_of_wrong_values() {
    let heavy = summary_of(
        Summary::new(),
        &[wide_record(0..40_000), r#"{"id":1,"x":"text"}"#.to_owned()],
    );
    let light = summary_of(
        Summary::new(),
        &[r#"{"id":2,"s7":"seven"}"#, r#"{"new":1}"#],
    );
    for (first, second) in [(&heavy, &light), (&light, &heavy)] {
        let mut all = first.clone();
        all.merge(second);
        let schema = to_columns(&all, &Settings::default());
        // The first record has all keys in half of the lines; up to half of the limit stay.
        assert!(schema.columns.len() < 4097);
        assert!(
            schema.position("new").is_none(),
            "the other summary may have had it"
        );
        assert_eq!(all.rows(), 4);
        let s7 = schema
            .position("s7")
            .map(|at| schema.columns[at].data_type.clone());
        assert!(matches!(s7, None | Some(DataType::Json)));
    }
}

fn keeping(settings: &mut Settings, before: &Summary, new: &[&str]) -> Summary {
    let mut after = before.clone();
    after.merge(&summary_of(Summary::new(), new));
    settings.keep_names(&to_columns(before, settings), &after);
    after
}

#[test]
fn a_name_stays_with_its_key() {
    let mut settings = Settings::default();
    let one = keeping(&mut settings, &Summary::new(), &[r#"{"Amount":1,"n":1}"#]);
    assert!(settings.is_empty(), "the rows alone give these names");
    let many = [r#"{"amount":"x","N":2}"#; 5];
    let two = keeping(&mut settings, &one, &many);
    let expected = "Amount BIGINT, amount_1 VARCHAR, N_1 BIGINT, n BIGINT";
    assert_eq!(shown(&to_columns(&two, &settings)), expected);
    // A later key like a name that was given, a record that is no object, and then its key.
    let three = keeping(&mut settings, &two, &[r#"{"amount_1":true}"#, "[1]"]);
    let four = keeping(&mut settings, &three, &[r#"{"value":5}"#]);
    let schema = to_columns(&four, &settings);
    let source = |name: &str| {
        schema.columns[schema.position(name).unwrap()]
            .source
            .clone()
    };
    let key = |key: &str| ColumnSource::Key(key.as_bytes().into());
    assert_eq!(source("amount_1"), key("amount"));
    assert_eq!(source("amount_1_1"), key("amount_1"));
    assert_eq!(source("value"), ColumnSource::NonObject);
    assert_eq!(source("value_1"), key("value"));
    let description = Description {
        summary: four,
        settings: Some(settings),
        replaces: false,
    };
    assert_eq!(
        Description::decode(&description.encode()).as_ref(),
        Ok(&description)
    );
    assert_eq!(description.columns(), schema);
}

#[test]
fn columns_stay_when_there_are_too_many_keys_and_frequent_ones_join_them() {
    let mut settings = Settings::default();
    let rows = [r#"{"id":1,"rare":1}"#; 1];
    let one = keeping(&mut settings, &Summary::new(), &rows);
    let plain = [r#"{"id":2}"#; 500];
    let two = keeping(&mut settings, &one, &plain);
    let wide = wide_record(0..5000);
    let three = keeping(&mut settings, &two, &[&wide]);
    assert_eq!(
        shown(&to_columns(&three, &settings)),
        "id BIGINT, rare BIGINT, other_keys JSON",
        "rare had a column before"
    );
    let four = keeping(&mut settings, &three, &[r#"{"id":3,"late":1}"#; 1]);
    assert!(to_columns(&four, &settings).position("late").is_none());
    let five = keeping(&mut settings, &four, &[r#"{"id":3,"late":1}"#; 20]);
    assert!(to_columns(&five, &settings).position("late").is_some());
    settings.forget_all_but(&two);
    assert!(settings.is_empty() || !shown(&to_columns(&two, &settings)).contains("other_keys"));
}

#[test]
fn a_single_record_with_very_many_keys_that_comes_first_leaves_later_ones_their_columns() {
    let mut settings = Settings::default();
    let wide = wide_record(0..5000);
    let one = keeping(&mut settings, &Summary::new(), &[&wide]);
    assert_eq!(shown(&to_columns(&one, &settings)), "other_keys JSON");
    let two = keeping(&mut settings, &one, &[r#"{"id":1,"level":"info"}"#; 500]);
    assert_eq!(
        shown(&to_columns(&two, &settings)),
        "id BIGINT, level VARCHAR, other_keys JSON"
    );
    // Where all have them, they get columns.
    let mut settings = Settings::default();
    let both = keeping(&mut settings, &Summary::new(), &[&wide, &wide]);
    assert_eq!(to_columns(&both, &settings).columns.len(), 4095);
}

fn declared(settings: &mut Settings, path: Vec<Step>, data_type: &str, nulls: &[&str]) {
    let declaration = Declaration {
        data_type: data_type.parse().unwrap(),
        nulls: nulls.iter().map(|text| (*text).to_owned()).collect(),
    };
    settings.declare(path, Some(declaration));
}

#[test]
fn a_declared_type_takes_the_place_of_the_inferred_one() {
    let key = |key: &str| Step::Key(key.as_bytes().into());
    let summary = summary_of(
        Summary::new(),
        &[
            r#"{"price":1.5,"o":{"at":"2024-01-01","n":1},"list":[{"x":1}]}"#,
            r#"{"price":"-","o":{"at":"","n":2},"list":[{"x":"?"}]}"#,
        ],
    );
    let mut settings = Settings::default();
    declared(&mut settings, vec![key("price")], "DOUBLE", &["-"]);
    declared(&mut settings, vec![key("o"), key("at")], "DATE", &[]);
    declared(
        &mut settings,
        vec![key("list"), Step::Element, key("x")],
        "BIGINT",
        &[],
    );
    declared(&mut settings, vec![key("later")], "TIMESTAMP", &[]);
    let schema = to_columns(&summary, &settings);
    assert_eq!(
        shown(&schema),
        "price DOUBLE, o STRUCT(\"at\" DATE, \"n\" BIGINT), list STRUCT(\"x\" BIGINT)[], later TIMESTAMP"
    );
    assert!(schema.columns[0].is_declared() && !schema.columns[1].is_declared());
    assert!(schema.columns[0].notes[0].contains("\"-\" mean NULL"));
    assert_eq!(
        (schema.columns[3].values, schema.columns[3].missing),
        (0, 2)
    );
    let description = Description {
        summary,
        settings: Some(settings.clone()),
        replaces: true,
    };
    assert_eq!(
        Description::decode(&description.encode()).as_ref(),
        Ok(&description)
    );
    settings.declare(vec![key("o")], None);
    settings.declare(vec![key("price")], None);
    assert_eq!(settings.declared().count(), 2);
}

#[test]
fn descriptions_add_up_in_their_order() {
    let of = |lines: &[&str]| Description::from(summary_of(Summary::new(), lines));
    let mut all = of(&[r#"{"a":"x"}"#]);
    let mut settings = Settings::default();
    settings.name_key(b"a", "b");
    all.add(Description {
        replaces: true,
        settings: Some(settings),
        ..of(&[r#"{"a":1}"#])
    });
    all.add(of(&[r#"{"a":2}"#]));
    assert_eq!(shown(&all.columns()), "b BIGINT");
    assert_eq!(all.columns().rows, 2);
}

#[test]
fn objects_inside_keep_the_fields_that_most_of_them_have() {
    let objects = |wide: &str| -> Vec<String> {
        let plain = |id: u32| format!("{{\"o\":{{\"id\":{id},\"level\":\"info\"}}}}");
        let mut lines: Vec<String> = (0..100).map(plain).collect();
        lines.push(format!("{{\"o\":{wide}}}"));
        lines
    };
    let expected = "o STRUCT(\"id\" BIGINT, \"level\" VARCHAR, \"other_keys\" JSON)";
    for keys in [300, 4000, 5000, 40_000] {
        let lines = objects(&wide_record(0..keys));
        let summary = summary_of(Summary::new(), &lines);
        assert_eq!(Summary::decode(&summary.encode()).as_ref(), Ok(&summary));
        let schema = to_columns(&summary, &Settings::default());
        assert_eq!(shown(&schema), expected, "{keys} keys");
    }
}

#[test]
fn keys_that_wide_lines_lack_are_not_forgotten() {
    let plain = [r#"{"id":1,"level":"info","o":{"id":1,"level":"x"}}"#; 50];
    let before = summary_of(Summary::new(), &plain);
    let wide = [
        format!("{{\"o\":{}}}", wide_record(0..6000)),
        wide_record(0..40_000),
        wide_record(40_000..90_000),
    ];
    assert!(before.would_forget(&summary_of(Summary::new(), &wide)));
    let new = summary_of(before.expecting(), &wide);
    assert!(!before.would_forget(&new));
    assert_eq!(new.rows(), 3);
    let new = Summary::decode(&new.encode()).unwrap();
    for (first, second) in [(&before, &new), (&new, &before)] {
        let mut all = first.clone();
        all.merge(second);
        let schema = to_columns(&all, &Settings::default());
        let id = &schema.columns[schema.position("id").unwrap()];
        assert_eq!(
            (id.values, id.missing, id.data_type.clone()),
            (50, 3, DataType::BigInt)
        );
        let o = &schema.columns[schema.position("o").unwrap()]
            .data_type
            .to_string();
        assert!(
            o.starts_with("STRUCT(\"id\" BIGINT, \"level\" VARCHAR"),
            "{o}"
        );
    }
    // Again, with what collapsed before among what is expected.
    let mut all = before.clone();
    all.merge(&new);
    for lines in [&wide[..1], &wide[1..2], &[r#"{"id":3}"#.to_owned()]] {
        let more = summary_of(all.expecting(), lines);
        assert_eq!(Summary::decode(&more.encode()).as_ref(), Ok(&more));
        all.merge(&more);
        assert_eq!(Summary::decode(&all.encode()).as_ref(), Ok(&all));
    }
    // What was expected and did not come leaves no trace where nothing collapsed.
    let lines = [r#"{"id":7}"#];
    assert_eq!(
        summary_of(before.expecting(), &lines),
        summary_of(Summary::new(), &lines)
    );
}

#[test]
fn settings_say_how_records_are_stored() {
    let of = |layout, stays_rows| {
        let mut settings = Settings::default();
        declared(
            &mut settings,
            vec![Step::Key(b"price".as_slice().into())],
            "DOUBLE",
            &["-"],
        );
        (settings.layout, settings.stays_rows) = (layout, stays_rows);
        Description {
            settings: Some(settings),
            ..Description::default()
        }
    };
    let plain = of(None, 0).encode();
    // An older lakebed reads what it knows, and refuses the rest.
    assert_eq!(plain[2], 1);
    for layout in [
        None,
        Some(StoredLayout::Rows),
        Some(StoredLayout::Columns),
        Some(StoredLayout::Auto),
    ] {
        let description = of(layout, 1 << 40);
        let bytes = description.encode();
        assert_eq!(bytes[2], 2);
        assert_eq!(Description::decode(&bytes).as_ref(), Ok(&description));
        assert!(Description::decode(&bytes[..bytes.len() - 3]).is_err());
    }
}
