//! What a repair changes in a catalogue beside its records.

use std::sync::Arc;

use lakebed_format::{
    BlobId, CollectionId, FileNumber, IdRun, IdSet, IngestEntry, LargeEntry, Seq, limits,
};

use super::{Catalogue, Collection};

impl Catalogue {
    /// Adds a collection whose creation is not known any more, under a name that is free. Returns the name.
    pub(crate) fn recover_collection(&mut self, id: CollectionId, created: i64) -> Arc<str> {
        let stem = format!("recovered_{id}");
        let mut name: Arc<str> = stem.as_str().into();
        for more in 2.. {
            if !self.names.contains_key(&name) {
                break;
            }
            name = format!("{stem}_{more}").into();
        }
        let collection = Collection {
            id,
            name: Arc::clone(&name),
            created,
            next_seq: Seq(0),
            first_live: Seq(0),
            deleted_rows: 0,
            schema: Vec::new(),
        };
        self.names.insert(Arc::clone(&name), id);
        self.collections.insert(id, Arc::new(collection));
        self.next_collection = self.next_collection.max(id.next());
        name
    }

    /// Notes that blobs are gone: as if they had been deleted, for rows that name them, and for pins.
    pub(crate) fn lose_blobs(&mut self, lost: &IdSet) {
        if lost.is_empty() {
            return;
        }
        Arc::make_mut(&mut self.deleted).extend(lost);
        self.pinned = Arc::new(self.pinned.minus(lost));
    }

    /// Pins blobs.
    pub(crate) fn pin(&mut self, ids: &IdSet) {
        Arc::make_mut(&mut self.pinned).extend(ids);
    }

    /// Forgets the descriptions of a collection's values.
    pub(crate) fn forget_schema(&mut self, id: CollectionId) {
        if let Ok(collection) = self.collection_mut(id) {
            collection.schema.clear();
        }
    }

    /// Forgets pins and deletions of blobs from this id on; whether there were some.
    pub(crate) fn forget_ids_from(&mut self, next: BlobId) -> bool {
        let mut beyond = IdSet::new();
        beyond.insert_run(IdRun {
            first: next,
            len: limits::MAX_NUMBER.saturating_sub(next.0),
        });
        let mut some = false;
        for ids in [&mut self.pinned, &mut self.deleted] {
            if ids.last().is_some_and(|last| last >= next) {
                *ids = Arc::new(ids.minus(&beyond));
                some = true;
            }
        }
        some
    }

    /// Forgets ingests whose collection or file is not known; how many.
    pub(crate) fn forget_nameless_ingests(&mut self) -> u64 {
        let named = |entry: &IngestEntry| {
            self.files.contains_key(&entry.file) && self.collections.contains_key(&entry.collection)
        };
        let known: Vec<IngestEntry> = self.ingests.iter().copied().filter(named).collect();
        let forgotten = self.ingests.len() - known.len();
        if forgotten > 0 {
            self.ingests = Arc::new(known);
        }
        forgotten as u64
    }

    /// Sets how many rows of a collection are deleted or lost.
    pub(crate) fn set_deleted_rows(&mut self, id: CollectionId, rows: u64) {
        if let Ok(collection) = self.collection_mut(id) {
            collection.deleted_rows = rows;
        }
    }

    /// Adds a large blob.
    pub(crate) fn add_large(&mut self, entry: LargeEntry) {
        Arc::make_mut(&mut self.large).insert(entry.blob, entry);
    }

    /// File numbers up to this one were given.
    pub(crate) fn give_file(&mut self, file: FileNumber) {
        if file != FileNumber::NONE {
            self.next_file = self.next_file.max(file.next());
        }
    }
}
