//! Copies rows from one store to another, each with the file, line and time it came from.
//!
//! How far a collection was copied is recorded in the store that gets the rows, as an ingest of a file named after the
//! other store and its collection, in the same commit as the rows. So a copy that was interrupted goes on, and a copy
//! that is repeated adds what came since.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use lakebed_codec::Workers;
use lakebed_format::{BlobId, CatalogueRecord, CollectionId, FileNumber, Hash, IngestEntry, Seq};
use lakebed_json::schema::{Description, validate_and_observe};

use crate::blob::Blob;
use crate::catalogue::{Catalogue, Collection};
use crate::error::{Error, ErrorKind, Result};
use crate::hashing::hash_each;
use crate::progress::{Progress, ProgressFn};
use crate::snapshot::{Row, Rows, Snapshot};
use crate::spelling::quoted;
use crate::write::{Lines, NewBlob, Session, Shared};

/// Bytes of records that are compared with the store's together.
const PIECE: usize = 4 << 20;
/// Rows of a piece at most.
const PIECE_ROWS: usize = 16 << 10;
/// Bytes of records in a commit, about.
const GROUP: u64 = 64 << 20;

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CopyReport {
    /// The collections, in the order of their names.
    pub collections: Vec<CopiedCollection>,
    /// Rows added.
    pub rows: u64,
    /// Blobs that were not there before.
    pub new_blobs: u64,
    /// Rows whose blob was there before.
    pub duplicates: u64,
    /// Blobs of `put` that were pinned, known ones included.
    pub pinned: u64,
    /// Bytes of the records and blobs that were read.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// What was copied of one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopiedCollection {
    /// Its name.
    pub name: String,
    /// Rows added.
    pub rows: u64,
    /// The sequence number in the other store up to which it was copied before.
    pub copied_before: u64,
}

/// Copies these collections; without any, all, and the blobs of `put`.
///
/// # Errors
/// See [`crate::Store::copy_to`].
pub(crate) fn transfer(
    from: &Snapshot,
    to: &Shared,
    collections: &[String],
    progress: ProgressFn,
) -> Result<CopyReport> {
    let options = &to.context.options;
    let workers = Workers::new(options.threads, options.level);
    let mut names: Vec<&str> = collections.iter().map(String::as_str).collect();
    if names.is_empty() {
        names = from.catalogue().collections().map(|c| &*c.name).collect();
    }
    names.sort_unstable();
    names.dedup();
    let mut total_rows = 0;
    for name in &names {
        let collection = from.named(name)?;
        check_other(from, to, collection)?;
        total_rows += collection.rows();
    }
    let mut transfer = Transfer {
        from,
        to,
        workers: Arc::new(workers.map_err(|e| Error::compressing(&e))?),
        report: CopyReport::default(),
        progress,
        began: Instant::now(),
        total_rows,
    };
    for name in names {
        transfer.collection(name)?;
    }
    if collections.is_empty() {
        transfer.pinned()?;
    }
    let mut report = transfer.report;
    report.seconds = transfer.began.elapsed().as_secs_f64();
    Ok(report)
}

/// Refuses to add the rows of a collection to itself, through a copy of the store too.
fn check_other(from: &Snapshot, to: &Shared, collection: &Collection) -> Result<()> {
    let (source, target) = (&from.committed.context, &to.context);
    let same_store = source.header.uuid == target.header.uuid;
    let there = to.committed();
    let known = there.catalogue.collection(collection.id);
    if !same_store || known.is_none() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "{} and {} are one store and its copy, or the same one, and {} is a collection of both: its rows would be there twice. \
             Restore the copy to a store of its own, or drop the collection first.",
            source.vfs.describe(),
            target.vfs.describe(),
            quoted(&collection.name)
        ),
    ))
}

struct Transfer<'a> {
    from: &'a Snapshot,
    to: &'a Shared,
    workers: Arc<Workers>,
    report: CopyReport,
    progress: ProgressFn,
    began: Instant,
    total_rows: u64,
}

/// The collection and the file in whose name it is recorded how far the copy is.
#[derive(Clone, Copy)]
struct Place {
    collection: CollectionId,
    position: FileNumber,
}

impl Transfer<'_> {
    fn collection(&mut self, name: &str) -> Result<()> {
        let mut done = CopiedCollection {
            name: name.to_owned(),
            ..CopiedCollection::default()
        };
        let mut is_first = true;
        loop {
            // A session for each group, so that others write in between.
            let mut session = Session::begin(self.to, Some(Arc::clone(&self.workers)))?;
            let place = self.place(&mut session, name)?;
            let position = position(&session.catalogue(), place);
            if is_first {
                done.copied_before = position;
                is_first = false;
            }
            let Some((rows, end)) = self.group(&mut session, name, place, position)? else {
                self.ingests(&mut session, name, place)?;
                session.commit()?;
                session.leave()?;
                break;
            };
            session.record(CatalogueRecord::Ingest(IngestEntry {
                collection: place.collection,
                file: place.position,
                complete: false,
                raw_size: 0,
                raw_digest: None,
                content_offset: 0,
                lines: end,
                prefix_digest: Hash::of(b""),
            }))?;
            session.commit()?;
            session.leave()?;
            done.rows += rows;
            self.report.rows += rows;
            self.tick()?;
        }
        self.report.collections.push(done);
        Ok(())
    }

    /// The collection, made if it is not there: with the declared types and the dictionary of the other one.
    fn place(&self, session: &mut Session<'_>, name: &str) -> Result<Place> {
        let source = self.from.named(name)?;
        let is_new = session.catalogue().named(name).is_none();
        let collection = session.collection(name)?;
        if is_new {
            let settings = self.from.settings(name)?;
            if !settings.is_empty() {
                let description = Description {
                    settings: Some(settings),
                    ..Description::default()
                };
                session.record(CatalogueRecord::Schema {
                    collection,
                    summary: description.encode(),
                })?;
            }
            if let Some(entry) = self.from.catalogue().dictionary_of(source.id) {
                let dictionary = self.from.read(entry.blob)?;
                if let Some(dictionary) = dictionary.filter(|bytes| Hash::of(bytes) == entry.hash) {
                    session.install_dictionary(collection, &dictionary)?;
                }
            }
        }
        session.encode_for(collection)?;
        let uuid = &self.from.committed.context.header.uuid.0;
        let uuid = uuid
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Ok(Place {
            collection,
            position: session.file(&format!("lakebed:{uuid}/{}", source.id))?,
        })
    }

    /// Adds rows from this one on, as many as make a commit. How many, and the number after the last; `None` when there
    /// are no more.
    fn group(
        &mut self,
        session: &mut Session<'_>,
        name: &str,
        place: Place,
        start: u64,
    ) -> Result<Option<(u64, u64)>> {
        let from = self.from;
        let mut rows = from.rows(name, Seq(start)..Seq(u64::MAX))?;
        let mut summary = session.expected(place.collection);
        let mut files = HashMap::new();
        let (mut count, mut end, mut bytes) = (0, start, 0);
        let mut piece = Vec::new();
        while bytes < GROUP && read_piece(&mut rows, &mut piece)? {
            self.to.context.options.check_interrupted()?;
            for (_, blob) in &piece {
                bytes += blob.len() as u64;
                validate_and_observe(blob, &mut summary).map_err(|error| {
                    let text = format!(
                        "A row of {name} is not a JSON record ({error}).",
                        name = quoted(name)
                    );
                    Error::new(ErrorKind::Corrupt, text)
                })?;
            }
            self.piece(session, place.collection, &piece, &mut files)?;
            count += piece.len() as u64;
            if let Some((last, _)) = piece.last() {
                end = last.seq.0 + 1;
            }
            self.report_progress(count)?;
        }
        if count == 0 {
            return Ok(None);
        }
        self.report.bytes += bytes;
        session.record(CatalogueRecord::Schema {
            collection: place.collection,
            summary: summary.encode(),
        })?;
        Ok(Some((count, end)))
    }

    fn piece(
        &mut self,
        session: &mut Session<'_>,
        collection: CollectionId,
        piece: &[(Row, Blob)],
        files: &mut HashMap<Arc<str>, FileNumber>,
    ) -> Result<()> {
        let ids = self.blobs(session, piece.iter().map(|(_, blob)| blob))?;
        let mut rest = ids.as_slice();
        let alike =
            |(a, _): &(Row, Blob), (b, _): &(Row, Blob)| a.file == b.file && a.time == b.time;
        for run in piece.chunk_by(alike) {
            let Some(((first, _), (own, others))) =
                run.first().zip(rest.split_at_checked(run.len()))
            else {
                return Err(Error::internal("there are fewer ids than rows"));
            };
            rest = others;
            let file = match &first.file {
                None => FileNumber::NONE,
                Some(name) => {
                    let known = files.get(name).copied();
                    let number = known.map_or_else(|| session.file(name), Ok)?;
                    files.insert(Arc::clone(name), number);
                    number
                }
            };
            let lines: Vec<u64> = run.iter().map(|(row, _)| row.line.unwrap_or(0)).collect();
            session.rows_of(first.time, collection, file, Lines::Each(&lines), own)?;
        }
        Ok(())
    }

    fn blobs<'b>(
        &mut self,
        session: &mut Session<'_>,
        blobs: impl Iterator<Item = &'b Blob>,
    ) -> Result<Vec<BlobId>> {
        let records: Vec<&[u8]> = blobs.map(|blob| &**blob).collect();
        let batch: Vec<NewBlob<'_>> = hash_each(&records)
            .into_iter()
            .zip(records)
            .map(|(hash, bytes)| NewBlob { hash, bytes })
            .collect();
        let mut ids = Vec::new();
        let counts = session.blobs(&batch, &mut ids)?;
        self.report.new_blobs += counts.new;
        self.report.duplicates += counts.known;
        Ok(ids)
    }

    /// What the other store recorded of the files of a collection, so that they are known here, too: those of which
    /// this store does not know more.
    fn ingests(&self, session: &mut Session<'_>, name: &str, place: Place) -> Result<()> {
        let source = self.from.named(name)?;
        let catalogue = self.from.catalogue();
        for entry in catalogue.ingests() {
            let Some(file) = catalogue.file(entry.file) else {
                continue;
            };
            if entry.collection != source.id || is_position(file) {
                continue;
            }
            let own = IngestEntry {
                collection: place.collection,
                file: session.file(file)?,
                ..*entry
            };
            let there = session.catalogue();
            let mut known = there.ingests().iter();
            if known.any(|known| {
                (known.collection, known.file) == (own.collection, own.file)
                    && (known.lines >= own.lines || known.complete)
            }) {
                continue;
            }
            session.record(CatalogueRecord::Ingest(own))?;
        }
        Ok(())
    }

    /// Pins the blobs that the other store has pinned.
    fn pinned(&mut self) -> Result<()> {
        let from = self.from;
        let mut ids = from.catalogue().pinned().iter().peekable();
        while ids.peek().is_some() {
            let mut session = Session::begin(self.to, Some(Arc::clone(&self.workers)))?;
            session.encode_plain()?;
            let mut group = 0;
            while group < GROUP && ids.peek().is_some() {
                self.to.context.options.check_interrupted()?;
                let mut piece = Vec::new();
                let mut bytes = 0;
                while bytes < PIECE
                    && piece.len() < PIECE_ROWS
                    && let Some(id) = ids.next()
                {
                    if let Some(blob) = from.read(id)? {
                        bytes += blob.len();
                        piece.push(blob);
                    }
                }
                let own = self.blobs(&mut session, piece.iter())?;
                for id in own {
                    session.pin(id)?;
                    self.report.pinned += 1;
                }
                group += bytes as u64;
                self.report.bytes += bytes as u64;
            }
            session.commit()?;
            session.leave()?;
            self.tick()?;
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<()> {
        self.report_progress(0)
    }

    /// `pending`: rows that are not in the report yet.
    fn report_progress(&mut self, pending: u64) -> Result<()> {
        self.progress.report(&Progress {
            bytes: self.report.bytes,
            total_bytes: None,
            rows: (self.report.rows + pending).min(self.total_rows),
            seconds: self.began.elapsed().as_secs_f64(),
        })
    }
}

/// The next rows with their bytes, in place of those that are there; false at the end.
fn read_piece(rows: &mut Rows, piece: &mut Vec<(Row, Blob)>) -> Result<bool> {
    piece.clear();
    let mut bytes = 0;
    while bytes < PIECE
        && piece.len() < PIECE_ROWS
        && let Some(row) = rows.next()
    {
        let row = row?;
        let blob = rows.blob(&row)?;
        bytes += blob.len();
        piece.push((row, blob));
    }
    Ok(!piece.is_empty())
}

/// The sequence number up to which the other collection was copied.
fn position(catalogue: &Catalogue, place: Place) -> u64 {
    let mut ingests = catalogue.ingests().iter();
    ingests
        .rfind(|entry| (entry.collection, entry.file) == (place.collection, place.position))
        .map_or(0, |entry| entry.lines)
}

/// Whether a file's name is one that positions are recorded under.
fn is_position(name: &str) -> bool {
    name.strip_prefix("lakebed:").is_some_and(|rest| {
        rest.split_once('/')
            .is_some_and(|(uuid, id)| uuid.len() == 32 && id.bytes().all(|b| b.is_ascii_digit()))
    })
}
