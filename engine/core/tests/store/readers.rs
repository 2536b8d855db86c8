//! What a reader shows while somebody holds the writer's lock.

use std::sync::Arc;

use lakebed_core::{Clock, CommitNumber, Options, Store};
use lakebed_format::LockText;
use lakebed_vfs::{File, Lock, Open, Vfs};

use super::{append, memory, options};

const TIME: i64 = 1_700_000_000_000_000;

/// A store of two commits of which only the first one is known to be on disk, and its lock, held by somebody since that
/// time.
fn taken_over(since: i64) -> (Arc<dyn Vfs>, Arc<dyn File>) {
    let vfs = memory();
    let options = Options {
        clock: Clock(|| TIME),
        ..options()
    };
    let store = Store::open_on(Arc::clone(&vfs), options).unwrap();
    append(&store, "events", &["1"]);
    store.commit().unwrap();
    append(&store, "events", &["2"]);
    store.commit().unwrap();
    store.close().unwrap();
    let lock = vfs.open("LOCK", Open::ReadWrite).unwrap();
    assert!(lock.try_lock(Lock::Exclusive).unwrap());
    say(lock.as_ref(), since, 1);
    (vfs, lock)
}

fn say(lock: &dyn File, since: i64, synced: u64) {
    let text = LockText {
        pid: Some(1),
        command: None,
        since: Some(since),
        synced: Some(CommitNumber(synced)),
    };
    let mut bytes = text.encode().into_bytes();
    bytes.resize(1024, b'\n');
    lock.write_all_at(&bytes, 0).unwrap();
}

fn seen(vfs: &Arc<dyn Vfs>) -> u64 {
    let store = Store::open_on(Arc::clone(vfs), Options::read_only()).unwrap();
    store.commit_number().get()
}

#[test]
fn a_commit_under_way_is_not_shown() {
    let (vfs, lock) = taken_over(TIME - 1);
    assert_eq!(seen(&vfs), 1);
    say(lock.as_ref(), TIME - 1, 2);
    assert_eq!(seen(&vfs), 2);
}

#[test]
fn what_a_dead_writer_left_and_others_saw_stays_shown_while_the_next_one_looks_at_it() {
    let (vfs, lock) = taken_over(TIME - 1);
    // Nobody holds the lock: the commit is whole, so it is shown.
    lock.unlock().unwrap();
    assert_eq!(seen(&vfs), 2);
    // The next writer has the lock, and has not vouched for the commit yet.
    assert!(lock.try_lock(Lock::Exclusive).unwrap());
    say(lock.as_ref(), TIME + 1, 1);
    assert_eq!(seen(&vfs), 2);
}
