//! The collections that queries read from files, by the numbers that stand for them in the text of a query.
//!
//! A number is valid as long as the query is planned or runs: its scan of the rows that are in no file holds them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

use lakebed_core::{Result, SegmentNumber};
use parking_lot::Mutex;

use super::pieces::Piece;
use crate::callback::internal;
use crate::query_snapshot::PinnedStore;

/// A collection, as a query reads it.
#[derive(Debug)]
pub(crate) struct PinnedCollection {
    pub(crate) number: i64,
    pub(crate) store: PinnedStore,
    pub(crate) collection: String,
    pub(crate) pieces: Vec<Piece>,
    /// The segments whose files are read.
    pub(crate) segments: Vec<SegmentNumber>,
}

static NUMBERS: AtomicI64 = AtomicI64::new(1);

static PINNED: Mutex<Option<HashMap<i64, Weak<PinnedCollection>>>> = Mutex::new(None);

thread_local! {
    /// The collection that this thread has named and not yet bound: one thread binds a query.
    static NAMED: RefCell<Option<Arc<PinnedCollection>>> = const { RefCell::new(None) };
}

/// Holds a collection until the query that this thread binds has bound its scan.
pub(crate) fn pin(
    store: PinnedStore,
    collection: String,
    pieces: Vec<Piece>,
    segments: Vec<SegmentNumber>,
) -> Arc<PinnedCollection> {
    let pinned = Arc::new(PinnedCollection {
        number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        store,
        collection,
        pieces,
        segments,
    });
    let mut known = PINNED.lock();
    let known = known.get_or_insert_default();
    known.retain(|_, one| one.strong_count() > 0);
    known.insert(pinned.number, Arc::downgrade(&pinned));
    NAMED.set(Some(Arc::clone(&pinned)));
    pinned
}

/// The collection that a number stands for, for the scan of its other rows, which holds it from now on.
///
/// # Errors
/// There is none.
pub(crate) fn bind(number: i64) -> Result<Arc<PinnedCollection>> {
    let found = find(number);
    NAMED.set(None);
    found
}

/// The collection that a number stands for.
///
/// # Errors
/// There is none.
pub(crate) fn find(number: i64) -> Result<Arc<PinnedCollection>> {
    let known = PINNED.lock();
    let found = known.as_ref().and_then(|known| known.get(&number));
    found.and_then(Weak::upgrade).ok_or_else(|| {
        internal("The rows of an attached store were asked for outside of its tables: name the table of the collection.")
    })
}
