//! Acknowledged commits are never destroyed: a writer refuses where some are missing, and what it cuts off or removes
//! is kept first, complete and on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakebed_core::{ErrorKind, Options, Store};
use lakebed_testkit::{ENOSPC, Fault, FaultVfs, OpKind, Plan};
use lakebed_vfs::{MemVfs, Open, Vfs};

use crate::recovery::support::look::files;
use crate::recovery::support::{options, reading};

type Files = BTreeMap<String, Vec<u8>>;

const ACTIVE: &str = "segments/000000000001.seg";

/// A store of three commits with one blob each, none of them sealed.
fn three_commits() -> MemVfs {
    let disk = MemVfs::new();
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    for blob in [b"first", b"other", b"third"] {
        store.put(blob).unwrap();
        store.commit().unwrap();
    }
    store.close().unwrap();
    disk
}

/// Flips a bit of the last COMMIT.
fn damage_last_commit(disk: &MemVfs) {
    let file = disk.open(ACTIVE, Open::ReadWrite).unwrap();
    let at = file.len().unwrap() - 50;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

fn without_lock(disk: &MemVfs) -> Files {
    let mut found = files(disk);
    found.remove("LOCK");
    found
}

fn kept(disk: &MemVfs) -> Vec<Vec<u8>> {
    files(disk)
        .into_iter()
        .filter(|(name, _)| name.starts_with("aside/"))
        .map(|(_, bytes)| bytes)
        .collect()
}

#[test]
fn a_writer_refuses_where_an_acknowledged_commit_is_missing() {
    let disk = three_commits();
    damage_last_commit(&disk);
    let before = without_lock(&disk);

    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    let warnings = store.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("has lost commit 3: the last commit that can be read is 2."),
        "{warnings:?}"
    );
    for _ in 0..2 {
        let error = store.put(b"more").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let text = error.message();
        assert!(text.contains("has lost commit 3: "), "{text}");
        assert!(text.contains("is 2, in segment 1"), "{text}");
    }
    // What is left can be read, and no byte was changed.
    assert_eq!(store.len(), 2);
    assert_eq!(without_lock(&disk), before);
}

#[test]
fn several_missing_commits_are_named() {
    let disk = three_commits();
    let store = Store::open_on(Arc::new(disk.clone()), reading()).unwrap();
    let end = store.commits().unwrap()[1].offset;
    store.close().unwrap();
    let file = disk.open(ACTIVE, Open::ReadWrite).unwrap();
    let len = file.len().unwrap();
    let zeros = vec![0; usize::try_from(len - end).unwrap()];
    file.write_all_at(&zeros, end).unwrap();
    let store = Store::open_on(Arc::new(disk), options()).unwrap();
    let error = store.put(b"more").unwrap_err();
    assert!(
        error.message().contains("has lost commits 2 to 3: "),
        "{error}"
    );
}

#[test]
fn without_the_lock_file_the_tail_is_kept_and_writing_goes_on() {
    let disk = three_commits();
    let whole = files(&disk)[ACTIVE].clone();
    damage_last_commit(&disk);
    let damaged = files(&disk)[ACTIVE].clone();
    disk.unlink("LOCK").unwrap();

    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    assert!(store.take_warnings().is_empty());
    store.put(b"more").unwrap();
    let warnings = store.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("are kept in aside/"), "{warnings:?}");
    store.commit().unwrap();
    let kept = kept(&disk);
    assert_eq!(kept.len(), 1);
    assert_eq!(damaged.len(), whole.len());
    assert!(damaged.ends_with(&kept[0]) && kept[0].len() > 50);
    drop(store);

    // A second copy of the same time does not replace the first one.
    damage_last_commit(&disk);
    disk.unlink("LOCK").unwrap();
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    store.put(b"more").unwrap();
    let both = self::kept(&disk);
    assert_eq!(both.len(), 2);
    assert!(both.contains(&kept[0]));
}

#[test]
fn nothing_is_cut_without_a_complete_copy() {
    let disk = three_commits();
    damage_last_commit(&disk);
    disk.unlink("LOCK").unwrap();
    let before = files(&disk)[ACTIVE].clone();
    for kind in [
        OpKind::CreateDir,
        OpKind::Create,
        OpKind::Write,
        OpKind::SyncData,
        OpKind::SyncDir,
    ] {
        let storage = FaultVfs::on(&disk).unwrap();
        storage.plan(
            Plan::new(Fault::Errno(ENOSPC))
                .only(&[kind])
                .under("aside")
                .forever(),
        );
        let store = Store::open_on(Arc::new(storage.clone()), options()).unwrap();
        let error = store.put(b"more").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreFull, "{kind:?}: {error}");
        assert!(storage.fired() > 0);
        drop(store);
        assert_eq!(files(&storage.live().unwrap())[ACTIVE], before, "{kind:?}");
    }
}

/// An older manifest was put back and the lock's text is lost: segments that it does not name hold commits, and are
/// moved, not removed.
#[test]
fn segments_that_no_manifest_names_are_kept() {
    let disk = MemVfs::new();
    let options = || Options {
        segment_bytes: 1 << 20,
        ..options()
    };
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    store.put(b"first").unwrap();
    store.seal().unwrap();
    let old: Files = files(&disk)
        .into_iter()
        .filter(|(name, _)| name.starts_with("manifests/"))
        .collect();
    let large = vec![7; (16 << 20) + 1];
    for blob in [b"second".as_slice(), &large, b"third"] {
        store.put(blob).unwrap();
        store.seal().unwrap();
    }
    store.close().unwrap();
    let whole = files(&disk);
    for name in whole.keys().filter(|name| name.starts_with("manifests/")) {
        disk.unlink(name).unwrap();
    }
    for (name, bytes) in &old {
        let file = disk.open(name, Open::Create).unwrap();
        file.write_all_at(bytes, 0).unwrap();
    }

    // The lock knows better.
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    assert_eq!(store.put(b"more").unwrap_err().kind(), ErrorKind::Corrupt);
    drop(store);

    disk.unlink("LOCK").unwrap();
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    store.put(b"more").unwrap();
    store.commit().unwrap();
    let warnings = store.take_warnings();
    let moved: Vec<&String> = warnings
        .iter()
        .filter(|text| text.contains("the newest manifest does not name it"))
        .collect();
    let kept = kept(&disk);
    assert!(
        moved.len() >= 3 && kept.len() == moved.len(),
        "{warnings:?}"
    );
    for bytes in kept {
        assert!(whole.values().any(|known| *known == bytes));
    }
}
