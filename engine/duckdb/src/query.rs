//! Stores that queries read, and which commit they see.
//!
//! Each call asks for its store anew when it is bound and gets its newest commit; what was opened before is used again while it is the
//! same store, so that decoded frames and schemas serve from one query to the next (see [`crate::cache::stores`]). All calls of one query
//! see one commit of a store, the newest when the first of them is executed. DuckDB does not say which calls belong to one query; but
//! they are bound by one thread, one after the other, and none of them is executed before all are bound. A call that is executed again,
//! as DuckDB 1.x does with prepared statements, is a new query when nothing of the last one is left.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arrow_schema::SchemaRef;
use lakebed_core::{CommitNumber, Mode, Options, Result, ScanRequest, Snapshot, Store};
use parking_lot::Mutex;

use crate::bind::invalid;
use crate::cache::stores::{self, Kept};

/// A store, and what it held when it was asked for.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) kept: Arc<Kept>,
    pub(crate) snapshot: Snapshot,
}

/// What a call of a query was bound with.
#[derive(Debug)]
struct Bound {
    opened: Opened,
    commit: CommitNumber,
    /// A scan and the columns that it had, which what is read must have.
    scan: Option<(Arc<ScanRequest>, SchemaRef)>,
}

/// The commit of one store that a query sees. What it executes holds the snapshot too.
#[derive(Debug, Default)]
struct Choice {
    bound: Vec<Bound>,
    /// How many queries there were, and what the last one sees.
    queries: u64,
    seen: Option<Arc<Snapshot>>,
}

impl Choice {
    /// What a call sees that is executed for the `time`th time.
    fn snapshot(&mut self, time: u64, path: &Path) -> Result<Arc<Snapshot>> {
        let goes_on = time <= self.queries
            || self
                .seen
                .as_ref()
                .is_some_and(|seen| Arc::strong_count(seen) > 1);
        if let Some(seen) = self.seen.as_ref().filter(|_| goes_on) {
            return Ok(Arc::clone(seen));
        }
        let mut candidates: Vec<(CommitNumber, Snapshot)> = Vec::new();
        if self.queries == 0 {
            let bound = self.bound.iter();
            candidates.extend(bound.map(|bound| (bound.commit, bound.opened.snapshot.clone())));
        }
        if let Some(last) = self.bound.last() {
            let newest = last.opened.kept.newest()?;
            candidates.push((newest.commit_number(), newest));
        }
        // The newest, unless the columns of a collection changed since they were declared.
        let fits = |(commit, snapshot): &(CommitNumber, Snapshot)| {
            let changed = self.bound.iter().filter(|bound| bound.commit != *commit);
            let mut scans = changed.filter_map(|bound| bound.scan.as_ref());
            scans.all(|(request, schema)| {
                snapshot
                    .scan_schema(request)
                    .is_ok_and(|found| found == *schema)
            })
        };
        let Some((_, chosen)) = candidates.into_iter().rev().find(fits) else {
            return Err(invalid(format!(
                "The columns of collections of {} changed since the query was planned: run it again, and prepare it again if it is \
                 a prepared one.",
                path.display()
            )));
        };
        let seen = Arc::new(chosen);
        self.seen = Some(Arc::clone(&seen));
        self.queries += 1;
        Ok(seen)
    }
}

/// A call's hold on its store.
#[derive(Debug)]
pub(crate) struct Reading {
    path: PathBuf,
    choice: Arc<Mutex<Choice>>,
    planned: Arc<AtomicBool>,
    executed: AtomicU64,
}

impl Drop for Reading {
    fn drop(&mut self) {
        // The plan is given up, or done.
        self.planned.store(true, Ordering::Relaxed);
    }
}

impl Reading {
    /// What the query sees, for as long as its execution holds it; it begins.
    pub(crate) fn execute(&self) -> Result<Arc<Snapshot>> {
        self.planned.store(true, Ordering::Relaxed);
        let time = self.executed.fetch_add(1, Ordering::Relaxed) + 1;
        self.choice.lock().snapshot(time, &self.path)
    }
}

/// The query that this thread plans.
#[derive(Default)]
struct Query {
    stores: HashMap<PathBuf, Weak<Mutex<Choice>>>,
    /// One of its calls was executed or given up: later calls belong to another query.
    planned: Arc<AtomicBool>,
}

thread_local! {
    static QUERY: RefCell<Query> = RefCell::default();
}

/// Adds a call to the query that this thread plans.
pub(crate) fn bind(opened: Opened, scan: Option<(Arc<ScanRequest>, SchemaRef)>) -> Reading {
    let path = opened.kept.path.clone();
    QUERY.with_borrow_mut(|query| {
        if query.planned.load(Ordering::Relaxed) {
            *query = Query::default();
        }
        let known = query.stores.get(&path).and_then(Weak::upgrade);
        let choice = known.unwrap_or_default();
        let commit = opened.snapshot.commit_number();
        choice.lock().bound.push(Bound {
            opened,
            commit,
            scan,
        });
        query.stores.insert(path.clone(), Arc::downgrade(&choice));
        Reading {
            path,
            choice,
            planned: Arc::clone(&query.planned),
            executed: AtomicU64::new(0),
        }
    })
}

/// The store in this directory, as of its newest commit.
pub(crate) fn open(path: &str) -> Result<Opened> {
    let kept = stores::find_or_open(checked(path)?)?;
    let snapshot = kept.newest()?;
    Ok(Opened { kept, snapshot })
}

/// Opens a store for changing; `function` is what others are told when they wait for it.
pub(crate) fn open_to_write(path: &str, function: &str, create: bool) -> Result<Store> {
    let options = Options {
        mode: Mode::Append,
        create,
        command: format!("DuckDB, {function}"),
        ..Options::default()
    };
    Store::open(checked(path)?, options)
}

fn checked(path: &str) -> Result<&Path> {
    if path.is_empty() || path.contains('\0') {
        return Err(invalid(format!(
            "{path:?} is no path of a store: give a directory such as 'data.lakebed'."
        )));
    }
    Ok(Path::new(path))
}
