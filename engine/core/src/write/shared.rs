//! What readers and the writer of one store object share.
//!
//! Locks are taken in this order, and none is held while waiting for another process: the writer's, the state's, the
//! pending group's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use lakebed_format::{CommitNumber, SegmentNumber};
use lakebed_vfs::File;
use parking_lot::{Mutex, RwLock};

use super::group::Group;
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::options::{Mode, Options};
use crate::segment::rows::pending::Pending;
use crate::snapshot::open::{Caller, newer, newest};
use crate::snapshot::{CommittedState, Snapshot};
use crate::writer_lock::WriterLock;
use lakebed_codec::Workers;

/// One store object.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) context: Arc<StoreContext>,
    state: RwLock<State>,
    pub(crate) writer: Mutex<Writer>,
    closed: AtomicBool,
    /// Counts changes of the pending group.
    version: AtomicU64,
    /// The states of the snapshots that callers hold.
    given: Mutex<Vec<Weak<CommittedState>>>,
    /// In a child of the process that opened the store: what reads there in its place.
    child: OnceLock<Arc<Shared>>,
}

/// What readers see.
#[derive(Debug)]
struct State {
    committed: Arc<CommittedState>,
    pending: Option<Arc<RwLock<Pending>>>,
    /// The last copy of the pending group, by its version, for further readers.
    seen: Mutex<Option<(u64, Arc<Pending>)>>,
}

/// The state of writing, held by one thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) lock: Option<WriterLock>,
    pub(crate) group: Option<Group>,
    /// The active segment, open for writing.
    pub(crate) file: Option<(SegmentNumber, Arc<dyn File>)>,
    /// Workers without threads of their own: they compress on the caller's.
    pub(crate) here: Option<Arc<Workers>>,
    /// Why this store object writes no more.
    pub(crate) poisoned: Option<String>,
    /// The manifest whose name is known to be durable.
    pub(crate) manifest: Option<u64>,
    /// Whether leftovers of a crash were removed.
    pub(crate) swept: bool,
}

impl Shared {
    pub(crate) fn new(context: Arc<StoreContext>, committed: CommittedState) -> Self {
        Self {
            context,
            state: RwLock::new(State {
                committed: Arc::new(committed),
                pending: None,
                seen: Mutex::new(None),
            }),
            writer: Mutex::default(),
            closed: AtomicBool::new(false),
            version: AtomicU64::new(0),
            given: Mutex::default(),
            child: OnceLock::new(),
        }
    }

    /// What reads in this process: itself, or in a child of the process that opened the store another store object,
    /// opened for reading, since locks of this one may have been held by threads that the child does not have. It
    /// shows the newest commit of that moment and no pending work.
    ///
    /// # Errors
    /// Those of opening a store.
    pub(crate) fn here(self: &Arc<Self>) -> Result<&Arc<Self>> {
        if !self.context.is_forked() {
            return Ok(self);
        }
        if let Some(child) = self.child.get() {
            return child.here();
        }
        let vfs = Arc::clone(&self.context.vfs);
        self.context.place.check(vfs.as_ref())?;
        let options = Options {
            mode: Mode::Read,
            create: false,
            ..self.context.options.clone()
        };
        let context = Arc::new(StoreContext::open(vfs, options)?);
        let committed = newest(&context, None, Caller::Reader)?;
        let opened = Arc::new(Self::new(context, committed));
        Ok(self.child.get_or_init(|| opened))
    }

    /// As [`Shared::here`]; `None` in a child that has not read yet.
    pub(crate) fn opened_here(self: &Arc<Self>) -> Option<&Arc<Self>> {
        if self.context.is_forked() {
            self.child.get()?.opened_here()
        } else {
            Some(self)
        }
    }

    /// An error once the store object is closed.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorKind::Closed,
                format!(
                    "This store object of {} was closed; open the store again.",
                    self.context.vfs.describe()
                ),
            ));
        }
        Ok(())
    }

    /// Closes the store object; true if it was open.
    pub(crate) fn close(&self) -> bool {
        let closes = !self.closed.swap(true, Ordering::AcqRel);
        if closes && !self.context.is_forked() {
            // Snapshots that are still held open them again.
            self.context.segments.close_files();
        }
        closes
    }

    /// The committed state.
    pub(crate) fn committed(&self) -> Arc<CommittedState> {
        Arc::clone(&self.state.read().committed)
    }

    /// What this store object sees, pending work included.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state.read();
        let committed = Arc::clone(&state.committed);
        let Some(pending) = &state.pending else {
            return Snapshot::new(committed, None);
        };
        let version = self.version.load(Ordering::Acquire);
        let mut seen = state.seen.lock();
        if let Some((at, pending)) = &*seen
            && *at == version
        {
            return Snapshot::new(committed, Some(Arc::clone(pending)));
        }
        let now = Arc::new(pending.read().clone());
        *seen = Some((version, Arc::clone(&now)));
        Snapshot::new(committed, Some(now))
    }

    /// Replaces the committed state, and the group pending on top of it.
    pub(crate) fn show(
        &self,
        committed: Arc<CommittedState>,
        pending: Option<Arc<RwLock<Pending>>>,
    ) {
        let old = {
            let mut state = self.state.write();
            *state.seen.lock() = None;
            state.pending = pending;
            std::mem::replace(&mut state.committed, committed)
        };
        // Dropped outside of the lock: it may close files.
        drop(old);
        self.changed();
    }

    /// Notes that the pending group changed.
    pub(crate) fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Reads what others committed; returns whether there was anything. With pending work there cannot be: this store
    /// object holds the lock.
    ///
    /// # Errors
    /// `StoreNotFound` when the store was moved, removed or replaced, or restored to another state; `Corrupt`, `Io`.
    pub(crate) fn refresh(&self) -> Result<bool> {
        self.context.place.check(self.context.vfs.as_ref())?;
        let _writer = match self.writer.try_lock() {
            Some(writer) if writer.group.is_none() && writer.lock.is_none() => writer,
            // This store object is writing, so no other one is.
            _ => return Ok(false),
        };
        let before = self.committed();
        let Some(committed) = newer(&self.context, &before)? else {
            return Ok(false);
        };
        let newer = committed.commit > before.commit;
        self.show(Arc::new(committed), None);
        Ok(newer)
    }

    /// Refuses to write in a process forked from the one that opened the store: both would take the pending group for
    /// theirs.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(crate) fn check_process(&self) -> Result<()> {
        let now = std::process::id();
        if now == self.context.pid {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "This store object was opened in process {} and cannot write in its child {now}; open the store again in this process.",
                self.context.pid
            ),
        ))
    }

    /// Whether there is pending work.
    ///
    /// # Errors
    /// `Poisoned`; `InvalidArgument` in a child process, if the parent was writing.
    pub(crate) fn has_pending(&self) -> Result<bool> {
        let writer = if self.context.is_forked() {
            match self.writer.try_lock() {
                Some(writer) if writer.group.is_none() => writer,
                _ => return self.check_process().map(|()| true),
            }
        } else {
            self.writer.lock()
        };
        if let Some(why) = &writer.poisoned {
            return Err(Error::new(ErrorKind::Poisoned, why.clone()));
        }
        Ok(writer.group.is_some())
    }

    /// Rolls pending work back and releases the lock. In a process forked from the one that opened the store nothing is
    /// touched: both are the parent's.
    pub(crate) fn abandon(&self) {
        if std::process::id() != self.context.pid {
            return;
        }
        let mut writer = self.writer.lock();
        if let Some(group) = writer.group.take() {
            let committed = self.committed();
            self.show(committed, None);
            if !group.roll_back(&self.context) {
                writer.file = None;
            }
        }
        writer.lock = None;
    }

    /// Counts a snapshot as held until it is dropped.
    pub(crate) fn remember(&self, snapshot: &Snapshot) {
        let mut given = self.given.lock();
        given.retain(|committed| committed.strong_count() > 0);
        let new = Arc::downgrade(&snapshot.committed);
        if !given.iter().any(|committed| committed.ptr_eq(&new)) {
            given.push(new);
        }
    }

    /// The oldest commit that a snapshot still shows.
    pub(crate) fn oldest_snapshot(&self) -> Option<CommitNumber> {
        let given = self.given.lock();
        given
            .iter()
            .filter_map(Weak::upgrade)
            .map(|committed| committed.commit)
            .min()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.abandon();
    }
}
