//! An ingest into a store: the write session as the pipeline's group writer.

use std::sync::Arc;

use lakebed_codec::Workers;
use lakebed_format::{
    BlobId, CatalogueRecord, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Hash,
    IngestEntry,
};

use lakebed_json::schema::Summary;

use super::group_writer::GroupWriter;
use super::pipeline::{self, Resources};
use super::{IngestOptions, IngestReport, SIZES, Source};
use crate::error::{Error, Result};
use crate::write::{BlobCounts, Lines, NewBlob, Session, Shared};

/// Ingests into a store; see [`crate::Store::ingest`]. Commits pending changes first.
pub(crate) fn ingest(
    shared: &Shared,
    source: Source,
    options: IngestOptions,
) -> Result<IngestReport> {
    let store_options = &shared.context.options;
    let resources = Resources {
        workers: Arc::new(Workers::new(store_options.threads, store_options.level)?),
        level: store_options.level,
        page_bytes: store_options.page_bytes,
        sizes: SIZES,
    };
    let mut session = Session::begin(shared, Some(Arc::clone(&resources.workers)))?;
    session.commit()?;
    // After an error the session is dropped, which discards what is not committed.
    let report = pipeline::ingest(&mut session, source, options, resources)?;
    session.leave()?;
    Ok(report)
}

impl GroupWriter for Session<'_> {
    fn ingests(&self, collection: &str) -> Result<Vec<(String, IngestEntry)>> {
        let catalogue = self.catalogue();
        let Some(collection) = catalogue.named(collection) else {
            return Ok(Vec::new());
        };
        let entries = catalogue
            .ingests()
            .iter()
            .filter(|entry| entry.collection == collection.id);
        entries
            .map(|entry| {
                let name = catalogue.file(entry.file).ok_or_else(|| {
                    Error::internal("an ingest names a file that the catalogue lacks")
                })?;
                Ok((name.to_string(), *entry))
            })
            .collect()
    }

    fn use_dictionary(&mut self, collection: CollectionId) -> Result<Option<u64>> {
        let generation = self
            .catalogue()
            .dictionary_of(collection)
            .map(|entry| entry.generation);
        if generation.is_some() {
            self.encode_for(collection)?;
        }
        Ok(generation)
    }

    fn segment_bytes(&self) -> Result<u64> {
        let segments = self.snapshot().segments()?;
        Ok(segments.iter().map(|segment| segment.file_bytes).sum())
    }

    // The inherent methods of the session.

    fn expected(&self, collection: CollectionId) -> Summary {
        Session::expected(self, collection)
    }

    fn collection(&mut self, name: &str) -> Result<CollectionId> {
        Session::collection(self, name)
    }

    fn file(&mut self, name: &str) -> Result<FileNumber> {
        Session::file(self, name)
    }

    fn install_dictionary(
        &mut self,
        collection: CollectionId,
        bytes: &[u8],
    ) -> Result<DictionaryNumber> {
        Session::install_dictionary(self, collection, bytes)
    }

    fn blobs(&mut self, batch: &[NewBlob<'_>], ids: &mut Vec<BlobId>) -> Result<BlobCounts> {
        Session::blobs(self, batch, ids)
    }

    fn seem_known(&self, hashes: &[Hash]) -> Result<bool> {
        Session::seem_known(self, hashes)
    }

    fn rows(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()> {
        Session::rows(self, collection, file, lines, ids)
    }

    fn pin(&mut self, blob: BlobId) -> Result<()> {
        Session::pin(self, blob)
    }

    fn record(&mut self, record: CatalogueRecord) -> Result<()> {
        Session::record(self, record)
    }

    fn commit(&mut self) -> Result<CommitNumber> {
        Session::commit(self)
    }
}
