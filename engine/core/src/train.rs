//! Training on a collection that is there.

use std::collections::HashSet;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use lakebed_format::{Hash, Seq};

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::segment::FindDictionary;
use crate::snapshot::{Cursor, Snapshot, live_range};
use crate::store::TrainReport;
use crate::write::{Session, Shared};
use lakebed_codec::training::{
    self, Budget, LARGEST_SIZE, LEAST_SIZE, Request, Samples, TRAIN_SHARE, TRAIN_WINDOWS,
    fitting_size,
};

/// Rows looked at to learn how large rows are.
const PROBES: u64 = 64;
/// How often whoever waits for the training asks whether to go on.
const PATIENCE: Duration = Duration::from_millis(50);

/// Trains and, if it pays, installs; see [`crate::Store::train`].
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
    let how = &shared.home.options;
    let (samples, expected_bytes) = sample(&snapshot, name, size)?;
    let sample_bytes = samples.training().0.len() as u64;
    let (level, page_bytes) = (how.level, how.page_bytes);
    let began = std::time::Instant::now();
    let trained = apart(how, move || {
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

/// Runs this on a thread of its own and waits for it. zstd cannot be stopped: who is interrupted goes, and the thread, which has everything
/// it needs and changes nothing, ends by itself a little later.
fn apart<T: Send + 'static>(
    options: &Options,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = bounded(1);
    std::thread::Builder::new()
        .name("lakebed-train".into())
        // Nobody listens any more when the caller has gone.
        .spawn(move || drop(sender.send(work())))
        .map_err(|cause| Error::io("Starting a thread", cause))?;
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => options.go_on()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::internal("the thread that trained panicked"));
            }
        }
    }
}

/// Rows from all over the collection, each blob once, and about how many bytes its rows have together.
fn sample(snapshot: &Snapshot, name: &str, size: usize) -> Result<(Samples, u64)> {
    let options = &snapshot.view.home.options;
    let mut samples = Samples::default();
    let all = live_range(snapshot.named(name)?, Seq(0)..Seq(u64::MAX));
    let count = all.end.0 - all.start.0;
    if count == 0 {
        return Ok((samples, 0));
    }
    let mut cursor = Cursor::new(snapshot);
    let (mut probed, mut bytes) = (0, 0);
    for number in 0..PROBES.min(count) {
        let seq = Seq(all.start.0
            + (u128::from(count) * u128::from(number) / u128::from(PROBES.min(count))) as u64);
        if let Some(row) = snapshot.rows(name, seq..seq.next())?.next() {
            bytes += cursor.bytes(row?.blob)?.len() as u64;
            probed += 1;
        }
    }
    let average = (bytes / std::cmp::max(probed, 1)).max(1);
    let expected = average.saturating_mul(count);
    let size = fitting_size(size, expected);
    let budget = Budget::new(size, TRAIN_SHARE, options.page_bytes);

    // One pass over the rows, which are cheap; only the sampled ones' bytes are read.
    let mut rows = snapshot.rows(name, all.clone())?.peekable();
    let mut seen = HashSet::new();
    for run in budget.runs(expected) {
        options.go_on()?;
        let from = Seq(all.start.0 + run.offset.div_ceil(average));
        let end = Seq(all.start.0 + (run.offset + run.bytes as u64).div_ceil(average));
        let mut records: Vec<Vec<u8>> = Vec::new();
        while let Some(row) = rows.next_if(|row| row.as_ref().map_or(true, |row| row.seq < end)) {
            let row = row?;
            if row.seq >= from && seen.insert(row.blob) {
                records.push(cursor.bytes(row.blob)?.to_vec());
            }
        }
        samples.add(&run, records.iter().map(Vec::as_slice));
    }
    Ok((samples, expected))
}
