//! The setting of a collection that says how its records are stored.

use lakebed_core::{CompactOptions, IngestOptions, Options, ProgressFn, Source, StoredLayout};
use lakebed_testkit::records::{ndjson, similar};

use super::*;

/// About as many bytes as 200 similar records have.
const FEW: u64 = 12_000;

fn open_with(vfs: &Arc<dyn Vfs>) -> Store {
    let options = Options {
        columns_bytes: FEW,
        ..options()
    };
    Store::open_on(Arc::clone(vfs), options).unwrap()
}

fn ingest(store: &Store, name: &str, records: impl IntoIterator<Item = Vec<u8>>) {
    let reader = Box::new(std::io::Cursor::new(ndjson(records)));
    let source = Source::Reader {
        name: name.to_owned(),
        reader,
    };
    store.ingest(source, IngestOptions::into("events")).unwrap();
}

/// The layouts of the segments that have blobs.
fn layouts(store: &Store) -> Vec<&'static str> {
    let segments = store.segments().unwrap();
    let filled = segments.iter().filter(|segment| segment.blobs > 0);
    filled.map(|segment| segment.layout).collect()
}

fn apply(store: &Store, asked: bool) -> Vec<String> {
    let none = ProgressFn::none();
    store
        .apply_layout("events", asked, none)
        .unwrap()
        .stays_rows
}

fn compact(store: &Store, layout: Option<StoredLayout>) -> Vec<String> {
    let options = CompactOptions {
        layout,
        ..CompactOptions::default()
    };
    store.compact(options).unwrap().stays_rows
}

/// A record with more blanks than the others before: a shape of its own.
fn odd(n: usize) -> Vec<u8> {
    format!(r#"{{"id":{n},{}"name":"x"}}"#, " ".repeat(n)).into_bytes()
}

#[test]
fn many_ingested_records_become_columns_and_others_stay_rows() {
    let vfs = memory();
    let store = open_with(&vfs);
    ingest(&store, "few", (0..100).map(similar));
    apply(&store, false);
    assert_eq!(layouts(&store), ["rows"]);
    // What came one by one is not counted, and stays.
    for n in 0..400 {
        let record = String::from_utf8(similar(n + 10_000)).unwrap();
        append(&store, "replies", &[&record]);
    }
    store.commit().unwrap();
    compact(&store, None);
    assert_eq!(layouts(&store), ["rows"]);
    ingest(&store, "more", (100..400).map(similar));
    apply(&store, false);
    assert_eq!(layouts(&store), ["columns"]);
    let parts = vfs.list("segments").unwrap();
    let parts = parts.iter().filter(|name| name.ends_with(".parquet"));
    assert_eq!(parts.count(), 1);
    let expected: Vec<Vec<u8>> = (0..400).map(similar).collect();
    assert_eq!(rows(&store, "events"), expected);
    assert_whole(&store);

    // Nothing is left to do: no writer is needed, and nothing changes.
    let before = store.segments().unwrap();
    apply(&store, false);
    compact(&store, None);
    assert_eq!(store.segments().unwrap(), before);
}

#[test]
fn a_setting_decides_for_later_ingests_and_compactions() {
    let vfs = memory();
    let store = open_with(&vfs);
    store
        .set_layout("events", StoredLayout::Rows, true)
        .unwrap();
    ingest(&store, "many", (0..1000).map(similar));
    apply(&store, false);
    compact(&store, None);
    assert_eq!(layouts(&store), ["rows"]);
    store
        .set_layout("events", StoredLayout::Columns, false)
        .unwrap();
    compact(&store, None);
    assert_eq!(layouts(&store), ["columns"]);

    // Few rows become columns when the layout was given for them, or at a compaction.
    ingest(&store, "few", (1000..1100).map(similar));
    apply(&store, false);
    assert_eq!(layouts(&store), ["columns", "rows"]);
    apply(&store, true);
    assert_eq!(layouts(&store), ["columns", "columns"]);
    store.close().unwrap();
    let store = open_with(&vfs);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.layout("events").unwrap(), StoredLayout::Columns);
    drop(snapshot);

    store
        .set_layout("events", StoredLayout::Rows, false)
        .unwrap();
    apply(&store, true);
    assert_eq!(layouts(&store), ["columns", "columns"]);
    compact(&store, None);
    assert_eq!(layouts(&store), ["rows"]);
    let expected: Vec<Vec<u8>> = (0..1100).map(similar).collect();
    assert_eq!(rows(&store, "events"), expected);
    assert_whole(&store);
}

#[test]
fn records_that_are_unfit_for_columns_are_not_tried_again() {
    let vfs = memory();
    let store = open_with(&vfs);
    ingest(&store, "odd", (0..400).map(odd));
    let refused = apply(&store, false);
    assert!(
        refused[0].contains("do not fit typed columns"),
        "{refused:?}"
    );
    let commit = store.commit_number();
    assert_eq!(apply(&store, false), [""; 0]);
    assert_eq!(compact(&store, None), [""; 0]);
    store.close().unwrap();
    let store = open_with(&vfs);
    assert_eq!(apply(&store, false), [""; 0]);
    assert_eq!(store.commit_number(), commit);
    assert_eq!(compact(&store, Some(StoredLayout::Columns)).len(), 1);

    // New records are tried, alone.
    ingest(&store, "similar", (0..1000).map(similar));
    assert_eq!(apply(&store, false), [""; 0]);
    assert_eq!(layouts(&store), ["rows", "columns"]);
    // Another setting is another try.
    store
        .set_layout("events", StoredLayout::Columns, false)
        .unwrap();
    assert_eq!(compact(&store, None).len(), 1);
    let expected: Vec<Vec<u8>> = (0..400).map(odd).chain((0..1000).map(similar)).collect();
    assert_eq!(rows(&store, "events"), expected);
    assert_whole(&store);
}

/// Ingests records and has them stored as columns, where that can be. Returns the bytes of segments in between, and at
/// the end.
fn straight(store: &Store, record: fn(usize) -> Vec<u8>) -> (u64, u64) {
    store
        .set_layout("events", StoredLayout::Columns, true)
        .unwrap();
    let source = Source::Reader {
        name: "many".to_owned(),
        reader: Box::new(std::io::Cursor::new(ndjson((0..4000).map(record)))),
    };
    let how = IngestOptions {
        becomes_columns: true,
        ..IngestOptions::into("events")
    };
    let report = store.ingest(source, how).unwrap();
    assert_eq!(report.trained, None);
    let before = segment_bytes(store);
    apply(store, true);
    (before, segment_bytes(store))
}

fn segment_bytes(store: &Store) -> u64 {
    let segments = store.segments().unwrap();
    segments.iter().map(|segment| segment.file_bytes).sum()
}

#[test]
fn rows_that_were_to_become_columns_and_stay_rows_are_encoded_as_others_are() {
    let vfs = memory();
    let small_frames = Options {
        page_bytes: 128,
        ..options()
    };
    let store = Store::open_on(Arc::clone(&vfs), small_frames).unwrap();
    // Blanks of different lengths: shapes that do not repeat.
    let odd = |n: usize| odd(n % 97 + n / 97 * 100 % 1500);
    let (brief, kept) = straight(&store, odd);
    assert_eq!(layouts(&store), ["rows"]);
    // In small frames, as the store's options say.
    assert!(2 * kept > 3 * brief, "{kept} bytes, and {brief} before");
    let expected: Vec<Vec<u8>> = (0..4000).map(odd).collect();
    assert_eq!(rows(&store, "events"), expected);
    assert_whole(&store);

    let store = open_with(&memory());
    straight(&store, similar);
    assert_eq!(layouts(&store), ["columns"]);
    let expected: Vec<Vec<u8>> = (0..4000).map(similar).collect();
    assert_eq!(rows(&store, "events"), expected);
    assert_whole(&store);
}
