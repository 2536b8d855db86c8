//! Everything that is done to stores, done to one whose files may say anything. The fuzz target `store` shares this
//! file.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakebed_core::{
    BlobId, Clock, CommitNumber, CompactOptions, Error, ErrorKind, Hash, IngestOptions, Mode,
    Options, ProgressFn, RepairOptions, RepairReport, Result, ScanRequest, Seq, Source, Store,
    StoredLayout,
};
use lakebed_testkit::{Files, Forge, disk_of, files_of, records::similar, strategies::noise};
use lakebed_vfs::{MemVfs, Vfs};

use super::unpacked::unpacked;

/// Fills a store.
type Fill = fn(&Store) -> Result<()>;
/// Makes a store of files one that can be forged.
type Prepare = fn(Files) -> Forge;

/// Bytes of a blob that has a file of its own.
const LARGE: usize = (16 << 20) + 5;

fn options() -> Options {
    Options {
        page_bytes: 512,
        threads: 1,
        cache_bytes: 1 << 20,
        lock_timeout: std::time::Duration::ZERO,
        clock: Clock(|| 1_700_000_000_000_000),
        ..Options::default()
    }
}

pub(crate) fn reading() -> Options {
    Options {
        mode: Mode::Read,
        create: false,
        ..options()
    }
}

/// Stores with every structure, and the blobs that were put into them: an index run, a deleted and a dropped row, an
/// active segment of several commits; columns; a dictionary; a large blob; columns whose pages can be forged.
pub(crate) fn bases() -> Vec<(Forge, BTreeMap<Hash, Vec<u8>>)> {
    let fills: [(Fill, Prepare); 5] = [
        (small, Forge::new),
        (columns, Forge::new),
        (dictionary, Forge::new),
        (large, Forge::new),
        (columns, unpacked),
    ];
    fills
        .into_iter()
        .map(|(fill, forge)| {
            let disk = MemVfs::new();
            let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
            fill(&store).unwrap();
            let mut known = BTreeMap::new();
            for info in store.collections().unwrap() {
                for row in store.rows(&info.name, Seq(0)..Seq(1 << 62)).unwrap() {
                    let blob = store.blob(row.unwrap().blob).unwrap().to_vec();
                    known.insert(Hash::of(&blob), blob);
                }
            }
            for blob in [vec![7; LARGE], noise(5, 300)] {
                if store.contains(&Hash::of(&blob)).unwrap() {
                    known.insert(Hash::of(&blob), blob);
                }
            }
            store.close().unwrap();
            (forge(files_of(&disk).unwrap()), known)
        })
        .collect()
}

/// The store that the first byte of a program chooses: those that take long less often.
pub(crate) fn base_of(byte: u8) -> usize {
    [0, 0, 0, 0, 1, 1, 2, 3, 0, 0, 0, 0, 1, 1, 2, 4][usize::from(byte % 16)]
}

fn append(store: &Store, collection: &str, numbers: std::ops::Range<usize>) -> Result<()> {
    let mut records = numbers.map(|n| Ok(similar(n)));
    store.append(collection, &mut records).map(|_| ())
}

fn small(store: &Store) -> Result<()> {
    for n in 0..10 {
        append(store, "events", n * 4..n * 4 + 6)?;
        append(store, "Order Items", n * 3..n * 3 + 2)?;
        store.put(&noise(n as u64, 300))?;
        store.commit()?;
        store.seal()?;
    }
    store.delete(&Hash::of(&similar(3)))?;
    append(store, "dropped", 0..3)?;
    store.drop_collection("dropped")?;
    store.trim("events", Seq(4))?;
    for n in 10..13 {
        append(store, "events", n * 4..n * 4 + 6)?;
        store.commit()?;
    }
    Ok(())
}

fn columns(store: &Store) -> Result<()> {
    append(store, "events", 0..120)?;
    store.commit()?;
    store.compact(CompactOptions {
        layout: Some(StoredLayout::Columns),
        ..CompactOptions::default()
    })?;
    append(store, "events", 110..130)?;
    store.commit().map(|_| ())
}

fn dictionary(store: &Store) -> Result<()> {
    append(store, "events", 0..3000)?;
    store.train("events", 4096)?;
    assert_eq!(store.dictionaries()?.len(), 1, "a dictionary");
    append(store, "events", 3000..3100)?;
    store.commit()?;
    store.seal()
}

fn large(store: &Store) -> Result<()> {
    append(store, "events", 0..5)?;
    store.put(&vec![7; LARGE])?;
    store.commit()?;
    store.seal()?;
    append(store, "events", 5..9)?;
    store.commit().map(|_| ())
}

/// The message of an error that a store with these contents may give.
///
/// # Panics
/// For the others: the disk and the engine are fine.
fn fair(error: &Error) {
    let kinds = [
        ErrorKind::Internal,
        ErrorKind::Io,
        ErrorKind::Poisoned,
        ErrorKind::StoreFull,
    ];
    assert!(!kinds.contains(&error.kind()), "{error:?}");
    assert!(!error.message().is_empty());
}

fn check<T>(result: Result<T>) -> Option<T> {
    result.inspect_err(fair).ok()
}

/// Opens, reads, scans, verifies, repairs and writes a store of these files.
///
/// # Panics
/// When bytes are wrong that have a hash; when reading or a dry run of a repair changes files; when an error is none
/// that the files explain.
pub(crate) fn go_through(files: &Files, known: &BTreeMap<Hash, Vec<u8>>) {
    let disk = disk_of(files).unwrap();
    if let Some(store) = check(Store::open_on(Arc::new(disk.clone()), reading())) {
        read(&store, known);
    }
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    let repair = |dry_run| {
        let request = RepairOptions {
            dry_run,
            ..RepairOptions::default()
        };
        Store::repair_on(&vfs, &options(), request)
    };
    let planned = check(repair(true));
    assert!(
        files_of(&disk).unwrap() == files_of(&disk_of(files).unwrap()).unwrap(),
        "reading or a dry run changed files"
    );
    write(&disk_of(files).unwrap(), false);

    let Some(planned) = planned else {
        assert!(check(repair(false)).is_none(), "a dry run failed");
        return;
    };
    let done = repair(false).unwrap();
    assert!(
        told(&planned) == told(&done),
        "a dry run told {planned:#?}, and the repair did {done:#?}"
    );
    let store = Store::open_on(Arc::clone(&vfs), reading()).unwrap();
    let report = store.verify(ProgressFn::none()).unwrap();
    assert_eq!(report.problems, [], "after {done:?}");
    read(&store, known);
    drop(store);
    let again = repair(true).unwrap();
    assert_eq!(again.actions, [], "after {done:?}");
    write(&disk, true);
}

/// What a repair is to do, or has done.
fn told(report: &RepairReport) -> impl PartialEq + std::fmt::Debug {
    (
        report.actions.clone(),
        report.losses.clone(),
        report.problems.clone(),
        report.lost_rows,
    )
}

fn read(store: &Store, known: &BTreeMap<Hash, Vec<u8>>) {
    check(store.segments());
    check(store.commits());
    check(store.stats());
    check(store.dictionaries());
    for info in check(store.collections()).unwrap_or_default() {
        if let Some(rows) = check(store.rows(&info.name, Seq(0)..Seq(u64::MAX))) {
            for row in rows.take(200).map_while(check) {
                check(store.blob(row.blob));
            }
        }
        check(store.export(&info.name, &mut std::io::sink(), ProgressFn::none()));
        // As DuckDB's extension scans.
        let request = ScanRequest {
            text_views: true,
            ..ScanRequest::of(&info.name)
        };
        let earlier = ScanRequest {
            columns: Some(vec!["_seq".to_owned(), "_json".to_owned()]),
            as_of: Some(CommitNumber(2)),
            range: Some(Seq(2)..Seq(30)),
            ..ScanRequest::of(&info.name)
        };
        for request in [request, earlier] {
            if let Some(batches) = check(store.scan(&request)) {
                for batch in batches.take(50) {
                    // Of the engine's own error, too.
                    if let Err(error) = batch {
                        assert!(!error.to_string().is_empty());
                        break;
                    }
                }
            }
        }
    }
    for (hash, bytes) in known.iter().take(40) {
        if let Some(blob) = check(store.get(hash)) {
            assert!(blob.as_slice() == &**bytes, "wrong bytes of {hash}");
        }
    }
    let hashes: Vec<Hash> = known.keys().take(40).copied().collect();
    check(store.get_many(&hashes));
    for id in [0, 1, 30, u64::MAX >> 24] {
        check(store.blob(BlobId(id)));
    }
    check(store.verify(ProgressFn::none()));
}

/// A writer goes on, or refuses; one of a `whole` store does not refuse.
///
/// # Panics
/// When what was committed is not there afterwards.
fn write(disk: &MemVfs, whole: bool) {
    let mut refused = Vec::new();
    let mut done = |result: Result<()>| {
        if let Err(error) = &result {
            fair(error);
            assert!(!whole, "{error:?}");
            refused.push(error.message().to_owned());
        }
        result.is_ok()
    };
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    let writing = Options {
        create: false,
        ..options()
    };
    let store = match Store::open_on(Arc::clone(&vfs), writing) {
        Ok(store) => store,
        Err(error) => {
            done(Err(error));
            return;
        }
    };
    let hash = Hash::of(b"written on");
    let commit = || {
        append(&store, "events", 500..503)?;
        assert_eq!(store.put(b"written on")?, hash);
        store.commit().map(|_| ())
    };
    if !done(commit()) {
        return;
    }
    let more = Source::Reader {
        name: "more.ndjson".to_owned(),
        reader: Box::new(&b"{\"more\":1}\n"[..]),
    };
    let ingested = store.ingest(more, IngestOptions::into("events"));
    done(ingested.map(|_| ()));
    done(store.seal());
    done(store.compact(CompactOptions::default()).map(|_| ()));
    drop(store);
    let store = match Store::open_on(vfs, reading()) {
        Ok(store) => store,
        Err(error) => panic!("{error:?}, after {refused:?}"),
    };
    match store.get(&hash) {
        Ok(blob) => assert_eq!(blob.as_slice(), b"written on"),
        Err(error) => panic!("{error:?}, after {refused:?}"),
    }
    if whole {
        let report = store.verify(ProgressFn::none()).unwrap();
        assert_eq!(report.problems, [], "after a repair and further writing");
    }
}
