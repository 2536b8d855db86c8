use lakebed_core::{ErrorKind, Hash, RepairOptions, Seq, Store};
use lakebed_format::{FooterTrailer, IndexBlock, SectionKind, SegmentHeader, TRAILER_LEN};
use lakebed_vfs::Open;

use super::*;

fn many_segments(vfs: &Arc<dyn Vfs>, segments: usize) -> Vec<Hash> {
    let store = open(vfs);
    let mut hashes = Vec::new();
    for segment in 0..segments {
        for n in 0..20 {
            hashes.push(store.put(format!("blob {segment} {n}").as_bytes()).unwrap());
        }
        append(&store, "c", &[&segment.to_string()]);
        store.seal().unwrap();
    }
    hashes
}

fn assert_all(store: &Store, hashes: &[Hash]) {
    for (n, hash) in hashes.iter().enumerate() {
        let blob = store.get(hash).unwrap();
        assert_eq!(
            blob.as_slice(),
            format!("blob {} {}", n / 20, n % 20).as_bytes()
        );
        assert!(!store.contains(&Hash::of(&blob[1..])).unwrap());
    }
}

#[test]
fn derived_runs_may_be_damaged_or_missing() {
    let vfs = memory();
    let hashes = many_segments(&vfs, 40);
    let runs = vfs.list("index").unwrap();
    assert!(!runs.is_empty());
    let store = open(&vfs);
    assert_all(&store, &hashes);
    assert_eq!(
        store.resolve(&hashes[333].to_string()[..16]).unwrap(),
        hashes[333]
    );
    for name in &runs {
        let name = format!("index/{name}");
        let file = vfs.open(&name, Open::ReadWrite).unwrap();
        let len = file.len().unwrap();
        for at in (4096..len).step_by(64) {
            file.write_all_at(b"damage", at).unwrap();
        }
    }
    assert_all(&open(&vfs), &hashes);
    for name in &runs {
        vfs.unlink(&format!("index/{name}")).unwrap();
    }
    assert_all(&open(&vfs), &hashes);
    // The next seal makes them again.
    append(&open(&vfs), "c", &["-1"]);
    let store = open(&vfs);
    append(&store, "c", &["-1"]);
    store.seal().unwrap();
    assert!(!vfs.list("index").unwrap().is_empty());
    assert_all(&open(&vfs), &hashes);
    assert_whole(&open(&vfs));
}

#[test]
fn what_was_stored_long_ago_is_known() {
    let vfs = memory();
    let hashes = many_segments(&vfs, 30);
    let store = open(&vfs);
    let before = store.len();
    for segment in 0..30 {
        store.put(format!("blob {segment} 7").as_bytes()).unwrap();
    }
    assert_eq!(store.len(), before);
    assert_eq!(append(&store, "c", &["3", "4", "31"]).duplicates, 2);
    store.delete(&hashes[27]).unwrap();
    store.put(b"blob 1 7").unwrap();
    assert_eq!(store.len(), before + 1);
    store.commit().unwrap();
    assert_whole(&open(&vfs));
}

#[test]
fn an_old_snapshot_reads_on_while_segments_are_sealed() {
    let vfs = memory();
    let store = open(&vfs);
    let first = store.put(b"first").unwrap();
    append(&store, "c", &["1", "2"]);
    store.commit().unwrap();
    let other = open(&vfs);
    let old = [store.snapshot().unwrap(), other.snapshot().unwrap()];
    for n in 0..5 {
        append(&store, "c", &[&n.to_string()]);
        store.delete(&Hash::of(n.to_string().as_bytes())).unwrap();
        store.seal().unwrap();
    }
    store.delete(&first).unwrap();
    store.drop_collection("c").unwrap();
    for old in &old {
        assert_eq!(old.get(&first).unwrap().as_slice(), b"first");
        assert_eq!(old.rows("c", Seq(0)..Seq(10)).unwrap().count(), 2);
        assert_eq!(old.len(), 3);
    }
    assert!(vfs.list("manifests").unwrap().len() > 1);
    assert_eq!(other.stats().unwrap().oldest_snapshot, 1);
    drop(old);
    assert!(other.refresh().unwrap());
    assert!(!other.contains(&first).unwrap());
    drop(other);
    append(&store, "d", &["1"]);
    store.seal().unwrap();
    assert_eq!(vfs.list("manifests").unwrap().len(), 1);
}

#[test]
fn segments_are_finished_by_their_bytes_or_by_their_blobs() {
    for (bytes, blobs) in [(1024, 1 << 20), (64 << 20, 50)] {
        let vfs = memory();
        let options = Options {
            segment_bytes: bytes,
            segment_blobs: blobs,
            ..options()
        };
        let store = Store::open_on(Arc::clone(&vfs), options).unwrap();
        let mut hashes = Vec::new();
        for commit in 0..40 {
            for n in 0..20 {
                hashes.push(store.put(format!("blob {commit} {n}").as_bytes()).unwrap());
            }
            store.commit().unwrap();
        }
        let segments = store.segments().unwrap();
        assert!(segments.len() > 10, "{} segments", segments.len());
        for segment in &segments {
            // The commit that reaches the limit is still in it.
            assert!(segment.blobs < blobs + 20);
        }
        assert_all(&open(&vfs), &hashes);
    }
}

/// Bytes that the footer of a sealed segment has of the manifest.
fn repeated_bytes(vfs: &Arc<dyn Vfs>, name: &str) -> u64 {
    let file = vfs.open_read(&format!("segments/{name}")).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    let salt = SegmentHeader::decode(&bytes).unwrap().salt;
    let at = bytes.len() - TRAILER_LEN;
    let tail = FooterTrailer::decode(&bytes[at..], salt, at as u64).unwrap();
    let block = &bytes[usize::try_from(tail.block_offset).unwrap()..];
    let block = IndexBlock::decode(block, salt, tail.block_offset, tail.block_len).unwrap();
    block.section(SectionKind::ManifestBody).unwrap().len
}

#[test]
fn footers_repeat_what_changed_of_the_manifest() {
    let vfs = memory();
    let store = open(&vfs);
    for n in 0..200 {
        append(&store, &format!("one of many collections {n}"), &["1"]);
    }
    for n in 0..50 {
        append(&store, "c", &[&n.to_string()]);
        store.seal().unwrap();
    }
    let wanted = rows(&store, "c");
    store.close().unwrap();
    let segments = vfs.list("segments").unwrap();
    let bytes: Vec<u64> = segments
        .iter()
        .map(|name| repeated_bytes(&vfs, name))
        .collect();
    let longest = *bytes.iter().max().unwrap();
    assert!(longest > 5000, "{bytes:?}");
    assert!(bytes.iter().sum::<u64>() < longest * 12, "{bytes:?}");

    let manifests = vfs.list("manifests").unwrap();
    for name in &manifests {
        vfs.unlink(&format!("manifests/{name}")).unwrap();
    }
    let store = open(&vfs);
    assert_eq!(rows(&store, "c"), wanted);
    assert_eq!(store.collections().unwrap().len(), 201);
    append(&store, "c", &["7"]);
    store.commit().unwrap();
    assert_whole(&store);
    store.close().unwrap();
}

#[test]
fn without_manifests_and_the_footer_that_others_need_repair_finds_all() {
    let vfs = memory();
    let store = open(&vfs);
    for n in 0..6 {
        append(&store, "c", &[&n.to_string(), "\"the same\""]);
        store.seal().unwrap();
    }
    let wanted = rows(&store, "c");
    store.close().unwrap();
    let segments = vfs.list("segments").unwrap();
    // The first one has a whole body, since there is none before; the last one needs an earlier one.
    let last = segments.last().unwrap();
    assert!(repeated_bytes(&vfs, last) < repeated_bytes(&vfs, &segments[0]) * 3);
    for name in vfs.list("manifests").unwrap() {
        vfs.unlink(&format!("manifests/{name}")).unwrap();
    }
    for name in segments.split_last().unwrap().1 {
        let name = format!("segments/{name}");
        let file = vfs.open(&name, Open::ReadWrite).unwrap();
        let len = file.len().unwrap();
        file.write_all_at(b"damage", len - 20).unwrap();
    }
    let opened = Store::open_on(Arc::clone(&vfs), options());
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Corrupt);
    Store::repair_on(&vfs, &options(), RepairOptions::default()).unwrap();
    let store = open(&vfs);
    assert_eq!(rows(&store, "c"), wanted);
    assert_whole(&store);
}
