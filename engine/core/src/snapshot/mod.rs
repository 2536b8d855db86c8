//! The store as of one commit: opening it, and reading from it.
//!
//! A [`Snapshot`] is a value that several threads may read at once and that stays readable for as long as it is held,
//! whatever is written, sealed or compacted meanwhile. It includes the pending work of the object it was taken from, as
//! of that moment.

pub(crate) mod committed;
mod cursor;
mod history;
mod info;
pub(crate) mod manifest_file;
pub(crate) mod open;
mod read;
pub(crate) mod rebuild;
mod rows;
mod sizes;

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::segment::rows::pending::Pending;

pub(crate) use committed::CommittedState;
pub(crate) use cursor::{Cursor, Holder};
pub use info::{CollectionInfo, CommitInfo, DictionaryInfo, SegmentInfo, SegmentState};
pub(crate) use read::not_found;
pub(crate) use rows::{BatchRef, BatchSource, live_range};
pub use rows::{Row, Rows};

/// The store as of one commit (and the pending work of the object it was taken from).
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) committed: Arc<CommittedState>,
    pub(crate) pending: Option<Arc<Pending>>,
}

impl Snapshot {
    pub(crate) fn new(committed: Arc<CommittedState>, pending: Option<Arc<Pending>>) -> Self {
        Self { committed, pending }
    }

    /// The catalogue, with what is pending.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        self.pending
            .as_ref()
            .map_or(&self.committed.catalogue, |pending| &pending.catalogue)
    }
}
