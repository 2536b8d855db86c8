//! A crash, and an error, at every operation of a backup and of a restore: there is always a whole backup, nothing half
//! is taken for one, and the next call finishes the work.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lakebed_core::{BackupOptions, ErrorKind, ProgressFn, RestoreOptions, Seq, Store};
use lakebed_testkit::{EIO, ENOSPC, Fault, FaultVfs, Plan, Tally, Tried, is_crash};
use lakebed_vfs::{MemVfs, Subdirectory, Vfs};

use crate::recovery::support::{bound, options, reading};

/// A store of two sealed segments and an active one, and a place with a backup of its first part.
fn store_and_place() -> (Store, MemVfs, u64) {
    let (vfs, place) = (MemVfs::new(), MemVfs::new());
    let store = Store::open_on(Arc::new(vfs), options()).unwrap();
    let fill = |rows: std::ops::Range<u64>| {
        let mut records = rows.map(|row| Ok(format!("{{\"n\":{row}}}").into_bytes()));
        store.append("events", &mut records).unwrap();
        store.commit().unwrap();
    };
    fill(0..40);
    store.seal().unwrap();
    backup(&store, &(Arc::new(place.clone()) as _)).unwrap();
    fill(40..60);
    store.seal().unwrap();
    fill(60..70);
    (store, place, 40)
}

fn backup(store: &Store, place: &Arc<dyn Vfs>) -> lakebed_core::Result<()> {
    let options = BackupOptions {
        keep: NonZeroUsize::new(1),
        ..BackupOptions::default()
    };
    store.backup_on(place, options).map(drop)
}

fn restore(from: &MemVfs, to: &Arc<dyn Vfs>) -> lakebed_core::Result<()> {
    let from = Arc::new(from.clone());
    let given = RestoreOptions::default();
    Store::restore_on(from, Arc::clone(to), given, &options()).map(drop)
}

/// The rows of a whole store; `None` when it says that it is not finished, or is none.
fn rows_of(vfs: &Arc<dyn Vfs>, what: &str) -> Option<u64> {
    let store = match Store::open_on(Arc::clone(vfs), reading()) {
        Ok(store) => store,
        Err(error) => {
            let kinds = [ErrorKind::NotAStore, ErrorKind::StoreNotFound];
            assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
            return None;
        }
    };
    let report = store.verify(ProgressFn::none()).unwrap();
    assert_eq!(report.problems, [], "{what}");
    let rows = store.rows("events", Seq(0)..Seq(u64::MAX)).unwrap();
    Some(rows.map(|row| row.unwrap().seq.0 + 1).max().unwrap_or(0))
}

fn whole_backups(place: &Arc<dyn Vfs>, what: &str) -> Vec<u64> {
    let names = place.list("").unwrap();
    let inside = names.iter().map(|name| {
        let inside = Subdirectory::new(Arc::clone(place), name).unwrap();
        rows_of(&(Arc::new(inside) as _), what)
    });
    inside.flatten().collect()
}

/// What is there after a fault, and after the next backup.
fn check_place(store: &Store, image: &MemVfs, first: u64, acknowledged: bool, what: &str) {
    let place: Arc<dyn Vfs> = Arc::new(image.clone());
    let found = whole_backups(&place, what);
    assert!(!found.is_empty(), "{what}: no whole backup");
    assert!(
        found.iter().all(|rows| [first, 70].contains(rows)),
        "{what}: {found:?}"
    );
    assert!(!acknowledged || found.contains(&70), "{what}: {found:?}");
    backup(store, &place).unwrap_or_else(|error| panic!("{what}: the next backup: {error:?}"));
    assert_eq!(
        whole_backups(&place, what),
        [70],
        "{what}: after the next backup"
    );
    let names = place.list("").unwrap();
    assert_eq!(names.len(), 1, "{what}: nothing is left over: {names:?}");
}

#[test]
fn a_crash_in_a_backup() {
    let (store, place, first) = store_and_place();
    let tally = Tally::new("crashes of a backup");
    for n in 0.. {
        let vfs = FaultVfs::on(&place).unwrap();
        vfs.plan(Plan::new(Fault::Crash).at(n));
        let done = backup(&store, &(Arc::new(vfs.clone()) as _));
        if !vfs.crashed() {
            done.unwrap();
            break;
        }
        if let Err(error) = &done {
            assert!(is_crash(error), "crash at {n}: {error:?}");
        }
        tally.one(Tried::Stops);
        let killed = vfs.live().unwrap();
        check_place(
            &store,
            &killed,
            first,
            done.is_ok(),
            &format!("kill at {n}"),
        );
        for image in vfs.crash_images(bound(12, 400), n) {
            tally.one(Tried::Images);
            let what = format!("crash at {n}: {}", image.what);
            check_place(&store, &image.vfs, first, done.is_ok(), &what);
        }
    }
    assert!(tally.of(Tried::Stops) > 40);
}

#[test]
fn an_error_in_a_backup() {
    let tally = Tally::new("failing operations of a backup");
    let (store, place, first) = store_and_place();
    for fault in [Fault::Errno(EIO), Fault::Errno(ENOSPC), Fault::Applied(EIO)] {
        for n in 0.. {
            let vfs = FaultVfs::on(&place).unwrap();
            let plan = Plan::new(fault).at(n);
            vfs.plan(if fault == Fault::Errno(EIO) {
                plan.reads_too()
            } else {
                plan
            });
            let done = backup(&store, &(Arc::new(vfs.clone()) as _));
            if vfs.fired() == 0 {
                done.unwrap();
                break;
            }
            tally.one(Tried::Faults);
            let what = format!("{fault:?} at {n}: {done:?}");
            if let Err(error) = &done {
                let kinds = [
                    ErrorKind::Io,
                    ErrorKind::StoreFull,
                    ErrorKind::Poisoned,
                    ErrorKind::NotAStore,
                ];
                assert!(kinds.contains(&error.kind()), "{what}");
            }
            let live = vfs.live().unwrap();
            check_place(&store, &live, first, done.is_ok(), &what);
        }
    }
}

#[test]
fn a_crash_in_a_restore() {
    let (store, place, _) = store_and_place();
    backup(&store, &(Arc::new(place.clone()) as _)).unwrap();
    let tally = Tally::new("crashes of a restore");
    for n in 0.. {
        let vfs = FaultVfs::new();
        vfs.plan(Plan::new(Fault::Crash).at(n));
        let done = restore(&place, &(Arc::new(vfs.clone()) as _));
        if !vfs.crashed() {
            done.unwrap();
            break;
        }
        let killed = vfs.live().unwrap();
        let crashes = vfs.crash_images(bound(12, 400), n).map(|image| image.vfs);
        for image in std::iter::once(killed).chain(crashes) {
            tally.one(Tried::Images);
            let to: Arc<dyn Vfs> = Arc::new(image);
            let what = format!("crash at {n}");
            let found = rows_of(&to, &what);
            if found.is_none() {
                assert!(done.is_err(), "{what}");
                restore(&place, &to).unwrap_or_else(|error| panic!("{what}: again: {error:?}"));
            }
            assert_eq!(found.or_else(|| rows_of(&to, &what)), Some(70), "{what}");
            let store = Store::open_on(Arc::clone(&to), options()).unwrap();
            store.put(b"goes on").unwrap();
            store.commit().unwrap();
            assert!(
                to.open_read("UNFINISHED").is_err(),
                "{what}: the mark is gone"
            );
        }
    }
    assert!(tally.of(Tried::Images) > 100);
}
