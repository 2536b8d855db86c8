//! What a repair changes in a catalogue beside its records.

use std::sync::Arc;

use lakebed_format::{CollectionId, FileNumber, IdSet, LargeEntry, Seq};

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
