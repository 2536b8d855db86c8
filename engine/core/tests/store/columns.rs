//! Segments of layout columns give the same answers as rows, through every door.

use std::collections::BTreeMap;

use arrow_array::{RecordBatch, RecordBatchReader as _};
use lakebed_core::{
    BackupOptions, Blob, CompactOptions, CompactReport, ErrorKind, Hash, ProgressFn, ScanRequest,
    Seq, Store, StoredLayout,
};
use lakebed_testkit::records::similar;

use super::compaction::{CollectionRows, all_rows, compact, mixed, segment_bytes};
use super::*;

fn to(store: &Store, layout: StoredLayout) -> CompactReport {
    let options = CompactOptions {
        layout: Some(layout),
        ..CompactOptions::default()
    };
    store.compact(options).unwrap()
}

/// The layouts of the segments, without those of large blobs.
fn layouts(store: &Store) -> Vec<&'static str> {
    let segments = store.segments().unwrap();
    let layouts = segments.iter().map(|segment| segment.layout);
    layouts.filter(|layout| *layout != "large").collect()
}

fn parts(vfs: &Arc<dyn Vfs>) -> Vec<String> {
    let mut names = vfs.list("segments").unwrap();
    names.retain(|name| name.ends_with(".parquet"));
    names.sort();
    names
}

/// Everything that a store tells of a collection: its Arrow batches, and its lines.
fn scanned(store: &Store, collection: &str) -> (RecordBatch, Vec<Vec<u8>>) {
    let scan = store.scan(&ScanRequest::of(collection)).unwrap();
    let schema = scan.schema();
    let batches: Vec<RecordBatch> = scan.map(|batch| batch.unwrap()).collect();
    let all = arrow_select::concat::concat_batches(&schema, &batches).unwrap();
    (all, rows(store, collection))
}

type Everything = (
    BTreeMap<String, CollectionRows>,
    BTreeMap<String, (RecordBatch, Vec<Vec<u8>>)>,
    u64,
);

fn everything(store: &Store) -> Everything {
    let names = store
        .collections()
        .unwrap()
        .into_iter()
        .map(|info| info.name);
    let scans = names.map(|name| {
        let scan = scanned(store, &name);
        (name, scan)
    });
    (all_rows(store), scans.collect(), store.len())
}

/// The store tells the same.
fn assert_same(store: &Store, before: &Everything) {
    let now = everything(store);
    for (name, found) in &before.0 {
        assert!(now.0.get(name) == Some(found), "the rows of {name} differ");
    }
    for (name, (batches, lines)) in &before.1 {
        let (found, found_lines) = &now.1[name];
        for (place, field) in batches.schema().fields().iter().enumerate() {
            let same = found.column(place) == batches.column(place);
            assert!(same, "column {} of {name} differs", field.name());
        }
        assert!(found_lines == lines, "the lines of {name} differ");
    }
    assert_eq!((now.0.len(), now.2), (before.0.len(), before.2));
}

/// Gets every blob of the rows by its hash, in an order of its own.
fn get_all(store: &Store, lines: &[Vec<u8>]) {
    let hashes: Vec<Hash> = lines.iter().rev().map(|line| Hash::of(line)).collect();
    for (hash, line) in hashes.iter().zip(lines.iter().rev()) {
        assert_eq!(&*store.get(hash).unwrap(), line.as_slice());
    }
    let many: Vec<Option<Blob>> = store.get_many(&hashes).unwrap();
    assert!(many.iter().all(Option::is_some));
}

#[test]
fn columns_give_the_same_answers_as_rows() {
    let vfs = memory();
    let store = mixed(&vfs);
    let before = everything(&store);
    let commits = store.commits().unwrap();
    let old = store.snapshot().unwrap();
    let old_lines = before.1["kept"].1.clone();
    let report = to(&store, StoredLayout::Columns);
    assert_eq!(report.skipped_segments, 0, "{report:?}");
    assert!(
        layouts(&store).contains(&"columns"),
        "{:?}",
        layouts(&store)
    );
    assert!(!parts(&vfs).is_empty());
    assert_same(&store, &before);
    assert_whole(&store);
    let now = store.commits().unwrap();
    assert_eq!(now.len(), commits.len());
    get_all(&store, &old_lines);
    for line in &old_lines {
        assert_eq!(&*old.get(&Hash::of(line)).unwrap(), line.as_slice());
    }
    drop(old);

    // Another store object, which knows nothing yet.
    store.close().unwrap();
    drop(store);
    let store = open(&vfs);
    assert_same(&store, &before);
    get_all(&store, &old_lines);

    // What is not asked for another layout keeps its own.
    store.trim("kept", Seq(45)).unwrap();
    store.delete(&Hash::of(&similar(100))).unwrap();
    store.drop_collection("dropped").unwrap();
    store.commit().unwrap();
    let trimmed = everything(&store);
    let bytes = segment_bytes(&vfs);
    let report = compact(&store);
    assert!(
        report.removed_blobs > 0 && segment_bytes(&vfs) < bytes,
        "{report:?}"
    );
    assert!(
        layouts(&store).contains(&"columns"),
        "{:?}",
        layouts(&store)
    );
    assert_same(&store, &trimmed);
    assert_whole(&store);

    let report = to(&store, StoredLayout::Rows);
    assert!(report.rewritten_segments > 0);
    assert!(layouts(&store).iter().all(|layout| *layout == "rows"));
    assert_eq!(parts(&vfs), Vec::<String>::new(), "{report:?}");
    assert_same(&store, &trimmed);
    assert_whole(&store);
    let again = to(&store, StoredLayout::Rows);
    assert_eq!(again.rewritten_segments, 0, "{again:?}");
}

fn odd(n: usize) -> Vec<u8> {
    let odd = [
        format!("{{\"a\": {n}, \"b\": \"x{n}\"}}"),
        format!("{{\"a\":{n}.0,\"b\":\"caf\\u00e9 {n}\"}}"),
        format!("{{ \"b\" : \"\\/{n}\" , \"a\" : {n}e0 }}"),
        format!("{{\"a\":{n},\"a\":-0,\"b\":null,\"c\":[1,2,{n},null,[]]}}"),
        format!(
            "{{\"t\":\"2024-02-29T12:00:0{}Z\",\"d\":\"2024-02-2{}\"}}",
            n % 10,
            n % 10
        ),
        format!("  {{\"a\":{n},\"c\":[],\"o\":{{}}}}  "),
        format!("{{\"m\":{{\"k{n}\":1}},\"big\":{n}12345678901234567890123456789012345678901}}"),
        format!("\"only text {n}\""),
        format!("[{n},\"\\ud800\"]"),
        format!("{{\"_raw\":{n},\"_shape\":\"s\",\"_fix\":[{n}],\"_seq\":{n}}}"),
        "null".to_owned(),
    ];
    odd[n % odd.len()].clone().into_bytes()
}

#[test]
fn records_in_odd_spellings_come_back_byte_for_byte() {
    let vfs = memory();
    let store = open(&vfs);
    let records: Vec<Vec<u8>> = (0..2_000).map(odd).collect();
    // Few enough odd ones that the collection becomes columns.
    let plain = (0..40_000).map(|n| format!("{{\"a\":{n},\"b\":\"plain {n}\"}}").into_bytes());
    let all: Vec<Vec<u8>> = records.into_iter().chain(plain).collect();
    store
        .append("odd", &mut all.iter().cloned().map(Ok))
        .unwrap();
    store.commit().unwrap();
    let before = everything(&store);
    let report = to(&store, StoredLayout::Columns);
    assert_eq!(layouts(&store), ["columns"], "{report:?}");
    assert_same(&store, &before);
    assert_eq!(rows(&store, "odd"), all);
    get_all(&store, &all[..3_000]);
    assert_whole(&store);
}

#[test]
fn records_without_common_shapes_stay_rows_and_the_report_says_why() {
    let vfs = memory();
    let store = open(&vfs);
    let records =
        (0..500_usize).map(|n| Ok(format!("{{\"k{n}\":{{\"z{}\":1}}}}", n * 7).into_bytes()));
    store.append("shapeless", &mut records.into_iter()).unwrap();
    append(&store, "few", &["1", "2"]);
    store.commit().unwrap();
    let before = everything(&store);
    let bytes = segment_bytes(&vfs);
    let report = to(&store, StoredLayout::Columns);
    assert_eq!(layouts(&store), ["rows"]);
    assert_eq!(parts(&vfs), Vec::<String>::new());
    assert!(
        report
            .stays_rows
            .iter()
            .any(|text| text.starts_with("shapeless stays rows in segment 1: ")),
        "{report:?}"
    );
    assert_same(&store, &before);
    // Sealing adds a footer; nothing else was written.
    assert!(segment_bytes(&vfs) < bytes + (64 << 10));
    assert_whole(&store);
}

#[test]
fn one_collection_can_become_columns_and_auto_keeps_what_is_smaller() {
    let vfs = memory();
    let store = open(&vfs);
    for name in ["one", "two"] {
        let records = (0..3_000).map(|n| Ok([name.as_bytes(), b" "].concat()).map(|_| similar(n)));
        let named = records.map(|record: Result<Vec<u8>>| {
            let text = String::from_utf8(record?).unwrap();
            Ok(text
                .replacen('{', &format!("{{\"c\":\"{name}\","), 1)
                .into_bytes())
        });
        store.append(name, &mut named.into_iter()).unwrap();
    }
    store.commit().unwrap();
    let before = everything(&store);
    let options = CompactOptions {
        layout: Some(StoredLayout::Columns),
        collection: Some("two".to_owned()),
        ..CompactOptions::default()
    };
    store.compact(options).unwrap();
    assert_eq!(parts(&vfs).len(), 1);
    assert_same(&store, &before);
    let bytes = segment_bytes(&vfs);
    let report = to(&store, StoredLayout::Auto);
    assert_same(&store, &before);
    assert!(segment_bytes(&vfs) <= bytes, "{report:?}");
    assert_whole(&store);
    let error = store
        .compact(CompactOptions {
            layout: Some(StoredLayout::Columns),
            collection: Some("three".to_owned()),
            ..CompactOptions::default()
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CollectionNotFound);
}

#[test]
fn a_backup_has_the_parts() {
    let (vfs, place) = (memory(), memory());
    let store = open(&vfs);
    let mut records = (0..500).map(|n| Ok(similar(n)));
    store.append("events", &mut records).unwrap();
    store.commit().unwrap();
    to(&store, StoredLayout::Columns);
    let lines = rows(&store, "events");
    let mut newest = place.list("").unwrap();
    for _ in 0..2 {
        store.backup_on(&place, BackupOptions::default()).unwrap();
        newest = place.list("").unwrap();
    }
    assert_eq!(newest.len(), 2);
    for name in newest {
        let inside: Arc<dyn Vfs> =
            Arc::new(lakebed_vfs::Subdirectory::new(Arc::clone(&place), &name).unwrap());
        let copy = Store::open_on(inside, Options::read_only()).unwrap();
        assert_eq!(rows(&copy, "events"), lines);
        assert_whole(&copy);
    }
}

#[test]
fn every_flipped_bit_is_found_and_the_rest_stays_readable() {
    let vfs = memory();
    let store = open(&vfs);
    let lines: Vec<Vec<u8>> = (0..3_000)
        .map(|n| {
            format!(
                "{{\"id\":{n},\"text\":\"line {}\",\"tags\":[\"a\",{n}]}}",
                n * 31
            )
            .into_bytes()
        })
        .collect();
    store
        .append("events", &mut lines.iter().cloned().map(Ok))
        .unwrap();
    store.commit().unwrap();
    to(&store, StoredLayout::Columns);
    store.close().unwrap();
    let names = vfs.list("segments").unwrap();
    let name = names
        .iter()
        .find(|name| name.ends_with(".parquet"))
        .unwrap();
    let path = format!("segments/{name}");
    let whole = vfs.read(&path).unwrap();
    for at in (0..whole.len())
        .step_by(whole.len() / 61 + 1)
        .chain([whole.len() - 1])
    {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        vfs.unlink(&path).unwrap();
        let file = vfs.open(&path, lakebed_vfs::Open::CreateNew).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        let store = open(&vfs);
        let report = store.verify(ProgressFn::none()).unwrap();
        assert!(!report.problems.is_empty(), "bit flip at {at}");
        let mut readable = 0;
        for line in &lines {
            match store.get(&Hash::of(line)) {
                Ok(blob) => readable += u32::from(&*blob == line.as_slice()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}"),
            }
        }
        // A page of 2,048 rows at most is lost, or a dictionary.
        assert!(
            readable >= 900 || at > 8,
            "{readable} rows are readable with byte {at} flipped"
        );
        store.close().unwrap();
    }
    // Without the file: an error that says so.
    vfs.unlink(&path).unwrap();
    let store = open(&vfs);
    let error = store.get(&Hash::of(&lines[0])).unwrap_err();
    assert!(
        error
            .message()
            .contains(&format!("segments/{name} is missing")),
        "{error:?}"
    );
    assert!(
        !store
            .verify(ProgressFn::none())
            .unwrap()
            .problems
            .is_empty()
    );
}
