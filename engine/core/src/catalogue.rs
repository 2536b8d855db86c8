//! The catalogue: collections, dictionaries, files, ingests, pins, deleted ids, large blobs, next numbers.
//!
//! A catalogue is a value: a clone shares its parts and costs a few reference counts; applying a record copies only the
//! part that changes, and only while it is shared. It is the sum of the records applied to it, in order, on top of a
//! manifest.

mod amend;
mod bounds;
mod shared_map;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakebed_format::{
    BlobId, CatalogueRecord, CollectionEntry, CollectionId, CommitNumber, DictionaryEntry,
    DictionaryNumber, FileEntry, FileNumber, IngestEntry, LargeEntry, ManifestBody, SegmentEntry,
    SegmentNumber, Seq, limits,
};
use lakebed_format::{Fingerprint, IdSet};

use lakebed_json::schema::{BadSummary, Description};
use shared_map::SharedMap;

/// A collection's summaries are merged when there are more than this.
const MOST_SUMMARIES: usize = 16;

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Collection {
    pub(crate) id: CollectionId,
    pub(crate) name: Arc<str>,
    pub(crate) created: i64,
    pub(crate) next_seq: Seq,
    /// The first row that was not trimmed.
    pub(crate) first_live: Seq,
    /// Rows from `first_live` on whose blobs were deleted.
    pub(crate) deleted_rows: u64,
    /// Encoded descriptions of its values, in the order they apply, that together describe all rows.
    pub(crate) schema: Vec<Arc<[u8]>>,
}

impl Collection {
    /// Live rows.
    pub(crate) fn rows(&self) -> u64 {
        (self.next_seq.0 - self.first_live.0.min(self.next_seq.0)).saturating_sub(self.deleted_rows)
    }
}

/// The catalogue as of a commit, or of a pending group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue {
    pub(crate) next_collection: CollectionId,
    pub(crate) next_file: FileNumber,
    pub(crate) next_dictionary: DictionaryNumber,
    pub(crate) next_segment: SegmentNumber,
    collections: SharedMap<CollectionId, Arc<Collection>>,
    names: SharedMap<Arc<str>, CollectionId>,
    /// Whether one of the collections was trimmed.
    trimmed: bool,
    dictionaries: Arc<BTreeMap<DictionaryNumber, DictionaryEntry>>,
    files: Arc<BTreeMap<FileNumber, Arc<str>>>,
    ingests: Arc<Vec<IngestEntry>>,
    pinned: Arc<IdSet>,
    deleted: Arc<IdSet>,
    large: Arc<BTreeMap<BlobId, LargeEntry>>,
}

impl Catalogue {
    /// The catalogue of a manifest.
    pub(crate) fn from_body(body: &ManifestBody) -> Self {
        let mut collections = SharedMap::default();
        let mut names = SharedMap::default();
        for entry in &body.collections {
            let name: Arc<str> = entry.name.as_str().into();
            let schema = if entry.schema.is_empty() {
                Vec::new()
            } else {
                vec![entry.schema.as_slice().into()]
            };
            names.insert(Arc::clone(&name), entry.id);
            let collection = Collection {
                id: entry.id,
                name,
                created: entry.created,
                next_seq: entry.next_seq,
                first_live: entry.first_live,
                deleted_rows: entry.deleted_rows,
                schema,
            };
            collections.insert(entry.id, Arc::new(collection));
        }
        Self {
            next_collection: body.next_collection,
            next_file: body.next_file,
            next_dictionary: body.next_dictionary,
            next_segment: body.next_segment,
            collections,
            names,
            trimmed: body.collections.iter().any(|c| c.first_live > Seq(0)),
            dictionaries: Arc::new(body.dictionaries.iter().map(|d| (d.number, *d)).collect()),
            files: Arc::new(
                body.files
                    .iter()
                    .map(|f| (f.number, f.name.as_str().into()))
                    .collect(),
            ),
            ingests: Arc::new(body.ingests.clone()),
            pinned: Arc::new(body.pinned.clone()),
            deleted: Arc::new(body.deleted.clone()),
            large: Arc::new(body.large.iter().map(|l| (l.blob, *l)).collect()),
        }
    }

    /// The body of a manifest with this catalogue; `merge` makes one summary of a collection's.
    pub(crate) fn to_body<E>(
        &self,
        at: &ManifestPoint,
        segments: Vec<SegmentEntry>,
        mut merge: impl FnMut(&[Arc<[u8]>]) -> Result<Vec<u8>, E>,
    ) -> Result<ManifestBody, E> {
        let mut collections = Vec::with_capacity(self.collections.len());
        for collection in self.collections.values() {
            collections.push(CollectionEntry {
                id: collection.id,
                name: collection.name.to_string(),
                created: collection.created,
                next_seq: collection.next_seq,
                first_live: collection.first_live,
                deleted_rows: collection.deleted_rows,
                schema: merge(&collection.schema)?,
            });
        }
        Ok(ManifestBody {
            last_commit: at.last_commit,
            last_commit_checksum: at.last_commit_checksum,
            next_blob: at.next_blob,
            active_segment: at.active_segment,
            next_collection: self.next_collection,
            next_file: self.next_file,
            next_dictionary: self.next_dictionary,
            next_segment: self.next_segment,
            segments,
            collections,
            dictionaries: self.dictionaries.values().copied().collect(),
            files: self
                .files
                .iter()
                .map(|(number, name)| FileEntry {
                    number: *number,
                    name: name.to_string(),
                })
                .collect(),
            ingests: self.ingests.to_vec(),
            pinned: (*self.pinned).clone(),
            deleted: (*self.deleted).clone(),
            large: self.large.values().copied().collect(),
        })
    }

    /// Applies a record.
    ///
    /// # Errors
    /// A half sentence that says why the record does not fit.
    pub(crate) fn apply(&mut self, record: &CatalogueRecord) -> Result<(), String> {
        match record {
            CatalogueRecord::CollectionCreated(new) => {
                self.create(&new.name, new.id, new.created)?;
            }
            CatalogueRecord::CollectionDropped(id) => self.drop_collection(*id)?,
            CatalogueRecord::Schema {
                collection,
                summary,
            } => {
                let parts = &mut self.collection_mut(*collection)?.schema;
                parts.push(summary.as_slice().into());
                if parts.len() > MOST_SUMMARIES
                    && let Ok(merged) = merge_summaries(parts)
                {
                    *parts = vec![merged.into()];
                }
            }
            CatalogueRecord::Dictionary(entry) => {
                Arc::make_mut(&mut self.dictionaries).insert(entry.number, *entry);
            }
            CatalogueRecord::File(entry) => {
                Arc::make_mut(&mut self.files).insert(entry.number, entry.name.as_str().into());
            }
            CatalogueRecord::Ingest(entry) => self.ingest(entry),
            CatalogueRecord::Deleted { blob, rows } => {
                for (collection, rows) in rows {
                    self.collection_mut(*collection)?.deleted_rows += rows;
                }
                Arc::make_mut(&mut self.deleted).insert(*blob);
                if self.pinned.contains(*blob) {
                    Arc::make_mut(&mut self.pinned).remove(*blob);
                }
            }
            CatalogueRecord::Pinned(ids) => Arc::make_mut(&mut self.pinned).extend(ids),
            CatalogueRecord::Trimmed {
                collection,
                first_live,
                deleted_rows,
            } => {
                let collection = self.collection_mut(*collection)?;
                collection.first_live = collection.first_live.max(*first_live);
                collection.deleted_rows = collection.deleted_rows.saturating_sub(*deleted_rows);
                self.trimmed |= *first_live > Seq(0);
            }
            CatalogueRecord::Large(entry) => {
                Arc::make_mut(&mut self.large).insert(entry.blob, *entry);
            }
            CatalogueRecord::Next {
                collection,
                file,
                dictionary,
                segment,
            } => {
                let next = [collection.0, file.0, dictionary.0, segment.0];
                if next.iter().any(|number| *number >= limits::MAX_NUMBER) {
                    return Err("a next number is out of its range".to_owned());
                }
                self.next_collection = self.next_collection.max(*collection);
                self.next_file = self.next_file.max(*file);
                self.next_dictionary = self.next_dictionary.max(*dictionary);
                self.next_segment = self.next_segment.max(*segment);
            }
            CatalogueRecord::NextRow { collection, next } => {
                let collection = self.collection_mut(*collection)?;
                collection.next_seq = collection.next_seq.max(*next);
            }
        }
        Ok(())
    }

    /// Forgets dictionaries that no frame uses, and large blobs that nothing reaches.
    pub(crate) fn forget(
        &mut self,
        dictionaries: &BTreeSet<DictionaryNumber>,
        large: &BTreeSet<BlobId>,
    ) {
        if !dictionaries.is_empty() {
            Arc::make_mut(&mut self.dictionaries)
                .retain(|number, _| !dictionaries.contains(number));
        }
        if !large.is_empty() {
            Arc::make_mut(&mut self.large).retain(|blob, _| !large.contains(blob));
        }
    }

    /// Counts the rows of a batch that ends before `end`. Those of a dropped collection need no counting.
    pub(crate) fn add_rows(&mut self, collection: CollectionId, end: Seq) {
        if self
            .collections
            .get(&collection)
            .is_some_and(|c| c.next_seq < end)
            && let Ok(collection) = self.collection_mut(collection)
        {
            collection.next_seq = end;
        }
    }

    fn create(&mut self, name: &str, id: CollectionId, created: i64) -> Result<(), String> {
        if self.names.contains_key(name) || self.collections.contains_key(&id) {
            return Err(format!("collection {id} ({name}) is created twice"));
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name), id);
        let collection = Collection {
            id,
            name,
            created,
            next_seq: Seq(0),
            first_live: Seq(0),
            deleted_rows: 0,
            schema: Vec::new(),
        };
        self.collections.insert(id, Arc::new(collection));
        Ok(())
    }

    fn drop_collection(&mut self, id: CollectionId) -> Result<(), String> {
        let Some(collection) = self.collections.remove(&id) else {
            return Err(format!("collection {id} is dropped and does not exist"));
        };
        self.names.remove(&collection.name);
        self.trimmed = self.collections.values().any(|c| c.first_live > Seq(0));
        if self.ingests.iter().any(|entry| entry.collection == id) {
            Arc::make_mut(&mut self.ingests).retain(|entry| entry.collection != id);
        }
        Ok(())
    }

    /// An entry continues the unfinished one of the same collection and file, or repeats a finished one of the same
    /// content; otherwise it is new.
    fn ingest(&mut self, new: &IngestEntry) {
        let ingests = Arc::make_mut(&mut self.ingests);
        let same = ingests.iter_mut().rev().find(|old| {
            old.collection == new.collection
                && old.file == new.file
                && (!old.complete || old.prefix_digest == new.prefix_digest)
        });
        match same {
            Some(old) => *old = *new,
            None => ingests.push(*new),
        }
    }

    fn collection_mut(&mut self, id: CollectionId) -> Result<&mut Collection, String> {
        self.collections
            .get_mut(&id)
            .map(Arc::make_mut)
            .ok_or_else(|| format!("a record names collection {id}, which does not exist"))
    }

    /// A collection by its name.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Collection>> {
        self.collections.get(self.names.get(name)?)
    }

    /// A collection by its id.
    pub(crate) fn collection(&self, id: CollectionId) -> Option<&Arc<Collection>> {
        self.collections.get(&id)
    }

    /// The collections by name.
    pub(crate) fn collections(&self) -> impl ExactSizeIterator<Item = &Arc<Collection>> {
        // Names and collections are only ever changed together.
        let collections: Vec<_> = self
            .names
            .values()
            .filter_map(|id| self.collections.get(id))
            .collect();
        debug_assert_eq!(collections.len(), self.collections.len());
        collections.into_iter()
    }

    /// The dictionaries by number.
    pub(crate) fn dictionaries(&self) -> impl ExactSizeIterator<Item = &DictionaryEntry> {
        self.dictionaries.values()
    }

    /// A dictionary.
    pub(crate) fn dictionary(&self, number: DictionaryNumber) -> Option<&DictionaryEntry> {
        self.dictionaries.get(&number)
    }

    /// The newest dictionary of a collection.
    pub(crate) fn dictionary_of(&self, collection: CollectionId) -> Option<&DictionaryEntry> {
        self.dictionaries
            .values()
            .filter(|entry| entry.collection == collection)
            .max_by_key(|entry| entry.generation)
    }

    /// Whether a blob is a dictionary.
    pub(crate) fn is_dictionary(&self, blob: BlobId) -> bool {
        self.dictionaries.values().any(|entry| entry.blob == blob)
    }

    /// A file's name.
    pub(crate) fn file(&self, number: FileNumber) -> Option<&Arc<str>> {
        self.files.get(&number)
    }

    /// The number of a file's name.
    pub(crate) fn file_number(&self, name: &str) -> Option<FileNumber> {
        self.files
            .iter()
            .rev()
            .find_map(|(number, known)| (&**known == name).then_some(*number))
    }

    /// All ingests, oldest first.
    pub(crate) fn ingests(&self) -> &[IngestEntry] {
        &self.ingests
    }

    /// Whether rows were ever released, by a drop or a trim: some blobs may be reached no more. Collection ids are
    /// given in order, so that one that is missing was dropped.
    pub(crate) fn has_released(&self) -> bool {
        let given = self.next_collection.0.saturating_sub(1);
        given > self.collections.len() as u64 || self.trimmed
    }

    /// Whether a blob was deleted.
    #[inline]
    pub(crate) fn is_deleted(&self, blob: BlobId) -> bool {
        !self.deleted.is_empty() && self.deleted.contains(blob)
    }

    /// Deleted blobs.
    pub(crate) fn deleted(&self) -> &IdSet {
        &self.deleted
    }

    /// Pinned blobs.
    pub(crate) fn pinned(&self) -> &IdSet {
        &self.pinned
    }

    /// A large blob.
    #[inline]
    pub(crate) fn large(&self, blob: BlobId) -> Option<&LargeEntry> {
        if self.large.is_empty() {
            return None;
        }
        self.large.get(&blob)
    }

    /// The large blobs by id.
    pub(crate) fn large_blobs(&self) -> impl ExactSizeIterator<Item = &LargeEntry> {
        self.large.values()
    }

    /// Appends the large blobs whose fingerprints lie in the range. There are few, so that each is compared.
    pub(crate) fn find_large(
        &self,
        range: std::ops::RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) {
        if self.large.is_empty() {
            return;
        }
        found.extend(
            self.large
                .values()
                .filter(|entry| range.contains(&entry.fingerprint))
                .map(|entry| entry.blob),
        );
    }
}

/// The sum of descriptions that together describe a collection; `None` without any.
pub(crate) fn merged_description(parts: &[Arc<[u8]>]) -> Result<Option<Description>, BadSummary> {
    let mut all: Option<Description> = None;
    for part in parts {
        let part = Description::decode(part)?;
        match &mut all {
            Some(all) => all.add(part),
            None => all = Some(part),
        }
    }
    Ok(all)
}

/// [`merged_description`] of all descriptions of a collection, encoded; empty without any.
pub(crate) fn merge_summaries(parts: &[Arc<[u8]>]) -> crate::Result<Vec<u8>> {
    encoded(parts, |all| all.replaces = false)
}

/// [`merged_description`] of descriptions that others precede, encoded.
pub(crate) fn merge_later_summaries(parts: &[Arc<[u8]>]) -> crate::Result<Vec<u8>> {
    encoded(parts, |_| ())
}

fn encoded(parts: &[Arc<[u8]>], change: impl FnOnce(&mut Description)) -> crate::Result<Vec<u8>> {
    match merged_description(parts) {
        Ok(None) => Ok(Vec::new()),
        Ok(Some(mut all)) => {
            change(&mut all);
            Ok(all.encode())
        }
        // One that a newer version wrote is kept as it is.
        Err(_) if parts.len() == 1 => {
            Ok(parts.iter().flat_map(|part| part.iter().copied()).collect())
        }
        Err(error) => Err(crate::Error::new(
            crate::ErrorKind::Corrupt,
            format!("The summary of a collection's values is damaged: {error}."),
        )),
    }
}

/// Where in the history of commits a manifest stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ManifestPoint {
    pub(crate) last_commit: CommitNumber,
    pub(crate) last_commit_checksum: u64,
    pub(crate) next_blob: BlobId,
    pub(crate) active_segment: SegmentNumber,
}

#[cfg(test)]
mod tests;
