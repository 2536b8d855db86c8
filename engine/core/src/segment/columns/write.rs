//! Writing a part: rows of a collection into a Parquet file from which each record is rebuilt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lakebed_columns::{PageDirectory, PartChoices, PartWriter};
use lakebed_format::{BlobId, CollectionId, IdSet, PartEntry, SegmentNumber, checksum, names};
use lakebed_json::extract::Extractor;
use lakebed_json::shapes::{Leaves, Limits, Shaper, Spellers};
use lakebed_vfs::{Open, Vfs};
use parking_lot::Mutex;

use super::batch::{Batch, fields};
use super::encode::{Encoding, Settling, Shaped, Shaping, Taken};
use super::origin;
use super::pages::Keeping;
use super::part::OpenPart;
use super::rows::{PartRows, ReadRecord};
use super::sink::Sink;
use super::stage::Stage;
use super::table::PartTable;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::files::SegmentFiles;

/// Fewer rows than this are not worth a file.
const MIN_ROWS: usize = 64;
/// Records that spellers are chosen by.
const SAMPLE_ROWS: usize = 4_096;
/// Rows that are read back between two checks for an interrupt.
const CHECK_ROWS: usize = 4_096;
/// Between two looks at a thread that is not done.
const WAIT: Duration = Duration::from_millis(1);
/// Bytes of these records.
const SAMPLE_BYTES: usize = 8 << 20;
/// How the last part of each collection was written.
pub(crate) type KnownChoices = Mutex<BTreeMap<CollectionId, PartChoices>>;

/// Where parts are written to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartPlace<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) files: &'a SegmentFiles,
    pub(crate) segment: SegmentNumber,
    /// Of the segment.
    pub(crate) salt: u64,
    pub(crate) level: i32,
    /// How many threads work.
    pub(crate) threads: usize,
    /// Parts that are alike are written in the same way, without further trials.
    pub(crate) choices: &'a KnownChoices,
}

/// A part whose file is written and synced.
#[derive(Debug)]
pub(crate) struct NewPart {
    /// Where its table lies is not known yet.
    pub(crate) entry: PartEntry,
    pub(crate) table: PartTable,
    /// Bytes of its records.
    pub(crate) raw_bytes: u64,
    /// Blobs that are alone in their chunk.
    pub(crate) alone: IdSet,
}

/// What became of the rows.
#[derive(Debug)]
pub(crate) enum Written {
    Part(Box<NewPart>),
    /// They stay in frames, for this reason: half a sentence.
    Rows(String),
}

impl PartPlace<'_> {
    /// Writes the part of these rows. Where the rows stay in frames, and after an error, no file is left, as far as
    /// that is possible.
    ///
    /// # Errors
    /// Those of `records`; `Io`, `StoreFull`.
    pub(crate) fn write(self, rows: &PartRows, records: &mut dyn ReadRecord) -> Result<Written> {
        if rows.rows.len() < MIN_ROWS {
            return Ok(Written::Rows(format!(
                "it has only {} rows here",
                rows.rows.len()
            )));
        }
        let mut written = self.write_file(rows, records, Settling::First);
        let differs = match &written {
            Ok(written) => written.is_none(),
            Err(error) => error.kind() == ErrorKind::Corrupt,
        };
        if differs {
            written = self.write_file(rows, records, Settling::Each);
        }
        let written = written.and_then(|written| written.ok_or_else(|| self.differs(rows)));
        if !matches!(written, Ok(Written::Part(_))) {
            self.remove(rows.collection);
        }
        written
    }

    /// Removes the file of a part, as far as that is possible.
    pub(crate) fn remove(self, collection: CollectionId) {
        let name = names::part(self.segment, collection);
        self.files.forget(&name);
        let _ = self.vfs.unlink(&name);
    }

    /// `None` where records differ when they are rebuilt from the file.
    fn write_file(
        self,
        rows: &PartRows,
        records: &mut dyn ReadRecord,
        settling: Settling,
    ) -> Result<Option<Written>> {
        let name = names::part(self.segment, rows.collection);
        let io = |error| Error::io(&format!("writing {name}"), error);
        // Whatever a crash left there.
        self.remove(rows.collection);
        let file = self.vfs.open(&name, Open::CreateNew).map_err(io)?;
        let salt = PartEntry::salt(self.salt, rows.collection);
        let sink = Sink::new(Arc::clone(&file), salt);
        let end = sink.end();
        // An error of the file is told as what it is; columns that Parquet does not have stay rows.
        let refused = |error: lakebed_columns::ColumnsError| match end.lock().error.take() {
            Some(error) => Err(io(error)),
            None => Ok(Some(Written::Rows(format!(
                "its columns cannot be written ({error})"
            )))),
        };
        let leaves = Leaves::of(&rows.schema.columns);
        let spellers = spellers(&leaves, rows, records)?;
        let shaper = Shaper::new(&leaves, spellers, Limits::default());
        let all: Vec<usize> = (0..rows.schema.columns.len()).collect();
        let mut extractor = Extractor::new(&rows.schema, &all);
        let writer = PartWriter::new(fields(&rows.schema), self.level, sink)
            .with_rows(rows.rows.len())
            .with_choices(self.choices.lock().get(&rows.collection).cloned())
            .with_note(origin::NOTE, origin::note(&rows.schema));
        let mut checks = Checks::new(salt);
        let unfit = || "its values do not fit its types".to_owned();
        let shaped = std::thread::scope(|scope| {
            let encoding = Stage::begin(scope, Encoding::new(writer), self.threads);
            let shaping = Shaping::new(rows, &leaves, shaper, settling, encoding);
            let mut shaping = Stage::begin(scope, shaping, self.threads);
            let mut batch = Batch::default();
            for (place, row) in rows.rows.iter().enumerate() {
                let record = records.record(row.blob)?;
                if extractor.push(record).is_err() {
                    return Ok(Err(unfit()));
                }
                checks.see(row.blob, record);
                batch.push(*row, record);
                if batch.is_full() || place + 1 == rows.rows.len() {
                    // The rows' summary may be wrong about them, as in a store that somebody forged.
                    let Ok(arrays) = extractor.finish() else {
                        return Ok(Err(unfit()));
                    };
                    if !shaping.push((batch.take(), arrays)) {
                        break;
                    }
                }
            }
            let shaped = shaping.finish();
            Ok::<_, Error>(Ok(shaped.ok_or_else(|| {
                Error::internal("the thread that shapes records ended early")
            })?))
        });
        let shaped = match shaped? {
            Ok(shaped) => shaped,
            Err(reason) => return Ok(Some(Written::Rows(reason))),
        };
        let Shaped { shaper, taken } = shaped;
        let written = match taken? {
            Taken::Unfit(reason) => return Ok(Some(Written::Rows(reason))),
            Taken::Written(Ok(written)) => written,
            Taken::Written(Err(error)) => return refused(error),
        };
        let choices = written.choices().clone();
        self.choices.lock().insert(rows.collection, choices);
        let (len, sum) = end.lock().finished();
        let mut read = |offset, into: &mut [u8]| {
            file.read_exact_at(into, offset).map_err(|error| {
                let kind = error.kind();
                end.lock().error = Some(error);
                kind.into()
            })
        };
        let directory = match written.directory(salt, &mut read) {
            Ok(directory) => directory,
            Err(error) => return refused(error),
        };
        let table = table(rows, &leaves, &shaper, directory);
        let part = std::thread::scope(|scope| {
            // The disk works while records are rebuilt.
            let sync = || file.sync_data().map_err(io);
            let syncing = (self.threads > 1).then(|| scope.spawn(sync));
            let part = self.part(rows, table, (len, sum), checks, records);
            let synced = match syncing {
                Some(thread) => thread.join().map_err(|_| panicked("synced a part"))?,
                None if part.is_ok() => sync(),
                None => Ok(()),
            };
            part.and_then(|part| synced.map(|()| part))
        })?;
        Ok(part.map(|part| Written::Part(Box::new(part))))
    }

    fn differs(self, rows: &PartRows) -> Error {
        Error::new(
            ErrorKind::Internal,
            format!(
                "Records of {} were not rebuilt byte for byte, and nothing was replaced; please report this.",
                names::part(self.segment, rows.collection)
            ),
        )
    }

    /// The part that was written, read back from its file and compared; `None` where a record differs.
    fn part(
        self,
        rows: &PartRows,
        table: PartTable,
        (len, checksum): (u64, u64),
        checks: Checks,
        records: &dyn ReadRecord,
    ) -> Result<Option<NewPart>> {
        let entry = PartEntry {
            collection: rows.collection,
            rows: rows.rows.len() as u64,
            len,
            checksum,
            table_offset: 0,
            table_len: 0,
        };
        let open = OpenPart::new(
            self.files,
            (self.segment, self.salt),
            0,
            &entry,
            table.clone(),
        )?;
        let is_same = self.check(&open, &checks, records)?;
        Ok(is_same.then_some(NewPart {
            entry,
            table,
            raw_bytes: checks.raw_bytes,
            alone: checks.alone,
        }))
    }
}

impl PartPlace<'_> {
    /// Rebuilds each record and compares it, a stretch of the rows on each thread. Whether all are the same.
    fn check(self, part: &OpenPart, checks: &Checks, records: &dyn ReadRecord) -> Result<bool> {
        let stretch = checks
            .sums
            .len()
            .div_ceil(self.threads.max(1))
            .max(CHECK_ROWS);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let mut stretches = checks.sums.chunks(stretch).enumerate();
            let own = stretches.next();
            let others: Vec<_> = stretches
                .map(|(place, sums)| {
                    let over = &over;
                    scope.spawn(move || {
                        Self::check_rows(part, place * stretch, sums, &|| {
                            Ok(over.load(Ordering::Relaxed))
                        })
                    })
                })
                .collect();
            let checked = own.map_or(Ok(true), |(_, sums)| {
                Self::check_rows(part, 0, sums, &|| {
                    records.check_interrupted().map(|()| false)
                })
            });
            if !matches!(checked, Ok(true)) {
                over.store(true, Ordering::Relaxed);
            }
            let mut all = checked;
            for other in others {
                while all.is_ok() && !other.is_finished() {
                    std::thread::sleep(WAIT);
                    if let Err(error) = records.check_interrupted() {
                        over.store(true, Ordering::Relaxed);
                        all = Err(error);
                    }
                }
                let checked = other.join().map_err(|_| panicked("rebuilt records"));
                all = all.and_then(|same| Ok(checked.flatten()? && same));
            }
            all
        })
    }

    /// Rebuilds records from a row on. Whether they are the same, as far as it came; `is_over` is asked now and then.
    fn check_rows(
        part: &OpenPart,
        first: usize,
        sums: &[u64],
        is_over: &dyn Fn() -> Result<bool>,
    ) -> Result<bool> {
        let mut rebuilt = part.records(Keeping::Never);
        let mut bytes = Vec::new();
        for (place, sum) in sums.iter().enumerate() {
            if place.is_multiple_of(CHECK_ROWS) && is_over()? {
                return Ok(true);
            }
            bytes.clear();
            let row = first + place;
            rebuilt.append(row as u64, &mut bytes)?;
            if sum_of(part.file.salt, &bytes) != *sum {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn panicked(what: &str) -> Error {
    Error::internal(&format!("a thread that {what} panicked"))
}

/// What a segment says of a part with this page directory.
fn table(rows: &PartRows, leaves: &Leaves, shaper: &Shaper, directory: PageDirectory) -> PartTable {
    let mut ids = IdSet::new();
    for row in &rows.rows {
        ids.insert(row.blob);
    }
    let (mut spellers, mut shapes) = (Vec::new(), Vec::new());
    shaper.spellers().encode(&mut spellers);
    shaper.shapes().encode(&mut shapes);
    let lists = leaves
        .lists()
        .iter()
        .map(|list| (list.leaves.start, list.depth));
    PartTable {
        ids,
        directory,
        lists: lists.collect(),
        spellers,
        shapes,
    }
}

/// How values are spelled, by a sample from all over the rows.
fn spellers(leaves: &Leaves, rows: &PartRows, records: &mut dyn ReadRecord) -> Result<Spellers> {
    let mut sample: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    // Runs of neighbours, which lie in the same frames.
    let run = 64;
    let runs = SAMPLE_ROWS / run;
    let step = (rows.rows.len() / runs).max(run);
    'all: for part in rows.rows.chunks(step) {
        for row in part.iter().take(run) {
            let record = records.record(row.blob)?;
            bytes += record.len();
            sample.push(record.to_vec());
            if bytes > SAMPLE_BYTES {
                break 'all;
            }
        }
    }
    Ok(Spellers::of(leaves, sample.iter().map(Vec::as_slice)))
}

/// What is known of the records that were written.
#[derive(Debug)]
struct Checks {
    salt: u64,
    /// Of each record.
    sums: Vec<u64>,
    alone: IdSet,
    raw_bytes: u64,
}

impl Checks {
    fn new(salt: u64) -> Self {
        Self {
            salt,
            sums: Vec::new(),
            alone: IdSet::new(),
            raw_bytes: 0,
        }
    }

    fn see(&mut self, id: BlobId, record: &[u8]) {
        self.sums.push(sum_of(self.salt, record));
        self.raw_bytes += record.len() as u64;
        if record.len() > super::chunks::ALONE_BYTES {
            self.alone.insert(id);
        }
    }
}

/// What a record is compared by with what it is rebuilt as. The salt is random, and no bytes were made for it.
fn sum_of(salt: u64, record: &[u8]) -> u64 {
    checksum(salt, 0, record)
}
