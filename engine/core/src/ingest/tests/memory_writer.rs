//! A writer that keeps everything in memory, and can fail at a commit.

use std::collections::HashMap;
use std::sync::Arc;

use lakebed_format::{
    BlobId, CatalogueRecord, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Hash,
    IngestEntry,
};

use crate::error::{Error, ErrorKind, Result};
use crate::ingest::Sizes;
use crate::ingest::group_writer::GroupWriter;
use crate::ingest::pipeline::Resources;
use crate::write::{BlobCounts, Lines, NewBlob};
use lakebed_codec::Workers;
use lakebed_json::schema::Summary;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MemoryRow {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) bytes: Vec<u8>,
}

/// What a commit makes durable.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    pub(super) blobs: Vec<Vec<u8>>,
    pub(super) hashes: HashMap<Hash, BlobId>,
    pub(super) collections: Vec<String>,
    pub(super) files: Vec<String>,
    pub(super) rows: Vec<(CollectionId, MemoryRow)>,
    pub(super) ingests: Vec<IngestEntry>,
    pub(super) schemas: Vec<(CollectionId, u64)>,
    pub(super) pinned: Vec<BlobId>,
    pub(super) dictionaries: Vec<(CollectionId, Vec<u8>)>,
}

#[derive(Debug)]
pub(super) struct MemoryWriter {
    pub(super) threads: usize,
    pub(super) now: Contents,
    pub(super) committed: Contents,
    pub(super) commits: u64,
    /// This commit, counted from 1, fails.
    pub(super) fail_at: Option<u64>,
    pub(super) encoding_for: Option<CollectionId>,
}

impl Default for MemoryWriter {
    fn default() -> Self {
        Self {
            threads: 2,
            now: Contents::default(),
            committed: Contents::default(),
            commits: 0,
            fail_at: None,
            encoding_for: None,
        }
    }
}

impl MemoryWriter {
    pub(super) fn single_threaded() -> Self {
        Self {
            threads: 1,
            ..Self::default()
        }
    }

    pub(super) fn resources(&self, sizes: Sizes) -> Resources {
        Resources {
            workers: Arc::new(Workers::new(self.threads, 3).unwrap()),
            level: 3,
            page_bytes: 4 << 10,
            sizes,
        }
    }

    /// What another process would find now.
    pub(super) fn reopen(&self) -> Self {
        Self {
            now: self.committed.clone(),
            committed: self.committed.clone(),
            ..Self::default()
        }
    }

    /// Committed rows of a collection, as numbers and bytes.
    pub(super) fn lines(&self, collection: &str) -> Vec<(u64, Vec<u8>)> {
        self.rows(collection)
            .into_iter()
            .map(|row| (row.line, row.bytes))
            .collect()
    }

    pub(super) fn rows(&self, collection: &str) -> Vec<MemoryRow> {
        let Some(at) = self
            .committed
            .collections
            .iter()
            .position(|name| name == collection)
        else {
            return Vec::new();
        };
        let rows = self
            .committed
            .rows
            .iter()
            .filter(|(id, _)| id.0 == at as u64);
        rows.map(|(_, row)| row.clone()).collect()
    }
}

fn index_of(names: &mut Vec<String>, name: &str) -> u64 {
    if let Some(at) = names.iter().position(|there| there == name) {
        return at as u64;
    }
    names.push(name.to_owned());
    names.len() as u64 - 1
}

impl GroupWriter for MemoryWriter {
    fn ingests(&self, collection: &str) -> Result<Vec<(String, IngestEntry)>> {
        let at = self
            .now
            .collections
            .iter()
            .position(|name| name == collection);
        let entries = self
            .now
            .ingests
            .iter()
            .filter(|entry| Some(entry.collection.0 as usize) == at);
        Ok(entries
            .map(|entry| (self.now.files[entry.file.0 as usize].clone(), *entry))
            .collect())
    }

    fn collection(&mut self, name: &str) -> Result<CollectionId> {
        Ok(CollectionId(index_of(&mut self.now.collections, name)))
    }

    fn file(&mut self, name: &str) -> Result<FileNumber> {
        Ok(FileNumber(index_of(&mut self.now.files, name)))
    }

    fn use_dictionary(&mut self, collection: CollectionId) -> Result<Option<u64>> {
        let generation = self
            .now
            .dictionaries
            .iter()
            .filter(|(id, _)| *id == collection)
            .count() as u64;
        if generation == 0 {
            return Ok(None);
        }
        self.encoding_for = Some(collection);
        Ok(Some(generation))
    }

    fn install_dictionary(
        &mut self,
        collection: CollectionId,
        bytes: &[u8],
    ) -> Result<DictionaryNumber> {
        self.now.dictionaries.push((collection, bytes.to_vec()));
        Ok(DictionaryNumber(self.now.dictionaries.len() as u64))
    }

    fn seem_known(&self, hashes: &[Hash]) -> Result<bool> {
        // Any answer will do; this one takes both ways.
        Ok(hashes.len() % 2 == 1)
    }

    fn blobs(&mut self, batch: &[NewBlob<'_>], ids: &mut Vec<BlobId>) -> Result<BlobCounts> {
        let mut counts = BlobCounts::default();
        for blob in batch {
            assert_eq!(blob.hash, Hash::of(blob.bytes));
            if let Some(id) = self.now.hashes.get(&blob.hash) {
                counts.known += 1;
                ids.push(*id);
                continue;
            }
            let id = BlobId(self.now.blobs.len() as u64);
            self.now.blobs.push(blob.bytes.to_vec());
            self.now.hashes.insert(blob.hash, id);
            counts.new += 1;
            ids.push(id);
        }
        Ok(counts)
    }

    fn rows(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()> {
        if let Lines::Each(lines) = lines {
            assert_eq!(lines.len(), ids.len());
        }
        for (at, id) in ids.iter().enumerate() {
            let line = match lines {
                Lines::From(first) => first + at as u64,
                Lines::Each(lines) => lines[at],
                Lines::None => panic!("an ingested row has a line"),
            };
            let row = MemoryRow {
                file: self.now.files[file.0 as usize].clone(),
                line,
                bytes: self.now.blobs[id.0 as usize].clone(),
            };
            self.now.rows.push((collection, row));
        }
        Ok(())
    }

    fn pin(&mut self, blob: BlobId) -> Result<()> {
        self.now.pinned.push(blob);
        Ok(())
    }

    fn expected(&self, _: CollectionId) -> Summary {
        Summary::new()
    }

    fn record(&mut self, record: CatalogueRecord) -> Result<()> {
        match record {
            CatalogueRecord::Schema {
                collection,
                summary,
            } => {
                self.now
                    .schemas
                    .push((collection, Summary::decode(&summary).unwrap().rows()));
            }
            CatalogueRecord::Ingest(entry) => self.now.ingests.push(entry),
            other => panic!("an ingest does not write {other:?}"),
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<CommitNumber> {
        self.commits += 1;
        if self.fail_at == Some(self.commits) {
            return Err(Error::new(ErrorKind::StoreFull, "The disk is full."));
        }
        self.committed = self.now.clone();
        Ok(CommitNumber(self.commits))
    }

    fn segment_bytes(&self) -> Result<u64> {
        Ok(self
            .committed
            .blobs
            .iter()
            .map(|blob| blob.len() as u64)
            .sum())
    }
}
