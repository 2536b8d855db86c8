//! The stores that are attached to a database.

use std::path::Path;

use lakebed_core::Result;
use parking_lot::Mutex;

use crate::callback::invalid;

/// A store that is attached.
#[derive(Clone, Debug)]
pub(crate) struct AttachedStore {
    /// Its absolute path.
    pub(crate) path: String,
    /// What the names of its tables begin with.
    pub(crate) prefix: String,
    /// Whether DuckDB may read its files.
    pub(crate) reads_files: bool,
}

/// The attached stores of one database, in the order in which they were attached.
#[derive(Debug, Default)]
pub(crate) struct AttachedStores(Mutex<Vec<AttachedStore>>);

impl AttachedStores {
    /// Attaches a store; one that is attached gets the new prefix.
    pub(crate) fn attach(&self, store: AttachedStore) {
        let mut all = self.0.lock();
        match all.iter_mut().find(|known| known.path == store.path) {
            Some(known) => *known = store,
            None => all.push(store),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<AttachedStore> {
        self.0.lock().clone()
    }
}

/// The absolute path of a store, as a text.
///
/// # Errors
/// The path cannot be resolved.
pub(crate) fn absolute(path: &Path) -> Result<String> {
    let absolute = std::path::absolute(path).map_err(|_| {
        invalid(format!(
            "The path {} cannot be resolved: check it.",
            path.display()
        ))
    })?;
    Ok(absolute.display().to_string())
}
