//! Rows that are copied to another store.

use std::ops::ControlFlow;

use lakebed_core::{
    CopyReport, ErrorKind, IngestOptions, ProgressFn, Row, Seq, Source, TypeChange, declaration,
};
use lakebed_testkit::records::{ndjson, similar};

use super::*;

fn copy(from: &Store, to: &Store, collections: &[&str]) -> CopyReport {
    let collections: Vec<String> = collections.iter().map(|name| (*name).to_owned()).collect();
    from.copy_to(to, &collections, ProgressFn::none()).unwrap()
}

/// A file of its own, as ingesting it by its path would see it.
fn ingest(store: &Store, path: &std::path::Path) -> lakebed_core::IngestReport {
    let options = IngestOptions {
        train: false,
        ..IngestOptions::into("events")
    };
    store
        .ingest(Source::Path(path.to_owned()), options)
        .unwrap()
}

fn file(dir: &tempfile::TempDir, name: &str, lines: std::ops::Range<usize>) -> std::path::PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, ndjson(lines.map(similar))).unwrap();
    path
}

/// Rows without their blobs' ids, and the blobs.
fn origins(store: &Store, collection: &str) -> Vec<(Row, Vec<u8>)> {
    let rows = store.rows(collection, Seq(0)..Seq(u64::MAX)).unwrap();
    rows.map(|row| {
        let mut row = row.unwrap();
        let bytes = store.blob(row.blob).unwrap().to_vec();
        row.blob = lakebed_core::BlobId(0);
        (row, bytes)
    })
    .collect()
}

#[test]
fn rows_keep_file_line_and_time_and_blobs_are_stored_once() {
    let (from, to) = (open(&memory()), open(&memory()));
    let dir = tempfile::tempdir().unwrap();
    let b = file(&dir, "b.ndjson", 200..400);
    ingest(&from, &file(&dir, "a.ndjson", 0..300));
    ingest(&from, &b);
    append(&from, "events", &["{\"n\":1}", "{\"n\":1}"]);
    from.commit().unwrap();
    let report = copy(&from, &to, &["events"]);
    assert_eq!(
        (report.rows, report.new_blobs, report.duplicates),
        (502, 401, 101)
    );
    assert_eq!(origins(&to, "events"), origins(&from, "events"));
    assert_whole(&to);

    let again = copy(&from, &to, &["events"]);
    assert_eq!((again.rows, again.collections[0].copied_before), (0, 502));
    ingest(&from, &file(&dir, "c.ndjson", 390..410));
    let more = copy(&from, &to, &["events"]);
    assert_eq!((more.rows, more.new_blobs), (20, 10));
    assert_eq!(origins(&to, "events"), origins(&from, "events"));

    // The files count as ingested, and further rows of a third store join.
    assert!(ingest(&to, &b).skipped);
    let third = open(&memory());
    append(&third, "events", &["{\"n\":2}"]);
    let report = copy(&third, &to, &[]);
    assert_eq!((report.rows, report.collections[0].copied_before), (1, 0));
    let both = copy(&to, &third, &["events"]);
    assert_eq!(both.rows, origins(&to, "events").len() as u64);
}

#[test]
fn everything_is_collections_and_the_blobs_of_put() {
    let (from, to) = (open(&memory()), open(&memory()));
    append(&from, "a", &["{\"n\":1}"]);
    append(&from, "b", &["{\"n\":2}"]);
    let hash = from.put(b"a blob").unwrap();
    let report = copy(&from, &to, &["a"]);
    assert_eq!((report.rows, report.pinned), (1, 0));
    assert!(!to.contains(&hash).unwrap());
    let report = copy(&from, &to, &[]);
    assert_eq!((report.rows, report.pinned), (1, 1));
    assert_eq!(*to.get(&hash).unwrap(), *b"a blob");
    to.drop_collection("a").unwrap();
    assert_eq!(to.delete(&hash).unwrap(), 0, "it was pinned");
    let error = from
        .copy_to(&to, &["c".to_owned()], ProgressFn::none())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CollectionNotFound);
}

#[test]
fn a_new_collection_has_the_declared_types() {
    let (from, to) = (open(&memory()), open(&memory()));
    append(
        &from,
        "events",
        &["{\"price\":\"1.5\"}", "{\"price\":\"x\"}"],
    );
    let change = TypeChange {
        path: "price".to_owned(),
        declaration: Some(declaration("price", "DOUBLE", Vec::new()).unwrap()),
    };
    from.declare("events", &[change], false).unwrap();
    copy(&from, &to, &["events"]);
    let types = |store: &Store| {
        let schema = store.schema("events").unwrap();
        let columns = schema.columns.iter();
        columns
            .map(|column| format!("{} {:?}", column.name, column.data_type))
            .collect::<Vec<_>>()
    };
    assert_eq!(types(&to), types(&from));
}

#[test]
fn an_interrupted_copy_goes_on() {
    let (from, to) = (open(&memory()), open(&memory()));
    let record = vec![b' '; 1 << 20];
    let mut records = (0..200).map(|n| Ok([format!("{n}").into_bytes(), record.clone()].concat()));
    from.append("events", &mut records).unwrap();
    let stop = ProgressFn::new(|progress| {
        if progress.rows >= 100 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let error = from.copy_to(&to, &["events".to_owned()], stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    let before = to.collections().unwrap()[0].rows;
    assert!(before > 0 && before < 200, "{before} rows were committed");
    let report = copy(&from, &to, &["events"]);
    assert_eq!(
        (report.rows, report.collections[0].copied_before),
        (200 - before, before)
    );
    assert_eq!(origins(&to, "events"), origins(&from, "events"));
}

#[test]
fn a_collection_is_not_added_to_itself() {
    let vfs = memory();
    let store = open(&vfs);
    append(&store, "events", &["{\"n\":1}"]);
    store.commit().unwrap();
    let same = Store::open_on(Arc::clone(&vfs), Options::read_only()).unwrap();
    let error = same.copy_to(&store, &[], ProgressFn::none()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    // From a copy, once it was dropped.
    let place = memory();
    store
        .backup_on(&place, lakebed_core::BackupOptions::default())
        .unwrap();
    store.drop_collection("events").unwrap();
    let name = place.list("").unwrap().remove(0);
    let inside = lakebed_vfs::Subdirectory::new(place, &name).unwrap();
    let backup = Store::open_on(Arc::new(inside), Options::read_only()).unwrap();
    assert_eq!(copy(&backup, &store, &["events"]).rows, 1);
    assert_eq!(rows(&store, "events"), [b"{\"n\":1}"]);
}
