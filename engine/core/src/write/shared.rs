//! What the readers and the writer of one store object share.
//!
//! Locks are taken in this order, and none is held while waiting for another process: the writer's, the state's, the pending group's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use lakebed_format::{CommitNumber, SegmentNumber};
use lakebed_vfs::File;
use parking_lot::{Mutex, RwLock};

use super::group::Group;
use super::lock::WriterLock;
use super::pending::Pending;
use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;
use crate::snapshot::open::newer;
use crate::snapshot::{Snapshot, View};
use lakebed_codec::Workers;

/// One store object.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) home: Arc<Home>,
    state: RwLock<State>,
    pub(crate) writer: Mutex<Writer>,
    closed: AtomicBool,
    /// Counts changes of the pending group.
    version: AtomicU64,
    /// The views that snapshots were given out of.
    given: Mutex<Vec<Weak<View>>>,
}

/// What readers see.
#[derive(Debug)]
struct State {
    view: Arc<View>,
    pending: Option<Arc<RwLock<Pending>>>,
    /// The pending group as it was read last, so that reading again costs nothing.
    seen: Mutex<Option<(u64, Arc<Pending>)>>,
}

/// What the one thread that writes has.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) lock: Option<WriterLock>,
    pub(crate) group: Option<Group>,
    /// The active segment, open for writing.
    pub(crate) file: Option<(SegmentNumber, Arc<dyn File>)>,
    /// Compresses on the caller's thread: no thread of its own, so that it may stay.
    pub(crate) here: Option<Arc<Workers>>,
    /// Why nothing is written any more.
    pub(crate) poisoned: Option<String>,
    /// The manifest whose name is known to be durable.
    pub(crate) manifest: Option<u64>,
    /// Whether leftovers of a crash were looked for.
    pub(crate) swept: bool,
}

impl Shared {
    pub(crate) fn new(home: Arc<Home>, view: View) -> Self {
        Self {
            home,
            state: RwLock::new(State {
                view: Arc::new(view),
                pending: None,
                seen: Mutex::new(None),
            }),
            writer: Mutex::default(),
            closed: AtomicBool::new(false),
            version: AtomicU64::new(0),
            given: Mutex::default(),
        }
    }

    /// An error once the store object is closed.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorKind::Closed,
                format!(
                    "This store object of {} was closed; open the store again.",
                    self.home.vfs.describe()
                ),
            ));
        }
        Ok(())
    }

    /// Whether this call closed it.
    pub(crate) fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// The committed view.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.state.read().view)
    }

    /// What this object sees, pending work included.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state.read();
        let view = Arc::clone(&state.view);
        let Some(pending) = &state.pending else {
            return Snapshot::new(view, None);
        };
        let version = self.version.load(Ordering::Acquire);
        let mut seen = state.seen.lock();
        if let Some((at, pending)) = &*seen
            && *at == version
        {
            return Snapshot::new(view, Some(Arc::clone(pending)));
        }
        let now = Arc::new(pending.read().clone());
        *seen = Some((version, Arc::clone(&now)));
        Snapshot::new(view, Some(now))
    }

    /// Shows another view, and the group pending on top of it.
    pub(crate) fn show(&self, view: Arc<View>, pending: Option<Arc<RwLock<Pending>>>) {
        let old = {
            let mut state = self.state.write();
            *state.seen.lock() = None;
            state.pending = pending;
            std::mem::replace(&mut state.view, view)
        };
        // Dropped outside of the lock: it may close files.
        drop(old);
        self.changed();
    }

    /// The pending group changed.
    pub(crate) fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Sees what others committed; whether there was anything. With pending work there cannot be: this object holds the lock.
    pub(crate) fn refresh(&self) -> Result<bool> {
        let _writer = match self.writer.try_lock() {
            Some(writer) if writer.group.is_none() && writer.lock.is_none() => writer,
            // This object is writing, so nobody else is.
            _ => return Ok(false),
        };
        let before = self.view();
        let Some(view) = newer(&self.home, &before)? else {
            return Ok(false);
        };
        let newer = view.commit > before.commit;
        if newer || view.base.number > before.base.number {
            self.show(Arc::new(view), None);
        }
        Ok(newer)
    }

    /// Whether there is pending work.
    pub(crate) fn has_pending(&self) -> Result<bool> {
        let writer = self.writer.lock();
        if let Some(why) = &writer.poisoned {
            return Err(Error::new(ErrorKind::Poisoned, why.clone()));
        }
        Ok(writer.group.is_some())
    }

    /// Forgets pending work and gives the lock up. In a process forked from the one that opened the store nothing is touched: both are
    /// the parent's.
    pub(crate) fn abandon(&self) {
        if std::process::id() != self.home.pid {
            return;
        }
        let mut writer = self.writer.lock();
        if let Some(group) = writer.group.take() {
            let view = self.view();
            self.show(view, None);
            if !group.roll_back(&self.home) {
                writer.file = None;
            }
        }
        writer.lock = None;
    }

    /// Counts a snapshot as held until it is dropped.
    pub(crate) fn remember(&self, snapshot: &Snapshot) {
        let mut given = self.given.lock();
        given.retain(|view| view.strong_count() > 0);
        let new = Arc::downgrade(&snapshot.view);
        if !given.iter().any(|view| view.ptr_eq(&new)) {
            given.push(new);
        }
    }

    /// The oldest commit that something still reads by.
    pub(crate) fn oldest_snapshot(&self) -> Option<CommitNumber> {
        let given = self.given.lock();
        given
            .iter()
            .filter_map(Weak::upgrade)
            .map(|view| view.commit)
            .min()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.abandon();
    }
}
