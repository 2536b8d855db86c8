//! Flipped bits in every structure there is: index runs, columns, dictionaries, large blobs and their tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakebed_core::{ErrorKind, Hash, ProgressFn, Store};
use lakebed_testkit::{Files, Tally, Tried, disk_of};

use crate::recovery::support::through::{bases, reading};
use crate::recovery::support::{long, on_both_cores};

/// Reads a store with one wrong bit: what can be read is right, what cannot be read is an error, what is missing is
/// named.
fn read(files: &Files, known: &BTreeMap<Hash, Vec<u8>>, newest: u64, what: &dyn Fn() -> String) {
    let store = match Store::open_on(Arc::new(disk_of(files).unwrap()), reading()) {
        Ok(store) => store,
        Err(error) => {
            let kinds = [
                ErrorKind::Corrupt,
                ErrorKind::NotAStore,
                ErrorKind::FormatTooNew,
                ErrorKind::StoreNotFound,
            ];
            assert!(kinds.contains(&error.kind()), "{error:?}\n{}", what());
            return;
        }
    };
    let older = store.commit_number().0 < newest;
    let mut unreadable = 0;
    // Of many blobs some from everywhere.
    let step = known.len() / 40 + 1;
    for (hash, bytes) in known.iter().step_by(step) {
        match store.get(hash) {
            Ok(blob) => assert!(blob.as_slice() == &**bytes, "wrong bytes\n{}", what()),
            Err(error) if older && error.kind() == ErrorKind::BlobNotFound => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}\n{}", what());
                unreadable += 1;
            }
        }
    }
    if older || unreadable > 0 {
        match store.verify(ProgressFn::none()) {
            Ok(report) => assert!(
                !report.problems.is_empty(),
                "reading fails and verify finds nothing\n{}",
                what()
            ),
            Err(error) => panic!("verify ends: {error:?}\n{}", what()),
        }
    }
}

#[test]
fn bits_flip_in_every_structure() {
    let tally = Tally::new("bits flipped in every structure");
    let names = ["index runs", "columns", "a dictionary", "a large blob"];
    for ((forge, known), name) in bases().iter().zip(names) {
        let files = forge.files();
        let store = Store::open_on(Arc::new(disk_of(files).unwrap()), reading()).unwrap();
        let newest = store.commit_number().0;
        assert!(name != "index runs" || files.keys().any(|name| name.starts_with("index/")));
        let mut cases = Vec::new();
        for (file, bytes) in files.iter().filter(|(file, _)| *file != "reserve") {
            // In the short run some of each file, and the more of it the more it says.
            let stride = if long() { 1 } else { bytes.len() / 12 + 1 };
            // The header of a segment of columns says which of two ways to read it: all of it.
            let header = if name == "columns" && file.rsplit('.').next() == Some("seg") {
                64
            } else {
                0
            };
            cases.extend((0..header * 8).map(|bit| (file, bit / 8, 1_u8 << (bit % 8))));
            for at in (header..bytes.len()).step_by(stride) {
                let bits = if long() { 0..8 } else { at % 8..at % 8 + 1 };
                cases.extend(bits.map(|bit| (file, at, 1_u8 << bit)));
            }
        }
        on_both_cores(&cases, |(file, at, mask)| {
            let mut files = files.clone();
            files.get_mut(*file).unwrap()[*at] ^= mask;
            read(&files, known, newest, &|| {
                format!("{name}: {file}, byte {at} ^ {mask:#04x}")
            });
            tally.one(Tried::Flips);
        });
    }
}
