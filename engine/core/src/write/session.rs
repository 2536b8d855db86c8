//! A write session: it holds the writer's lock and the pending group.
//!
//! A session ends with [`Session::leave`], which keeps what is pending, or with [`Session::commit`]; dropped in between
//! it rolls the group back.

use std::sync::Arc;

use lakebed_codec::{Dictionary, Workers};
use lakebed_format::{
    BlobId, CatalogueRecord, CollectionId, DictionaryEntry, DictionaryNumber, FileEntry,
    FileNumber, Hash, NewCollection, limits, names,
};
use lakebed_json::schema::Summary;
use lakebed_vfs::Open;
use parking_lot::MutexGuard;

use super::begin::take_lock;
use super::dedupe::{self, NewBlob};
use super::group::{Group, Mark};
use super::group_rows::{BatchTime, Lines};
use super::links::{ITS_OWN, own_active};
use super::recover;
use super::shared::{Shared, Writer};
use crate::blob::Blob;
use crate::catalogue::Catalogue;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Mode;
use crate::segment::FindDictionary;
use crate::segment::large::write::LargeWriter;
use crate::snapshot::{CommittedState, Snapshot};

/// Counts of a batch's blobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BlobCounts {
    /// Blobs that are new.
    pub(crate) new: u64,
    /// Blobs that were known, in the store or earlier in the batch.
    pub(crate) known: u64,
    /// Bytes of the new ones.
    pub(crate) new_bytes: u64,
}

/// The right to write, and the pending group.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(super) shared: &'a Shared,
    pub(super) writer: MutexGuard<'a, Writer>,
    pub(super) committed: Arc<CommittedState>,
    pub(super) workers: Arc<Workers>,
    /// Raw bytes of a frame, where they are not those of the store's options.
    pub(super) page_bytes: Option<usize>,
    pub(super) done: bool,
}

impl<'a> Session<'a> {
    /// Takes the writer's lock, unless this store object already holds it for pending work, and reads what others
    /// committed. `workers` compress; without them this thread does.
    pub(crate) fn begin(shared: &'a Shared, workers: Option<Arc<Workers>>) -> Result<Self> {
        shared.check_open()?;
        let context = &shared.context;
        if context.options.mode == Mode::Read {
            return Err(Error::new(
                ErrorKind::ReadOnly,
                format!(
                    "{} was opened for reading; open it for appending to change it.",
                    context.vfs.describe()
                ),
            ));
        }
        shared.check_process()?;
        recover::check_writable(context)?;
        let mut writer = shared.writer.lock();
        if let Some(why) = &writer.poisoned {
            return Err(Error::new(ErrorKind::Poisoned, why.clone()));
        }
        let workers = match (workers, &writer.here) {
            (Some(workers), _) => workers,
            (None, Some(here)) => Arc::clone(here),
            (None, None) => {
                let here =
                    Workers::new(1, context.options.level).map_err(|e| Error::compressing(&e))?;
                Arc::clone(writer.here.insert(Arc::new(here)))
            }
        };
        let committed = if writer.lock.is_some() {
            shared.committed()
        } else {
            take_lock(shared, &mut writer)?
        };
        let mut session = Self {
            shared,
            writer,
            committed,
            workers,
            page_bytes: None,
            done: false,
        };
        session.ensure_group()?;
        let workers = Arc::clone(&session.workers);
        session.group()?.compress_on(workers);
        Ok(session)
    }

    /// Begins an empty group if there is none.
    pub(super) fn ensure_group(&mut self) -> Result<()> {
        if self.writer.group.is_some() {
            return Ok(());
        }
        let lock = self.writer.lock.as_ref();
        let lock = lock.ok_or_else(|| Error::internal("a group without the writer's lock"))?;
        let held = lock.held();
        if let Some((number, known)) = self.writer.file.clone()
            && !matches!(known.names(), Ok(names) if names == ITS_OWN)
        {
            let context = &self.shared.context;
            let committed = Arc::clone(&self.committed);
            let owned = own_active(context, committed, lock)?;
            if !Arc::ptr_eq(&owned, &self.committed) {
                let name = names::segment(number);
                let file = context.vfs.open(&name, Open::ReadWrite);
                let file = file.map_err(|e| Error::io(&format!("opening {name}"), e))?;
                self.writer.file = Some((number, file));
                self.committed = owned;
            }
        }
        let file = self.writer.file.as_ref().map(|(_, file)| Arc::clone(file));
        let workers = Arc::clone(&self.workers);
        let context = &self.shared.context;
        let mut group = Group::new(context, &self.committed, held, file, workers)?;
        group.page_bytes = self.page_bytes.unwrap_or(group.page_bytes);
        self.shared
            .show(Arc::clone(&self.committed), Some(Arc::clone(&group.shared)));
        self.writer.group = Some(group);
        Ok(())
    }

    pub(super) fn group(&mut self) -> Result<&mut Group> {
        self.writer
            .group
            .as_mut()
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Io,
                    "An earlier error could not be undone at once; what was committed is safe, try again.",
                )
            })
    }

    /// The store's directory.
    pub(crate) fn vfs(&self) -> Arc<dyn lakebed_vfs::Vfs> {
        Arc::clone(&self.shared.context.vfs)
    }

    /// The catalogue with what is pending.
    pub(crate) fn catalogue(&self) -> Catalogue {
        self.writer.group.as_ref().map_or_else(
            || self.committed.catalogue.clone(),
            |group| group.shared.read().catalogue.clone(),
        )
    }

    /// The committed state and what is pending.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let pending = self
            .writer
            .group
            .as_ref()
            .map(|group| Arc::new(group.shared.read().clone()));
        Snapshot::new(Arc::clone(&self.committed), pending)
    }

    /// The collection of this name; created if there is none.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that cannot be one.
    pub(crate) fn collection(&mut self, name: &str) -> Result<CollectionId> {
        check_name("collection", name)?;
        let created = self.shared.context.options.clock.now();
        let catalogue = self.catalogue();
        if let Some(collection) = catalogue.named(name) {
            return Ok(collection.id);
        }
        let id = catalogue.next_collection;
        self.record(CatalogueRecord::CollectionCreated(NewCollection {
            id,
            name: name.to_owned(),
            created,
        }))?;
        self.next_numbers(|next| next.next_collection = id.next())?;
        Ok(id)
    }

    /// The number of a file's name; assigned if it has none.
    pub(crate) fn file(&mut self, name: &str) -> Result<FileNumber> {
        check_name("file", name)?;
        let catalogue = self.catalogue();
        if let Some(number) = catalogue.file_number(name) {
            return Ok(number);
        }
        let number = catalogue.next_file;
        self.record(CatalogueRecord::File(FileEntry {
            number,
            name: name.to_owned(),
        }))?;
        self.next_numbers(|next| next.next_file = number.next())?;
        Ok(number)
    }

    fn next_numbers(&mut self, change: impl FnOnce(&mut Catalogue)) -> Result<()> {
        change(&mut self.group()?.shared.write().catalogue);
        Ok(())
    }

    /// The blob ids of a batch, in order: a blob that the group or the store has keeps its id, the rest is added.
    ///
    /// # Errors
    /// `InvalidArgument` for a blob over the limit; `Io`, `StoreFull`.
    pub(crate) fn blobs(
        &mut self,
        batch: &[NewBlob<'_>],
        ids: &mut Vec<BlobId>,
    ) -> Result<BlobCounts> {
        for blob in batch {
            Blob::check_len(blob.bytes.len() as u64)?;
        }
        let committed = Snapshot::new(Arc::clone(&self.committed), None);
        let known = {
            let threads = self.workers.count();
            let group = self.group()?;
            let pending = group.shared.read();
            dedupe::known(&committed, &pending, batch, threads)?
        };
        let context = Arc::clone(&self.shared.context);
        let mut counts = BlobCounts::default();
        ids.reserve(batch.len());
        for (blob, known) in batch.iter().zip(known) {
            let known = match known {
                Some(id) => Some(id),
                // Earlier in the group, or in this batch?
                None => self.pending_blob(&blob.hash)?,
            };
            if let Some(id) = known {
                if self.revive(id)? {
                    counts.new += 1;
                    counts.new_bytes += blob.bytes.len() as u64;
                } else {
                    counts.known += 1;
                }
                ids.push(id);
                continue;
            }
            counts.new += 1;
            counts.new_bytes += blob.bytes.len() as u64;
            let id = if blob.bytes.len() as u64 > limits::LARGE_BLOB {
                self.large_blob(&blob.hash, blob.bytes)?
            } else {
                self.group()?.add_blob(&context, blob.hash, blob.bytes)?
            };
            ids.push(id);
        }
        Ok(counts)
    }

    /// Whether the committed store seems to have most blobs of a batch, judged by some of their hashes. Then a larger
    /// batch is better: each frame is decoded once for a batch.
    pub(crate) fn seem_known(&self, hashes: &[Hash]) -> Result<bool> {
        const TRIED: usize = 32;
        let committed = Snapshot::new(Arc::clone(&self.committed), None);
        let tried = hashes.iter().step_by(hashes.len().div_ceil(TRIED).max(1));
        let count = tried.len();
        Ok(dedupe::guess(&committed, tried)? * 4 > count)
    }

    /// Notes that the group reaches a blob; true if nothing reached it before: to its user it is new.
    fn revive(&mut self, id: BlobId) -> Result<bool> {
        let committed = Arc::clone(&self.committed);
        if id >= committed.next_blob || committed.is_reached(id)? {
            return Ok(false);
        }
        Ok(self.group()?.shared.write().revived.insert(id))
    }

    fn pending_blob(&mut self, hash: &Hash) -> Result<Option<BlobId>> {
        let pending = self.group()?.shared.read();
        Ok(pending
            .find(hash)
            .filter(|id| !pending.catalogue.is_deleted(*id)))
    }

    fn large_blob(&mut self, hash: &Hash, bytes: &[u8]) -> Result<BlobId> {
        let context = Arc::clone(&self.shared.context);
        self.group()?.lock.check(&context)?;
        let segment = self.catalogue().next_segment;
        let id = self
            .group()?
            .add_large(&context, *hash, bytes.len() as u64)?;
        let writer = LargeWriter {
            format: context.header.segment_format(),
            vfs: context.vfs.as_ref(),
            store: context.header.uuid,
            level: context.options.level,
        };
        let entry = writer.write(segment, id, hash, bytes)?;
        self.group()?.large.push(segment);
        self.next_numbers(|next| next.next_segment = segment.next())?;
        self.record(CatalogueRecord::Large(entry))?;
        Ok(id)
    }

    /// Appends rows of blobs to a collection.
    pub(crate) fn rows(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()> {
        let now = BatchTime::About(self.shared.context.options.clock.now());
        self.group()?.add_rows(now, collection, file, lines, ids)
    }

    /// Pins a blob, so that it stays when nothing else names it.
    pub(crate) fn pin(&mut self, id: BlobId) -> Result<()> {
        self.group()?.pin(id)
    }

    /// A summary of no rows that expects the keys of a collection's committed rows.
    pub(crate) fn expected(&self, collection: CollectionId) -> Summary {
        let entry = self.committed.catalogue.collection(collection);
        entry.map_or_else(Summary::new, |entry| self.shared.context.expected(entry))
    }

    /// Adds a catalogue record.
    pub(crate) fn record(&mut self, mut record: CatalogueRecord) -> Result<()> {
        let context = Arc::clone(&self.shared.context);
        let group = self.group()?;
        if let CatalogueRecord::Schema {
            collection,
            summary,
        } = &mut record
        {
            let catalogue = group.shared.read().catalogue.clone();
            let named = group
                .known_keys
                .with_names(&context, &catalogue, *collection, summary)?;
            *summary = named.unwrap_or_else(|| std::mem::take(summary));
        }
        group.add_record(record)
    }

    /// Stores a dictionary as the collection's next generation; new frames use it after [`Session::encode_for`].
    pub(crate) fn install_dictionary(
        &mut self,
        collection: CollectionId,
        bytes: &[u8],
    ) -> Result<DictionaryNumber> {
        let context = Arc::clone(&self.shared.context);
        // It must be readable without a dictionary.
        self.group()?.use_dictionary(&context, None)?;
        let hash = Hash::of(bytes);
        let mut ids = Vec::new();
        self.blobs(&[NewBlob { hash, bytes }], &mut ids)?;
        let blob = *ids
            .first()
            .ok_or_else(|| Error::internal("a stored dictionary has no id"))?;
        let catalogue = self.catalogue();
        let number = catalogue.next_dictionary;
        let generation = catalogue
            .dictionary_of(collection)
            .map_or(1, |entry| entry.generation + 1);
        self.record(CatalogueRecord::Dictionary(DictionaryEntry {
            number,
            collection,
            generation,
            blob,
            hash,
            size: bytes.len() as u64,
        }))?;
        self.next_numbers(|next| next.next_dictionary = number.next())?;
        let dictionary =
            Dictionary::new(number, bytes.into()).map_err(|e| Error::compressing(&e))?;
        context.dictionaries.insert(Arc::new(dictionary));
        Ok(number)
    }

    /// Frames from now on use the newest dictionary of this collection, or none.
    pub(crate) fn encode_for(&mut self, collection: CollectionId) -> Result<()> {
        let context = Arc::clone(&self.shared.context);
        let number = self
            .catalogue()
            .dictionary_of(collection)
            .map(|entry| entry.number);
        let dictionary = match number {
            Some(number) => Some(self.snapshot().dictionary(number)?),
            None => None,
        };
        self.group()?.use_dictionary(&context, dictionary)
    }

    /// Frames from now on use no dictionary.
    pub(crate) fn encode_plain(&mut self) -> Result<()> {
        let context = Arc::clone(&self.shared.context);
        self.group()?.use_dictionary(&context, None)
    }

    /// The state of rows and records now, to roll back to.
    pub(crate) fn mark(&mut self) -> Result<Mark> {
        Ok(self.group()?.mark())
    }

    /// Rolls rows and records back to a mark. Blobs that were added since count as deleted.
    pub(crate) fn go_back(&mut self, mark: Mark) -> Result<()> {
        self.group()?.go_back(mark)
    }

    pub(crate) fn poison(&mut self, error: &Error) {
        self.writer.poisoned = Some(error.message().to_owned());
        self.writer.lock = None;
        self.writer.group = None;
        self.writer.file = None;
        self.shared.show(Arc::clone(&self.committed), None);
        self.done = true;
    }

    /// Rolls the group back; the lock stays.
    pub(super) fn undo(&mut self) {
        let Some(group) = self.writer.group.take() else {
            return;
        };
        self.shared.show(Arc::clone(&self.committed), None);
        if !group.roll_back(&self.shared.context) {
            self.give_up();
        }
        self.shared.changed();
    }

    /// Ends this session: the file may be longer than its last commit, and the next session repairs it.
    pub(super) fn give_up(&mut self) {
        self.writer.group = None;
        self.writer.file = None;
        self.writer.lock = None;
        self.done = true;
    }

    /// Whether an error has ended this session: nothing more can be written with it.
    pub(crate) fn is_over(&self) -> bool {
        self.writer.lock.is_none()
    }

    /// Ends the session and keeps what is pending, for this store object to read and to commit. With nothing pending it
    /// releases the lock.
    pub(crate) fn leave(mut self) -> Result<()> {
        let context = Arc::clone(&self.shared.context);
        if let Some(group) = &mut self.writer.group {
            group.settle(&context)?;
            if group.is_empty() {
                self.undo();
            }
        }
        if self.writer.group.is_none() {
            self.writer.lock = None;
        }
        self.done = true;
        self.shared.changed();
        Ok(())
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.undo();
            self.writer.lock = None;
        }
    }
}

/// Checks the name of a collection or file: it is not empty and not too long.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > limits::MAX_NAME {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "A {what} name has 1 to {} bytes, this one has {}; choose another.",
                limits::MAX_NAME,
                name.len()
            ),
        ));
    }
    Ok(())
}
