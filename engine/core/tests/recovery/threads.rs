//! Threads that read while one writes, on real files.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lakebed_core::{Options, Seq, Store};
use lakebed_vfs::OsVfs;

use crate::recovery::support::look::{everything, verify};
use crate::recovery::support::{bound, options, reading};
use crate::recovery::workloads::record;

/// Rows of each commit: a reader that sees another number saw half a commit.
const ROWS: u64 = 7;

fn commit(store: &Store, round: u64) {
    let rows = |from: u64| (from..from + ROWS).map(|n| Ok(record(n as usize)));
    store.append("left", &mut rows(round * ROWS)).unwrap();
    store.put(format!("blob {round}").as_bytes()).unwrap();
    store.append("right", &mut rows(round * ROWS + 3)).unwrap();
    store.commit().unwrap();
}

/// Both collections were written by the same commits, so they are equally long whenever anybody looks.
fn look(store: &Store, times: u64) -> u64 {
    let snapshot = store.snapshot().unwrap();
    let count = |name: &str| {
        let rows = snapshot.rows(name, everything()).unwrap();
        let mut count = 0;
        for row in rows {
            let row = row.unwrap();
            // Every few rows, read: all of them would be quadratic.
            if (row.seq.0 + times).is_multiple_of(5) {
                let shift = if name == "left" { 0 } else { 3 };
                let blob = snapshot.blob(row.blob).unwrap();
                assert_eq!(
                    &*blob,
                    record((row.seq.0 + shift) as usize),
                    "row {} of {name}",
                    row.seq
                );
            }
            count += 1;
        }
        count
    };
    let (left, right) = (count("left"), count("right"));
    assert_eq!(left, right, "half a commit is seen");
    assert_eq!(left % ROWS, 0, "half a commit is seen");
    left
}

/// Sets the flag also when its thread panics, so that the others end.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn readers_never_see_half_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.lakebed");
    let options = Options {
        segment_bytes: 30_000,
        threads: 2,
        lock_timeout: Duration::from_secs(10),
        ..options()
    };
    let store = Store::open(&path, options.clone()).unwrap();
    commit(&store, 0);
    let done = AtomicBool::new(false);
    let looks = AtomicU64::new(0);
    let rounds = std::thread::scope(|scope| {
        // Store objects of their own, as other processes have; and clones of the writer's, which see what is pending.
        for n in 0..2 {
            let (done, looks, path) = (&done, &looks, &path);
            scope.spawn(move || {
                let _done = Done(done);
                let reader = Store::open(path, reading()).unwrap();
                let mut seen = 0;
                while !done.load(Ordering::Acquire) {
                    reader.refresh().unwrap();
                    let rows = look(&reader, n);
                    assert!(rows >= seen, "a reader went back");
                    seen = rows;
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let (held, done, looks) = (&store, &done, &looks);
        scope.spawn(move || {
            let _done = Done(done);
            // A snapshot that is held shows the same for ever.
            let snapshot = held.snapshot().unwrap();
            while !done.load(Ordering::Acquire) {
                let rows: Vec<_> = snapshot
                    .rows("left", everything())
                    .unwrap()
                    .map(|row| row.unwrap())
                    .collect();
                assert!(rows.len() as u64 >= ROWS);
                for row in rows {
                    let blob = snapshot.blob(row.blob).unwrap();
                    assert_eq!(&*blob, record(row.seq.0 as usize));
                }
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let _done = Done(done);
        let end = Instant::now() + Duration::from_secs(bound(6, 120) as u64);
        let mut round = 0;
        while Instant::now() < end && !done.load(Ordering::Acquire) {
            round += 1;
            commit(&store, round);
            if round % 40 == 0 {
                store.seal().unwrap();
            }
            if round % 9 == 0 {
                store
                    .append("doomed", &mut [Ok(b"{}".to_vec())].into_iter())
                    .unwrap();
                store.rollback().unwrap();
            }
        }
        round
    });
    eprintln!("threads: {rounds} commits, {} looks", looks.into_inner());
    verify(&store, &|| "after the threads".to_owned());
    store.close().unwrap();
    let store = Store::open(&path, reading()).unwrap();
    assert_eq!(look(&store, 0), (rounds + 1) * ROWS);
}

#[test]
fn dropping_and_trimming_do_not_disturb_readers() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 20_000,
        ..options()
    };
    let store = Store::open_on(std::sync::Arc::new(OsVfs::new(dir.path())), options).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (other, done) = (&store, &done);
        scope.spawn(move || {
            let _done = Done(done);
            while !done.load(Ordering::Acquire) {
                let snapshot = other.snapshot().unwrap();
                for name in ["events", "kept"] {
                    let Ok(rows) = snapshot.rows(name, everything()) else {
                        continue;
                    };
                    let rows: Vec<_> = rows.map(|row| row.unwrap()).collect();
                    for pair in rows.windows(2) {
                        assert_eq!(pair[0].seq.0 + 1, pair[1].seq.0, "a hole in {name}");
                    }
                    for row in rows {
                        assert_eq!(
                            &*snapshot.blob(row.blob).unwrap(),
                            record(row.seq.0 as usize)
                        );
                    }
                }
            }
        });
        let _done = Done(done);
        let end = Instant::now() + Duration::from_secs(bound(4, 60) as u64);
        let (mut events, mut kept) = (0, 0);
        for round in 0_u64.. {
            if Instant::now() > end || done.load(Ordering::Acquire) {
                break;
            }
            let mut more = (events..events + 9).map(|n| Ok(record(n as usize)));
            store.append("events", &mut more).unwrap();
            let mut more = (kept..kept + 5).map(|n| Ok(record(n as usize)));
            store.append("kept", &mut more).unwrap();
            (events, kept) = (events + 9, kept + 5);
            store.commit().unwrap();
            match round % 8 {
                3 => _ = store.trim("kept", Seq(kept - 4)).unwrap(),
                6 => {
                    store.drop_collection("events").unwrap();
                    events = 0;
                }
                _ => {}
            }
        }
    });
    verify(&store, &|| "after dropping and trimming".to_owned());
}

/// Two objects, one lock: each takes its turn and builds on the other's work.
#[test]
fn writers_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.lakebed");
    let options = Options {
        segment_bytes: 20_000,
        lock_timeout: Duration::from_secs(20),
        ..options()
    };
    drop(Store::open(&path, options.clone()).unwrap());
    let each = bound(60, 1000) as u64;
    std::thread::scope(|scope| {
        for writer in 0..3_u64 {
            let (path, options) = (&path, &options);
            scope.spawn(move || {
                let store = Store::open(path, options.clone()).unwrap();
                for n in 0..each {
                    let row = format!("{{\"writer\":{writer},\"n\":{n}}}").into_bytes();
                    store.append("shared", &mut [Ok(row)].into_iter()).unwrap();
                    store.commit().unwrap();
                }
            });
        }
    });
    let store = Store::open(&path, reading()).unwrap();
    let mut next = [0; 3];
    for (expected, row) in store.rows("shared", everything()).unwrap().enumerate() {
        let row = row.unwrap();
        assert_eq!(row.seq.0, expected as u64);
        let text = String::from_utf8(store.blob(row.blob).unwrap().to_vec()).unwrap();
        let writer = (0..3)
            .find(|writer| text == format!("{{\"writer\":{writer},\"n\":{}}}", next[*writer]))
            .unwrap_or_else(|| panic!("out of turn: {text}"));
        next[writer] += 1;
    }
    assert_eq!(next, [each as usize; 3]);
    verify(&store, &|| "after taking turns".to_owned());
}
