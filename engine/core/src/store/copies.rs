//! Backups of a store, stores made of backups, and rows copied to another store.

use std::path::Path;
use std::sync::Arc;

use lakebed_vfs::{OsVfs, Vfs, dangling_link};

use super::Store;
use crate::backup::{self, BackupOptions, BackupReport, RestoreOptions, RestoreReport};
use crate::error::{Error, ErrorKind, Result};
use crate::options::{Mode, Options};
use crate::progress::ProgressFn;
use crate::transfer::{CopyReport, transfer};
use crate::writer_lock::read_synced;

impl Store {
    /// Adds a backup of the newest commit to the series in this directory, which is made if it does not exist. Pending
    /// work is committed first. Readers and writers go on.
    ///
    /// # Errors
    /// `InvalidArgument` when the directory is a store, is inside this one, or has backups of another store;
    /// `Corrupt`, `StoreFull`, `Io`, `Interrupted`: the backups there were stay.
    pub fn backup(&self, place: &Path, options: BackupOptions) -> Result<BackupReport> {
        let absolute = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
        if absolute.starts_with(self.describe()) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "{} is inside the store; keep its backups elsewhere, best on another disk.",
                    place.display()
                ),
            ));
        }
        self.backup_on(&(Arc::new(OsVfs::new(place)) as _), options)
    }

    /// The same for the directory that a [`Vfs`] is rooted at.
    ///
    /// # Errors
    /// As [`Store::backup`].
    pub fn backup_on(&self, place: &Arc<dyn Vfs>, options: BackupOptions) -> Result<BackupReport> {
        self.shared.check_open()?;
        if self.shared.context.options.mode == Mode::Append {
            self.commit()?;
        }
        let shared = self.shared.here()?;
        // What the lock says before the newest commit is looked for, that commit must include.
        let synced = read_synced(shared.context.vfs.as_ref());
        shared.refresh()?;
        backup::backup(&shared.committed(), synced, place, options)
    }

    /// Adds the rows of these collections to another store, each with its file, line and time, and the blobs that are
    /// not there; without collections those of all of them, and the blobs of `put`. Pending work of both is committed
    /// first, and a commit is made at least every 64 MiB. What was copied before from this store, by its uuid, is not
    /// copied again: a copy that was interrupted goes on, and one that is repeated adds what came since.
    ///
    /// # Errors
    /// `CollectionNotFound`; `InvalidArgument` when a collection of the other store is this very one; `Corrupt`;
    /// `Interrupted`; those of [`Store::put`] for the other store. What was committed before stays.
    pub fn copy_to(
        &self,
        other: &Store,
        collections: &[String],
        progress: ProgressFn,
    ) -> Result<CopyReport> {
        self.shared.check_open()?;
        other.commit()?;
        if self.shared.context.options.mode == Mode::Append {
            self.commit()?;
        }
        let from = self.snapshot()?;
        transfer(&from, &other.shared, collections, progress)
    }

    /// Makes a store in the directory `place`, where there is none, of a backup: of the directory `backup`, or of the
    /// newest backup in it. The store has an identity of its own. Of `settings` the clock and the test for interrupts
    /// count.
    ///
    /// # Errors
    /// `InvalidArgument` when something is at `place`; `StoreNotFound`, `NotAStore` when there is no backup; `Corrupt`,
    /// `StoreFull`, `Io`, `Interrupted`.
    pub fn restore(
        backup: &Path,
        place: &Path,
        options: RestoreOptions,
        settings: &Options,
    ) -> Result<RestoreReport> {
        if let Some(target) = dangling_link(place) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "{} is a symbolic link to {}, which does not exist; remove the link or make that directory.",
                    place.display(),
                    target.display()
                ),
            ));
        }
        Self::restore_on(
            Arc::new(OsVfs::new(backup)),
            Arc::new(OsVfs::new(place)),
            options,
            settings,
        )
    }

    /// The same for directories that a [`Vfs`] is rooted at.
    ///
    /// # Errors
    /// As [`Store::restore`].
    pub fn restore_on(
        backup: Arc<dyn Vfs>,
        place: Arc<dyn Vfs>,
        options: RestoreOptions,
        settings: &Options,
    ) -> Result<RestoreReport> {
        backup::restore(backup, place, options, settings)
    }
}
