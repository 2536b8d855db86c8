//! Stores that somebody forged: they cost what is valid of them, and nothing else.

use std::sync::Arc;

use lakebed_core::{ErrorKind, Hash, Mode, Options, ProgressFn, RepairOptions, Seq, Store};
use lakebed_format::{Manifest, names};
use lakebed_vfs::{MemVfs, Open, OsVfs, ReadVfs, Vfs};

fn records(kind: &str) -> impl Iterator<Item = lakebed_core::Result<Vec<u8>>> {
    (0..3000_usize).map(move |n| {
        let similar = lakebed_testkit::records::similar(n);
        let similar = String::from_utf8(similar).unwrap();
        Ok(format!(r#"{{"kind":"{kind}","n":{n},"record":{similar}}}"#).into_bytes())
    })
}

/// Frames so small that a dictionary pays.
fn options() -> Options {
    Options {
        page_bytes: 512,
        ..Options::default()
    }
}

fn reading() -> Options {
    Options {
        mode: Mode::Read,
        create: false,
        ..Options::default()
    }
}

/// A sealed store with a dictionary for each of two collections, and frames that use them.
fn trained() -> MemVfs {
    let disk = MemVfs::new();
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    for kind in ["one", "two"] {
        store.append(kind, &mut records(kind)).unwrap();
        store.train(kind, 4096).unwrap();
        store
            .append(kind, &mut records(&format!("{kind} more")))
            .unwrap();
        store.commit().unwrap();
    }
    store.seal().unwrap();
    assert_eq!(store.dictionaries().unwrap().len(), 2);
    store.close().unwrap();
    disk
}

/// Changes the newest manifest, with checksums that are right.
fn forge(disk: &MemVfs, change: impl FnOnce(&mut Manifest)) {
    let name = disk.list(names::MANIFESTS).unwrap().pop().unwrap();
    let name = format!("{}/{name}", names::MANIFESTS);
    let mut manifest = Manifest::decode(&disk.read(&name).unwrap()).unwrap();
    change(&mut manifest);
    let bytes = manifest.encode();
    let file = disk.open(&name, Open::ReadWrite).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    file.write_all_at(&bytes, 0).unwrap();
}

/// A record of a collection that lies in a frame with its dictionary.
fn last_record(disk: &MemVfs, collection: &str) -> (lakebed_core::BlobId, Hash) {
    let store = Store::open_on(Arc::new(disk.clone()), reading()).unwrap();
    let row = store
        .rows(collection, Seq(5999)..Seq(6000))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    (row.blob, Hash::of(&store.blob(row.blob).unwrap()))
}

#[test]
fn a_dictionary_that_needs_itself_is_an_error() {
    let disk = trained();
    let (blob, hash) = last_record(&disk, "one");
    forge(&disk, |manifest| {
        let dictionary = &mut manifest.catalogue.dictionaries[0];
        (dictionary.blob, dictionary.hash) = (blob, hash);
    });
    check_refused(&disk, "one", blob);
}

#[test]
fn dictionaries_that_need_each_other_are_an_error() {
    let disk = trained();
    let (one, two) = (last_record(&disk, "one"), last_record(&disk, "two"));
    forge(&disk, |manifest| {
        let dictionaries = &mut manifest.catalogue.dictionaries;
        (dictionaries[0].blob, dictionaries[0].hash) = two;
        (dictionaries[1].blob, dictionaries[1].hash) = one;
    });
    check_refused(&disk, "one", one.0);
}

fn check_refused(disk: &MemVfs, collection: &str, blob: lakebed_core::BlobId) {
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    let store = Store::open_on(Arc::clone(&vfs), reading()).unwrap();
    let error = store.blob(blob).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(
        error.message().contains("is compressed with dictionary"),
        "{error}"
    );
    assert!(
        !store
            .verify(ProgressFn::none())
            .unwrap()
            .problems
            .is_empty()
    );
    drop(store);
    // The rest is saved.
    let report = Store::repair_on(&vfs, &Options::default(), RepairOptions::default()).unwrap();
    assert!(!report.losses.is_empty());
    let store = Store::open_on(vfs, reading()).unwrap();
    assert!(
        store
            .rows(collection, Seq(0)..Seq(3000))
            .unwrap()
            .all(|row| row.is_ok())
    );
    let verified = store.verify(ProgressFn::none()).unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
}

/// Files of a tebibyte of which next to nothing is stored: reading them to their ends would take minutes.
#[test]
fn the_length_of_a_file_costs_nothing() {
    let made = tempfile::tempdir().unwrap();
    let path = made.path().join("whole.lakebed");
    let store = Store::open(&path, Options::default()).unwrap();
    store.append("one", &mut records("one")).unwrap();
    store.seal().unwrap();
    store.append("two", &mut records("two")).unwrap();
    store.commit().unwrap();
    store.close().unwrap();
    let active = "segments/000000000002.seg";
    let manifest = "manifests/00000000000000000002";
    for name in [
        "LOCK",
        "segments/000000000001.seg",
        active,
        manifest,
        "FORMAT",
    ] {
        let copy = made.path().join("copy.lakebed");
        let _ = std::fs::remove_dir_all(&copy);
        for dir in ["segments", "manifests", "index"] {
            std::fs::create_dir_all(copy.join(dir)).unwrap();
        }
        for file in [
            active,
            manifest,
            "LOCK",
            "FORMAT",
            "segments/000000000001.seg",
        ] {
            std::fs::copy(path.join(file), copy.join(file)).unwrap();
        }
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(copy.join(name))
            .unwrap();
        if file.set_len(1 << 40).is_err() {
            // Not every file system has files so long.
            return;
        }
        drop(file);
        let vfs: Arc<dyn Vfs> = Arc::new(OsVfs::new(&copy));
        let opened = Store::open_on(Arc::clone(&vfs), reading());
        assert_eq!(opened.is_err(), name == "FORMAT", "{name}: {opened:?}");
        if let Ok(store) = opened {
            assert_eq!(
                store.rows("two", Seq(0)..Seq(9999)).unwrap().count(),
                3000,
                "{name}"
            );
        }
        let report = Store::repair_on(&vfs, &Options::default(), RepairOptions::default()).unwrap();
        assert!(report.losses.is_empty(), "{name}: {report:#?}");
        let store = Store::open_on(vfs, Options::default()).unwrap();
        store.put(b"more").unwrap();
        store.commit().unwrap();
        assert_eq!(
            store.rows("two", Seq(0)..Seq(9999)).unwrap().count(),
            3000,
            "{name}"
        );
        let aside = std::fs::read_dir(copy.join("aside")).into_iter().flatten();
        let kept: u64 = aside
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert!(kept < 10 << 20, "{name}: {kept} bytes in aside/");
    }
}

#[test]
fn very_many_unnamed_segments_are_moved_at_once_and_counted() {
    let disk = MemVfs::new();
    let store = Store::open_on(Arc::new(disk.clone()), Options::default()).unwrap();
    store.put(b"first").unwrap();
    store.close().unwrap();
    let forged = disk.read("segments/000000000001.seg").unwrap();
    for number in 10..2010_u64 {
        let name = names::segment(number.into());
        disk.open(&name, Open::CreateNew)
            .unwrap()
            .write_all_at(&forged, 0)
            .unwrap();
    }
    let store = Store::open_on(Arc::new(disk.clone()), Options::default()).unwrap();
    store.put(b"second").unwrap();
    store.commit().unwrap();
    let warnings = store.take_warnings();
    assert_eq!(warnings.len(), 9, "{warnings:?}");
    assert!(
        warnings[8].starts_with("1992 more segments"),
        "{warnings:?}"
    );
    assert_eq!(disk.list(names::ASIDE).unwrap().len(), 2000);
}
