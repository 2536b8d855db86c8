//! The store as of one commit: opening it, and reading from it.
//!
//! A [`Snapshot`] is a value that several threads may read at once and that stays readable for as long as it is held, whatever is
//! written, sealed or compacted meanwhile. It includes the pending work of the object it was taken from, as of that moment.

mod cursor;
pub(crate) mod open;
mod read;
pub(crate) mod rebuild;
mod rows;
pub(crate) mod view;

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::write::pending::Pending;

pub(crate) use cursor::{Cursor, Holder};
pub(crate) use read::not_found;
pub(crate) use rows::{BatchRef, live_range};
pub use rows::{Row, Rows};
pub(crate) use view::View;

/// The store as of one commit (and the pending work of the object it was taken from).
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) view: Arc<View>,
    pub(crate) pending: Option<Arc<Pending>>,
}

impl Snapshot {
    pub(crate) fn new(view: Arc<View>, pending: Option<Arc<Pending>>) -> Self {
        Self { view, pending }
    }

    /// The catalogue, with what is pending.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        self.pending
            .as_ref()
            .map_or(&self.view.catalogue, |pending| &pending.catalogue)
    }
}
