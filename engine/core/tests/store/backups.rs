//! Backups: consistent while others write, incremental, verified; and stores restored from them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use lakebed_core::{
    BackupOptions, BackupReport, CompactOptions, ErrorKind, RestoreOptions, RestoreReport,
};
use lakebed_testkit::{records::similar, strategies::noise};
use lakebed_vfs::{Open, OsVfs, Subdirectory};

use super::*;

fn backup(store: &Store, place: &Arc<dyn Vfs>, keep: Option<usize>) -> Result<BackupReport> {
    let options = BackupOptions {
        keep: keep.and_then(NonZeroUsize::new),
        ..BackupOptions::default()
    };
    store.backup_on(place, options)
}

fn restore(from: &Arc<dyn Vfs>, to: &Arc<dyn Vfs>) -> Result<RestoreReport> {
    let (from, to) = (Arc::clone(from), Arc::clone(to));
    Store::restore_on(from, to, RestoreOptions::default(), &options())
}

/// The backups of a series, the oldest first.
fn series(place: &Arc<dyn Vfs>) -> Vec<Arc<dyn Vfs>> {
    let names = place.list("").unwrap();
    let inside = |name: &String| Subdirectory::new(Arc::clone(place), name).unwrap();
    names
        .iter()
        .map(|name| Arc::new(inside(name)) as _)
        .collect()
}

fn read_only(vfs: &Arc<dyn Vfs>) -> Store {
    Store::open_on(Arc::clone(vfs), Options::read_only()).unwrap()
}

fn fill(store: &Store, from: usize, rows: usize) {
    let mut records = (from..from + rows).map(|row| Ok(similar(row)));
    store.append("events", &mut records).unwrap();
    store.commit().unwrap();
}

fn uuid(store: &Store) -> String {
    store.stats().unwrap().uuid
}

#[test]
fn a_series_is_incremental_and_each_backup_is_a_store() {
    let (vfs, place) = (memory(), memory());
    let store = open(&vfs);
    fill(&store, 0, 300);
    store.seal().unwrap();
    let large = noise(1, 17 << 20);
    let hash = store.put(&large).unwrap();
    fill(&store, 300, 10);
    let first = backup(&store, &place, None).unwrap();
    assert_eq!((first.segments, first.linked_segments), (3, 0));
    assert_eq!(first.copied_bytes, first.bytes);

    fill(&store, 310, 10);
    store.seal().unwrap();
    append(&store, "events", &["{\"pending\":1}"]);
    let second = backup(&store, &place, None).unwrap();
    assert_eq!((second.segments, second.linked_segments), (4, 2));
    assert!(second.copied_bytes < second.bytes / 10);
    assert_eq!(
        second.commit,
        store.commit_number(),
        "with what was pending"
    );

    let third = backup(&store, &place, None).unwrap();
    assert_eq!(
        (third.segments, third.linked_segments),
        (4, 4),
        "also the active segment, which is the same"
    );
    let backups = series(&place);
    let counts = backups.iter().map(|vfs| {
        let store = read_only(vfs);
        assert_whole(&store);
        assert_eq!(*store.get(&hash).unwrap(), *large);
        assert!(vfs.open_read("UNFINISHED").is_err());
        rows(&store, "events").len()
    });
    assert_eq!(counts.collect::<Vec<_>>(), [310, 321, 321]);

    let fourth = backup(&store, &place, Some(2)).unwrap();
    assert_eq!(fourth.removed.len(), 2);
    assert_eq!(series(&place).len(), 2);
    for vfs in series(&place) {
        assert_whole(&read_only(&vfs));
        assert_eq!(rows(&read_only(&vfs), "events"), rows(&store, "events"));
    }
}

#[test]
fn nothing_writes_to_a_backup() {
    let (vfs, place) = (memory(), memory());
    let store = open(&vfs);
    fill(&store, 0, 10);
    backup(&store, &place, None).unwrap();
    let vfs = series(&place).remove(0);
    let opened = Store::open_on(vfs, options()).unwrap();
    let error = opened.put(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert!(error.message().contains("is a backup"), "{error}");
    assert!(error.message().contains("restore"), "{error}");
}

#[test]
fn a_restored_store_is_another_store() {
    let (vfs, place, to) = (memory(), memory(), memory());
    let store = open(&vfs);
    fill(&store, 0, 300);
    store.seal().unwrap();
    store.put(&noise(1, 17 << 20)).unwrap();
    fill(&store, 300, 10);
    backup(&store, &place, None).unwrap();
    fill(&store, 310, 10);
    let newest = backup(&store, &place, None).unwrap();
    let report = restore(&place, &to).unwrap();
    assert_eq!(report.commit, newest.commit, "the newest of the series");
    let restored = open(&to);
    assert_whole(&restored);
    assert_ne!(uuid(&restored), uuid(&store));
    assert_eq!(rows(&restored, "events"), rows(&store, "events"));
    fill(&restored, 320, 10);
    restored.seal().unwrap();
    restored.compact(CompactOptions::default()).unwrap();
    assert_whole(&restored);
    assert_eq!(rows(&restored, "events").len(), 330);

    let error = restore(&place, &to).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.message().contains("replaces nothing"), "{error}");
    assert_eq!(rows(&restored, "events").len(), 330);
    let error = backup(&restored, &place, None).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::InvalidArgument,
        "a series is of one store"
    );

    // An earlier one by its directory, and a store itself.
    let (to, copy) = (memory(), memory());
    restore(&series(&place)[0], &to).unwrap();
    assert_eq!(rows(&open(&to), "events").len(), 310);
    restore(&vfs, &copy).unwrap();
    assert_eq!(rows(&open(&copy), "events"), rows(&store, "events"));
    assert_ne!(uuid(&open(&copy)), uuid(&store));
}

#[test]
fn a_damaged_store_is_not_backed_up() {
    let (vfs, place) = (memory(), memory());
    let store = open(&vfs);
    fill(&store, 0, 300);
    store.seal().unwrap();
    backup(&store, &place, None).unwrap();
    fill(&store, 300, 300);
    store.seal().unwrap();
    let file = vfs
        .open("segments/000000000002.seg", Open::ReadWrite)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 200).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 200).unwrap();
    let error = backup(&store, &place, Some(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().starts_with("Segment 2 of "), "{error}");
    let whole = |vfs: &&Arc<dyn Vfs>| vfs.open_read("FORMAT").is_ok();
    let backups = series(&place);
    assert_eq!(backups.iter().filter(whole).count(), 1, "that of before");
    assert_eq!(rows(&read_only(&backups[0]), "events").len(), 300);
    let unfinished = Store::open_on(Arc::clone(&backups[1]), options()).unwrap_err();
    assert_eq!(unfinished.kind(), ErrorKind::NotAStore);
    assert!(
        unfinished.message().contains("not finished"),
        "{unfinished}"
    );

    // Whole again: what was copied is checked, and used.
    file.write_all_at(&byte, 200).unwrap();
    let report = backup(&store, &place, Some(1)).unwrap();
    assert_eq!((report.segments, report.removed.len()), (2, 1));
    assert_eq!(series(&place).len(), 1);
    assert_eq!(rows(&read_only(&series(&place)[0]), "events").len(), 600);
}

#[test]
fn a_half_written_file_of_an_interrupted_backup_is_not_used() {
    let (vfs, place) = (memory(), memory());
    let store = open(&vfs);
    fill(&store, 0, 300);
    store.seal().unwrap();
    let name = "20200101T000000.000Z.lakebed";
    for dir in ["segments", "manifests"] {
        place.create_dir(&format!("{name}/{dir}")).unwrap();
    }
    place
        .open(&format!("{name}/UNFINISHED"), Open::Create)
        .unwrap();
    let copy = |file: &str| {
        let bytes = vfs.read(file).unwrap();
        let to = place.open(&format!("{name}/{file}"), Open::Create).unwrap();
        to.write_all_at(&bytes, 0).unwrap();
        to
    };
    let torn = copy("segments/000000000001.seg");
    torn.write_all_at(&[0; 64], 300).unwrap();
    backup(&store, &place, None).unwrap();
    let backups = series(&place);
    assert_eq!(backups.len(), 1, "the interrupted one is gone");
    assert_whole(&read_only(&backups[0]));
}

#[test]
fn a_place_that_is_none() {
    let (vfs, other) = (memory(), memory());
    let store = open(&vfs);
    fill(&store, 0, 1);
    open(&other);
    let error = backup(&store, &other, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.message().contains("is itself a store"), "{error}");
    let error = restore(&memory(), &memory()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAStore);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.lakebed");
    let store = Store::open(&path, options()).unwrap();
    let error = store
        .backup(&path.join("backups"), BackupOptions::default())
        .unwrap_err();
    assert!(error.message().contains("inside the store"), "{error}");
    let missing = dir.path().join("missing");
    let to = dir.path().join("to");
    let error = Store::restore(&missing, &to, RestoreOptions::default(), &options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreNotFound);
}

/// On a real file system: links within the series, none to the store.
#[test]
fn what_is_written_later_changes_no_backup() {
    let dir = tempfile::tempdir().unwrap();
    let (path, place) = (dir.path().join("s.lakebed"), dir.path().join("backups"));
    let store = Store::open(&path, options()).unwrap();
    fill(&store, 0, 100);
    store.seal().unwrap();
    fill(&store, 100, 10);
    for rows in [110, 120] {
        store.backup(&place, BackupOptions::default()).unwrap();
        fill(&store, rows, 10);
    }
    let vfs: Arc<dyn Vfs> = Arc::new(OsVfs::new(&place));
    let store_vfs = OsVfs::new(&path);
    let names = |vfs: &dyn Vfs| {
        let file = vfs.open("segments/000000000001.seg", Open::Read).unwrap();
        file.names().unwrap().count
    };
    assert_eq!(names(&store_vfs), 1);
    assert_eq!(names(series(&vfs)[0].as_ref()), 2);
    store.seal().unwrap();
    store.drop_collection("events").unwrap();
    store.compact(CompactOptions::default()).unwrap();
    let counts = series(&vfs).into_iter().map(|vfs| {
        assert_whole(&read_only(&vfs));
        rows(&read_only(&vfs), "events").len()
    });
    assert_eq!(counts.collect::<Vec<_>>(), [110, 120]);
}

#[test]
fn backups_under_a_running_writer_are_prefixes() {
    let dir = tempfile::tempdir().unwrap();
    let (path, place) = (dir.path().join("s.lakebed"), dir.path().join("backups"));
    let stop = AtomicBool::new(false);
    let writer = Store::open(&path, options()).unwrap();
    fill(&writer, 0, 50);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                fill(&writer, n * 50, 50);
                match n % 7 {
                    3 | 5 => writer.seal().unwrap(),
                    6 => _ = writer.compact(CompactOptions::default()).unwrap(),
                    _ => {}
                }
            }
        });
        let reader = Store::open(&path, Options::read_only()).unwrap();
        for _ in 0..15 {
            let report = reader.backup(&place, BackupOptions::default());
            stop.store(report.is_err(), Ordering::Relaxed);
            report.unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let vfs: Arc<dyn Vfs> = Arc::new(OsVfs::new(&place));
    let all = rows(&writer, "events");
    let mut last = 0;
    for vfs in series(&vfs) {
        let store = read_only(&vfs);
        assert_whole(&store);
        let found = rows(&store, "events");
        assert_eq!(found, all[..found.len()]);
        assert_eq!(found.len() % 50, 0, "whole commits");
        assert!(found.len() >= last);
        last = found.len();
    }
    assert_eq!(series(&vfs).len(), 15);
}
