//! The count of minified values.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many values were minified because of line breaks in them. Shared with the reader.
#[derive(Debug, Clone, Default)]
pub(in crate::ingest) struct Minified(Arc<AtomicU64>);

impl Minified {
    pub(in crate::ingest) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
