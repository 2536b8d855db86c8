//! An open store and its files: a lock, a file or a directory that was removed, replaced, restored or hard-linked while
//! the store was open.

use std::fs;
use std::path::{Path, PathBuf};

use lakebed_core::{ErrorKind, Hash, Options, ProgressFn, Store};

use crate::recovery::support::{options, reading};

fn open(path: &Path) -> Store {
    Store::open(path, options()).unwrap()
}

fn open_to_read(path: &Path) -> Store {
    Store::open(path, reading()).unwrap()
}

fn put(store: &Store, blob: &[u8]) -> Hash {
    let hash = store.put(blob).unwrap();
    store.commit().unwrap();
    hash
}

fn is_whole(path: &Path) {
    let report = open_to_read(path).verify(ProgressFn::none()).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

fn copy_dir(from: &Path, to: &Path, copy: fn(&Path, &Path)) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target, copy);
        } else {
            copy(&entry.path(), &target);
        }
    }
}

fn by_bytes(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
}

fn by_link(from: &Path, to: &Path) {
    fs::hard_link(from, to).unwrap();
}

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Somebody removes the lock of a writer with pending work, and another writer takes a new one.
#[test]
fn a_writer_whose_lock_was_removed_commits_nothing_and_cuts_nothing() {
    for spilled in [false, true] {
        let place = Place::new();
        let path = place.at("s");
        let first = open(&path);
        put(&first, b"before");
        let mut size = 100;
        if spilled {
            // More than is held in memory.
            size = 20 << 20;
        }
        let mut pending = vec![0; size];
        let mut state = 1_u32;
        for byte in &mut pending {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        for chunk in pending.chunks(1 << 20) {
            first.put(chunk).unwrap();
        }
        fs::remove_file(path.join("LOCK")).unwrap();
        let second = open(&path);
        let kept = put(&second, b"another writer's");

        let error = first.commit().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreLocked, "{error}");
        assert!(error.message().contains("LOCK"), "{error}");
        assert!(open_to_read(&path).contains(&kept).unwrap());
        is_whole(&path);
        // It was rolled back, and may write again.
        let again = put(&first, b"again");
        for hash in [kept, again] {
            assert!(open_to_read(&path).contains(&hash).unwrap());
        }
        is_whole(&path);
    }
}

#[test]
fn rolling_back_under_a_lost_lock_leaves_the_files_alone() {
    let place = Place::new();
    let path = place.at("s");
    let first = open(&path);
    put(&first, b"before");
    first.put(b"pending").unwrap();
    fs::remove_file(path.join("LOCK")).unwrap();
    let kept = put(&open(&path), &[7; 3000]);
    first.rollback().unwrap();
    drop(first);
    assert!(open_to_read(&path).contains(&kept).unwrap());
    is_whole(&path);
}

/// The directory is removed and made again, or another one is moved to its place.
#[test]
fn a_replaced_directory_is_noticed() {
    for moved in [false, true] {
        for pending in [false, true] {
            let place = Place::new();
            let path = place.at("s");
            let writer = open(&path);
            let old = put(&writer, b"old");
            let reader = open_to_read(&path);
            if pending {
                writer.put(b"pending").unwrap();
            }
            if moved {
                fs::rename(&path, place.at("old")).unwrap();
            } else {
                fs::remove_dir_all(&path).unwrap();
            }
            let new = put(&open(&path), b"new");

            let error = if pending {
                writer.commit().unwrap_err()
            } else {
                writer.put(b"more").unwrap_err()
            };
            for error in [
                error,
                writer.put(b"more").unwrap_err(),
                reader.refresh().unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::StoreNotFound, "{error}");
                assert!(error.message().contains("store was replaced"), "{error}");
            }
            // What was read stays readable.
            assert!(reader.contains(&old).unwrap());
            writer.close().unwrap();
            is_whole(&path);
            let store = open_to_read(&path);
            assert!(store.contains(&new).unwrap());
            assert_eq!(store.len(), 1);
            if moved {
                is_whole(&place.at("old"));
                assert_eq!(open_to_read(&place.at("old")).len(), 1);
            }
        }
    }
}

#[test]
fn another_store_written_over_the_files_is_noticed() {
    let place = Place::new();
    let (path, other) = (place.at("s"), place.at("other"));
    put(&open(&other), b"other");
    let writer = open(&path);
    put(&writer, b"old");
    writer.put(b"pending").unwrap();
    let reader = open_to_read(&path);
    copy_dir(&other, &path, by_bytes);
    for error in [writer.commit().unwrap_err(), reader.refresh().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::StoreNotFound, "{error}");
    }
}

/// An older copy of the store is put back in place, file by file, in both ways that programs write files.
#[test]
fn a_restore_in_place_is_noticed() {
    fn by_rename(from: &Path, to: &Path) {
        let temporary = to.with_extension("new");
        fs::copy(from, &temporary).unwrap();
        fs::rename(temporary, to).unwrap();
    }
    for seal in [false, true] {
        for write_after in [false, true] {
            for copy in [by_bytes, by_rename] {
                let place = Place::new();
                let (path, backup) = (place.at("s"), place.at("backup"));
                let writer = open(&path);
                put(&writer, b"old");
                copy_dir(&path, &backup, by_bytes);
                if seal {
                    writer.seal().unwrap();
                }
                for blob in [b"one", b"two"] {
                    put(&writer, blob);
                }
                let reader = open_to_read(&path);
                assert_eq!(reader.len(), 3);
                for dir in ["manifests", "segments", "index"] {
                    fs::remove_dir_all(path.join(dir)).unwrap();
                }
                copy_dir(&backup, &path, copy);
                if write_after {
                    let other = open(&path);
                    for number in 0..5 {
                        put(&other, format!("another {number}").as_bytes());
                    }
                }
                for error in [reader.refresh().unwrap_err(), writer.put(b"x").unwrap_err()] {
                    assert_eq!(error.kind(), ErrorKind::StoreNotFound, "{error}");
                    assert!(error.message().contains("store was replaced"), "{error}");
                }
                is_whole(&path);
            }
        }
    }
}

/// Only the active segment is put back, by writing over it.
#[test]
fn an_active_segment_that_was_put_back_is_noticed() {
    let place = Place::new();
    let path = place.at("s");
    let segment = path.join("segments/000000000001.seg");
    let writer = open(&path);
    put(&writer, b"old");
    let old = fs::read(&segment).unwrap();
    put(&writer, b"new");
    let reader = open_to_read(&path);
    fs::write(&segment, old).unwrap();
    for error in [reader.refresh().unwrap_err(), writer.put(b"x").unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::StoreNotFound, "{error}");
    }
}

/// A copy made of hard links shares files that a writer changes in place.
#[test]
fn a_hard_linked_copy_and_its_original_do_not_touch_each_other() {
    for copy_first in [false, true] {
        for open_meanwhile in [false, true] {
            let place = Place::new();
            let (path, copy) = (place.at("s"), place.at("copy"));
            let writer = open(&path);
            let old = put(&writer, b"old");
            let reader = open_to_read(&path);
            if open_meanwhile {
                writer.put(b"pending").unwrap();
            }
            copy_dir(&path, &copy, by_link);
            if open_meanwhile {
                writer.commit().unwrap();
            }
            let both = [(&path, &copy), (&copy, &path)];
            let order = if copy_first { [1, 0] } else { [0, 1] };
            for turn in order {
                let (this, other) = both[turn];
                let before = open_to_read(other).len();
                let store = if turn == 0 {
                    writer.clone()
                } else {
                    open(this)
                };
                put(&store, this.to_str().unwrap().as_bytes());
                store.seal().unwrap();
                let last = put(&store, b"after the seal");
                assert!(open_to_read(this).contains(&last).unwrap());
                assert_eq!(open_to_read(other).len(), before, "{turn}");
                for path in [this, other] {
                    is_whole(path);
                    assert!(open_to_read(path).contains(&old).unwrap());
                }
            }
            // A reader from before goes on with the files of its own store.
            assert!(reader.refresh().unwrap());
            assert!(reader.contains(&Hash::of(b"after the seal")).unwrap());
            let expected = if open_meanwhile { 4 } else { 3 };
            assert_eq!(reader.len(), expected);
        }
    }
}

/// The copy's writer comes while the original's has the lock, and the other way round: each waits for its own.
#[test]
fn hard_linked_locks_become_two() {
    let place = Place::new();
    let (path, copy) = (place.at("s"), place.at("copy"));
    let writer = open(&path);
    put(&writer, b"old");
    copy_dir(&path, &copy, by_link);
    put(&writer, b"new");
    writer.put(b"pending").unwrap();
    put(&open(&copy), b"in the copy");
    writer.commit().unwrap();
    assert_eq!(open_to_read(&path).len(), 3);
    assert_eq!(open_to_read(&copy).len(), 2);
}

#[test]
fn without_waiting_a_writer_gets_a_lock_that_readers_look_at() {
    let place = Place::new();
    let path = place.at("s");
    put(&open(&path), b"old");
    let impatient = Options {
        lock_timeout: std::time::Duration::ZERO,
        ..options()
    };
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            for _ in 0..300 {
                assert!(!open_to_read(&path).is_empty());
            }
        });
        let store = Store::open(&path, impatient).unwrap();
        while !reading.is_finished() {
            put(&store, b"again");
        }
    });
}
