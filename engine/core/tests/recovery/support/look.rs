//! What a store shows, as the model's [`State`].

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{cast::AsArray, types::Int64Type};
use lakebed_core::{CommitNumber, ErrorKind, Hash, ProgressFn, Result, ScanRequest, Seq, Store};
use lakebed_testkit::{Collection, Files, State, files_of};
use lakebed_vfs::MemVfs;

/// Blobs by hash.
pub(crate) type Blobs = BTreeMap<Hash, Arc<[u8]>>;

/// All sequence numbers.
pub(crate) fn everything() -> std::ops::Range<Seq> {
    Seq(0)..Seq(1 << 62)
}

/// Everything the store shows: every row with its blob, and every blob of `known` that answers.
///
/// The ways to ask are held against each other: `get`, `get_many`, `contains` and `blob` by number; counts against what
/// is there.
///
/// # Panics
/// When the store contradicts itself or gives wrong bytes: no fault excuses that.
pub(crate) fn look(store: &Store, known: &Blobs) -> Result<State> {
    let mut state = State::default();
    for info in store.collections()? {
        let mut collection = Collection::default();
        for row in store.rows(&info.name, everything())? {
            let row = row?;
            let blob = store.blob(row.blob)?;
            let hash = Hash::of(&blob);
            assert!(
                collection.rows.insert(row.seq.0, hash).is_none(),
                "row {} of {:?} came twice",
                row.seq.0,
                info.name
            );
            state.blobs.insert(hash, blob.to_vec().into());
        }
        assert_eq!(
            info.rows,
            collection.rows.len() as u64,
            "rows of {:?} as counted and as read",
            info.name
        );
        let mut exported = Vec::new();
        store.export(&info.name, &mut exported, ProgressFn::none())?;
        let rows = collection.rows.values();
        let expected: Vec<u8> = rows
            .flat_map(|hash| [&state.blobs[hash][..], b"\n"].concat())
            .collect();
        assert!(
            exported == expected,
            "the export of {:?} is not its rows",
            info.name
        );
        state.collections.insert(info.name, collection);
    }
    let in_rows: Vec<Hash> = state.blobs.keys().copied().collect();
    let asked: Vec<Hash> = known.keys().copied().chain(in_rows).collect();
    let many = store.get_many(&asked)?;
    assert_eq!(many.len(), asked.len(), "answers of get_many");
    for (hash, found) in asked.iter().zip(many) {
        let one = match store.get(hash) {
            Ok(blob) => Some(blob),
            Err(error) if error.kind() == ErrorKind::BlobNotFound => None,
            Err(error) => return Err(error),
        };
        assert_eq!(one, found, "get and get_many of {hash}");
        assert_eq!(store.contains(hash)?, one.is_some(), "contains {hash}");
        if let Some(blob) = one {
            assert_eq!(Hash::of(&blob), *hash, "wrong bytes");
            state.blobs.insert(*hash, blob.to_vec().into());
        }
    }
    assert_eq!(
        store.len(),
        state.blobs.len() as u64,
        "blobs as counted and as found"
    );
    Ok(state)
}

/// The sequence numbers of a collection's rows as of a commit.
pub(crate) fn seqs_as_of(store: &Store, collection: &str, commit: CommitNumber) -> Vec<u64> {
    let request = ScanRequest {
        columns: Some(vec!["_seq".to_owned()]),
        as_of: Some(commit),
        ..ScanRequest::of(collection)
    };
    let mut seqs = Vec::new();
    for batch in store.scan(&request).unwrap() {
        let batch = batch.unwrap();
        let column = batch.column(0).as_primitive::<Int64Type>();
        seqs.extend(column.values().iter().map(|seq| *seq as u64));
    }
    seqs
}

/// The names and bytes of every file.
pub(crate) fn files(vfs: &MemVfs) -> Files {
    files_of(vfs).unwrap()
}

/// A disk with these files.
pub(crate) fn disk_of(files: &Files) -> MemVfs {
    lakebed_testkit::disk_of(files).unwrap()
}

/// Reads and checks all of a store.
///
/// # Panics
/// When anything is wrong.
pub(crate) fn verify(store: &Store, what: &dyn Fn() -> String) {
    let report = store
        .verify(ProgressFn::none())
        .unwrap_or_else(|error| panic!("verify failed: {error:?}\n{}", what()));
    assert!(
        report.problems.is_empty(),
        "verify found {:?}\n{}",
        report.problems,
        what()
    );
}
