//! What the pipeline writes into: the write session of a store, as far as an ingest needs it.

use std::sync::Arc;

use lakebed_format::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Hash, IngestEntry, Record,
};

use crate::error::Result;
use crate::frames::Workers;

/// Bytes that may or may not be in the store already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewBlob<'a> {
    pub(crate) hash: Hash,
    pub(crate) bytes: &'a [u8],
}

/// What became of a batch of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BlobCounts {
    pub(crate) new: u64,
    pub(crate) duplicates: u64,
}

/// The line numbers of a batch of rows, from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lines<'a> {
    /// Each is one more than the one before, from here on.
    From(u64),
    /// Each by itself, ascending.
    Each(&'a [u64]),
}

/// A pending group that is committed as often as asked, and rolled back when dropped without.
pub(crate) trait Sink {
    /// The threads that also compress the sink's frames.
    fn workers(&self) -> Arc<Workers>;
    /// How frames are made: zstd level and raw bytes of a page.
    fn framing(&self) -> (i32, usize);
    /// Ingests recorded for the collection of this name, with the names of their files, in the order of the records.
    fn ingests(&self, collection: &str) -> Result<Vec<(String, IngestEntry)>>;
    /// The collection of this name, made when it is not there.
    fn collection(&mut self, name: &str) -> Result<CollectionId>;
    /// The number of this file name, given when it has none.
    fn file(&mut self, name: &str) -> Result<FileNumber>;
    fn has_dictionary(&self, collection: CollectionId) -> bool;
    fn install_dictionary(
        &mut self,
        collection: CollectionId,
        bytes: &[u8],
    ) -> Result<DictionaryNumber>;
    /// Which generation of the collection's dictionaries is the newest; 0 when there is none.
    fn generation(&self, collection: CollectionId) -> u64;
    /// Frames from now on use the collection's newest dictionary, if it has one.
    fn encode_for(&mut self, collection: CollectionId) -> Result<()>;
    /// Appends the blobs' ids to `ids`, in order; those not there before are framed.
    fn blobs(&mut self, batch: &[NewBlob<'_>], ids: &mut Vec<BlobId>) -> Result<BlobCounts>;
    fn rows(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()>;
    fn record(&mut self, record: Record) -> Result<()>;
    /// Makes the group durable; the next one begins.
    fn commit(&mut self) -> Result<CommitNumber>;
    /// Bytes of all segments, the pending group as far as it is written included.
    fn stored_bytes(&self) -> u64;
}
