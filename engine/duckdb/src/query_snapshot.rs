//! Which commit of a store a query sees.
//!
//! All calls of one query see one commit of a store: the newest when the first of them is executed. DuckDB does not say
//! which calls belong to one query, but one thread binds them, one after the other, and executes none before all are
//! bound. A call that is executed again, as DuckDB 1.x does with prepared statements, begins a new query once nothing
//! holds the snapshot of the last one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arrow_schema::SchemaRef;
use lakebed_core::{CommitNumber, ErrorKind, Mode, Options, Result, ScanRequest, Snapshot, Store};
use parking_lot::Mutex;

use crate::bind::BindCall;
use crate::cache::stores::{self, CachedStore};
use crate::callback::invalid;
use crate::calling_connection::CallingConnection;
use crate::file_access::{FileAccess, FileUse, local_path};
use lakebed_core::quoted;

/// A store, and a snapshot of it from when a call was bound.
#[derive(Debug)]
pub(crate) struct OpenStore {
    pub(crate) store: Arc<CachedStore>,
    pub(crate) snapshot: Snapshot,
}

/// A call of the query.
#[derive(Debug)]
struct BoundCall {
    opened: OpenStore,
    commit: CommitNumber,
    /// A scan, and the columns that were declared for it.
    scan: Option<(Arc<ScanRequest>, SchemaRef)>,
}

/// The snapshot of one store that all calls of a query share. Their executions hold the snapshot too.
#[derive(Debug, Default)]
struct SharedSnapshot {
    calls: Vec<BoundCall>,
    /// How many times the calls were executed as a query.
    queries: u64,
    /// The snapshot of the last query.
    snapshot: Option<Arc<Snapshot>>,
    /// The snapshot that every execution sees, because the text of the query names files of it.
    pinned: Option<Arc<Snapshot>>,
}

impl SharedSnapshot {
    /// The snapshot for a call that is executed for the `execution`th time, counted from 1.
    fn for_execution(&mut self, execution: u64, path: &Path) -> Result<Arc<Snapshot>> {
        let same_query = execution <= self.queries
            || self
                .snapshot
                .as_ref()
                .is_some_and(|shared| Arc::strong_count(shared) > 1);
        if let Some(shared) = self.snapshot.as_ref().filter(|_| same_query) {
            return Ok(Arc::clone(shared));
        }
        let mut candidates: Vec<(CommitNumber, Snapshot)> = Vec::new();
        if let Some(pinned) = &self.pinned {
            candidates.push((pinned.commit_number(), Snapshot::clone(pinned)));
        } else if self.queries == 0 {
            let calls = self.calls.iter();
            candidates.extend(calls.map(|call| (call.commit, call.opened.snapshot.clone())));
        }
        if let Some(last) = self.calls.last().filter(|_| self.pinned.is_none()) {
            let newest = last.opened.store.newest()?;
            candidates.push((newest.commit_number(), newest));
        }
        // The newest one whose collections have the columns that were declared.
        let fits = |(commit, snapshot): &(CommitNumber, Snapshot)| {
            let changed = self.calls.iter().filter(|call| call.commit != *commit);
            let mut scans = changed.filter_map(|call| call.scan.as_ref());
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
        let shared = Arc::new(chosen);
        self.snapshot = Some(Arc::clone(&shared));
        self.queries += 1;
        Ok(shared)
    }
}

/// A bound call's share in its query's snapshot.
#[derive(Debug)]
pub(crate) struct CallSnapshot {
    connection: Arc<CallingConnection>,
    path: PathBuf,
    shared: Arc<Mutex<SharedSnapshot>>,
    /// See [`PlannedQuery::closed`].
    query_closed: Arc<AtomicBool>,
    executions: AtomicU64,
}

impl Drop for CallSnapshot {
    fn drop(&mut self) {
        // The plan is executed or abandoned.
        self.query_closed.store(true, Ordering::Relaxed);
    }
}

impl CallSnapshot {
    /// The snapshot for an execution of the call that begins now. The execution must hold it to its end.
    pub(crate) fn for_execution(&self) -> Result<Arc<Snapshot>> {
        self.query_closed.store(true, Ordering::Relaxed);
        // A prepared statement may have been bound under other settings.
        let access = self.connection.file_access();
        access.check(&self.path, FileUse::ReadStore)?;
        let execution = self.executions.fetch_add(1, Ordering::Relaxed) + 1;
        self.shared.lock().for_execution(execution, &self.path)
    }
}

/// The query that a thread is binding.
#[derive(Default)]
struct PlannedQuery {
    stores: HashMap<PathBuf, Weak<Mutex<SharedSnapshot>>>,
    /// One of its calls was executed or dropped: later calls belong to another query.
    closed: Arc<AtomicBool>,
}

thread_local! {
    static QUERY: RefCell<PlannedQuery> = RefCell::default();
}

impl PlannedQuery {
    /// The query that this thread is binding now.
    fn current(&mut self) -> &mut Self {
        if self.closed.load(Ordering::Relaxed) {
            *self = Self::default();
        }
        self
    }

    /// What the calls of the query share of a store.
    fn shared(&mut self, path: &Path) -> Arc<Mutex<SharedSnapshot>> {
        let known = self.stores.get(path).and_then(Weak::upgrade);
        let shared = known.unwrap_or_default();
        self.stores.insert(path.to_owned(), Arc::downgrade(&shared));
        shared
    }
}

/// A store whose files the text of a query names, and the snapshot that all calls of the query see.
#[derive(Debug)]
pub(crate) struct PinnedStore {
    pub(crate) path: PathBuf,
    pub(crate) snapshot: Arc<Snapshot>,
    store: Arc<CachedStore>,
    /// Held until the calls of the query are bound.
    _shared: Arc<Mutex<SharedSnapshot>>,
}

impl PinnedStore {
    /// The store as of the snapshot.
    pub(crate) fn opened(&self) -> OpenStore {
        OpenStore {
            store: Arc::clone(&self.store),
            snapshot: Snapshot::clone(&self.snapshot),
        }
    }
}

/// Has the query that this thread is binding see one snapshot of a store, the newest one as of now.
///
/// # Errors
/// Those of opening a store.
pub(crate) fn pin(path: &str) -> Result<PinnedStore> {
    let OpenStore { store, snapshot } = open(path, &FileAccess::Everything)?;
    let path = store.path.clone();
    let shared = QUERY.with_borrow_mut(|query| query.current().shared(&path));
    let pinned = Arc::clone(
        shared
            .lock()
            .pinned
            .get_or_insert_with(|| Arc::new(snapshot)),
    );
    Ok(PinnedStore {
        path,
        snapshot: pinned,
        store,
        _shared: shared,
    })
}

/// Adds a call to the query that this thread is binding.
pub(crate) fn join_query(
    call: &BindCall,
    opened: OpenStore,
    scan: Option<(Arc<ScanRequest>, SchemaRef)>,
) -> CallSnapshot {
    let path = opened.store.path.clone();
    QUERY.with_borrow_mut(|query| {
        let query = query.current();
        let shared = query.shared(&path);
        let commit = opened.snapshot.commit_number();
        shared.lock().calls.push(BoundCall {
            opened,
            commit,
            scan,
        });
        CallSnapshot {
            connection: Arc::clone(call.connection()),
            path,
            shared,
            query_closed: Arc::clone(&query.closed),
            executions: AtomicU64::new(0),
        }
    })
}

/// The store in this directory, as of its newest commit, if the call may read it.
pub(crate) fn open(path: &str, access: &FileAccess) -> Result<OpenStore> {
    let path = checked(path)?;
    access.check(path, FileUse::ReadStore)?;
    let store = stores::open(path)?;
    let (store, snapshot) = match store.newest() {
        // It was replaced or restored while it was open.
        Err(error) if error.kind() == ErrorKind::StoreNotFound => {
            stores::forget(&store);
            let store = stores::open(path)?;
            let snapshot = store.newest()?;
            (store, snapshot)
        }
        snapshot => {
            let snapshot = snapshot?;
            (store, snapshot)
        }
    };
    Ok(OpenStore { store, snapshot })
}

/// Opens a store for changes by a function, whose name is shown to other processes that wait for the lock.
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
            "{path} is no path of a store: give a directory such as 'data.lakebed'.",
            path = quoted(path)
        )));
    }
    Ok(local_path(path))
}
