//! Compaction gives space back and changes nothing that is kept.

use std::collections::BTreeMap;

use lakebed_core::{
    CommitNumber, CompactOptions, CompactReport, ErrorKind, Hash, Options, ProgressFn, Row,
    ScanRequest, Seq, Store,
};
use lakebed_testkit::{records::similar, strategies::noise};

use super::*;

pub(super) fn compact(store: &Store) -> CompactReport {
    store.compact(CompactOptions::default()).unwrap()
}

fn compact_at(store: &Store, level: i32) -> CompactReport {
    let options = CompactOptions {
        level: Some(level),
        ..CompactOptions::default()
    };
    store.compact(options).unwrap()
}

/// Rows with their blobs' hashes, and how many there were as of each commit.
pub(super) type CollectionRows = (Vec<(Row, Hash)>, Vec<u64>);

/// Every row of every collection with its blob's hash, and the rows as of each commit.
pub(super) fn all_rows(store: &Store) -> BTreeMap<String, CollectionRows> {
    let commits: Vec<CommitNumber> = store.commits().unwrap().iter().map(|c| c.number).collect();
    let mut all = BTreeMap::new();
    for info in store.collections().unwrap() {
        let mut found = Vec::new();
        for row in store.rows(&info.name, Seq(0)..Seq(1 << 62)).unwrap() {
            let row = row.unwrap();
            let hash = Hash::of(&store.blob(row.blob).unwrap());
            assert!(store.contains(&hash).unwrap());
            found.push((row, hash));
        }
        let as_of = commits.iter().map(|commit| {
            let request = ScanRequest {
                columns: Some(vec!["_seq".to_owned()]),
                as_of: Some(*commit),
                ..ScanRequest::of(&info.name)
            };
            let batches = store.scan(&request).unwrap();
            batches.map(|batch| batch.unwrap().num_rows() as u64).sum()
        });
        let as_of = as_of.collect();
        all.insert(info.name, (found, as_of));
    }
    all
}

fn hex(bytes: &[u8]) -> String {
    let hex = bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("\"{hex}\"")
}

/// Bytes of the segments' files.
pub(super) fn segment_bytes(vfs: &Arc<dyn Vfs>) -> u64 {
    let names = vfs.list("segments").unwrap();
    let sizes = names.iter().map(|name| {
        let file = vfs.open_read(&format!("segments/{name}")).unwrap();
        file.len().unwrap()
    });
    sizes.sum()
}

/// Whether some bytes are in any file.
pub(super) fn in_files(vfs: &Arc<dyn Vfs>, needle: &[u8]) -> bool {
    ["segments", "manifests", "index", "aside", ""]
        .iter()
        .any(|dir| {
            let names = vfs.list(dir).unwrap_or_default();
            names.iter().any(|name| {
                let path = if dir.is_empty() {
                    name.clone()
                } else {
                    format!("{dir}/{name}")
                };
                let bytes = vfs.read(&path).unwrap_or_default();
                memchr::memmem::find(&bytes, needle).is_some()
            })
        })
}

fn several_segments(vfs: &Arc<dyn Vfs>) -> Store {
    let options = Options {
        segment_bytes: 24 << 10,
        ..options()
    };
    Store::open_on(Arc::clone(vfs), options).unwrap()
}

/// Two collections over several segments, with deleted, shared and pinned blobs and a large one.
pub(super) fn mixed(vfs: &Arc<dyn Vfs>) -> Store {
    let store = several_segments(vfs);
    for part in 0..12_usize {
        let records = (part * 40..part * 40 + 60).map(|n| Ok(similar(n)));
        store.append("kept", &mut records.into_iter()).unwrap();
        let records = (part * 40 + 20..part * 40 + 100)
            .map(|n| Ok(similar(n)))
            .chain((0..4).map(|n| Ok(hex(&noise((part * 4 + n) as u64 + 1000, 1200)).into_bytes())))
            .chain([Ok(format!("\"only in dropped {part}\"").into_bytes())]);
        store.append("dropped", &mut records.into_iter()).unwrap();
        store.put(&noise(part as u64, 900)).unwrap();
        store.commit().unwrap();
    }
    let large = format!("\"{}\"", "z".repeat((16 << 20) + 7)).into_bytes();
    store
        .append("dropped", &mut [Ok(large)].into_iter())
        .unwrap();
    store.delete(&Hash::of(&similar(70))).unwrap();
    store.commit().unwrap();
    store
}

#[test]
fn what_is_kept_is_what_it_was() {
    let vfs = memory();
    let store = mixed(&vfs);
    store.trim("kept", Seq(45)).unwrap();
    store.drop_collection("dropped").unwrap();
    let before = all_rows(&store);
    let commits = store.commits().unwrap();
    let (blobs, bytes) = (store.len(), segment_bytes(&vfs));
    let foreseen = store
        .compact(CompactOptions {
            dry_run: true,
            ..CompactOptions::default()
        })
        .unwrap();
    assert!(foreseen.dry_run && foreseen.bytes_after < foreseen.bytes_before);
    assert_eq!(segment_bytes(&vfs), bytes, "a dry run changes nothing");
    let report = compact(&store);
    assert_eq!(report.removed_blobs, foreseen.removed_blobs);
    assert_eq!(report.bytes_before, bytes);
    assert_eq!(report.bytes_after, segment_bytes(&vfs));
    assert_eq!((report.skipped_segments, report.held_bytes), (0, 0));
    assert!(report.segments_after < report.segments_before, "{report:?}");
    assert!(segment_bytes(&vfs) < bytes / 2, "{report:?}");
    for store in [&store, &open(&vfs)] {
        assert_eq!(all_rows(store), before);
        assert_eq!(store.len(), blobs);
        let numbers = |commits: &[lakebed_core::CommitInfo]| {
            let facts = commits.iter().map(|c| (c.number, c.time, c.blobs, c.rows));
            facts.collect::<Vec<_>>()
        };
        assert_eq!(numbers(&store.commits().unwrap()), numbers(&commits));
        for part in 0..12 {
            assert!(
                store.contains(&Hash::of(&noise(part, 900))).unwrap(),
                "pinned"
            );
        }
        assert!(store.get(&Hash::of(&similar(70))).is_err());
        assert_whole(store);
    }
    // And again: there is nothing to do.
    let again = compact(&store);
    assert_eq!(
        (again.rewritten_segments, again.removed_blobs),
        (0, 0),
        "{again:?}"
    );
    // Writing goes on, with new ids, sequence numbers and segments.
    append(&store, "kept", &["\"after\""]);
    append(&store, "dropped", &["\"only in dropped 3\""]);
    store.commit().unwrap();
    store.seal().unwrap();
    let store = open(&vfs);
    assert_eq!(rows(&store, "dropped"), [b"\"only in dropped 3\""]);
    assert_eq!(rows(&store, "kept").last().unwrap(), b"\"after\"");
    assert_whole(&store);
    compact_at(&store, 9);
    assert_eq!(rows(&store, "kept").last().unwrap(), b"\"after\"");
    assert_whole(&store);
}

#[test]
fn dropped_bytes_are_gone_from_every_file() {
    let vfs = memory();
    let store = several_segments(&vfs);
    // Neither shrinks, so that they lie in the files as they are.
    let secret = noise(1, 2000);
    let kept = noise(2, 2000);
    store.put(&kept).unwrap();
    store.put(&secret).unwrap();
    append(&store, "c", &[&hex(&noise(3, 50))]);
    store.commit().unwrap();
    assert!(in_files(&vfs, &secret) && in_files(&vfs, &kept));
    store.delete(&Hash::of(&secret)).unwrap();
    store.commit().unwrap();
    assert!(in_files(&vfs, &secret));
    compact(&store);
    assert!(
        !in_files(&vfs, &secret),
        "nothing needs to be sealed before"
    );
    assert!(in_files(&vfs, &kept));
    assert_whole(&store);
}

#[test]
fn a_store_of_which_nine_tenths_were_dropped_is_as_small_as_a_new_one() {
    let options = Options {
        segment_bytes: 256 << 10,
        page_bytes: 12 << 10,
        ..options()
    };
    let build = |vfs: &Arc<dyn Vfs>, all: bool| {
        let store = Store::open_on(Arc::clone(vfs), options.clone()).unwrap();
        for part in 0..40_usize {
            let range = part * 1000..(part + 1) * 1000;
            if all {
                let records = range.clone().filter(|n| n % 10 > 0).map(|n| Ok(similar(n)));
                store.append("dropped", &mut records.into_iter()).unwrap();
            }
            let records = range.filter(|n| n % 10 == 0).map(|n| Ok(similar(n)));
            store.append("kept", &mut records.into_iter()).unwrap();
            if part % 4 == 3 {
                store.commit().unwrap();
            }
        }
        store.seal().unwrap();
        store
    };
    let (vfs, fresh) = (memory(), memory());
    let store = build(&vfs, true);
    build(&fresh, false);
    store.drop_collection("dropped").unwrap();
    let report = compact(&store);
    let (size, wanted) = (segment_bytes(&vfs), segment_bytes(&fresh));
    assert!(
        size <= wanted + wanted / 20,
        "{size} bytes, a new store has {wanted}: {report:?}"
    );
    assert_eq!(rows(&store, "kept").len(), 4000);
    assert_whole(&store);
}

#[test]
fn small_commits_and_puts_become_full_frames() {
    let vfs = memory();
    let store = open(&vfs);
    for n in 0..200 {
        store.put(&similar(n)).unwrap();
        append(
            &store,
            "c",
            &[&format!("{{\"n\":{n},\"text\":\"some more text\"}}")],
        );
        store.commit().unwrap();
        if n % 50 == 49 {
            store.seal().unwrap();
        }
    }
    let before = all_rows(&store);
    let size = segment_bytes(&vfs);
    let report = compact(&store);
    assert_eq!(report.segments_after, 1);
    assert!(report.bytes_after < size / 2, "{report:?}");
    assert_eq!(all_rows(&store), before);
    let checked = store.verify(ProgressFn::none()).unwrap();
    assert_eq!(checked.problems, []);
    assert!(checked.frames < 120, "{checked:?}");
    assert_eq!(compact(&store).rewritten_segments, 0);
}

#[test]
fn snapshots_and_other_readers_go_on() {
    let vfs = memory();
    let store = mixed(&vfs);
    let reader = open(&vfs);
    let snapshot = store.snapshot().unwrap();
    let before = all_rows(&reader);
    store.drop_collection("dropped").unwrap();
    let report = compact(&store);
    assert!(report.held_bytes > 0, "{report:?}");
    assert_eq!(store.stats().unwrap().held_bytes, report.held_bytes);
    let private = b"\"only in dropped 4\"";
    assert!(store.get(&Hash::of(private)).is_err());
    assert_eq!(&snapshot.get(&Hash::of(private)).unwrap()[..], private);
    assert_eq!(all_rows(&reader), before, "as of its commit");
    assert!(reader.refresh().unwrap());
    assert!(
        !reader
            .collections()
            .unwrap()
            .iter()
            .any(|c| c.name == "dropped")
    );
    assert_whole(&reader);
    // When nobody holds them any more, the next writer removes them.
    drop(snapshot);
    store.close().unwrap();
    let store = open(&vfs);
    append(&store, "kept", &["1"]);
    store.commit().unwrap();
    assert_eq!(store.stats().unwrap().held_bytes, 0);
    assert!(!in_files(&vfs, private));
    assert_whole(&store);
}

#[test]
fn a_dictionary_goes_when_its_collection_is_gone() {
    let vfs = memory();
    let store = several_segments(&vfs);
    let fill = |name: &str, range: std::ops::Range<usize>| {
        let records = range.map(|n| Ok(similar(n)));
        store.append(name, &mut records.into_iter()).unwrap();
        store.commit().unwrap();
    };
    for name in ["a", "b"] {
        fill(name, 0..3000);
        assert!(store.train(name, 16 << 10).unwrap().installed || name == "b");
        fill(name, 3000..4000);
    }
    store.drop_collection("a").unwrap();
    let before = all_rows(&store);
    compact(&store);
    let left = store.dictionaries().unwrap();
    assert!(
        left.iter()
            .all(|entry| entry.collection_name.as_deref() == Some("b")),
        "{left:?}"
    );
    assert_eq!(all_rows(&store), before);
    for store in [&store, &open(&vfs)] {
        assert_whole(store);
        assert_eq!(all_rows(store), before);
    }
    store.drop_collection("b").unwrap();
    compact(&store);
    assert_eq!(store.dictionaries().unwrap(), []);
    assert_eq!((store.len(), store.stats().unwrap().raw_bytes), (0, 0));
    assert!(segment_bytes(&vfs) <= 16 << 10);
    // A new one gets another number.
    fill("c", 0..3000);
    assert!(store.train("c", 16 << 10).unwrap().installed);
    fill("c", 3000..4000);
    compact_at(&store, 5);
    assert_whole(&open(&vfs));
}

#[test]
fn a_level_encodes_everything_again() {
    let vfs = memory();
    let store = several_segments(&vfs);
    let records = (0..4000).map(|n| Ok(similar(n)));
    store.append("c", &mut records.into_iter()).unwrap();
    store.commit().unwrap();
    assert!(store.train("c", 32 << 10).unwrap().installed);
    assert_eq!(
        compact(&store).rewritten_segments,
        0,
        "nothing is dead or small"
    );
    let before = all_rows(&store);
    let size = segment_bytes(&vfs);
    let report = compact_at(&store, 19);
    assert!(
        report.bytes_after < size - size / 10,
        "with the dictionary: {report:?}"
    );
    assert_eq!(all_rows(&store), before);
    let error = store.compact(CompactOptions {
        level: Some(23),
        ..CompactOptions::default()
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn the_manifest_can_be_made_again_after_a_compaction() {
    for more in [false, true] {
        let vfs = memory();
        let store = mixed(&vfs);
        store.drop_collection("dropped").unwrap();
        compact(&store);
        if more {
            append(&store, "kept", &["1"]);
            store.commit().unwrap();
            store.seal().unwrap();
            append(&store, "kept", &["2"]);
            store.commit().unwrap();
        }
        let before = all_rows(&store);
        store.close().unwrap();
        for name in vfs.list("manifests").unwrap() {
            vfs.unlink(&format!("manifests/{name}")).unwrap();
        }
        let store = open(&vfs);
        assert_eq!(all_rows(&store), before);
        append(&store, "kept", &["3"]);
        store.commit().unwrap();
        assert_whole(&store);
        assert_whole(&open(&vfs));
    }
}

#[test]
fn an_interrupt_keeps_the_steps_that_are_done() {
    let vfs = memory();
    let store = mixed(&vfs);
    store.drop_collection("dropped").unwrap();
    let before = all_rows(&store);
    let mut calls = 0;
    let options = CompactOptions {
        progress: ProgressFn::new(move |_| {
            calls += 1;
            if calls == 2 {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        }),
        ..CompactOptions::default()
    };
    let error = store.compact(options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(all_rows(&store), before);
    assert_whole(&open(&vfs));
    compact(&store);
    assert_eq!(all_rows(&store), before);
    assert_whole(&open(&vfs));
}
