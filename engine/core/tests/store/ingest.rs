//! Ingests into real stores: what goes in comes out, also after the store was opened again.

use std::fmt::Write as _;
use std::io::Cursor;
use std::ops::ControlFlow;

use lakebed_core::{
    Error, ErrorKind, Hash, IngestOptions, IngestReport, OnError, ProgressFn, Result, Source, Store,
};
use lakebed_testkit::records::{ndjson, with_words};
use proptest::prelude::*;

use super::{memory, open, options};

fn source(bytes: &[u8]) -> Source {
    Source::Reader {
        name: "input".to_owned(),
        reader: Box::new(Cursor::new(bytes.to_vec())),
    }
}

fn ingest(store: &Store, bytes: &[u8], on_error: OnError) -> Result<IngestReport> {
    store.ingest(
        source(bytes),
        IngestOptions {
            on_error,
            ..IngestOptions::into("events")
        },
    )
}

fn exported(store: &Store, collection: &str) -> Vec<u8> {
    let mut out = Vec::new();
    store
        .export(collection, &mut out, ProgressFn::none())
        .unwrap();
    out
}

fn records(from: usize, count: usize) -> Vec<u8> {
    ndjson((from..from + count).map(with_words))
}

#[test]
fn what_is_ingested_comes_out_byte_for_byte() {
    let vfs = memory();
    let content = records(0, 20_000);
    let store = open(&vfs);
    let report = ingest(&store, &content, OnError::Abort).unwrap();
    assert_eq!(
        (report.rows, report.new_blobs, report.bytes_in),
        (20_000, 20_000, content.len() as u64)
    );
    assert!(report.trained.is_some() && report.bytes_stored < report.bytes_in / 2);
    assert_eq!(store.len(), 20_000);
    assert!(exported(&store, "events") == content);
    drop(store);
    let store = open(&vfs);
    assert!(exported(&store, "events") == content);
    assert_eq!(store.dictionaries().unwrap().len(), 1);
    store.seal().unwrap();
    assert!(exported(&store, "events") == content);
    let line = content.split(|&byte| byte == b'\n').nth(12_345).unwrap();
    assert_eq!(&*store.get(&Hash::of(line)).unwrap(), line);
}

#[test]
fn rows_know_their_file_and_line() {
    let store = open(&memory());
    ingest(&store, b"1\n\n2\r\nbad\n3", OnError::Skip).unwrap();
    let rows = store
        .snapshot()
        .unwrap()
        .rows("events", lakebed_core::Seq(0)..lakebed_core::Seq(9))
        .unwrap();
    let places: Vec<(Option<u64>, Option<String>)> = rows
        .map(|row| row.unwrap())
        .map(|row| (row.line, row.file.map(|file| file.to_string())))
        .collect();
    let input = Some("input".to_owned());
    assert_eq!(
        places,
        [
            (Some(1), input.clone()),
            (Some(3), input.clone()),
            (Some(5), input)
        ]
    );
}

#[test]
fn a_second_ingest_of_the_same_lines_adds_rows_and_no_blobs() {
    let vfs = memory();
    let store = open(&vfs);
    let content = records(0, 3000);
    ingest(&store, &content, OnError::Abort).unwrap();
    store.seal().unwrap();
    let again = ingest(&store, &content, OnError::Abort).unwrap();
    assert_eq!(
        (again.rows, again.new_blobs, again.duplicates),
        (3000, 0, 3000)
    );
    assert_eq!(store.len(), 3000);
    assert!(exported(&store, "events") == [content.clone(), content].concat());
}

#[test]
fn pending_work_is_committed_before_and_an_abort_does_not_undo_it() {
    let vfs = memory();
    let store = open(&vfs);
    store.put(b"a file").unwrap();
    let error = ingest(&store, b"1\n2\noops\n", OnError::Abort).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRecord);
    drop(store);
    let store = open(&vfs);
    assert!(store.contains(&Hash::of(b"a file")).unwrap());
    assert!(!store.contains(&Hash::of(b"1")).unwrap());
    assert!(store.collections().unwrap().is_empty());
}

#[test]
fn quarantined_bytes_can_be_fetched_by_their_hash() {
    let store = open(&memory());
    let report = ingest(&store, b"1\n\xFF\xFE\nnope\n", OnError::Quarantine).unwrap();
    assert_eq!(report.quarantine.as_deref(), Some("events_quarantine"));
    assert_eq!(&*store.get(&Hash::of(b"\xFF\xFE")).unwrap(), b"\xFF\xFE");
    let rows = String::from_utf8(exported(&store, "events_quarantine")).unwrap();
    assert_eq!(rows.lines().count(), 2);
    assert!(
        rows.contains(&Hash::of(b"\xFF\xFE").to_string()) && rows.contains("\"text\":\"nope\"")
    );
    assert_eq!(exported(&store, "events"), b"1\n");
}

#[test]
fn an_interrupted_ingest_leaves_the_store_usable() {
    let vfs = memory();
    let store = open(&vfs);
    let progress = ProgressFn::new(|_| ControlFlow::Break(()));
    let options = IngestOptions {
        progress,
        ..IngestOptions::into("events")
    };
    let error: Error = store
        .ingest(source(&records(0, 50_000)), options)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(ingest(&store, b"1\n", OnError::Abort).unwrap().rows, 1);
    assert_eq!(exported(&store, "events"), b"1\n");
}

#[test]
fn a_file_ingested_before_is_skipped_by_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.ndjson");
    std::fs::write(&file, records(0, 100)).unwrap();
    let vfs = memory();
    for expected in [false, true, true] {
        let store = open(&vfs);
        let report = store
            .ingest(Source::Path(file.clone()), IngestOptions::into("events"))
            .unwrap();
        assert_eq!(report.skipped, expected);
    }
    assert_eq!(open(&vfs).collections().unwrap()[0].rows, 100);
}

#[test]
fn a_dictionary_is_trained_on_a_collection_when_asked() {
    let vfs = memory();
    let store = open(&vfs);
    let options = IngestOptions {
        train: false,
        ..IngestOptions::into("events")
    };
    store.ingest(source(&records(0, 20_000)), options).unwrap();
    assert!(store.dictionaries().unwrap().is_empty());
    let report = store.train("events", 16 << 10).unwrap();
    assert!(
        report.installed && report.generation == 1 && report.size <= 16 << 10,
        "{report:?}"
    );
    assert!(report.held_out_after < report.held_out_before);
    let again = store.train("events", 16 << 10).unwrap();
    assert!(!again.installed && again.generation == 1, "{again:?}");
    drop(store);
    let store = open(&vfs);
    assert_eq!(store.dictionaries().unwrap().len(), 1);
    let with = ingest(&store, &records(20_000, 20_000), OnError::Abort).unwrap();
    assert!(with.trained.is_none());
    assert_eq!(
        store.train("nothing", 4096).unwrap_err().kind(),
        ErrorKind::CollectionNotFound
    );
    assert_eq!(
        store.train("events", 10).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
}

#[test]
fn training_on_next_to_nothing_installs_nothing() {
    let store = open(&memory());
    ingest(&store, b"1\n", OnError::Abort).unwrap();
    assert!(!store.train("events", 4096).unwrap().installed);
    ingest(&store, b"\n", OnError::Abort).unwrap();
    store.drop_collection("events").unwrap();
    ingest(&store, b"", OnError::Abort).unwrap();
    assert!(!store.train("events", 4096).unwrap().installed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn export_gives_back_the_lines(numbers in proptest::collection::vec(0_u32..60, 0..300), threads in 1_usize..4) {
        let mut content = String::new();
        for n in &numbers {
            writeln!(content, "{{\"n\":{n},\"s\":\"{}\"}}", "ab".repeat(*n as usize)).unwrap();
        }
        let vfs = memory();
        let store = Store::open_on(vfs.clone(), lakebed_core::Options { threads, ..options() }).unwrap();
        ingest(&store, content.as_bytes(), OnError::Abort).unwrap();
        prop_assert_eq!(exported(&store, "events"), content.as_bytes());
        drop(store);
        prop_assert_eq!(exported(&open(&vfs), "events"), content.as_bytes());
    }
}
