//! Opening all runs of a store.

use std::sync::Arc;

use lakebed_format::names;
use lakebed_vfs::ReadVfs;

use super::run::Run;

/// What is in `index/`.
#[derive(Debug, Default)]
pub(crate) struct FoundRuns {
    /// Runs that could be opened.
    pub(crate) runs: Vec<Arc<Run>>,
    /// Numbers of those that could not: as if they were not there. Under the writer's lock they may be removed.
    pub(crate) unreadable: Vec<u64>,
    /// Names of runs of an older form. Under the writer's lock they may be removed.
    pub(crate) old: Vec<String>,
    /// The number of the next run.
    pub(crate) next_number: u64,
}

/// Opens all runs. It never fails: a store without its derived files is slower and whole.
///
/// `map`: whether they may be mapped.
pub(crate) fn open_all(vfs: &dyn ReadVfs, map: bool) -> FoundRuns {
    let mut found = FoundRuns {
        next_number: 1,
        ..FoundRuns::default()
    };
    for name in vfs.list(names::INDEX).unwrap_or_default() {
        let Some(number) = names::parse_run(&name) else {
            if names::is_old_run(&name) {
                found.old.push(format!("{}/{name}", names::INDEX));
            }
            continue;
        };
        found.next_number = found.next_number.max(number.saturating_add(1));
        match Run::open(vfs, number, map) {
            Ok(run) => found.runs.push(Arc::new(run)),
            Err(_) => found.unreadable.push(number),
        }
    }
    found
}
