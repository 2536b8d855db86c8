//! The public type [`Store`]: the only door for bindings and tests.
//!
//! A store object sees the store as of one commit, plus its own pending work. Changes join one pending group, which
//! [`Store::commit`] makes durable and shows to others. Everything here is thread-safe; readers do not wait for a writer.
//!
//! It decides nothing: opening and reading is the room `snapshot`, changing is `write`.

mod reports;
mod requests;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use lakebed_format::{BlobId, CommitNumber, Hash, Seq};
use lakebed_vfs::{OsVfs, Vfs};

use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::snapshot::{Rows, Snapshot};

pub use reports::{
    Appended, BadLine, CollectionInfo, CommitInfo, DictionaryInfo, ExportReport, IngestReport,
    Problem, SegmentInfo, SegmentState, Stats, TrainReport, VerifyReport,
};
pub use requests::{IngestOptions, OnError, Progress, ProgressFn, ScanRequest, Source};

/// An open store. Cheap to clone: clones are the same object.
#[derive(Clone, Debug)]
pub struct Store {
    vfs: Arc<dyn Vfs>,
    options: Arc<Options>,
}

fn missing<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Io, "This is not built yet."))
}

impl Store {
    /// Opens the store in this directory.
    ///
    /// # Errors
    /// `StoreNotFound`, `NotAStore`, `FormatTooNew`, `Corrupt`, `Io`.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        Self::open_on(Arc::new(OsVfs::new(path)), options)
    }

    /// Opens the store in the directory a [`Vfs`] is rooted at.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(vfs: Arc<dyn Vfs>, options: Options) -> Result<Self> {
        Ok(Self {
            vfs,
            options: Arc::new(options),
        })
    }

    /// Where the store is, for messages.
    pub fn describe(&self) -> String {
        self.vfs.describe()
    }

    /// The options it was opened with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What happened that a user should know and that is no error, such as a torn tail that was set aside; each is told once.
    pub fn take_warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Commits and closes: later calls say [`ErrorKind::Closed`]. Closing twice is fine.
    pub fn close(&self) -> Result<()> {
        missing()
    }

    /// Stores bytes and pins them, also when they were there already.
    pub fn put(&self, _bytes: &[u8]) -> Result<Hash> {
        missing()
    }

    /// The blob of this hash, verified.
    pub fn get(&self, _hash: &Hash) -> Result<Blob> {
        missing()
    }

    /// The blobs of these hashes, in their order; `None` where there is none.
    pub fn get_many(&self, _hashes: &[Hash]) -> Result<Vec<Option<Blob>>> {
        missing()
    }

    /// The blob of this number.
    pub fn blob(&self, _id: BlobId) -> Result<Blob> {
        missing()
    }

    /// Whether a blob of this hash is there.
    pub fn contains(&self, _hash: &Hash) -> Result<bool> {
        missing()
    }

    /// The one hash that begins with these hex characters.
    pub fn resolve(&self, _prefix: &str) -> Result<Hash> {
        missing()
    }

    /// Live blobs, dictionaries not counted.
    pub fn len(&self) -> u64 {
        0
    }

    /// Whether there is no blob.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Unpins a blob, removes every row that names it and says how many; its number dies.
    pub fn delete(&self, _hash: &Hash) -> Result<u64> {
        missing()
    }

    /// Makes pending work durable and visible to others. With nothing pending: the current number.
    pub fn commit(&self) -> Result<CommitNumber> {
        missing()
    }

    /// Forgets pending work.
    pub fn rollback(&self) -> Result<()> {
        missing()
    }

    /// Sees what others committed; whether there was anything.
    pub fn refresh(&self) -> Result<bool> {
        missing()
    }

    /// The commit this object sees.
    pub fn commit_number(&self) -> CommitNumber {
        CommitNumber::default()
    }

    /// What this object sees now, pending work included; stays readable as long as it is held.
    pub fn snapshot(&self) -> Result<Snapshot> {
        missing()
    }

    /// Appends records, each one JSON value without raw line breaks, as rows of a collection.
    pub fn append(
        &self,
        _collection: &str,
        _records: &mut dyn Iterator<Item = Result<Vec<u8>>>,
    ) -> Result<Appended> {
        missing()
    }

    /// Ingests NDJSON.
    pub fn ingest(&self, _source: Source, _options: IngestOptions) -> Result<IngestReport> {
        missing()
    }

    /// Trains a dictionary of at most `size` bytes on a collection and installs it when it pays.
    pub fn train(&self, _collection: &str, _size: usize) -> Result<TrainReport> {
        missing()
    }

    /// Drops a collection and says how many rows it had.
    pub fn drop_collection(&self, _name: &str) -> Result<u64> {
        missing()
    }

    /// Drops the rows of a collection before this sequence number and says how many.
    pub fn trim(&self, _name: &str, _before: Seq) -> Result<u64> {
        missing()
    }

    /// Seals the active segment.
    pub fn seal(&self) -> Result<()> {
        missing()
    }

    /// The collections, by name.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        missing()
    }

    /// The segments, in order.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>> {
        missing()
    }

    /// The dictionaries, in order.
    pub fn dictionaries(&self) -> Result<Vec<DictionaryInfo>> {
        missing()
    }

    /// The commits, oldest first.
    pub fn commits(&self) -> Result<Vec<CommitInfo>> {
        missing()
    }

    /// The store in numbers.
    pub fn stats(&self) -> Result<Stats> {
        missing()
    }

    /// Reads everything and checks it.
    pub fn verify(&self, _progress: ProgressFn) -> Result<VerifyReport> {
        missing()
    }

    /// Rows of a collection, in order.
    pub fn rows(&self, _collection: &str, _range: Range<Seq>) -> Result<Rows> {
        missing()
    }

    /// Writes the bytes of every row, in order, each followed by a line break.
    pub fn export(
        &self,
        _collection: &str,
        _out: &mut dyn std::io::Write,
        _progress: ProgressFn,
    ) -> Result<ExportReport> {
        missing()
    }
}
