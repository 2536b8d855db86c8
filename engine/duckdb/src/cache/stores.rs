//! The stores that this process read last, open for reading.
//!
//! A store is identified by its directory and by its file `FORMAT`, which is written once, when the store is made. A
//! store that was removed, replaced or restored from a backup has another such file, or the same one with other times,
//! and is opened again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakebed_core::{Mode, Options, Result, Snapshot, Store};
use parking_lot::Mutex;

use super::columns::ColumnCache;
use crate::callback::invalid;

/// How many stores are kept open.
const STORES: usize = 4;

/// Memory for decoded frames of one store, in bytes, unless [`CACHE_VARIABLE`] is set. It is more than a `Store` object
/// of Python has, as DuckDB's own tables have most of the memory for the same purpose.
const CACHE_BYTES: usize = 256 << 20;

/// The environment variable with the same number, which the commands read too.
const CACHE_VARIABLE: &str = "LAKEBED_CACHE_BYTES";

/// The file of a store that is never written again after the store is made.
const IDENTITY_FILE: &str = "FORMAT";

/// A store that is open for reading.
#[derive(Debug)]
pub(crate) struct CachedStore {
    pub(crate) path: PathBuf,
    /// `None` where it cannot be found out: such a store is never reused.
    identity: Option<StoreIdentity>,
    store: Store,
    /// Held during a refresh. A second thread must wait: it would otherwise go on with an older commit.
    refreshing: Mutex<()>,
    pub(crate) columns: ColumnCache,
}

impl CachedStore {
    /// The store as of its newest commit.
    pub(crate) fn newest(&self) -> Result<Snapshot> {
        let _refreshing = self.refreshing.lock();
        self.store.refresh()?;
        self.store.snapshot()
    }
}

/// The open stores, the one used last at the end.
static CACHE: Mutex<Vec<Arc<CachedStore>>> = Mutex::new(Vec::new());

/// The store in this directory, from the cache or newly opened.
pub(crate) fn open(path: &Path) -> Result<Arc<CachedStore>> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    {
        let mut cache = CACHE.lock();
        // Every store is checked: removed files take space on disk while they are open.
        cache.retain(|one| one.identity.is_some() && one.identity == StoreIdentity::of(&one.path));
        if let Some(place) = cache.iter().position(|one| one.path == absolute) {
            let found = cache.remove(place);
            cache.push(Arc::clone(&found));
            return Ok(found);
        }
    }
    let options = Options {
        mode: Mode::Read,
        cache_bytes: cache_bytes()?,
        command: "DuckDB".to_owned(),
        ..Options::default()
    };
    // Before opening: if the store is replaced in between, the identity is the old one's and the next query opens the
    // new store.
    let identity = StoreIdentity::of(&absolute);
    let opened = Arc::new(CachedStore {
        store: Store::open(path, options)?,
        path: absolute,
        identity,
        refreshing: Mutex::default(),
        columns: ColumnCache::default(),
    });
    let mut cache = CACHE.lock();
    cache.retain(|one| one.path != opened.path);
    if cache.len() >= STORES {
        cache.remove(0);
    }
    cache.push(Arc::clone(&opened));
    Ok(opened)
}

/// Drops a store from the cache.
pub(crate) fn forget(store: &Arc<CachedStore>) {
    CACHE.lock().retain(|one| !Arc::ptr_eq(one, store));
}

fn cache_bytes() -> Result<usize> {
    let Ok(text) = std::env::var(CACHE_VARIABLE) else {
        return Ok(CACHE_BYTES);
    };
    text.trim().parse().map_err(|_| {
        invalid(format!(
            "The environment variable {CACHE_VARIABLE} is {text:?}, which is no number of bytes; set it to one such as 268435456, or \
             unset it."
        ))
    })
}

/// What tells one store in a directory from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct StoreIdentity {
    /// An open store does not survive a fork: the child process opens its own.
    process: u32,
    /// Device and inode of the identity file.
    file: [u64; 2],
    /// Its times of modification and of status change, in seconds and nanoseconds.
    times: [i64; 4],
}

impl StoreIdentity {
    #[cfg(unix)]
    fn of(store: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let found = std::fs::metadata(store.join(IDENTITY_FILE)).ok()?;
        Some(Self {
            process: std::process::id(),
            file: [found.dev(), found.ino()],
            times: [
                found.mtime(),
                found.mtime_nsec(),
                found.ctime(),
                found.ctime_nsec(),
            ],
        })
    }

    /// Other systems have no such identity: each query opens its stores.
    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Self> {
        None
    }
}
