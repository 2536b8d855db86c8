//! The store's write session as the pipeline's sink.

use std::sync::Arc;

use lakebed_format::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Hash, IngestEntry, Record,
};

use super::run::ingest_in;
use super::{SIZES, Sink};
use crate::error::Result;
use crate::store::{IngestOptions, IngestReport, Source};
use crate::write::{BlobCounts, Lines, NewBlob, Session, Shared};
use lakebed_codec::Workers;

/// Ingests into a store; see [`crate::Store::ingest`]. Commits what was pending first.
pub(crate) fn ingest(
    shared: &Shared,
    source: Source,
    options: IngestOptions,
) -> Result<IngestReport> {
    let how = &shared.home.options;
    let workers = Arc::new(Workers::new(how.threads, how.level)?);
    let mut session = Session::begin(shared, Some(Arc::clone(&workers)))?;
    session.commit()?;
    let mut sink = SessionSink {
        session,
        workers,
        framing: (how.level, how.page_bytes),
        encoding: None,
    };
    // After an error the session is dropped, which undoes what was not committed.
    let report = ingest_in(&mut sink, source, options, SIZES)?;
    sink.session.leave()?;
    Ok(report)
}

struct SessionSink<'a> {
    session: Session<'a>,
    workers: Arc<Workers>,
    framing: (i32, usize),
    /// Whose dictionary frames use: each group starts without one.
    encoding: Option<CollectionId>,
}

impl Sink for SessionSink<'_> {
    fn workers(&self) -> Arc<Workers> {
        Arc::clone(&self.workers)
    }

    fn framing(&self) -> (i32, usize) {
        self.framing
    }

    fn ingests(&self, collection: &str) -> Result<Vec<(String, IngestEntry)>> {
        let catalogue = self.session.catalogue();
        let Some(collection) = catalogue.named(collection) else {
            return Ok(Vec::new());
        };
        let entries = catalogue
            .ingests()
            .iter()
            .filter(|entry| entry.collection == collection.id);
        Ok(entries
            .map(|entry| {
                let name = catalogue.file(entry.file).map(ToString::to_string);
                (name.unwrap_or_default(), *entry)
            })
            .collect())
    }

    fn collection(&mut self, name: &str) -> Result<CollectionId> {
        self.session.collection(name)
    }

    fn file(&mut self, name: &str) -> Result<FileNumber> {
        self.session.file(name)
    }

    fn has_dictionary(&self, collection: CollectionId) -> bool {
        self.generation(collection) > 0
    }

    fn generation(&self, collection: CollectionId) -> u64 {
        let catalogue = self.session.catalogue();
        catalogue
            .dictionary_of(collection)
            .map_or(0, |entry| entry.generation)
    }

    fn install_dictionary(
        &mut self,
        collection: CollectionId,
        bytes: &[u8],
    ) -> Result<DictionaryNumber> {
        self.session.install_dictionary(collection, bytes)
    }

    fn encode_for(&mut self, collection: CollectionId) -> Result<()> {
        self.encoding = Some(collection);
        self.session.encode_for(collection)
    }

    fn blobs(&mut self, batch: &[NewBlob<'_>], ids: &mut Vec<BlobId>) -> Result<BlobCounts> {
        self.session.blobs(batch, ids)
    }

    fn seem_known(&self, hashes: &[Hash]) -> Result<bool> {
        self.session.seem_known(hashes)
    }

    fn rows(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()> {
        self.session.rows(collection, file, lines, ids)
    }

    fn pin(&mut self, blob: BlobId) -> Result<()> {
        self.session.pin(blob)
    }

    fn record(&mut self, record: Record) -> Result<()> {
        self.session.record(record)
    }

    fn commit(&mut self) -> Result<CommitNumber> {
        let number = self.session.commit()?;
        if let Some(collection) = self.encoding {
            self.session.encode_for(collection)?;
        }
        Ok(number)
    }

    fn stored_bytes(&self) -> Result<u64> {
        let segments = self.session.snapshot().segments()?;
        Ok(segments.iter().map(|segment| segment.file_bytes).sum())
    }
}
