//! A clock that is set back and forward by days between the calls of open stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lakebed_core::{Clock, CompactOptions, Options, Store};
use lakebed_testkit::records::similar;
use lakebed_vfs::MemVfs;

use crate::recovery::support::look::{everything, verify};
use crate::recovery::support::{options, reading};

static NOW: AtomicI64 = AtomicI64::new(0);
const DAY: i64 = 86_400_000_000;

fn at_that_time(options: Options) -> Options {
    Options {
        clock: Clock(|| NOW.load(Ordering::Relaxed)),
        ..options
    }
}

fn rows(store: &Store) -> usize {
    let rows = store.rows("events", everything()).unwrap();
    rows.enumerate()
        .inspect(|(n, row)| {
            let blob = store.blob(row.as_ref().unwrap().blob).unwrap();
            assert_eq!(&*blob, similar(*n), "row {n}");
        })
        .count()
}

#[test]
fn jumps_of_the_clock_lose_and_hide_nothing() {
    let disk = MemVfs::new();
    let open = |options| Store::open_on(Arc::new(disk.clone()), at_that_time(options)).unwrap();
    let mut writer = open(options());
    let mut reader = None;
    // Days from the beginning; before 1970 and beyond 2100, too.
    for (round, days) in [0, -30, 2, 400, -20_000, 80_000, 0].into_iter().enumerate() {
        NOW.store(1_700_000_000_000_000 + days * DAY, Ordering::Relaxed);
        let mut more = (round * 3..round * 3 + 3).map(|n| Ok(similar(n)));
        writer.append("events", &mut more).unwrap();
        writer.commit().unwrap();
        match round % 3 {
            0 => writer.seal().unwrap(),
            1 => _ = writer.compact(CompactOptions::default()).unwrap(),
            _ => {
                writer.close().unwrap();
                writer = open(options());
            }
        }
        let reader = reader.get_or_insert_with(|| open(reading()));
        reader.refresh().unwrap();
        for reader in [&*reader, &open(reading())] {
            assert_eq!(rows(reader), (round + 1) * 3, "after {days} days");
            assert_eq!(reader.take_warnings(), Vec::<String>::new());
        }
        verify(reader, &|| format!("after {days} days"));
    }
}
