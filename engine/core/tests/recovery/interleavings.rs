//! Store objects of several threads on one storage, as of several processes, in every order of their operations that
//! one switch and samples of those that two or three allow: the swap of the view, the runs of the index, the text of
//! LOCK.

use std::sync::Arc;

use lakebed_core::{CompactOptions, ErrorKind, Hash, Result, Store};
use lakebed_testkit::{FaultVfs, Tally, Tried, Turn, Turns, records::similar};
use lakebed_vfs::Vfs;

use crate::recovery::support::look::{everything, verify};
use crate::recovery::support::{bound, options, reading};

type Work = fn(&Arc<dyn Vfs>, &Turn);

/// Runs the works at once, with these switches; how many operations they took.
fn run(disk: &FaultVfs, works: &[Work], switches: &[u64]) -> u64 {
    struct Ended<'a>(&'a Turn);
    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.end();
        }
    }
    let turns = Turns::new(works.len(), switches);
    std::thread::scope(|scope| {
        for (number, work) in works.iter().enumerate() {
            let turn = turns.of(number);
            scope.spawn(move || {
                let vfs: Arc<dyn Vfs> = Arc::new(disk.taking(turn.clone()));
                let _ended = Ended(&turn);
                work(&vfs, &turn);
            });
        }
    });
    turns.operations()
}

/// All orders with one switch, and samples of those with two and three.
fn interleave(
    title: &'static str,
    prepare: impl Fn() -> FaultVfs,
    works: &[Work],
    last: impl Fn(&FaultVfs, &str),
) {
    let tally = Tally::new(title);
    let disk = prepare();
    let operations = run(&disk, works, &[]);
    last(&disk, "one after the other");
    let mut orders: Vec<Vec<u64>> = (0..operations)
        .step_by(bound(5, 1))
        .map(|at| vec![at])
        .collect();
    let mut state = 1_u64;
    let mut number = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below.max(1)
    };
    for n in 0..bound(30, 20_000) {
        let mut order: Vec<u64> = (0..2 + n % 2).map(|_| number(operations)).collect();
        order.sort_unstable();
        orders.push(order);
    }
    for order in orders {
        let disk = prepare();
        run(&disk, works, &order);
        last(&disk, &format!("{title}, switches at {order:?}"));
        tally.one(Tried::Orders);
    }
}

/// As of three commits, two sealed segments.
fn three_commits() -> FaultVfs {
    let disk = FaultVfs::new();
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    for round in 0..3 {
        commit(&store, round).unwrap();
        if round < 2 {
            store.seal().unwrap();
        }
    }
    store.close().unwrap();
    disk
}

/// Two rows in each of two collections, in one commit.
fn commit(store: &Store, round: usize) -> Result<()> {
    for name in ["left", "right"] {
        let mut rows = (round * 2..round * 2 + 2).map(|n| Ok(similar(n)));
        store.append(name, &mut rows)?;
    }
    store.commit().map(|_| ())
}

/// Rows that a reader sees, the same in both collections.
fn rows(store: &Store) -> usize {
    let snapshot = store.snapshot().unwrap();
    let counts = ["left", "right"].map(|name| {
        let mut count = 0;
        for (n, row) in snapshot.rows(name, everything()).unwrap().enumerate() {
            let blob = snapshot.blob(row.unwrap().blob).unwrap();
            assert_eq!(&*blob, similar(n), "row {n}");
            count += 1;
        }
        count
    });
    assert_eq!(counts[0], counts[1], "half a commit is seen");
    counts[0]
}

fn seals(vfs: &Arc<dyn Vfs>, _: &Turn) {
    let store = Store::open_on(Arc::clone(vfs), options()).unwrap();
    commit(&store, 3).unwrap();
    store.seal().unwrap();
    commit(&store, 4).unwrap();
    store.close().unwrap();
}

fn compacts(vfs: &Arc<dyn Vfs>, _: &Turn) {
    let store = Store::open_on(Arc::clone(vfs), options()).unwrap();
    let options = CompactOptions {
        level: Some(5),
        ..CompactOptions::default()
    };
    store.compact(options).unwrap();
    store.close().unwrap();
}

fn reads(vfs: &Arc<dyn Vfs>, _: &Turn) {
    let mut seen = 6;
    for _ in 0..2 {
        let store = Store::open_on(Arc::clone(vfs), reading()).unwrap();
        for _ in 0..2 {
            let found = rows(&store);
            assert!(
                found >= seen,
                "a reader went back from {seen} to {found} rows"
            );
            seen = found;
            store.refresh().unwrap();
        }
        assert_eq!(store.take_warnings(), Vec::<String>::new());
        assert!(store.contains(&Hash::of(&similar(1))).unwrap());
    }
}

/// Commits one row as soon as nobody else writes.
fn takes_a_turn(vfs: &Arc<dyn Vfs>, turn: &Turn) {
    loop {
        let row = || -> Result<()> {
            let options = lakebed_core::Options {
                lock_timeout: std::time::Duration::ZERO,
                ..options()
            };
            let store = Store::open_on(Arc::clone(vfs), options)?;
            store.append("shared", &mut [Ok(b"{}".to_vec())].into_iter())?;
            store.commit()?;
            store.close()
        };
        match row() {
            Ok(()) => return,
            Err(error) if error.kind() == ErrorKind::StoreLocked => turn.pass(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Everything is there, and durable.
fn is_whole(disk: &FaultVfs, collection: &str, rows: u64, what: &str) {
    for image in [disk.live().unwrap(), disk.durable().unwrap()] {
        let store = Store::open_on(Arc::new(image), reading())
            .unwrap_or_else(|error| panic!("{error:?}\n{what}"));
        assert_eq!(store.take_warnings(), Vec::<String>::new(), "{what}");
        let found = store.collections().unwrap();
        let found = found.iter().find(|info| info.name == collection);
        assert_eq!(found.map(|info| info.rows), Some(rows), "{what}");
        verify(&store, &|| what.to_owned());
    }
}

#[test]
fn a_reader_beside_commits_and_a_seal() {
    interleave(
        "orders of a reader and a writer that seals",
        three_commits,
        &[seals, reads],
        |disk, what| is_whole(disk, "left", 10, what),
    );
}

#[test]
fn a_reader_beside_a_compaction() {
    interleave(
        "orders of a reader and a compaction",
        three_commits,
        &[compacts, reads],
        |disk, what| is_whole(disk, "right", 6, what),
    );
}

#[test]
fn writers_that_take_turns() {
    interleave(
        "orders of two writers and a reader",
        three_commits,
        &[takes_a_turn, takes_a_turn, reads],
        |disk, what| is_whole(disk, "shared", 2, what),
    );
}
