//! Repairing a store, which need not open.

use std::path::Path;
use std::sync::Arc;

use lakebed_vfs::{OsVfs, Vfs};

use super::Store;
use crate::error::Result;
use crate::options::Options;
use crate::repair::{RepairOptions, RepairReport};

impl Store {
    /// Repairs the store in this directory, open or not: makes it whole again from what its files hold, and says what
    /// is lost. What is replaced or removed is first in `aside/`. A function of a path, because a store that needs it
    /// may not open. Store objects that are open read what they read before; open them again.
    ///
    /// # Errors
    /// `StoreNotFound`; `NotAStore` when nothing tells the store's identity; `StoreLocked`, `FormatTooNew`,
    /// `StoreFull`, `Io`, `Interrupted`: the store is as it was, or repair finishes when it is called again.
    pub fn repair(path: &Path, options: &Options, request: RepairOptions) -> Result<RepairReport> {
        Self::repair_on(&(Arc::new(OsVfs::new(path)) as _), options, request)
    }

    /// Repairs the store in the directory a [`Vfs`] is rooted at.
    ///
    /// # Errors
    /// As [`Store::repair`].
    pub fn repair_on(
        vfs: &Arc<dyn Vfs>,
        options: &Options,
        request: RepairOptions,
    ) -> Result<RepairReport> {
        crate::repair::repair(vfs, options, request)
    }
}
