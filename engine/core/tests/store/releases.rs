//! What nothing reaches any more is found through no door, from the commit on that released it.

use lakebed_core::{ErrorKind, Hash, Seq, Store};
use lakebed_testkit::{records::similar, strategies::noise};

use super::*;

/// Whether each way to ask finds the blob with these bytes; all must agree.
fn finds(store: &Store, bytes: &[u8]) -> bool {
    let hash = Hash::of(bytes);
    let found = store.contains(&hash).unwrap();
    let not_found = |kind| kind == ErrorKind::BlobNotFound;
    assert_eq!(
        store
            .get(&hash)
            .map_err(|e| assert!(not_found(e.kind())))
            .is_ok(),
        found,
        "get"
    );
    assert_eq!(store.get_many(&[hash]).unwrap()[0].is_some(), found);
    let text = hash.to_string();
    for prefix in [&text[..12], &text[..]] {
        let resolved = store.resolve(prefix);
        assert_eq!(
            resolved.map_err(|e| assert!(not_found(e.kind()))).is_ok(),
            found,
            "resolve"
        );
    }
    assert_eq!(listed(store).contains(&text), found, "blobs");
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.contains(&hash).unwrap(), found, "snapshot");
    found
}

/// The hashes in the table of blobs.
fn listed(store: &Store) -> Vec<String> {
    use arrow_array::cast::AsArray;
    let snapshot = store.snapshot().unwrap();
    let columns = ["hash".to_owned()];
    let mut hashes = Vec::new();
    for batch in snapshot.system_table("blobs", Some(&columns)).unwrap() {
        let batch = batch.unwrap();
        let column = batch.column(0).as_string::<i32>();
        hashes.extend(column.iter().flatten().map(str::to_owned));
    }
    hashes
}

#[test]
fn a_drop_releases_what_only_it_held() {
    let vfs = memory();
    let store = open(&vfs);
    append(&store, "p", &["1", "\"shared\"", "\"put\"", "\"private\""]);
    append(&store, "q", &["\"shared\""]);
    store.put(b"\"put\"").unwrap();
    store.commit().unwrap();
    let before = store.snapshot().unwrap();
    assert!(finds(&store, b"\"private\""));
    assert_eq!(store.len(), 4);
    store.drop_collection("p").unwrap();
    for store in [&store, &open(&vfs)] {
        assert!(!finds(store, b"1"));
        assert!(!finds(store, b"\"private\""));
        assert!(finds(store, b"\"shared\""), "a row of q names it");
        assert!(finds(store, b"\"put\""), "pinned");
        assert_eq!(store.len(), 2);
        assert_eq!(listed(store).len(), 2);
        let error = store.delete(&Hash::of(b"1")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BlobNotFound);
        assert_whole(store);
    }
    // A snapshot of before the drop goes on.
    assert_eq!(before.len(), 4);
    assert!(before.contains(&Hash::of(b"\"private\"")).unwrap());
    assert!(before.get(&Hash::of(b"1")).is_ok());
}

#[test]
fn the_same_bytes_are_found_again_when_they_come_again() {
    for sealed in [false, true] {
        let vfs = memory();
        let store = open(&vfs);
        append(&store, "p", &["1", "2", "3"]);
        store.commit().unwrap();
        if sealed {
            store.seal().unwrap();
        }
        store.drop_collection("p").unwrap();
        assert_eq!(store.len(), 0);
        store.put(b"1").unwrap();
        let appended = append(&store, "again", &["2", "2", "1"]);
        assert_eq!(
            (appended.new_blobs, appended.duplicates),
            (1, 2),
            "2 is new to its user, 1 is not"
        );
        let expected = |store: &Store| {
            assert!(!finds(store, b"3"));
            assert_eq!(store.len(), 2);
        };
        assert!(store.contains(&Hash::of(b"1")).unwrap(), "pending");
        assert!(store.contains(&Hash::of(b"2")).unwrap());
        assert!(!store.contains(&Hash::of(b"3")).unwrap());
        assert_eq!(store.len(), 2);
        store.rollback().unwrap();
        assert!(!finds(&store, b"1"));
        assert_eq!(store.len(), 0);
        store.put(b"1").unwrap();
        append(&store, "again", &["2", "2", "1"]);
        store.commit().unwrap();
        assert!(finds(&store, b"1") && finds(&store, b"2"));
        expected(&store);
        expected(&open(&vfs));
        assert_whole(&store);
        store.delete(&Hash::of(b"1")).unwrap();
        assert_eq!(store.len(), 1);
        store.commit().unwrap();
        assert!(!finds(&store, b"1"));
        assert_eq!(store.len(), 1);
    }
}

#[test]
fn a_trim_releases_the_rows_before_it() {
    let vfs = memory();
    let store = open(&vfs);
    let records: Vec<Vec<u8>> = (0..200).map(similar).collect();
    for part in records.chunks(50) {
        store
            .append("log", &mut part.iter().cloned().map(Ok))
            .unwrap();
        store.commit().unwrap();
    }
    store.seal().unwrap();
    store
        .append("log", &mut [Ok(records[3].clone())].into_iter())
        .unwrap();
    store.commit().unwrap();
    store.trim("log", Seq(120)).unwrap();
    // Commits after the release add to what is known.
    store
        .append("log", &mut [Ok(records[7].clone())].into_iter())
        .unwrap();
    store.commit().unwrap();
    for store in [&store, &open(&vfs)] {
        for (n, record) in records
            .iter()
            .enumerate()
            .step_by(13)
            .chain([(3, &records[3]), (7, &records[7])])
        {
            assert_eq!(finds(store, record), n >= 120 || n == 3 || n == 7, "{n}");
        }
        assert_eq!(store.len(), 82);
    }
}

#[test]
fn large_blobs_are_released_and_come_again() {
    let vfs = memory();
    let store = open(&vfs);
    let large = format!("\"{}\"", "x".repeat((16 << 20) + 5));
    append(&store, "p", &[&large]);
    store.commit().unwrap();
    assert!(finds(&store, large.as_bytes()));
    store.drop_collection("p").unwrap();
    assert!(!finds(&store, large.as_bytes()));
    assert_eq!(store.len(), 0);
    store.put(large.as_bytes()).unwrap();
    store.commit().unwrap();
    assert!(finds(&store, large.as_bytes()));
}

#[test]
fn a_failed_append_leaves_no_blobs() {
    let vfs = memory();
    let store = open(&vfs);
    let large = format!("\"{}\"", "y".repeat((16 << 20) + 5));
    let mut records = vec![Ok(b"1".to_vec()), Ok(large.clone().into_bytes())];
    records.extend((0..20_000).map(|n| Ok(similar(n))));
    records.push(Ok(b"{bad".to_vec()));
    let error = store.append("c", &mut records.into_iter()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRecord);
    store.put(b"kept").unwrap();
    store.commit().unwrap();
    for store in [&store, &open(&vfs)] {
        assert_eq!(store.len(), 1);
        assert!(!finds(store, b"1"));
        assert!(!finds(store, large.as_bytes()));
        assert!(!finds(store, &similar(5)));
        assert_whole(store);
    }
    append(&store, "c", &["1"]);
    store.commit().unwrap();
    assert!(finds(&store, b"1"));
    assert_eq!(store.len(), 2);
}

#[test]
fn a_dictionary_goes_with_its_collection() {
    let vfs = memory();
    let store = open(&vfs);
    let records = (0..4000).map(|n| Ok(similar(n)));
    store.append("p", &mut records.into_iter()).unwrap();
    store.commit().unwrap();
    assert!(store.train("p", 16 << 10).unwrap().installed);
    let dictionary = store.dictionaries().unwrap()[0].hash;
    store.put(&noise(1, 100)).unwrap();
    store.commit().unwrap();
    assert!(store.contains(&dictionary).unwrap());
    assert_eq!(store.len(), 4001);
    store.drop_collection("p").unwrap();
    assert!(
        !store.contains(&dictionary).unwrap(),
        "it is made of pieces of records"
    );
    assert_eq!(store.len(), 1);
    assert_eq!(listed(&store).len(), 1);
}
