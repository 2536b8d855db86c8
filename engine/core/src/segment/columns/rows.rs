//! The rows that come into a part, and where their records come from.

use std::sync::Arc;

use lakebed_format::{BlobId, CollectionId, Seq};
use lakebed_json::schema::Schema;

use crate::error::Result;

/// The rows of a collection that come into its part, by ascending blobs.
#[derive(Debug)]
pub(crate) struct PartRows {
    pub(crate) collection: CollectionId,
    /// The collection's name, for messages.
    pub(crate) name: Arc<str>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) rows: Vec<PartRow>,
    /// What rows share: their file, and when they were ingested.
    pub(crate) shares: Vec<(Option<Arc<str>>, i64)>,
}

/// A row of a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartRow {
    pub(crate) blob: BlobId,
    pub(crate) seq: Seq,
    pub(crate) line: Option<u64>,
    /// Its place in [`PartRows::shares`].
    pub(crate) share: u32,
}

/// Reads the bytes of a blob.
pub(crate) trait ReadRecord {
    /// The bytes.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, `Interrupted`.
    fn record(&mut self, id: BlobId) -> Result<&[u8]>;

    /// To be called a few times a second.
    ///
    /// # Errors
    /// `Interrupted`.
    fn check_interrupted(&self) -> Result<()>;
}
