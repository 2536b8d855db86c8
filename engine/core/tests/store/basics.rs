use lakebed_core::{ErrorKind, Hash, Options, Seq, Store};
use lakebed_testkit::records::similar;

use super::*;

fn record(n: usize) -> String {
    String::from_utf8(similar(n)).unwrap()
}

#[test]
fn what_was_put_is_there_at_once_and_after_reopening() {
    let vfs = memory();
    let store = open(&vfs);
    let blobs: Vec<Vec<u8>> = (0..500).map(|n| record(n).into_bytes()).collect();
    let hashes: Vec<Hash> = blobs.iter().map(|blob| store.put(blob).unwrap()).collect();
    for (blob, hash) in blobs.iter().zip(&hashes) {
        assert_eq!(store.get(hash).unwrap().as_slice(), blob);
    }
    assert_eq!(store.len(), 500);
    let other = open(&vfs);
    assert_eq!(other.len(), 0);
    assert_eq!(
        other.get(&hashes[0]).unwrap_err().kind(),
        ErrorKind::BlobNotFound
    );
    assert_eq!(store.commit().unwrap().0, 1);
    assert_eq!(store.commit().unwrap().0, 1);
    assert!(other.refresh().unwrap());
    assert!(!other.refresh().unwrap());
    for store in [&store, &other, &open(&vfs)] {
        assert_eq!(store.len(), 500);
        for (blob, hash) in blobs.iter().zip(&hashes) {
            assert_eq!(store.get(hash).unwrap().as_slice(), blob);
        }
        assert_whole(store);
    }
}

#[test]
fn equal_bytes_are_one_blob() {
    let vfs = memory();
    let store = open(&vfs);
    let first = store.put(b"same").unwrap();
    assert_eq!(store.put(b"same").unwrap(), first);
    store.commit().unwrap();
    assert_eq!(store.put(b"same").unwrap(), first);
    assert_eq!(store.len(), 1);
    // Nothing changed, so nobody is kept from writing.
    open(&vfs).put(b"other").unwrap();
    let appended = append(&open(&vfs), "c", &["1", "2", "1"]);
    assert_eq!(
        (appended.rows, appended.new_blobs, appended.duplicates),
        (3, 2, 1)
    );
}

#[test]
fn a_rollback_leaves_what_was_committed() {
    let vfs = memory();
    let store = open(&vfs);
    let kept = store.put(b"kept").unwrap();
    store.commit().unwrap();
    let lost = store.put(b"lost").unwrap();
    append(&store, "c", &["1", "2"]);
    let before = store.snapshot().unwrap();
    store.rollback().unwrap();
    assert!(store.contains(&kept).unwrap());
    assert!(!store.contains(&lost).unwrap());
    assert!(store.collections().unwrap().is_empty());
    // A snapshot of what was pending goes on.
    assert_eq!(before.get(&lost).unwrap().as_slice(), b"lost");
    assert_eq!(before.rows("c", Seq(0)..Seq(9)).unwrap().count(), 2);
    let again = store.put(b"new").unwrap();
    store.commit().unwrap();
    assert_eq!(store.get(&again).unwrap().as_slice(), b"new");
    assert_whole(&store);
}

#[test]
fn rows_come_back_in_order() {
    let vfs = memory();
    let store = open(&vfs);
    let records: Vec<String> = (0..300).map(record).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    append(&store, "events", &records[..100]);
    append(&store, "other", &records[50..60]);
    append(&store, "events", &records[90..200]);
    assert_eq!(rows(&store, "events").len(), 210);
    store.commit().unwrap();
    append(&store, "events", &records[200..]);
    store.close().unwrap();
    assert_eq!(store.put(b"x").unwrap_err().kind(), ErrorKind::Closed);
    let store = open(&vfs);
    let mut wanted: Vec<&[u8]> = records[..100].iter().map(|r| r.as_bytes()).collect();
    wanted.extend(records[90..].iter().map(|r| r.as_bytes()));
    assert_eq!(rows(&store, "events"), wanted);
    assert_eq!(rows(&store, "other"), wanted[50..60].to_vec());
    let part: Vec<u64> = store
        .rows("events", Seq(95)..Seq(105))
        .unwrap()
        .map(|row| row.unwrap().seq.0)
        .collect();
    assert_eq!(part, (95..105).collect::<Vec<_>>());
    let info = store.collections().unwrap();
    assert_eq!(info.len(), 2);
    assert_eq!((info[0].name.as_str(), info[0].rows), ("events", 310));
    assert_whole(&store);
}

#[test]
fn a_sealed_segment_reads_like_an_active_one() {
    for sealing in [false, true] {
        let vfs = memory();
        let store = open(&vfs);
        let mut hashes = Vec::new();
        for round in 0..5 {
            for n in 0..50 {
                hashes.push(store.put(record(round * 50 + n).as_bytes()).unwrap());
            }
            append(&store, "c", &[&record(round), "1"]);
            store.commit().unwrap();
            if sealing {
                store.seal().unwrap();
            }
        }
        for store in [&store, &open(&vfs)] {
            for (n, hash) in hashes.iter().enumerate() {
                assert_eq!(store.get(hash).unwrap().as_slice(), record(n).as_bytes());
            }
            assert_eq!(store.len(), 251);
            assert_eq!(rows(store, "c").len(), 10);
            assert_eq!(store.segments().unwrap().len(), if sealing { 5 } else { 1 });
            assert_eq!(store.commits().unwrap().len(), 5);
            let hash = hashes[77];
            assert_eq!(store.resolve(&hash.to_string()[..20]).unwrap(), hash);
            assert_whole(store);
        }
    }
}

#[test]
fn many_small_commits_open_and_read_well() {
    let vfs = memory();
    let store = open(&vfs);
    let mut hashes = Vec::new();
    for n in 0..300 {
        hashes.push(store.put(record(n).as_bytes()).unwrap());
        append(&store, "c", &[&record(n)]);
        store.commit().unwrap();
    }
    let other = open(&vfs);
    assert_eq!(other.commit_number().0, 300);
    assert_eq!(other.len(), 300);
    for (n, hash) in hashes.iter().enumerate() {
        assert_eq!(other.get(hash).unwrap().as_slice(), record(n).as_bytes());
    }
    assert_eq!(rows(&other, "c").len(), 300);
    assert_eq!(other.commits().unwrap().len(), 300);
    assert_eq!(other.schema("c").unwrap(), store.schema("c").unwrap());
    assert_whole(&other);
    other.seal().unwrap();
    assert_whole(&open(&vfs));
    assert_eq!(rows(&open(&vfs), "c").len(), 300);
}

#[test]
fn the_summaries_of_many_small_commits_take_little_space() {
    let vfs = memory();
    let store = open(&vfs);
    let long = "k".repeat(2000);
    let commits = 16 * 16;
    for n in 0..commits {
        append(&store, "c", &[&format!("{{\"{long}\":{n}}}")]);
        store.commit().unwrap();
    }
    let bytes = store.segments().unwrap()[0].file_bytes;
    // One summary a commit, and one for each block that covers others.
    assert!(bytes < commits * 2_900, "{bytes} bytes");
    let schema = store.schema("c").unwrap();
    store.seal().unwrap();
    assert_eq!(open(&vfs).schema("c").unwrap(), schema);
    assert_whole(&open(&vfs));
}

#[test]
fn deleting_hides_rows_and_the_hash_may_come_again() {
    let vfs = memory();
    let store = open(&vfs);
    append(&store, "a", &["1", "2", "1", "3"]);
    append(&store, "b", &["1"]);
    store.commit().unwrap();
    append(&store, "b", &["1", "4"]);
    let hash = Hash::of(b"1");
    assert_eq!(store.delete(&hash).unwrap(), 4);
    assert!(!store.contains(&hash).unwrap());
    assert_eq!(rows(&store, "a"), [b"2", b"3"]);
    assert_eq!(rows(&store, "b"), [b"4"]);
    assert_eq!(
        store.delete(&hash).unwrap_err().kind(),
        ErrorKind::BlobNotFound
    );
    append(&store, "b", &["1"]);
    store.commit().unwrap();
    let store = open(&vfs);
    assert_eq!(rows(&store, "a"), [b"2", b"3"]);
    assert_eq!(rows(&store, "b"), [b"4", b"1"]);
    assert_eq!(store.len(), 4);
    let info = store.collections().unwrap();
    assert_eq!((info[0].rows, info[0].deleted_rows), (2, 2));
    assert_eq!(store.trim("a", Seq(3)).unwrap(), 1);
    let info = store.collections().unwrap();
    assert_eq!((info[0].rows, info[0].deleted_rows), (1, 0));
    assert_eq!(rows(&store, "a"), [b"3"]);
    assert_eq!(store.drop_collection("b").unwrap(), 2);
    assert_eq!(
        store.drop_collection("b").unwrap_err().kind(),
        ErrorKind::CollectionNotFound
    );
    assert!(!store.contains(&hash).unwrap(), "no row holds it any more");
    assert_whole(&store);
}

#[test]
fn large_blobs_have_segments_of_their_own() {
    let vfs = memory();
    let store = open(&vfs);
    let mut noise = vec![0; 17 << 20];
    blake3_fill(&mut noise);
    let text: Vec<u8> = record(1).into_bytes().repeat(400_000);
    store.put(b"before").unwrap();
    let hashes = [store.put(&noise).unwrap(), store.put(&text).unwrap()];
    store.put(b"after").unwrap();
    assert_eq!(store.get(&hashes[0]).unwrap().as_slice(), noise);
    store.commit().unwrap();
    assert_eq!(store.put(&noise).unwrap(), hashes[0]);
    store.seal().unwrap();
    for store in [&store, &open(&vfs)] {
        let blob = store.get(&hashes[0]).unwrap();
        assert!(blob.is_mapped());
        assert_eq!(blob.as_slice(), noise);
        let blob = store.get(&hashes[1]).unwrap();
        assert!(!blob.is_mapped());
        assert_eq!(blob.as_slice(), text);
        assert_eq!(store.len(), 4);
        assert_whole(store);
    }
}

fn blake3_fill(bytes: &mut [u8]) {
    let mut state = 1_u64;
    for chunk in bytes.chunks_mut(8) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        chunk.copy_from_slice(&(state ^ state >> 29).to_le_bytes()[..chunk.len()]);
    }
}

#[test]
fn one_writes_at_a_time() {
    let vfs = memory();
    let (a, b) = (open(&vfs), open(&vfs));
    a.put(b"a").unwrap();
    assert_eq!(b.put(b"b").unwrap_err().kind(), ErrorKind::StoreLocked);
    a.commit().unwrap();
    let b_hash = b.put(b"b").unwrap();
    assert!(b.contains(&Hash::of(b"a")).unwrap());
    assert_eq!(a.put(b"c").unwrap_err().kind(), ErrorKind::StoreLocked);
    drop(b);
    a.put(b"c").unwrap();
    assert!(!a.contains(&b_hash).unwrap());
    a.commit().unwrap();
    assert_eq!(open(&vfs).len(), 2);
}

#[test]
fn reading_never_writes_and_says_so() {
    let vfs = memory();
    let read = Store::open_on(vfs.clone(), Options::read_only());
    assert_eq!(read.unwrap_err().kind(), ErrorKind::StoreNotFound);
    open(&vfs).put(b"a").unwrap();
    let store = Store::open_on(vfs.clone(), Options::read_only()).unwrap();
    assert_eq!(store.put(b"b").unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(store.len(), 0);
    store.close().unwrap();
}

#[test]
fn a_bad_record_keeps_nothing_of_its_call() {
    let vfs = memory();
    let store = open(&vfs);
    append(&store, "c", &["1"]);
    let error = try_append(&store, "c", &["2", "{"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRecord);
    let error = try_append(&store, "d", &["2\n"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRecord);
    assert_eq!(rows(&store, "c"), [b"1"]);
    assert_eq!(store.collections().unwrap().len(), 1);
    store.commit().unwrap();
    assert_eq!(rows(&open(&vfs), "c"), [b"1"]);
}

#[test]
fn a_record_longer_than_the_limit_is_refused() {
    let store = open(&memory());
    let limit = 256 << 20;
    let mut record = vec![b'1'; limit + 1];
    let error = store
        .append("events", &mut std::iter::once(Ok(record.clone())))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRecord);
    assert!(
        error.message().contains("268435456 are the most"),
        "{error}"
    );
    // One byte less is only bad JSON.
    record.truncate(limit);
    record[0] = b'0';
    let error = store
        .append("events", &mut std::iter::once(Ok(record)))
        .unwrap_err();
    assert!(!error.message().contains("are the most"), "{error}");
}
