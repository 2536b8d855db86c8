//! What the pipeline writes into: the write session of a store, as far as an ingest needs it.

use std::sync::Arc;

use lakebed_format::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Hash, IngestEntry, Record,
};

use crate::error::Result;
use crate::write::{BlobCounts, Lines, NewBlob};
use lakebed_codec::Workers;

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
    /// Whether most of these blobs seem to be there already; then many at once are better than few.
    fn seem_known(&self, hashes: &[Hash]) -> Result<bool>;
    fn rows(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()>;
    /// Keeps a blob that no row names.
    fn pin(&mut self, blob: BlobId) -> Result<()>;
    fn record(&mut self, record: Record) -> Result<()>;
    /// Makes the group durable; the next one begins.
    fn commit(&mut self) -> Result<CommitNumber>;
    /// Bytes of all segments, what is pending not counted.
    fn stored_bytes(&self) -> Result<u64>;
}
