//! Trains a dictionary on the rows of a collection.

use std::collections::HashSet;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use lakebed_format::{DictionaryNumber, Hash, Seq};

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::segment::FindDictionary;
use crate::snapshot::{Cursor, Snapshot, live_range};
use crate::write::{Session, Shared};
use lakebed_codec::training::{
    self, Budget, LARGEST_SIZE, LEAST_SIZE, Request, Samples, TRAIN_SHARE, TRAIN_WINDOWS,
    fitting_size,
};

/// The number of rows read to estimate the average length of a row.
const LENGTH_SAMPLES: u64 = 64;
/// How often the waiting thread checks for an interrupt.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(50);

/// The result of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainReport {
    /// The name of the collection.
    pub collection: String,
    /// Whether the dictionary was worth installing, and was installed.
    pub installed: bool,
    /// The number of the dictionary, if it was installed.
    pub number: Option<DictionaryNumber>,
    /// Its generation in the collection.
    pub generation: u64,
    /// The hash of the dictionary.
    pub hash: Hash,
    /// The size of the dictionary in bytes.
    pub size: u64,
    /// The bytes it was trained on.
    pub sample_bytes: u64,
    /// The stored bytes of held-out pages without it.
    pub held_out_before: u64,
    /// The stored bytes of held-out pages with it.
    pub held_out_after: u64,
    /// The time it took.
    pub seconds: f64,
}

/// Trains a dictionary and installs it if it pays; see [`crate::Store::train`].
pub(crate) fn train_collection(shared: &Shared, name: &str, size: usize) -> Result<TrainReport> {
    if !(LEAST_SIZE..=LARGEST_SIZE).contains(&size) {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "A dictionary of {size} bytes cannot be trained; ask for {LEAST_SIZE} to {LARGEST_SIZE}."
            ),
        ));
    }
    let mut session = Session::begin(shared, None)?;
    session.commit()?;
    let snapshot = session.snapshot();
    let collection = snapshot.named(name)?.id;
    let catalogue = session.catalogue();
    let before = catalogue.dictionary_of(collection).copied();
    let current = match &before {
        Some(entry) => Some(snapshot.dictionary(entry.number)?),
        None => None,
    };
    let options = &shared.context.options;
    let (samples, expected_bytes) = sample(&snapshot, name, size)?;
    let sample_bytes = samples.training().0.len() as u64;
    let (level, page_bytes) = (options.level, options.page_bytes);
    let began = std::time::Instant::now();
    let trained = interruptible(options, move || {
        let request = Request {
            size,
            windows: TRAIN_WINDOWS,
            level,
            page_bytes,
            expected_bytes,
            current: current.as_deref(),
        };
        training::train(&samples, &request).map_err(Error::from)
    })?;
    let mut report = TrainReport {
        collection: name.to_owned(),
        installed: false,
        number: None,
        generation: before.map_or(0, |entry| entry.generation),
        hash: Hash::of(b""),
        size: 0,
        sample_bytes,
        held_out_before: 0,
        held_out_after: 0,
        seconds: 0.0,
    };
    if let Some(trained) = trained {
        report.hash = Hash::of(&trained.bytes);
        report.size = trained.bytes.len() as u64;
        report.held_out_before = trained.held_out_before;
        report.held_out_after = trained.held_out_after;
        if trained.pays {
            report.number = Some(session.install_dictionary(collection, &trained.bytes)?);
            session.commit()?;
            report.installed = true;
            report.generation += 1;
        }
    }
    report.seconds = began.elapsed().as_secs_f64();
    session.leave()?;
    Ok(report)
}

/// Runs `work` on a thread of its own and waits for it. zstd cannot be stopped: on an interrupt this returns at once,
/// and the thread, which owns its input and changes nothing, ends a little later.
fn interruptible<T: Send + 'static>(
    options: &Options,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = bounded(1);
    std::thread::Builder::new()
        .name("lakebed-train".into())
        // Sending fails when the caller was interrupted.
        .spawn(move || drop(sender.send(work())))
        .map_err(|cause| Error::io("Starting a thread", cause))?;
    loop {
        match receiver.recv_timeout(INTERRUPT_INTERVAL) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => options.check_interrupted()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::internal("the thread that trained panicked"));
            }
        }
    }
}

/// Rows from the whole collection, each blob once, and an estimate of the bytes of all its rows.
fn sample(snapshot: &Snapshot, name: &str, size: usize) -> Result<(Samples, u64)> {
    let options = &snapshot.committed.context.options;
    let mut samples = Samples::default();
    let all = live_range(snapshot.named(name)?, Seq(0)..Seq(u64::MAX));
    let count = all.end.0 - all.start.0;
    if count == 0 {
        return Ok((samples, 0));
    }
    let mut cursor = Cursor::new(snapshot);
    let (mut probed, mut bytes) = (0, 0);
    for number in 0..LENGTH_SAMPLES.min(count) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a part of `count`, which has 64 bits"
        )]
        let seq = Seq(all.start.0
            + (u128::from(count) * u128::from(number) / u128::from(LENGTH_SAMPLES.min(count)))
                as u64);
        if let Some(row) = snapshot.rows(name, seq..seq.next())?.next() {
            bytes += cursor.bytes(row?.blob)?.len() as u64;
            probed += 1;
        }
    }
    let average = (bytes / std::cmp::max(probed, 1)).max(1);
    let expected = average.saturating_mul(count);
    let size = fitting_size(size, expected);
    let budget = Budget::new(size, TRAIN_SHARE, options.page_bytes);

    // One pass over the rows, which are small; only the bytes of sampled records are read.
    let mut rows = snapshot.rows(name, all.clone())?.peekable();
    let mut seen = HashSet::new();
    for range in budget.ranges(expected) {
        options.check_interrupted()?;
        let from = Seq(all.start.0 + range.offset.div_ceil(average));
        let end = Seq(all.start.0 + (range.offset + range.bytes as u64).div_ceil(average));
        let mut records: Vec<Vec<u8>> = Vec::new();
        while let Some(row) = rows.next_if(|row| row.as_ref().map_or(true, |row| row.seq < end)) {
            let row = row?;
            if row.seq >= from && seen.insert(row.blob) {
                records.push(cursor.bytes(row.blob)?.to_vec());
            }
        }
        samples.add(&range, records.iter().map(Vec::as_slice));
    }
    Ok((samples, expected))
}
