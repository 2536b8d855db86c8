//! The public type [`Store`]: the entry point of bindings and tests.
//!
//! A store object sees the store as of one commit, plus its own pending work. Changes join one pending group, which
//! [`Store::commit`] makes durable and shows to others. Everything here is thread-safe; readers do not wait for a
//! writer.
//!
//! Opening and reading is done by `snapshot`, changing by `write`; nothing is decided here.

mod copies;
mod info;
mod repair;
mod reports;
mod schema;
mod verify;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use lakebed_format::{BlobId, CommitNumber, Hash, Seq};
use lakebed_vfs::{OsVfs, Vfs, dangling_link};

use crate::blob::Blob;
use crate::compact::{CompactOptions, CompactReport};
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::{IngestOptions, IngestReport, Source};
use crate::options::{Mode, Options};
use crate::progress::{Progress, ProgressFn};
use crate::scan::{Scan, ScanRequest};
use crate::snapshot::open::{Caller, newest};
use crate::snapshot::{Rows, Snapshot};
use crate::train::TrainReport;
use crate::write::{NewBlob, Session, Shared, create, remove};
use crate::writer_lock::read_synced;

pub use crate::snapshot::{CollectionInfo, CommitInfo, DictionaryInfo, SegmentInfo, SegmentState};
pub use crate::write::append::Appended;
pub use reports::{ExportReport, Stats};

/// Bytes that `export` writes between two progress reports.
const REPORT_BYTES: u64 = 4 << 20;

/// An open store. Cheap to clone: clones are the same object.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    /// Opens the store in this directory.
    ///
    /// # Errors
    /// `StoreNotFound`, `NotAStore`, `FormatTooNew`, `Corrupt`, `Io`.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        if let Some(target) = dangling_link(path) {
            return Err(Error::new(
                ErrorKind::StoreNotFound,
                format!(
                    "{} is a symbolic link to {}, which does not exist; make that directory, or correct the link.",
                    path.display(),
                    target.display()
                ),
            ));
        }
        Self::open_on(Arc::new(OsVfs::new(path)), options)
    }

    /// Opens the store in the directory a [`Vfs`] is rooted at.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(vfs: Arc<dyn Vfs>, options: Options) -> Result<Self> {
        options.check()?;
        let may_create = options.mode == Mode::Append && options.create;
        let context = match StoreContext::open(Arc::clone(&vfs), options.clone()) {
            Err(error)
                if may_create
                    && matches!(
                        error.kind(),
                        ErrorKind::StoreNotFound | ErrorKind::NotAStore
                    )
                    && error.os_code().is_none() =>
            {
                create::create(&vfs, &options).map_err(|why| prefer(error, why))?;
                StoreContext::open(vfs, options)?
            }
            result => result?,
        };
        let context = Arc::new(context);
        // What the lock says before the newest commit is looked for, that commit must include.
        let synced = read_synced(context.vfs.as_ref());
        let committed = newest(&context, None, Caller::Reader)?;
        if let Some(lost) = committed.lost_commits(synced) {
            context.warn(format!(
                "{} has lost {lost}: the last commit that can be read is {}. Restore the store from a backup, or save what is left \
                 with `lakebed repair`; until then it can be read and not written. If the directory is a copy that was made while the store was \
                 written, copy it again.",
                context.vfs.describe(),
                committed.commit,
            ));
        }
        Ok(Self {
            shared: Arc::new(Shared::new(context, committed)),
        })
    }

    /// The store's location, for messages.
    pub fn describe(&self) -> String {
        self.shared.context.vfs.describe()
    }

    /// The options it was opened with.
    pub fn options(&self) -> &Options {
        &self.shared.context.options
    }

    /// Warnings since the last call: what a user should know and is not an error, such as a torn tail that was set
    /// aside.
    pub fn take_warnings(&self) -> Vec<String> {
        let here = self.shared.opened_here();
        here.map_or_else(Vec::new, |shared| shared.context.take_warnings())
    }

    /// Commits and closes: later calls fail with [`ErrorKind::Closed`]. Closing a closed store does nothing.
    ///
    /// # Errors
    /// Those of [`Store::commit`]: the store is closed all the same, and what was pending is rolled back.
    pub fn close(&self) -> Result<()> {
        if self.shared.check_open().is_err() {
            return Ok(());
        }
        let result = self.commit().map(drop);
        if self.shared.close() {
            self.shared.abandon();
        }
        result
    }

    /// The state that this store object reads.
    fn reader(&self) -> Result<Snapshot> {
        self.shared.check_open()?;
        Ok(self.shared.here()?.snapshot())
    }

    /// Stores bytes as a blob and pins it, also if it exists.
    ///
    /// # Errors
    /// `InvalidArgument` over the size limit; `ReadOnly`, `StoreLocked`, `StoreFull`, `Poisoned`, `Io`.
    pub fn put(&self, bytes: &[u8]) -> Result<Hash> {
        Blob::check_len(bytes.len() as u64)?;
        let hash = Hash::of(bytes);
        let mut session = Session::begin(&self.shared, None)?;
        session.encode_plain()?;
        let mut ids = Vec::new();
        session.blobs(&[NewBlob { hash, bytes }], &mut ids)?;
        for id in ids {
            session.pin(id)?;
        }
        session.leave()?;
        Ok(hash)
    }

    /// The blob of this hash, verified.
    ///
    /// # Errors
    /// `BlobNotFound`, `Corrupt`, `Io`.
    pub fn get(&self, hash: &Hash) -> Result<Blob> {
        self.reader()?.get(hash)
    }

    /// The blobs of these hashes, in their order; `None` where there is none.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn get_many(&self, hashes: &[Hash]) -> Result<Vec<Option<Blob>>> {
        self.reader()?.get_many(hashes)
    }

    /// The blob of this number.
    ///
    /// # Errors
    /// `BlobNotFound` also when it was deleted.
    pub fn blob(&self, id: BlobId) -> Result<Blob> {
        self.reader()?.blob(id)
    }

    /// Whether the store has a blob of this hash.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn contains(&self, hash: &Hash) -> Result<bool> {
        self.reader()?.contains(hash)
    }

    /// The one hash that begins with these hex characters.
    ///
    /// # Errors
    /// `InvalidArgument`, `BlobNotFound`, `AmbiguousPrefix`.
    pub fn resolve(&self, prefix: &str) -> Result<Hash> {
        self.reader()?.resolve(prefix)
    }

    /// Live blobs, dictionaries not counted.
    pub fn len(&self) -> u64 {
        let here = self.shared.here();
        here.map_or(0, |shared| shared.snapshot().len())
    }

    /// Whether the store has no live blob.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Unpins a blob and removes every row that names it; returns how many rows. Its id is never used again.
    ///
    /// # Errors
    /// `BlobNotFound`; `InvalidArgument` for a dictionary.
    pub fn delete(&self, hash: &Hash) -> Result<u64> {
        let mut session = Session::begin(&self.shared, None)?;
        match remove::delete(&mut session, hash) {
            Ok(rows) => session.leave().map(|()| rows),
            // What was pending before stays.
            Err(error) => session.leave().and(Err(error)),
        }
    }

    /// Makes pending work durable and visible to others; returns the commit's number, the current one if nothing is
    /// pending.
    ///
    /// # Errors
    /// `StoreFull` and `Io`: everything pending was undone and the store goes on; `Poisoned`: a sync failed.
    pub fn commit(&self) -> Result<CommitNumber> {
        self.shared.check_open()?;
        if !self.shared.has_pending()? {
            return Ok(self.commit_number());
        }
        let mut session = Session::begin(&self.shared, None)?;
        session.commit()?;
        let number = session.commit_number();
        session.leave()?;
        Ok(number)
    }

    /// Rolls pending work back.
    ///
    /// # Errors
    /// `Closed`.
    pub fn rollback(&self) -> Result<()> {
        self.shared.check_open()?;
        self.shared.abandon();
        Ok(())
    }

    /// Reads what others committed; returns whether there was anything.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn refresh(&self) -> Result<bool> {
        self.shared.check_open()?;
        self.shared.here()?.refresh()
    }

    /// The commit that this store object sees.
    pub fn commit_number(&self) -> CommitNumber {
        let here = self.shared.here();
        here.map_or(CommitNumber(0), |shared| shared.committed().commit)
    }

    /// What this store object sees now, pending work included; it stays readable for as long as it is held.
    ///
    /// # Errors
    /// `Closed`.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let snapshot = self.reader()?;
        self.shared.here()?.remember(&snapshot);
        Ok(snapshot)
    }

    /// Appends records, each one JSON value without raw line breaks, as rows of a collection, which is created if it
    /// does not exist.
    ///
    /// # Errors
    /// `BadRecord` names the record; nothing of this call is kept then. `InvalidArgument` for the collection's name;
    /// those of [`Store::put`].
    pub fn append(
        &self,
        collection: &str,
        records: &mut dyn Iterator<Item = Result<Vec<u8>>>,
    ) -> Result<Appended> {
        crate::write::append::append(&self.shared, collection, records)
    }

    /// Ingests NDJSON, one record a line, into a collection, which is created if it does not exist. Commits pending
    /// work first, then at least every 64 MiB of input, so that an ingest that stops keeps a prefix of the input and
    /// can be resumed.
    ///
    /// # Errors
    /// `BadRecord` for a bad line (with [`crate::OnError::Abort`]) and for what cannot be NDJSON; `SourceChanged` when
    /// a resumed input is not the one that was begun; `Interrupted` when the progress function asks to stop; `Io` for
    /// an input that cannot be read. The uncommitted rest is undone each time, and the message says what was kept.
    pub fn ingest(&self, source: Source, options: IngestOptions) -> Result<IngestReport> {
        crate::ingest::ingest(&self.shared, source, options)
    }

    /// Trains a dictionary of at most `size` bytes on a collection and installs it as the next generation when it pays:
    /// the first one when it saves more than its own size, a later one when held-out records become 3 % smaller.
    /// Commits pending work first.
    ///
    /// # Errors
    /// `CollectionNotFound`; `InvalidArgument` for a size out of its domain.
    pub fn train(&self, collection: &str, size: usize) -> Result<TrainReport> {
        crate::train::train_collection(&self.shared, collection, size)
    }

    /// Drops a collection and returns how many rows it had. Commits pending work first, and the drop itself.
    ///
    /// # Errors
    /// `CollectionNotFound`.
    pub fn drop_collection(&self, name: &str) -> Result<u64> {
        self.commit()?;
        let mut session = Session::begin(&self.shared, None)?;
        let rows = remove::commit_small(&mut session, |session| {
            remove::drop_collection(session, name)
        })?;
        session.leave()?;
        Ok(rows)
    }

    /// Releases the rows of a collection before this sequence number and returns how many. Commits pending work first,
    /// and the trim itself.
    ///
    /// # Errors
    /// `CollectionNotFound`.
    pub fn trim(&self, name: &str, before: Seq) -> Result<u64> {
        self.commit()?;
        let mut session = Session::begin(&self.shared, None)?;
        let rows =
            remove::commit_small(&mut session, |session| remove::trim(session, name, before))?;
        session.leave()?;
        Ok(rows)
    }

    /// Seals the active segment, after committing pending work. Without one it does nothing.
    ///
    /// # Errors
    /// `StoreFull`, `Io`, `Corrupt`: the segment stays active; `Poisoned`.
    pub fn seal(&self) -> Result<()> {
        self.commit()?;
        let mut session = Session::begin(&self.shared, None)?;
        session.seal_now()?;
        session.leave()
    }

    /// Gives back the space of blobs that nothing reaches, gathers small frames and segments into full ones, and
    /// encodes again what is asked for. Commits pending work first. What it did before an error or an interrupt stays
    /// done, and the store is whole at any moment.
    ///
    /// A segment for which there is no room, or that is damaged, is skipped: the report counts it, and a warning says
    /// why.
    ///
    /// # Errors
    /// `Corrupt` when it cannot be told what is reached; `StoreFull` when there is no room to begin; `Interrupted`;
    /// those of [`Store::put`].
    pub fn compact(&self, options: CompactOptions) -> Result<CompactReport> {
        if options.dry_run {
            self.shared.check_open()?;
        } else {
            self.commit()?;
        }
        crate::compact::compact(&self.shared, options)
    }

    /// To be called after the ingests into a collection: stores its rows as columns, as far as its setting says so and
    /// there are enough of them. `asked` says that the setting was given for this ingest:
    /// [`crate::StoredLayout::Columns`] then counts for few rows, too. Commits pending work first. Another writer's
    /// commits are no harm in between.
    ///
    /// # Errors
    /// As [`Store::compact`]. What there is no room for stays rows; a warning says so.
    pub fn apply_layout(
        &self,
        collection: &str,
        asked: bool,
        progress: ProgressFn,
    ) -> Result<CompactReport> {
        self.commit()?;
        crate::compact::apply_layout(&self.shared, collection, asked, progress)
    }

    /// Rows of a collection, in order.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`, `Io`.
    pub fn rows(&self, collection: &str, range: Range<Seq>) -> Result<Rows> {
        self.reader()?.rows(collection, range)
    }

    /// Scans a collection: typed Arrow batches, in order.
    ///
    /// # Errors
    /// Those of [`Snapshot::scan`].
    pub fn scan(&self, request: &ScanRequest) -> Result<Scan> {
        self.reader()?.scan(request)
    }

    /// Writes the bytes of every row, in order, each followed by a line break.
    ///
    /// # Errors
    /// `CollectionNotFound`; `Io` when `out` fails; `Interrupted`.
    pub fn export(
        &self,
        collection: &str,
        out: &mut dyn std::io::Write,
        mut progress: ProgressFn,
    ) -> Result<ExportReport> {
        let began = std::time::Instant::now();
        let snapshot = self.reader()?;
        let writing = |error| Error::io(&format!("writing the export of {collection}"), error);
        let mut report = ExportReport::default();
        let mut reported = 0;
        let mut rows = snapshot.rows(collection, Seq(0)..Seq(u64::MAX))?;
        while let Some(row) = rows.next() {
            let bytes = rows.blob(&row?)?;
            out.write_all(&bytes).map_err(writing)?;
            out.write_all(b"\n").map_err(writing)?;
            report.rows += 1;
            report.bytes += bytes.len() as u64 + 1;
            if report.bytes - reported >= REPORT_BYTES {
                reported = report.bytes;
                progress.report(&Progress {
                    bytes: report.bytes,
                    total_bytes: None,
                    rows: report.rows,
                    seconds: began.elapsed().as_secs_f64(),
                })?;
            }
        }
        out.flush().map_err(writing)?;
        report.seconds = began.elapsed().as_secs_f64();
        progress.report(&Progress {
            bytes: report.bytes,
            total_bytes: Some(report.bytes),
            rows: report.rows,
            seconds: report.seconds,
        })?;
        Ok(report)
    }
}

/// Of the errors of opening and of creating a store the one that tells a user more.
fn prefer(opening: Error, creating: Error) -> Error {
    let in_the_way = creating.os_code().is_some_and(|code| {
        use std::io::ErrorKind::{AlreadyExists, NotADirectory};
        matches!(
            std::io::Error::from_raw_os_error(code).kind(),
            AlreadyExists | NotADirectory
        )
    });
    if creating.kind() == ErrorKind::NotAStore || in_the_way {
        opening
    } else {
        creating
    }
}
