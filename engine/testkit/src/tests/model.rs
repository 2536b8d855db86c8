//! The model against what the design says of a store.

use lakebed_format::Hash;

use crate::{Model, State};

fn rows(state: &State, name: &str) -> Vec<(u64, Hash)> {
    state.collections[name]
        .rows
        .iter()
        .map(|(seq, hash)| (*seq, *hash))
        .collect()
}

#[test]
fn rows_blobs_and_deletes() {
    let mut model = Model::counting_from(1);
    let hashes = model.append("c", &["{}", "1", "{}"]);
    assert_eq!(model.now().blobs.len(), 2, "equal lines are one blob");
    assert_eq!(
        rows(model.now(), "c"),
        [(1, hashes[0]), (2, hashes[1]), (3, hashes[0])]
    );
    assert_eq!(model.delete(&hashes[0]), Some(2));
    assert_eq!(model.delete(&hashes[0]), None);
    assert_eq!(rows(model.now(), "c"), [(2, hashes[1])]);
    model.append("c", &["{}"]);
    assert_eq!(
        rows(model.now(), "c"),
        [(2, hashes[1]), (4, hashes[0])],
        "numbers are not given twice"
    );

    assert_eq!(model.trim("c", 4), Some(1));
    assert_eq!(model.trim("no", 4), None);
    assert!(!model.now().blobs.contains_key(&hashes[1]), "no row");
    assert!(model.now().blobs.contains_key(&hashes[0]));
    model.put(b"{}");
    assert_eq!(model.drop_collection("c"), Some(1));
    assert_eq!(model.drop_collection("c"), None);
    assert!(model.now().blobs.contains_key(&hashes[0]), "pinned");
    model.append("c", &["1"]);
    assert_eq!(rows(model.now(), "c"), [(1, hashes[1])], "a new collection");
    assert_eq!(model.known().len(), 2);
    assert!(model.pick(usize::MAX).is_some());
    assert_eq!(Model::default().pick(3), None);
}

#[test]
fn rollback_and_history() {
    let mut model = Model::default();
    model.put(b"a");
    model.commit();
    model.commit();
    assert_eq!(model.history().count(), 2, "nothing pending, no commit");
    model.put(b"b");
    assert_eq!(model.durable().blobs.len(), 1);
    model.rollback();
    assert_eq!(model.now(), model.durable());
    assert_eq!(model.known().len(), 2);
}

#[test]
fn a_recovered_store_is_acknowledged_or_attempted() {
    let mut model = Model::default();
    model.append("c", &["1"]);
    model.commit();
    let acknowledged = model.now().clone();
    model.append("c", &["2"]);
    model.attempt();
    let first = model.now().clone();
    model.append("c", &["3"]);
    model.attempt();
    let second = model.now().clone();
    model.append("c", &["4"]);
    let pending = model.now().clone();

    for (survived, state) in [&acknowledged, &first, &second].into_iter().enumerate() {
        let mut model = model.clone();
        assert_eq!(model.recover(state), Ok(survived));
        assert_eq!(model.now(), state);
        assert_eq!(model.durable(), state);
        assert_eq!(model.history().count(), 2 + survived);
    }
    for (state, reason) in [
        (&pending, "should not be there"),
        (&State::default(), "is missing"),
    ] {
        let error = model.clone().recover(state).unwrap_err();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("not attempted commit 2 after it"), "{error}");
    }
    let mut hole = second.clone();
    hole.collections.get_mut("c").unwrap().rows.remove(&1);
    let error = model.recover(&hole).unwrap_err();
    assert!(error.contains("row 1 of \"c\" should be"), "{error}");
}

#[test]
fn prefixes() {
    let mut model = Model::default();
    model.append("c", &["1", "2"]);
    let short = model.now().clone();
    model.append("c", &["3"]);
    model.append("d", &["1"]);
    let full = model.now().clone();
    assert_eq!(short.check_prefix_of(&full), Ok(()));
    assert_eq!(State::default().check_prefix_of(&full), Ok(()));
    assert_eq!(full.check_prefix_of(&full), Ok(()));
    for broken in [
        full.check_prefix_of(&short),
        {
            let mut hole = full.clone();
            hole.collections.get_mut("c").unwrap().rows.remove(&0);
            hole.check_prefix_of(&full)
        },
        {
            let mut wrong = short.clone();
            for bytes in wrong.blobs.values_mut() {
                *bytes = b"other"[..].into();
            }
            wrong.check_prefix_of(&full)
        },
    ] {
        broken.unwrap_err();
    }
}
