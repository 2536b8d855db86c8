//! An ingest into a store: its write sessions as the pipeline's group writer.

use std::sync::Arc;

use lakebed_codec::Workers;
use lakebed_format::{
    BlobId, CatalogueRecord, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Hash,
    IngestEntry,
};

use lakebed_json::schema::Summary;

use super::group_writer::GroupWriter;
use super::pipeline::{self, Resources};
use super::{IngestOptions, IngestReport, SIZES, Source, dry_run};
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::write::{BlobCounts, Lines, NewBlob, Session, Shared};

/// zstd's level, and raw bytes of a frame, of rows that become columns right after. Larger frames make up for what
/// level and dictionary would save, and take less time.
const BRIEF_LEVEL: i32 = 1;
const BRIEF_PAGE_BYTES: usize = 64 << 10;

/// Ingests into a store; see [`crate::Store::ingest`]. Commits pending changes first.
pub(crate) fn ingest(
    shared: &Shared,
    source: Source,
    options: IngestOptions,
) -> Result<IngestReport> {
    let store_options = &shared.context.options;
    let is_brief = options.becomes_columns && !options.dry_run;
    let (level, page_bytes) = if is_brief {
        (BRIEF_LEVEL, BRIEF_PAGE_BYTES)
    } else {
        (store_options.level, store_options.page_bytes)
    };
    let resources = Resources {
        workers: Arc::new(Workers::new(store_options.threads, level)?),
        level,
        page_bytes,
        sizes: SIZES,
    };
    if options.dry_run {
        let recorded = recorded(shared.snapshot().catalogue(), &options.into)?;
        return dry_run::ingest(&recorded, source, options, &resources);
    }
    let mut writer = StoreWriter {
        shared,
        workers: Arc::clone(&resources.workers),
        brief_pages: is_brief.then_some(page_bytes),
        session: None,
    };
    writer.take_up()?;
    writer.session()?.commit()?;
    // After an error the session is dropped, which discards what is not committed.
    let report = pipeline::ingest(&mut writer, source, options, &resources)?;
    writer.release()?;
    Ok(report)
}

/// Write sessions of a store, one after the other.
struct StoreWriter<'a> {
    shared: &'a Shared,
    workers: Arc<Workers>,
    /// Raw bytes of a frame where rows stay only for a while; they have no dictionary then.
    brief_pages: Option<usize>,
    session: Option<Session<'a>>,
}

impl<'a> StoreWriter<'a> {
    fn session(&mut self) -> Result<&mut Session<'a>> {
        self.session
            .as_mut()
            .ok_or_else(|| Error::internal("an ingest writes without a session"))
    }

    fn snapshot(&self) -> Snapshot {
        match &self.session {
            Some(session) => session.snapshot(),
            None => self.shared.snapshot(),
        }
    }
}

/// The ingests recorded for the collection of this name, in order, each with the name of its file.
fn recorded(catalogue: &Catalogue, collection: &str) -> Result<Vec<(String, IngestEntry)>> {
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

impl GroupWriter for StoreWriter<'_> {
    fn release(&mut self) -> Result<()> {
        self.session.take().map_or(Ok(()), Session::leave)
    }

    fn take_up(&mut self) -> Result<()> {
        if self.session.is_none() {
            let workers = Some(Arc::clone(&self.workers));
            let mut session = Session::begin(self.shared, workers)?;
            session.gather_pages(self.brief_pages);
            self.session = Some(session);
        }
        Ok(())
    }

    fn has_dictionary(&self, collection: &str) -> Result<bool> {
        let snapshot = self.snapshot();
        let catalogue = snapshot.catalogue();
        let collection = catalogue.named(collection);
        Ok(collection.is_some_and(|collection| catalogue.dictionary_of(collection.id).is_some()))
    }

    fn ingests(&self, collection: &str) -> Result<Vec<(String, IngestEntry)>> {
        recorded(self.snapshot().catalogue(), collection)
    }

    fn use_dictionary(&mut self, collection: CollectionId) -> Result<Option<u64>> {
        if self.brief_pages.is_some() {
            return Ok(None);
        }
        let session = self.session()?;
        let generation = session
            .catalogue()
            .dictionary_of(collection)
            .map(|entry| entry.generation);
        if generation.is_some() {
            session.encode_for(collection)?;
        }
        Ok(generation)
    }

    fn segment_bytes(&self) -> Result<u64> {
        let segments = self.snapshot().segments()?;
        Ok(segments.iter().map(|segment| segment.file_bytes).sum())
    }

    fn expected(&mut self, collection: CollectionId) -> Result<Summary> {
        Ok(self.session()?.expected(collection))
    }

    fn collection(&mut self, name: &str) -> Result<CollectionId> {
        self.session()?.collection(name)
    }

    fn file(&mut self, name: &str) -> Result<FileNumber> {
        self.session()?.file(name)
    }

    fn install_dictionary(
        &mut self,
        collection: CollectionId,
        bytes: &[u8],
    ) -> Result<DictionaryNumber> {
        self.session()?.install_dictionary(collection, bytes)
    }

    fn blobs(&mut self, batch: &[NewBlob<'_>], ids: &mut Vec<BlobId>) -> Result<BlobCounts> {
        self.session()?.blobs(batch, ids)
    }

    fn seem_known(&self, hashes: &[Hash]) -> Result<bool> {
        match &self.session {
            Some(session) => session.seem_known(hashes),
            None => Ok(false),
        }
    }

    fn rows(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()> {
        self.session()?.rows(collection, file, lines, ids)
    }

    fn pin(&mut self, blob: BlobId) -> Result<()> {
        self.session()?.pin(blob)
    }

    fn record(&mut self, record: CatalogueRecord) -> Result<()> {
        self.session()?.record(record)
    }

    fn commit(&mut self) -> Result<CommitNumber> {
        self.session()?.commit()
    }
}
