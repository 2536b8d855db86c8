//! Committing a session's group, and sealing the active segment when it is due.

use std::sync::Arc;

use lakebed_format::CommitNumber;

use super::commit::{self, Failure};
use super::group::Output;
use super::replaced::remove_replaced;
use super::session::Session;
use super::{manifest, seal};
use crate::error::{ErrorKind, Result};
use crate::index::lookup;
use crate::snapshot::open::{Caller, newest};
use crate::writer_lock::WriterLock;

impl Session<'_> {
    /// Frames from now on have about as many raw bytes; `None`: as the store's options say.
    pub(crate) fn gather_pages(&mut self, bytes: Option<usize>) {
        self.page_bytes = bytes;
        if let (Some(bytes), Some(group)) = (bytes, &mut self.writer.group) {
            group.page_bytes = bytes;
        }
    }

    /// The commit this session builds on.
    pub(crate) fn commit_number(&self) -> CommitNumber {
        self.committed.commit
    }

    /// Makes the group durable and shows it; the next group begins. With nothing pending: the current number.
    pub(crate) fn commit(&mut self) -> Result<CommitNumber> {
        let context = Arc::clone(&self.shared.context);
        let Some(mut group) = self.writer.group.take() else {
            return Ok(self.committed.commit);
        };
        if group.is_empty() {
            self.writer.group = Some(group);
            return Ok(self.committed.commit);
        }
        match commit::commit(&context, &self.committed, &mut group) {
            Ok(committed) => {
                let committed = Arc::new(committed);
                if let Output::File(file) = &group.output {
                    self.writer.file = Some((committed.manifest.active, Arc::clone(file)));
                }
                if let Some(lock) = &mut self.writer.lock {
                    // Only a hint: without it the next writer checks this commit once more.
                    let _ = lock.set_synced(context.vfs.as_ref(), committed.commit);
                }
                self.shared.show(Arc::clone(&committed), None);
                self.committed = committed;
                self.seal_if_due()?;
                if !self.is_over() {
                    self.ensure_group()?;
                }
                Ok(self.committed.commit)
            }
            Err(Failure::Undone(error)) => {
                self.writer.group = Some(group);
                self.undo();
                if !self.is_over() {
                    self.ensure_group()?;
                }
                Err(error)
            }
            Err(Failure::Unsynced(error)) => {
                self.poison(&error);
                drop(group);
                Err(error)
            }
        }
    }

    fn seal_if_due(&mut self) -> Result<()> {
        let options = &self.shared.context.options;
        let due = self.committed.active.as_ref().is_some_and(|active| {
            // Saturating: the tables may say anything, and are checked when they are used.
            let blobs = (active.next_blob().0).saturating_sub(active.file.first_blob.0);
            active.end() >= options.segment_bytes || blobs >= options.segment_blobs
        });
        if !due {
            return Ok(());
        }
        match self.seal_now() {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Poisoned => Err(error),
            // The commit stands; sealing is tried again at the next one.
            Err(error) => {
                self.shared.context.warn(format!(
                    "Commit {} is safe, but its segment could not be sealed: {}",
                    self.committed.commit,
                    error.message()
                ));
                Ok(())
            }
        }
    }

    /// Seals the active segment; nothing may be pending.
    pub(crate) fn seal_now(&mut self) -> Result<()> {
        let context = Arc::clone(&self.shared.context);
        let Some((_, file)) = self.writer.file.clone() else {
            return Ok(());
        };
        if let Err(error) = self.check_lock() {
            self.give_up();
            return Err(error);
        }
        match seal::seal(&context, &self.committed, file.as_ref()) {
            Ok(()) => {}
            Err(Failure::Undone(error)) => {
                // A footer that could not be cut off again would hide what is written behind it.
                let end = self.committed.active.as_ref().map(|active| active.end());
                if file.len().ok() != end {
                    self.give_up();
                }
                return Err(error);
            }
            Err(Failure::Unsynced(error)) => {
                self.poison(&error);
                return Err(error);
            }
        }
        self.adopt_manifest()?;
        // After an interrupt the segment is sealed all the same; the next seal brings the index up to date.
        if let Err(error) = lookup::maintain(&context, &self.committed.manifest.sealed)
            && error.kind() != ErrorKind::Interrupted
        {
            context.warn(format!(
                "The index of sealed segments could not be brought up to date, so that searches take longer: {}",
                error.message()
            ));
        }
        self.release();
        Ok(())
    }

    /// Checks that the lock, and the store, are still those that the lock was taken of.
    ///
    /// # Errors
    /// As [`crate::writer_lock::HeldLock::check`].
    pub(super) fn check_lock(&self) -> Result<()> {
        let lock = self.writer.lock.as_ref().map(WriterLock::held);
        lock.map_or(Ok(()), |lock| lock.check(&self.shared.context))
    }

    /// Goes on with the manifest that was just written; nothing is active.
    pub(super) fn adopt_manifest(&mut self) -> Result<()> {
        let context = Arc::clone(&self.shared.context);
        self.writer.file = None;
        // An empty group that was begun before goes to another segment now.
        self.writer.group = None;
        let synced = self.writer.lock.as_ref().and_then(WriterLock::synced);
        let committed = match newest(&context, Some(&self.committed), Caller::Writer(synced)) {
            Ok(committed) => Arc::new(committed),
            Err(error) => {
                // The segment is sealed and this object does not know it yet: the next session reads the manifest
                // again.
                self.give_up();
                return Err(error);
            }
        };
        self.shared.show(Arc::clone(&committed), None);
        self.committed = committed;
        self.writer.manifest = Some(self.committed.manifest.number);
        Ok(())
    }

    /// Removes older manifests, and the segments that only they name, unless a reader holds one.
    pub(crate) fn release(&self) {
        let context = &self.shared.context;
        // Whoever has the lock now decides.
        if self.check_lock().is_err() {
            return;
        }
        manifest::remove_old_manifests(context, self.committed.manifest.number);
        remove_replaced(context, &self.committed);
    }

    /// Brings the index of sealed segments up to date.
    ///
    /// # Errors
    /// `Io`, `StoreFull`, `Interrupted`: searches take longer then.
    pub(crate) fn maintain_index(&self) -> Result<()> {
        lookup::maintain(&self.shared.context, &self.committed.manifest.sealed)
    }
}
