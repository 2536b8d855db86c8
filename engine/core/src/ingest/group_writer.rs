//! What an ingest writes to: the write session of a store, or a stand-in of the tests.

use lakebed_format::{
    BlobId, CatalogueRecord, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Hash,
    IngestEntry,
};

use lakebed_json::schema::Summary;

use crate::error::Result;
use crate::write::{BlobCounts, Lines, NewBlob};

/// A pending group. It is committed by `commit`, after which the next one begins, and rolled back when it is dropped.
pub(crate) trait GroupWriter {
    /// The ingests recorded for the collection of this name, in order, each with the name of its file.
    fn ingests(&self, collection: &str) -> Result<Vec<(String, IngestEntry)>>;
    /// The collection of this name, created if it does not exist.
    fn collection(&mut self, name: &str) -> Result<CollectionId>;
    /// The number of a file name, assigned if it has none.
    fn file(&mut self, name: &str) -> Result<FileNumber>;
    /// The generation of the collection's newest dictionary, which the frames of this group then use; `None` if it has
    /// none.
    fn use_dictionary(&mut self, collection: CollectionId) -> Result<Option<u64>>;
    /// Stores a dictionary as the newest one of the collection.
    fn install_dictionary(
        &mut self,
        collection: CollectionId,
        bytes: &[u8],
    ) -> Result<DictionaryNumber>;
    /// Appends the blobs' ids to `ids`, in order; blobs that the store does not have are framed.
    fn blobs(&mut self, batch: &[NewBlob<'_>], ids: &mut Vec<BlobId>) -> Result<BlobCounts>;
    /// Whether the store seems to have most of these blobs. Then few large batches are faster than many small ones.
    fn seem_known(&self, hashes: &[Hash]) -> Result<bool>;
    /// Appends rows, one for each id.
    fn rows(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()>;
    /// Keeps a blob that no row names.
    fn pin(&mut self, blob: BlobId) -> Result<()>;
    /// A summary of no rows that expects the keys of a collection's rows.
    fn expected(&self, collection: CollectionId) -> Summary;
    /// Appends a record to the catalogue.
    fn record(&mut self, record: CatalogueRecord) -> Result<()>;
    /// Makes the group durable; the next one begins, without a dictionary.
    fn commit(&mut self) -> Result<CommitNumber>;
    /// Bytes of all segments, without the pending group.
    fn segment_bytes(&self) -> Result<u64>;
}
