//! Tests of stores in memory and on disk.

mod backups;
mod basics;
mod columns;
mod compaction;
mod copies;
mod footers;
mod forged;
mod hostile;
mod ingest;
mod interrupts;
mod layouts;
mod leftovers;
mod mappings;
mod places;
mod readers;
mod releases;
mod segments;

use std::sync::Arc;

use lakebed_core::{Options, Result, Store};
use lakebed_vfs::{MemVfs, Vfs};

/// A directory in memory.
pub(crate) fn memory() -> Arc<dyn Vfs> {
    Arc::new(MemVfs::new())
}

/// Opens with small pages, so that small tests have many frames, and without waiting for locks.
pub(crate) fn options() -> Options {
    Options {
        page_bytes: 512,
        threads: 1,
        lock_timeout: std::time::Duration::ZERO,
        ..Options::default()
    }
}

pub(crate) fn open(vfs: &Arc<dyn Vfs>) -> Store {
    Store::open_on(Arc::clone(vfs), options()).unwrap()
}

pub(crate) fn append(store: &Store, collection: &str, records: &[&str]) -> lakebed_core::Appended {
    try_append(store, collection, records).unwrap()
}

pub(crate) fn try_append(
    store: &Store,
    collection: &str,
    records: &[&str],
) -> Result<lakebed_core::Appended> {
    store.append(
        collection,
        &mut records.iter().map(|record| Ok(record.as_bytes().to_vec())),
    )
}

/// The bytes of every row.
pub(crate) fn rows(store: &Store, collection: &str) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    store
        .export(collection, &mut out, lakebed_core::ProgressFn::none())
        .unwrap();
    out.split_inclusive(|byte| *byte == b'\n')
        .map(|line| line[..line.len() - 1].to_vec())
        .collect()
}

/// Nothing is wrong with it.
pub(crate) fn assert_whole(store: &Store) {
    let report = store.verify(lakebed_core::ProgressFn::none()).unwrap();
    assert_eq!(report.problems, []);
}
