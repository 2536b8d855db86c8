//! What all parts of one store object share: directory, options, caches, warnings.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use lakebed_format::{BlobId, CollectionId, Hash, SegmentNumber, Seq, StoreHeader, names};
use lakebed_vfs::Vfs;
use parking_lot::Mutex;

use crate::blob::Blob;
use crate::catalogue::{Collection, merged_description};
use crate::directory_cache::{DirectoryCache, DirectoryState};
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprints::filter::Filters;
use crate::options::Options;
use crate::place::Place;
use crate::reach::Reach;
use crate::segment::files::SegmentFiles;
use crate::segment::frame_cache::FrameCache;
use crate::segment::large::LargeSegments;
use lakebed_codec::Dictionaries;
use lakebed_json::schema::{Description, Schema, Summary};

/// Hashes remembered of blobs that are read in place, which have no decoded frame to remember them.
const PROVEN_IN_PLACE: usize = 4096;

/// The context of one store object.
#[derive(Debug)]
pub(crate) struct StoreContext {
    pub(crate) vfs: Arc<dyn Vfs>,
    pub(crate) options: Options,
    pub(crate) header: StoreHeader,
    pub(crate) place: Place,
    pub(crate) cache: FrameCache,
    pub(crate) dictionaries: Dictionaries,
    pub(crate) filters: Filters,
    pub(crate) segments: SegmentFiles,
    pub(crate) large: LargeSegments,
    /// The number of the newest manifest.
    pub(crate) manifests: DirectoryCache<u64>,
    /// The number of an active segment without a file.
    pub(crate) missing: DirectoryCache<SegmentNumber>,
    /// The newest reach that was computed.
    reach: Mutex<Option<Arc<Reach>>>,
    /// The process that opened the store.
    pub(crate) pid: u32,
    forks: u64,
    proven: Mutex<HashMap<BlobId, Hash>>,
    schemas: Mutex<HashMap<CollectionId, KnownSchema>>,
    expected: Mutex<HashMap<CollectionId, Expected>>,
    counted: Mutex<HashMap<CollectionId, (CountedRows, Arc<Schema>)>>,
    warnings: Mutex<Vec<String>>,
}

/// The schema of a collection, and the summaries it was made from.
#[derive(Debug)]
struct KnownSchema {
    parts: Vec<Arc<[u8]>>,
    schema: Arc<Schema>,
}

/// What further rows of a collection may have, and the summaries it was made from.
#[derive(Debug)]
struct Expected {
    parts: Vec<Arc<[u8]>>,
    summary: Summary,
}

fn same_parts(a: &[Arc<[u8]>], b: &[Arc<[u8]>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// What the counts of a collection's rows depend on: the range of its rows, the deleted ones, its schema.
type CountedRows = (Range<Seq>, u64, Arc<Schema>);

impl StoreContext {
    /// Reads `FORMAT`.
    ///
    /// # Errors
    /// `StoreNotFound`, `NotAStore`, `FormatTooNew`, `Io`.
    pub(crate) fn open(vfs: Arc<dyn Vfs>, options: Options) -> Result<Self> {
        let (header, place) = read_header(vfs.as_ref())?;
        Ok(Self {
            cache: FrameCache::new(options.cache_bytes),
            dictionaries: Dictionaries::default(),
            filters: Filters::default(),
            segments: SegmentFiles::new(Arc::clone(&vfs) as _, &header),
            large: LargeSegments::default(),
            manifests: DirectoryCache::default(),
            missing: DirectoryCache::default(),
            pid: std::process::id(),
            reach: Mutex::default(),
            forks: lakebed_vfs::forks(),
            proven: Mutex::default(),
            schemas: Mutex::default(),
            expected: Mutex::default(),
            counted: Mutex::default(),
            warnings: Mutex::default(),
            vfs,
            options,
            header,
            place,
        })
    }

    /// Whether this is another process than the one that opened the store: a child of it, where no lock may be taken
    /// that a thread of the parent may have held.
    pub(crate) fn is_forked(&self) -> bool {
        self.forks != lakebed_vfs::forks()
    }

    /// Refuses what was taken from a store object before the process forked.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(crate) fn check_not_forked(&self) -> Result<()> {
        if !self.is_forked() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "What is read from {} was taken in process {}, before this process was forked from it: take a new snapshot, scan or \
                 iterator from the store object, which reads in this process, too.",
                self.vfs.describe(),
                self.pid
            ),
        ))
    }

    /// The state of one of the store's directories, to be read before looking into it.
    pub(crate) fn directory_state(&self, dir: &str) -> DirectoryState {
        DirectoryState::of(self.vfs.as_ref(), self.segments.can_map, dir)
    }

    /// Keeps a warning: something that a user should know and that is not an error.
    pub(crate) fn warn(&self, text: String) {
        self.warnings.lock().push(text);
    }

    /// The warnings since the last call.
    pub(crate) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock())
    }

    /// Whether the blob of this id has this hash: as remembered, or by hashing it.
    pub(crate) fn prove(&self, id: BlobId, blob: &Blob, hash: &Hash) -> bool {
        if let Some((frame, index)) = blob.frame() {
            if frame.is_proven(index, hash) {
                return true;
            }
            let found = Hash::of(blob);
            frame.prove(index, &found);
            return found == *hash;
        }
        if let Some(known) = self.proven.lock().get(&id) {
            return known == hash;
        }
        let found = Hash::of(blob);
        let mut proven = self.proven.lock();
        if proven.len() >= PROVEN_IN_PLACE {
            proven.clear();
        }
        proven.insert(id, found);
        found == *hash
    }

    /// The typed columns of a collection; derived from its summaries when those have changed.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn schema(&self, collection: &Collection) -> Result<Arc<Schema>> {
        let parts = &collection.schema;
        if let Some(known) = self.schemas.lock().get(&collection.id)
            && same_parts(&known.parts, parts)
        {
            return Ok(Arc::clone(&known.schema));
        }
        let description = merged_description(parts).map_err(|e| {
            Error::new(
                ErrorKind::Corrupt,
                format!(
                    "The summary of the values of {} is damaged: {e}.",
                    collection.name
                ),
            )
        })?;
        let columns = description.as_ref().map(Description::columns);
        let schema = Arc::new(columns.unwrap_or_default());
        let known = KnownSchema {
            parts: parts.clone(),
            schema: Arc::clone(&schema),
        };
        self.schemas.lock().insert(collection.id, known);
        Ok(schema)
    }

    /// A summary of no rows that expects the keys of a collection's rows. One that cannot be read expects none.
    pub(crate) fn expected(&self, collection: &Collection) -> Summary {
        let mut known = self.expected.lock();
        if let Some(known) = known.get(&collection.id)
            && same_parts(&known.parts, &collection.schema)
        {
            return known.summary.clone();
        }
        let Ok(Some(description)) = merged_description(&collection.schema) else {
            return Summary::new();
        };
        let summary = description.summary.expecting();
        let entry = Expected {
            parts: collection.schema.clone(),
            summary: summary.clone(),
        };
        known.insert(collection.id, entry);
        summary
    }

    /// The reach that `compute` finds, given the newest one that was found before.
    ///
    /// # Errors
    /// Those of `compute`.
    pub(crate) fn reach(
        &self,
        compute: impl FnOnce(Option<&Reach>) -> Result<Reach>,
    ) -> Result<Arc<Reach>> {
        let mut newest = self.reach.lock();
        let found = Arc::new(compute(newest.as_deref())?);
        // A snapshot of an earlier commit must not replace what newer ones build on.
        if newest
            .as_ref()
            .is_none_or(|newest| newest.commit() <= found.commit())
        {
            *newest = Some(Arc::clone(&found));
        }
        Ok(found)
    }

    /// The schema with counts that was made of the same rows.
    pub(crate) fn counted(&self, id: CollectionId, of: &CountedRows) -> Option<Arc<Schema>> {
        let counted = self.counted.lock();
        let (known, schema) = counted.get(&id)?;
        (known.0 == of.0 && known.1 == of.1 && Arc::ptr_eq(&known.2, &of.2))
            .then(|| Arc::clone(schema))
    }

    /// Keeps a schema with counts.
    pub(crate) fn remember_counted(&self, id: CollectionId, of: CountedRows, schema: Arc<Schema>) {
        self.counted.lock().insert(id, (of, schema));
    }

    /// Forgets what is remembered of blobs from this id on: after a rollback ids are given again.
    pub(crate) fn forget(&self, from: BlobId) {
        self.proven.lock().retain(|id, _| *id < from);
        self.large.forget(from);
    }
}

fn read_header(vfs: &dyn Vfs) -> Result<(StoreHeader, Place)> {
    let read = || -> std::io::Result<_> {
        let file = vfs.open_read(names::FORMAT)?;
        // A file that is longer is not one of ours.
        let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len.min(StoreHeader::LEN + 1)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok((bytes, file))
    };
    let (bytes, file) = match read() {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(without_format(vfs));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(Error::new(
                ErrorKind::NotAStore,
                format!(
                    "{} is a file and not a lakebed store, which is a directory.",
                    vfs.describe()
                ),
            ));
        }
        Err(error) => {
            return Err(Error::io(
                &format!("opening the store {}", vfs.describe()),
                error,
            ));
        }
    };
    let header = StoreHeader::decode(&bytes).map_err(|error| {
        if error.is_too_new() {
            return Error::new(
                ErrorKind::FormatTooNew,
                format!(
                    "{} was written by a newer lakebed ({error}); upgrade lakebed to open it.",
                    vfs.describe()
                ),
            );
        }
        Error::new(
            ErrorKind::NotAStore,
            format!(
                "{} is not a lakebed store, or its file FORMAT is damaged ({error}).",
                vfs.describe()
            ),
        )
    })?;
    let place = Place::new(file, &header);
    Ok((header, place))
}

/// Whether the directory holds segments.
pub(crate) fn holds_segments(vfs: &dyn Vfs) -> bool {
    vfs.list(names::SEGMENTS)
        .is_ok_and(|segments| !segments.is_empty())
}

/// The error for a directory without FORMAT: it does not exist, holds something else, or is a store that lost the file.
pub(crate) fn without_format(vfs: &dyn Vfs) -> Error {
    if vfs.open_read(names::UNFINISHED).is_ok() {
        Error::new(
            ErrorKind::NotAStore,
            format!(
                "{} is a backup or a restored store that is not finished: wait for the program that makes it, or start it again if it was \
                 interrupted.",
                vfs.describe()
            ),
        )
    } else if holds_segments(vfs) {
        Error::new(
            ErrorKind::NotAStore,
            format!(
                "{} holds segments of a store but no file FORMAT, without which they cannot be read; put that file back from a copy.",
                vfs.describe()
            ),
        )
    } else if vfs.list("").is_ok_and(|names| !names.is_empty()) {
        Error::new(
            ErrorKind::NotAStore,
            format!(
                "{} is a directory but not a lakebed store: it has no file FORMAT.",
                vfs.describe()
            ),
        )
    } else {
        Error::new(
            ErrorKind::StoreNotFound,
            format!(
                "There is no store at {}; check the path, or ingest a file into it to make one.",
                vfs.describe()
            ),
        )
    }
}
