//! Files that a compaction leaves when it is killed.

use std::collections::BTreeMap;

use lakebed_vfs::Open;

use super::compaction::{all_rows, compact, mixed};
use super::*;

/// A directory in memory with these files.
fn directory_of(files: &BTreeMap<String, Vec<u8>>) -> Arc<dyn Vfs> {
    let vfs = memory();
    for (name, bytes) in files {
        if let Some((dir, _)) = name.rsplit_once('/') {
            vfs.create_dir(dir).unwrap();
        }
        let file = vfs.open(name, Open::Create).unwrap();
        file.write_all_at(bytes, 0).unwrap();
    }
    vfs
}

fn files_of(vfs: &Arc<dyn Vfs>) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for dir in ["", "segments", "manifests", "index", "aside"] {
        for name in vfs.list(dir).unwrap_or_default() {
            let path = if dir.is_empty() {
                name
            } else {
                format!("{dir}/{name}")
            };
            if let Ok(bytes) = vfs.read(&path) {
                files.insert(path, bytes);
            }
        }
    }
    files
}

#[test]
fn a_new_segment_without_its_manifest_is_a_leftover_and_a_replaced_one_that_is_needed_is_not() {
    let vfs = memory();
    let store = mixed(&vfs);
    store.seal().unwrap();
    store.drop_collection("dropped").unwrap();
    store.seal().unwrap();
    let expected = all_rows(&store);
    let before = files_of(&vfs);
    compact(&store);
    let after = files_of(&vfs);
    let new: Vec<&String> = after
        .keys()
        .filter(|name| name.starts_with("segments/") && !before.contains_key(*name))
        .collect();
    assert!(!new.is_empty());

    // It was killed before the manifest: the new segments are removed, and nothing is set aside.
    let mut files = before.clone();
    files.extend(
        new.iter()
            .map(|name| ((*name).clone(), after[*name].clone())),
    );
    let vfs = directory_of(&files);
    let store = open(&vfs);
    append(&store, "kept", &["1"]);
    store.commit().unwrap();
    assert_eq!(store.take_warnings(), Vec::<String>::new());
    let names = vfs.list("segments").unwrap();
    assert!(
        names
            .iter()
            .all(|name| before.contains_key(&format!("segments/{name}"))
                || !new.contains(&&format!("segments/{name}")))
    );
    assert!(vfs.list("aside").unwrap_or_default().is_empty());
    assert_whole(&store);

    // It was killed after the manifest: the next writer removes what was replaced.
    let mut files = after.clone();
    files.extend(
        before
            .iter()
            .filter(|(name, _)| name.starts_with("segments/"))
            .map(|(name, bytes)| (name.clone(), bytes.clone())),
    );
    let vfs = directory_of(&files);
    let store = open(&vfs);
    assert_eq!(all_rows(&store), expected);
    assert!(store.stats().unwrap().held_bytes > 0);
    append(&store, "kept", &["1"]);
    store.commit().unwrap();
    assert_eq!(store.stats().unwrap().held_bytes, 0);
    assert_whole(&store);

    // One of the segments that the manifest names is lost: what has the same commits stays.
    let lost = new[0];
    files.remove(lost);
    let vfs = directory_of(&files);
    let store = open(&vfs);
    store.put(b"after").unwrap();
    store.commit().unwrap();
    assert!(
        store.stats().unwrap().held_bytes > 0,
        "the only copy is kept"
    );
}
