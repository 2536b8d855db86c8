//! The stores this process read last, kept open from one query to the next with what was decoded of them.
//!
//! A store is known by its directory and by the file that is written once when a store is made: one that was removed, replaced or
//! restored from a backup has another such file, or the same one written anew, and is opened anew.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakebed_core::{Mode, Options, Result, Snapshot, Store};
use parking_lot::Mutex;

use crate::bind::invalid;
use crate::cache::columns::Columns;

/// How many stores are kept open.
const STORES: usize = 4;

/// Collections of one store whose columns are kept.
const COLLECTIONS: usize = 16;

/// Memory for decoded frames of one store, in bytes, unless [`CACHE_VARIABLE`] says otherwise: more than a `Store` object of Python has,
/// as DuckDB's own tables have nearly all memory for the same purpose.
const CACHE_BYTES: usize = 256 << 20;

/// The environment variable that the commands read too.
const CACHE_VARIABLE: &str = "LAKEBED_CACHE_BYTES";

/// The one file of every store that is written when it is made and never again.
const IDENTITY: &str = "FORMAT";

/// A store that is open for reading.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
    stamp: Option<Stamp>,
    store: Store,
    /// Held while looking for newer commits, which only one thread does at a time: another one would go without.
    looking: Mutex<()>,
    /// The ones kept last at the end.
    columns: Mutex<VecDeque<Arc<Columns>>>,
}

impl Kept {
    /// What the store holds as of its newest commit.
    pub(crate) fn newest(&self) -> Result<Snapshot> {
        let _looking = self.looking.lock();
        self.store.refresh()?;
        self.store.snapshot()
    }

    /// Columns that are kept.
    pub(crate) fn columns(&self, wanted: impl Fn(&Columns) -> bool) -> Option<Arc<Columns>> {
        let known = self.columns.lock();
        known.iter().find(|columns| wanted(columns)).cloned()
    }

    /// Keeps columns, instead of the oldest when there are many.
    pub(crate) fn keep_columns(&self, columns: &Arc<Columns>) {
        let mut known = self.columns.lock();
        if known.len() >= COLLECTIONS {
            known.pop_front();
        }
        known.push_back(Arc::clone(columns));
    }
}

/// The stores kept, the one asked for last at the end.
static KEPT: Mutex<Vec<Arc<Kept>>> = Mutex::new(Vec::new());

/// The store in this directory, opened if it is not kept.
pub(crate) fn find_or_open(path: &Path) -> Result<Arc<Kept>> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    {
        let mut kept = KEPT.lock();
        // Also those that are not asked for: files that were removed take room while they are open.
        kept.retain(|known| known.stamp.is_some() && known.stamp == Stamp::of(&known.path));
        if let Some(place) = kept.iter().position(|known| known.path == absolute) {
            let known = kept.remove(place);
            kept.push(Arc::clone(&known));
            return Ok(known);
        }
    }
    let options = Options {
        mode: Mode::Read,
        cache_bytes: cache_bytes()?,
        command: "DuckDB".to_owned(),
        ..Options::default()
    };
    // Before opening: of a store that is replaced meanwhile, the one that is read is then not taken for the new one.
    let stamp = Stamp::of(&absolute);
    let opened = Arc::new(Kept {
        store: Store::open(path, options)?,
        path: absolute,
        stamp,
        looking: Mutex::default(),
        columns: Mutex::default(),
    });
    let mut kept = KEPT.lock();
    kept.retain(|known| known.path != opened.path);
    if kept.len() >= STORES {
        kept.remove(0);
    }
    kept.push(Arc::clone(&opened));
    Ok(opened)
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
struct Stamp {
    /// A store does not outlive a fork: the child opens its own.
    process: u32,
    file: [u64; 2],
    written: [i64; 4],
}

impl Stamp {
    #[cfg(unix)]
    fn of(store: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let found = std::fs::metadata(store.join(IDENTITY)).ok()?;
        Some(Self {
            process: std::process::id(),
            file: [found.dev(), found.ino()],
            written: [
                found.mtime(),
                found.mtime_nsec(),
                found.ctime(),
                found.ctime_nsec(),
            ],
        })
    }

    /// Nothing tells for sure: stores are opened anew for each query.
    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Self> {
        None
    }
}
