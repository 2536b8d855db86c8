//! Where bytes of blobs lie: mapped, decoded, read without mapping, on files of the operating system.

use std::io;

use lakebed_core::{Error, ErrorKind, Hash, Options, Seq, Store};
use lakebed_testkit::Unmapped;

use super::*;

/// Bytes that do not get smaller.
fn noise(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 32);
    let mut hash = Hash::of(&[seed]);
    while bytes.len() < len {
        bytes.extend_from_slice(hash.as_bytes());
        hash = Hash::of(hash.as_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn raw_blobs_of_sealed_segments_are_handed_out_where_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("s.lakebed"), options()).unwrap();
    let images: Vec<Vec<u8>> = (0..5)
        .map(|n| noise(n, 3000 + usize::from(n) * 977))
        .collect();
    let hashes: Vec<Hash> = images
        .iter()
        .map(|image| store.put(image).unwrap())
        .collect();
    let text = store.put(&b"text ".repeat(1000)).unwrap();
    store.commit().unwrap();
    assert!(!store.get(&hashes[0]).unwrap().is_mapped());
    store.seal().unwrap();
    let blobs: Vec<_> = hashes.iter().map(|hash| store.get(hash).unwrap()).collect();
    assert!(!store.get(&text).unwrap().is_mapped());
    store.close().unwrap();
    drop(store);
    std::fs::remove_dir_all(dir.path()).unwrap();
    for (blob, image) in blobs.iter().zip(&images) {
        assert!(blob.is_mapped());
        assert_eq!(blob.as_ptr() as usize % 64, 0);
        assert_eq!(blob.as_slice(), image);
    }
}

#[test]
fn what_is_left_of_a_store_without_its_format_is_not_made_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let (place, kept) = (dir.path().join("s.lakebed"), dir.path().join("kept"));
    let store = Store::open(&place, options()).unwrap();
    append(&store, "c", &["[1]", "[2]"]);
    store.close().unwrap();
    std::fs::rename(place.join("FORMAT"), &kept).unwrap();
    let before = walk(&place.join("manifests"));
    let refused = Store::open(&place, options()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotAStore);
    assert!(
        refused
            .message()
            .contains("holds segments of a store but no file FORMAT")
    );
    assert_eq!(walk(&place.join("manifests")), before);
    std::fs::rename(kept, place.join("FORMAT")).unwrap();
    assert_eq!(rows(&Store::open(&place, options()).unwrap(), "c").len(), 2);
}

#[test]
fn a_store_that_is_removed_while_it_is_open_is_said_to_be_gone() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("s.lakebed");
    append(&Store::open(&place, options()).unwrap(), "c", &["[1]"]);
    let store = Store::open(&place, Options::read_only()).unwrap();
    std::fs::remove_dir_all(&place).unwrap();
    let gone = store.refresh().unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::StoreNotFound, "{gone}");
}

#[test]
fn without_mapping_everything_is_read() {
    let vfs: Arc<dyn Vfs> = Arc::new(Unmapped(memory()));
    let store = open(&vfs);
    let mut hashes = Vec::new();
    for round in 0..12_u8 {
        hashes.push(store.put(&noise(round, 5000)).unwrap());
        let records: Vec<String> = (0..40).map(|n| format!("[{round},{n}]")).collect();
        append(
            &store,
            "c",
            &records.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        store.seal().unwrap();
    }
    let large = noise(77, 17 << 20);
    hashes.push(store.put(&large).unwrap());
    store.commit().unwrap();
    for store in [&store, &open(&vfs)] {
        for (round, hash) in hashes.iter().enumerate().take(12) {
            let blob = store.get(hash).unwrap();
            assert!(!blob.is_mapped());
            assert_eq!(blob.as_slice(), noise(round as u8, 5000));
        }
        assert!(store.get(&hashes[12]).unwrap().as_slice() == large);
        assert_eq!(rows(store, "c").len(), 480);
        assert_eq!(rows(store, "c")[470], b"[11,30]");
        assert_whole(store);
    }
}

#[test]
fn a_read_only_directory_is_readable() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.lakebed");
    let store = Store::open(&path, options()).unwrap();
    append(&store, "c", &["1", "2"]);
    store.seal().unwrap();
    append(&store, "c", &["3"]);
    store.close().unwrap();
    let set = |mode: u32| {
        for dir in ["", "segments", "manifests", "index"] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path.join(dir), mode).unwrap();
        }
    };
    set(0o555);
    let before: Vec<_> = walk(&path);
    let store = Store::open(&path, Options::read_only()).unwrap();
    assert_eq!(rows(&store, "c"), [b"1", b"2", b"3"]);
    assert!(!store.refresh().unwrap());
    assert_whole(&store);
    store.close().unwrap();
    assert_eq!(walk(&path), before);
    set(0o755);
}

fn walk(path: &std::path::Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        found.push((entry.path(), entry.metadata().unwrap().modified().unwrap()));
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_cache_of_nothing_works() {
    let vfs = memory();
    let options = Options {
        cache_bytes: 0,
        ..options()
    };
    let store = Store::open_on(vfs, options).unwrap();
    let hashes: Vec<Hash> = (0..100)
        .map(|n| store.put(format!("{n}").as_bytes()).unwrap())
        .collect();
    store.commit().unwrap();
    for (n, hash) in hashes.iter().enumerate() {
        assert_eq!(
            store.get(hash).unwrap().as_slice(),
            format!("{n}").as_bytes()
        );
    }
    assert_eq!(store.stats().unwrap().cache_bytes, 0);
}

#[test]
fn rows_tell_file_line_and_time() {
    let vfs = memory();
    let store = open(&vfs);
    append(&store, "c", &["1", "2"]);
    store.commit().unwrap();
    let rows: Vec<_> = store
        .rows("c", Seq(0)..Seq(9))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (rows[1].seq, &rows[1].file, rows[1].line),
        (Seq(1), &None, None)
    );
    assert!(rows[1].time > 1_600_000_000_000_000);
}

#[test]
fn errors_of_the_system_are_sentences_with_advice() {
    let said = |number| {
        let error = Error::io("writing segment 3", io::Error::from_raw_os_error(number));
        assert_eq!(error.os_code(), Some(number));
        (error.kind(), error.message().to_owned())
    };
    for (number, kind, text) in [
        (
            numbers::EACCES,
            ErrorKind::Io,
            "Writing segment 3 failed: permission denied; ask its owner for the right to do that.",
        ),
        (
            numbers::EROFS,
            ErrorKind::Io,
            "Writing segment 3 failed: read-only file system; only reading works there.",
        ),
        (
            numbers::EMFILE,
            ErrorKind::Io,
            "Writing segment 3 failed: too many open files; raise the limit (ulimit -n), or close some.",
        ),
        (
            numbers::ENOSPC,
            ErrorKind::StoreFull,
            "The disk is full: writing segment 3 failed, nothing uncommitted was kept and the store is unharmed; make room and try again.",
        ),
    ] {
        assert_eq!(said(number), (kind, text.to_owned()));
    }
}

/// Numbers that Linux and macOS agree on.
mod numbers {
    pub(super) const EACCES: i32 = 13;
    pub(super) const EMFILE: i32 = 24;
    pub(super) const ENOSPC: i32 = 28;
    pub(super) const EROFS: i32 = 30;
}
