//! Who is interrupted gets the store back as it was, or with what had to be finished.

use std::sync::Arc;

use lakebed_core::{ErrorKind, Hash, Options, ProgressFn, SegmentState, Seq, Store};
use lakebed_testkit::records::with_words;
use lakebed_vfs::Vfs;

use super::{append, assert_whole, memory, open, options, rows};

/// A store object whose user wants every call to end.
fn impatient(vfs: &Arc<dyn Vfs>) -> Store {
    let options = Options {
        interrupted: || true,
        ..options()
    };
    Store::open_on(Arc::clone(vfs), options).unwrap()
}

fn records(count: usize) -> Vec<String> {
    let record = |n| String::from_utf8(with_words(n)).unwrap();
    (0..count).map(record).collect()
}

fn filled(count: usize) -> Arc<dyn Vfs> {
    let vfs = memory();
    let store = open(&vfs);
    let records = records(count);
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    append(&store, "events", &records);
    store.close().unwrap();
    vfs
}

#[test]
fn training_installs_nothing() {
    let vfs = filled(4000);
    let store = impatient(&vfs);
    let before = store.commit_number();
    let error = store.train("events", 8192).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(store.commit_number(), before);
    assert_eq!(store.dictionaries().unwrap(), []);
    let other = open(&vfs);
    assert!(other.train("events", 8192).unwrap().installed);
    assert_whole(&other);
}

#[test]
fn deleting_and_trimming_change_nothing_and_what_was_pending_stays() {
    let vfs = filled(100);
    let store = impatient(&vfs);
    append(&store, "more", &["1"]);
    let error = store
        .delete(&Hash::of(records(1)[0].as_bytes()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(rows(&store, "events").len(), 100);
    assert_eq!(rows(&store, "more"), [b"1"]);
    store.close().unwrap();

    let patient = open(&vfs);
    assert_eq!(
        patient.delete(&Hash::of(records(1)[0].as_bytes())).unwrap(),
        1
    );
    patient.close().unwrap();
    let store = impatient(&vfs);
    let error = store.trim("events", Seq(50)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(rows(&store, "events").len(), 99);
    assert_whole(&open(&vfs));
}

#[test]
fn verifying_ends() {
    let store = impatient(&filled(100));
    let error = store.verify(ProgressFn::none()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[test]
fn commits_and_seals_finish_and_the_index_is_made_up_for_later() {
    let runs = |vfs: &Arc<dyn Vfs>| vfs.list("index").map_or(0, |names| names.len());
    let fill = |store: &Store, from: u64| {
        for n in from..from + 12 {
            append(store, "events", &[&n.to_string()]);
            store.commit().unwrap();
            store.seal().unwrap();
        }
    };
    let vfs = memory();
    drop(open(&vfs));
    let store = impatient(&vfs);
    fill(&store, 0);
    let sealed = store.segments().unwrap();
    assert_eq!(sealed.len(), 12);
    assert!(sealed.iter().all(|s| s.state == SegmentState::Sealed));
    assert_eq!(store.take_warnings(), Vec::<String>::new());
    assert_eq!(runs(&vfs), 0);
    store.close().unwrap();
    let store = open(&vfs);
    fill(&store, 12);
    assert!(runs(&vfs) > 0);
    assert_eq!(rows(&store, "events").len(), 24);
    assert_whole(&store);
}
