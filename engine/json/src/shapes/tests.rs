//! Records through columns and back.

mod declared;
mod hostile;
mod spellings;

use proptest::prelude::*;

use super::*;
use crate::extract::Extractor;
use crate::schema::{Schema, Settings, Summary, to_columns, validate_and_observe};
use lakebed_testkit::json::{line, record};

/// A part in memory.
struct Part {
    leaves: Leaves,
    shaper: Shaper,
    /// The shape and the `_fix` of each record.
    rows: Vec<(Option<u32>, Vec<u8>)>,
    values: ArrowValues,
}

fn schema_of<T: AsRef<[u8]>>(records: &[T], settings: &Settings) -> Schema {
    let mut summary = Summary::new();
    for record in records {
        validate_and_observe(record.as_ref(), &mut summary).unwrap();
    }
    to_columns(&summary, settings)
}

impl Part {
    fn of<T: AsRef<[u8]>>(records: &[T], settings: &Settings) -> Self {
        let schema = schema_of(records, settings);
        let leaves = Leaves::of(&schema.columns);
        let spellers = Spellers::of(&leaves, records.iter().map(AsRef::as_ref));
        let mut shaper = Shaper::new(&leaves, spellers, Limits::default());
        let all: Vec<usize> = (0..schema.columns.len()).collect();
        let mut extractor = Extractor::new(&schema, &all);
        let mut rows = Vec::new();
        for record in records {
            extractor.push(record.as_ref()).unwrap();
            let mut fix = Vec::new();
            let shape = shaper.shape(record.as_ref(), &mut fix);
            rows.push((shape, fix));
        }
        let values = ArrowValues::new(&leaves, &extractor.finish().unwrap()).unwrap();
        Self {
            leaves,
            shaper,
            rows,
            values,
        }
    }

    fn raw(&self) -> usize {
        self.rows
            .iter()
            .filter(|(shape, _)| shape.is_none())
            .count()
    }

    fn fixed(&self) -> usize {
        self.rows.iter().filter(|(_, fix)| !fix.is_empty()).count()
    }
}

/// Every record that has a shape is rebuilt from it, also after the tables were written and read.
fn check<T: AsRef<[u8]>>(records: &[T], settings: &Settings) -> Part {
    let mut part = Part::of(records, settings);
    let mut bytes = Vec::new();
    part.shaper.spellers().encode(&mut bytes);
    let spellers = Spellers::decode(&bytes).unwrap();
    let mut again = Vec::new();
    spellers.encode(&mut again);
    assert_eq!(again, bytes);
    bytes.clear();
    part.shaper.shapes().encode(&mut bytes);
    let shapes = Shapes::decode(&bytes, &spellers).unwrap();
    again.clear();
    shapes.encode(&mut again);
    assert_eq!(again, bytes);
    for (number, (record, (shape, fix))) in records.iter().zip(&part.rows).enumerate() {
        let record = record.as_ref();
        let Some(shape) = shape else {
            continue;
        };
        let mut out = b"before".to_vec();
        part.values.go_to(number);
        shapes
            .rebuild(
                &spellers,
                *shape,
                &mut part.values,
                fix,
                record.len(),
                &mut out,
            )
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&out),
            format!("before{}", String::from_utf8_lossy(record))
        );
    }
    part
}

proptest! {
    #[test]
    fn records_come_back(records in prop::collection::vec(record(), 1..10)) {
        check(&records, &Settings::default());
    }

    #[test]
    fn lines_come_back(records in prop::collection::vec(line(), 1..6)) {
        check(&records, &Settings::default());
    }

    #[test]
    fn lists_of_records_come_back(records in prop::collection::vec(prop::collection::vec(record(), 0..4), 1..4)) {
        let records: Vec<String> = records
            .iter()
            .map(|list| format!("{{\"list\": [{}], \"x\":{}}}", list.join(", "), list.len()))
            .collect();
        check(&records, &Settings::default());
    }
}

#[test]
fn records_that_differ_in_values_share_a_shape() {
    let records = [
        r#"{"id": 1, "tags": ["a", "b"], "at": "2024-02-29T12:00:00Z", "x": null}"#,
        r#"{"id": -20, "tags": ["c"], "at": "2024-03-01T12:00:00Z", "x": null}"#,
        r#"{"id": 300, "tags": ["d", "", "\n"], "at": "2024-03-01T23:59:59Z", "x": null}"#,
    ];
    let part = check(&records, &Settings::default());
    assert_eq!(part.fixed(), 0);
    assert!(part.rows.iter().all(|(shape, _)| *shape == part.rows[0].0));
    // That of the elements, and that of the records.
    assert_eq!(part.shaper.shapes().len(), 2);
    assert!(!part.shaper.shapes().is_empty());
    assert!(part.shaper.shapes().bytes() < 80);
}

#[test]
fn leaves_are_numbered_like_parquet_columns() {
    let records = [r#"{"a":{"b":[{"c":1,"d":[true]}],"e":"x"},"f":2.5,"g":[]}"#];
    let leaves = Leaves::of(&schema_of(&records, &Settings::default()).columns);
    let shown: Vec<String> = leaves
        .leaves()
        .iter()
        .map(|leaf| format!("{} {:?} {:?}", leaf.column, leaf.kind, leaf.lists))
        .collect();
    assert_eq!(
        shown,
        [
            "0 BigInt [0]",
            "0 Boolean [0, 1]",
            "0 Varchar []",
            "1 Double []",
            "2 Json [2]"
        ]
    );
    let lists: Vec<_> = leaves
        .lists()
        .iter()
        .map(|list| (list.leaves.clone(), list.depth))
        .collect();
    assert_eq!(lists, [(0..2, 1), (1..2, 2), (4..5, 1)]);
    assert_eq!(
        leaves.leaves()[1].path,
        [
            LeafStep::Field("b".to_owned()),
            LeafStep::Element,
            LeafStep::Field("d".to_owned()),
            LeafStep::Element
        ]
    );
}

#[test]
fn a_full_table_leaves_records_raw() {
    let records: Vec<String> = (0..20).map(|key| format!("{{\"k{key}\":1}}")).collect();
    let leaves = Leaves::of(&schema_of(&records, &Settings::default()).columns);
    let limits = Limits {
        shapes: 5,
        ..Limits::default()
    };
    let mut shaper = Shaper::new(&leaves, Spellers::plain(&leaves), limits);
    let mut fix = Vec::new();
    let shaped = records
        .iter()
        .chain(&records)
        .filter(|record| shaper.shape(record.as_bytes(), &mut fix).is_some());
    assert_eq!(shaped.count(), 10);
    let limits = Limits {
        bytes: 30,
        ..Limits::default()
    };
    let mut shaper = Shaper::new(&leaves, Spellers::plain(&leaves), limits);
    assert_eq!(shaper.shape(records[0].as_bytes(), &mut fix), Some(0));
    assert_eq!(shaper.shape(records[1].as_bytes(), &mut fix), Some(1));
    assert_eq!(shaper.shape(b"{\"k1\":  3,\"k2\":5}", &mut fix), None);
    assert_eq!(shaper.shape(b"{\"k0\":7}", &mut fix), Some(0));
}
