//! One ingest from beginning to end: the part in order, on the caller's thread.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;
use lakebed_format::{BlobId, CollectionId, CommitNumber, FileNumber, Hash, IngestEntry, Record};

use super::chunks::Position;
use super::history::{self, Plan};
use super::input::{Compression, Input};
use super::lines::{LISTED, Parsed};
use super::reader::{self, Item, Reading};
use super::report::{self, Ticker};
use super::sink::Sink;
use super::training::{self, Frames, Training};
use super::{Sizes, quarantine};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{IngestOptions, IngestReport, OnError, Source};
use crate::train::TrainReport;
use crate::write::{BlobCounts, Lines, NewBlob};
use lakebed_codec::{Promise, Workers};
use lakebed_json::schema::{Summary, validate_and_observe};

/// How long nothing may happen until the caller is told again.
const PATIENCE: Duration = Duration::from_millis(50);

/// Ingests `source` into the sink. After an error the sink has to be dropped: what is pending in it is not to be committed.
pub(super) fn ingest_in(
    sink: &mut dyn Sink,
    source: Source,
    mut options: IngestOptions,
    sizes: Sizes,
) -> Result<IngestReport> {
    let mut progress = std::mem::take(&mut options.progress);
    let input = Input::open(source)?;
    let mut ticker = Ticker::new(&mut progress, input.size);
    let mut report = IngestReport {
        collection: options.into.clone(),
        file: input.name.clone(),
        ..IngestReport::default()
    };

    let records = sink.ingests(&options.into)?;
    let plan = history::plan(&input, &records, options.again, options.resume, || {
        ticker.tick()
    })?;
    let begin = match plan {
        Plan::Skip => {
            report.skipped = true;
            report.seconds = ticker.seconds();
            return Ok(report);
        }
        Plan::Anew => None,
        Plan::After(entry) => Some(entry),
        Plan::AnewUnlessBegun(entry) => {
            history::refuse_if_begun(&input, &entry, sizes, &mut ticker)?;
            None
        }
    };
    Run::begin(sink, input, begin, &options, sizes, ticker, report)?.finish()
}

struct Run<'a> {
    sink: &'a mut dyn Sink,
    ticker: Ticker<'a>,
    report: IngestReport,
    on_error: OnError,
    /// The input cannot be read a second time.
    is_stream: bool,
    collection: CollectionId,
    file: FileNumber,
    reading: Reading,
    /// Held here, so that nothing is discarded while promises are waited for.
    workers: Arc<Workers>,
    frames: Frames,
    sizes: Sizes,
    training: Training,
    /// Parsed and waiting for the dictionary.
    held: Vec<Parsed>,
    /// Written with the next commit at the latest: chunks the store seems to have already, each with the number of lines before it.
    known: Vec<(u64, Parsed)>,
    /// What the training is decided by once it is known how the input is compressed.
    plain: Option<std::path::PathBuf>,
    size: Option<u64>,
    quarantine: Option<CollectionId>,
    group: Group,
    /// Lines of the input up to the last chunk written, and up to the last commit.
    lines: u64,
    committed_lines: u64,
    began_at: (u64, u64),
    position: Position,
    stored_before: u64,
    ids: Vec<BlobId>,
}

/// What is pending in the sink.
struct Group {
    bytes: u64,
    rows: u64,
    summary: Summary,
    quarantined: Summary,
}

impl Group {
    fn new() -> Self {
        Self {
            bytes: 0,
            rows: 0,
            summary: Summary::new(),
            quarantined: Summary::new(),
        }
    }
}

/// Why the input was not read to its end.
enum Stop {
    Interrupted,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl<'a> Run<'a> {
    fn begin(
        sink: &'a mut dyn Sink,
        input: Input,
        after: Option<IngestEntry>,
        options: &IngestOptions,
        sizes: Sizes,
        ticker: Ticker<'a>,
        mut report: IngestReport,
    ) -> Result<Self> {
        let stored_before = sink.stored_bytes()?;
        let collection = sink.collection(&options.into)?;
        let file = sink.file(&input.name)?;
        let (level, page_bytes) = sink.framing();
        let (mut plain, size) = (input.path.clone(), input.size);
        let is_stream = plain.is_none();
        let mut training = Training::Done;
        if sink.has_dictionary(collection) {
            sink.encode_for(collection)?;
        } else if options.train {
            training = Training::Gathering;
        } else {
            plain = None;
        }
        let prefix = after.as_ref().map(history::prefix);
        let lines = after.map_or(0, |entry| entry.lines);
        report.resumed_after_line = after.map(|entry| entry.lines);
        let position = Position {
            content: prefix.map_or(0, |prefix| prefix.bytes),
            digest: prefix.map_or_else(|| Hash::of(b""), |prefix| prefix.digest),
            raw: 0,
        };
        let workers = sink.workers();
        let reading = reader::start(input, prefix, options.on_error, sizes, Arc::clone(&workers))?;
        Ok(Self {
            sink,
            ticker,
            report,
            on_error: options.on_error,
            is_stream,
            collection,
            file,
            reading,
            workers,
            frames: Frames { level, page_bytes },
            sizes,
            training,
            held: Vec::new(),
            known: Vec::new(),
            plain,
            size,
            quarantine: None,
            group: Group::new(),
            lines,
            committed_lines: lines,
            began_at: (lines, position.content),
            position,
            stored_before,
            ids: Vec::new(),
        })
    }

    fn finish(mut self) -> Result<IngestReport> {
        match self.write_all() {
            Ok((raw_size, raw_digest)) => {
                self.commit(Some((raw_size, raw_digest)))?;
                // A wish to stop that comes now comes too late.
                drop(self.ticker.tell());
                self.report.lines = self.lines - self.began_at.0;
                self.report.bytes_in = self.position.content - self.began_at.1;
                self.report.bytes_stored =
                    self.sink.stored_bytes()?.saturating_sub(self.stored_before);
                self.report.seconds = self.ticker.seconds();
                Ok(self.report)
            }
            // The input may be told of the caller's wish before anybody else.
            Err(Stop::Failed(error)) if error.kind() != ErrorKind::Interrupted => Err(error),
            Err(Stop::Failed(_) | Stop::Interrupted) => {
                if self.group.bytes > 0 {
                    self.commit(None)?;
                }
                Err(report::interrupted(&self.report.file, &self.kept()))
            }
        }
    }

    /// What is kept when it stops here.
    fn kept(&self) -> String {
        report::kept(self.committed_lines, self.is_stream)
    }

    /// Writes everything the reading thread sends; returns size and hash of the input as it lies there.
    fn write_all(&mut self) -> Result<(u64, Hash), Stop> {
        loop {
            match self.receive()? {
                Item::Begins(compression) => self.choose_training(compression)?,
                Item::Passed(raw) => self.ticker.now.bytes = raw,
                Item::Chunk(promise) => {
                    let parsed = self.await_promise(&promise)?;
                    if matches!(self.training, Training::Done) {
                        self.write(parsed)?;
                    } else {
                        self.hold(parsed)?;
                    }
                }
                Item::Ended {
                    raw_size,
                    raw_digest,
                } => {
                    if self.is_stream {
                        // Ctrl-C also ends the program that writes a pipe: its end may be no end, and nobody was asked since.
                        self.ticker.tell().map_err(|_| Stop::Interrupted)?;
                    }
                    self.end_training()?;
                    return Ok((raw_size, raw_digest));
                }
                Item::Failed(error) => {
                    if error.kind() == ErrorKind::SourceChanged {
                        return Err(Stop::Failed(error));
                    }
                    // Lines before the damage are as good as any, but the group they belong to is not whole.
                    let message = error.message().trim_end_matches('.');
                    let message = format!("{message}; {}.", self.kept());
                    return Err(Stop::Failed(
                        Error::new(error.kind(), message).with_source(error),
                    ));
                }
            }
        }
    }

    fn receive(&mut self) -> Result<Item, Stop> {
        loop {
            match self.reading.items.recv_timeout(PATIENCE) {
                Ok(item) => return Ok(item),
                Err(RecvTimeoutError::Timeout) => self.tick()?,
                Err(RecvTimeoutError::Disconnected) => {
                    let message = format!(
                        "Reading {} stopped unexpectedly; please report this.",
                        self.report.file
                    );
                    return Err(Stop::Failed(Error::new(ErrorKind::Io, message)));
                }
            }
        }
    }

    fn await_promise<T>(&mut self, promise: &Promise<T, Error>) -> Result<T, Stop> {
        loop {
            match promise.wait_for(PATIENCE) {
                Some(result) => return result.map_err(Stop::Failed),
                None => self.tick()?,
            }
        }
    }

    fn tick(&mut self) -> Result<(), Stop> {
        self.ticker.tick().map_err(|error| match error.kind() {
            ErrorKind::Interrupted => Stop::Interrupted,
            _ => Stop::Failed(error),
        })
    }

    /// A plain file is sampled where it lies; everything else has to be read first.
    fn choose_training(&mut self, compression: Compression) -> Result<()> {
        if let (Training::Gathering, Compression::None, Some(path), Some(size)) =
            (&self.training, compression, self.plain.take(), self.size)
        {
            self.training = training::of_file(
                &self.workers,
                path,
                self.position.content,
                size,
                self.frames,
            )?;
        }
        Ok(())
    }

    /// Keeps a chunk until there is a dictionary or it is known that there will be none.
    fn hold(&mut self, parsed: Parsed) -> Result<(), Stop> {
        self.ticker.now.bytes = parsed.end.raw;
        // What will stop the ingest stops it before anything is trained.
        self.refuse(
            &parsed,
            self.lines + self.held.iter().map(|held| held.line_count).sum::<u64>(),
        )?;
        self.held.push(parsed);
        self.tick()?;
        match &self.training {
            Training::Under(promise) => {
                if let Some(trained) = promise.poll() {
                    self.install(trained?)?;
                } else if self.held_enough() {
                    self.end_training()?;
                }
            }
            Training::Gathering if self.held_enough() => self.end_training()?,
            Training::Gathering | Training::Done => {}
        }
        Ok(())
    }

    fn held_enough(&self) -> bool {
        self.held.iter().map(Parsed::cost).sum::<usize>() >= self.sizes.look_ahead
    }

    /// Trains on what is held if nothing was trained yet, waits for the dictionary, and writes what is held.
    fn end_training(&mut self) -> Result<(), Stop> {
        if let Training::Gathering = self.training {
            self.training = training::of_held(
                &self.workers,
                &self.held,
                self.expected_bytes(),
                self.frames,
            )?;
        }
        match std::mem::replace(&mut self.training, Training::Done) {
            Training::Under(promise) => {
                let trained = self.await_promise(&promise)?;
                self.install(trained)
            }
            Training::Gathering | Training::Done => self.install(None),
        }
    }

    /// Bytes of content there will be: as many as are held, or more in proportion to how far the input was read.
    fn expected_bytes(&self) -> u64 {
        let Some(last) = self.held.last() else {
            return 0;
        };
        let held = last.end.content - self.position.content;
        match self.size {
            Some(size) if last.end.raw > 0 => {
                held.max((held as f64 * size as f64 / last.end.raw as f64) as u64)
            }
            _ => held,
        }
    }

    fn install(&mut self, trained: Option<lakebed_codec::training::Trained>) -> Result<(), Stop> {
        self.training = Training::Done;
        if let Some(trained) = trained.filter(|trained| trained.pays) {
            let number = self
                .sink
                .install_dictionary(self.collection, &trained.bytes)?;
            self.report.trained = Some(TrainReport {
                collection: self.report.collection.clone(),
                installed: true,
                number: Some(number),
                generation: self.sink.generation(self.collection),
                hash: Hash::of(&trained.bytes),
                size: trained.bytes.len() as u64,
                sample_bytes: trained.sample_bytes,
                held_out_before: trained.held_out_before,
                held_out_after: trained.held_out_after,
                seconds: trained.seconds,
            });
            self.sink.encode_for(self.collection)?;
        }
        for parsed in std::mem::take(&mut self.held) {
            self.write(parsed)?;
        }
        Ok(())
    }

    /// The errors of a chunk that stop the ingest; `before` lines came before it.
    fn refuse(&self, parsed: &Parsed, before: u64) -> Result<()> {
        if parsed.array {
            return Err(report::one_array(&self.report.file));
        }
        match parsed.bad.first() {
            Some(bad) if self.on_error == OnError::Abort => Err(report::bad_line(
                &self.report.file,
                parsed,
                bad,
                before,
                &self.kept(),
            )),
            _ => Ok(()),
        }
    }

    fn write(&mut self, parsed: Parsed) -> Result<(), Stop> {
        self.refuse(&parsed, self.lines)?;
        let rows = parsed.lines.len() as u64;
        let bytes = parsed.end.content - parsed.offset;
        let full = self.group.bytes + bytes > self.sizes.commit_bytes
            || self.group.rows + rows > self.sizes.commit_rows;
        if full && self.group.bytes > 0 {
            self.commit(None)?;
        }
        self.group.bytes += bytes;
        self.group.rows += rows;
        let before = self.lines;
        self.lines += parsed.line_count;
        self.position = parsed.end;
        // What was held was told before.
        self.ticker.now.bytes = self.ticker.now.bytes.max(parsed.end.raw);
        // Comparing with what is there costs a decoded frame for each frame that a batch touches, so that few large batches are cheaper
        // than many small ones.
        let gather = !self.known.is_empty() || self.sink.seem_known(&parsed.hashes)?;
        let alone = !gather || parsed.bad_count > 0;
        self.known.push((before, parsed));
        let waiting: usize = self.known.iter().map(|(_, parsed)| parsed.cost()).sum();
        if alone || waiting >= self.sizes.look_ahead {
            self.write_rows()?;
        }
        self.tick()
    }

    /// Writes what waits.
    fn write_rows(&mut self) -> Result<()> {
        let chunks = std::mem::take(&mut self.known);
        if chunks.is_empty() {
            return Ok(());
        }
        let mut batch: Vec<NewBlob<'_>> = Vec::new();
        for (_, parsed) in &chunks {
            let hashed = parsed.lines.iter().zip(&parsed.hashes);
            batch.extend(hashed.map(|(line, hash)| NewBlob {
                hash: *hash,
                bytes: parsed.bytes_of(*line),
            }));
        }
        let mut ids = std::mem::take(&mut self.ids);
        ids.clear();
        let counts = self.sink.blobs(&batch, &mut ids)?;
        drop(batch);
        self.count(counts);
        let mut rest = ids.as_slice();
        for (before, parsed) in chunks {
            let Some((own, others)) = rest.split_at_checked(parsed.lines.len()) else {
                return Err(Error::internal("there are fewer ids than lines"));
            };
            rest = others;
            self.write_chunk(before, &parsed, own)?;
            if parsed.bad_count > 0 {
                self.write_bad(before, &parsed)?;
            }
            // A few buffers go round; more, as after a look ahead, are given back.
            drop(self.reading.spare.try_send(parsed.bytes));
        }
        self.ids = ids;
        self.ticker.now.rows = self.report.rows;
        Ok(())
    }

    /// The rows of a chunk; `before` lines came before it.
    fn write_chunk(&mut self, before: u64, parsed: &Parsed, ids: &[BlobId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let first = before + 1;
        if parsed.numbers.is_empty() {
            self.sink
                .rows(self.collection, self.file, Lines::From(first), ids)?;
        } else {
            let numbers: Vec<u64> = parsed
                .numbers
                .iter()
                .map(|number| first + u64::from(*number))
                .collect();
            self.sink
                .rows(self.collection, self.file, Lines::Each(&numbers), ids)?;
        }
        self.report.rows += ids.len() as u64;
        self.group.summary.merge(&parsed.summary);
        Ok(())
    }

    fn count(&mut self, counts: BlobCounts) {
        self.report.new_blobs += counts.new;
        self.report.duplicates += counts.known;
    }

    fn write_bad(&mut self, before: u64, parsed: &Parsed) -> Result<()> {
        self.report.bad_lines += parsed.bad_count;
        let room = LISTED.saturating_sub(self.report.first_bad.len());
        self.report.first_bad.extend(
            parsed
                .bad
                .iter()
                .take(room)
                .map(|bad| report::listed(bad, before)),
        );
        if self.on_error != OnError::Quarantine {
            return Ok(());
        }
        let name = quarantine::name_for(&self.report.collection);
        let collection = match self.quarantine {
            Some(collection) => collection,
            None => *self.quarantine.insert(self.sink.collection(&name)?),
        };
        self.report.quarantine = Some(name);
        let numbers: Vec<u64> = parsed
            .bad
            .iter()
            .map(|bad| before + u64::from(bad.number) + 1)
            .collect();
        let mut rows = Vec::new();
        let mut kept = Vec::new();
        for (bad, &number) in parsed.bad.iter().zip(&numbers) {
            let (row, beside) = quarantine::row(parsed, bad, &self.report.file, number);
            // It was made here, so it is JSON.
            let _ = validate_and_observe(&row, &mut self.group.quarantined);
            rows.push(row);
            if beside {
                kept.push(parsed.bytes_of(bad.line));
            }
        }
        self.ids.clear();
        let batch: Vec<NewBlob<'_>> = kept
            .iter()
            .map(|bytes| NewBlob {
                hash: Hash::of(bytes),
                bytes,
            })
            .collect();
        self.sink.blobs(&batch, &mut self.ids)?;
        for id in &self.ids {
            self.sink.pin(*id)?;
        }
        self.ids.clear();
        let batch: Vec<NewBlob<'_>> = rows
            .iter()
            .map(|row| NewBlob {
                hash: Hash::of(row),
                bytes: row,
            })
            .collect();
        self.sink.blobs(&batch, &mut self.ids)?;
        self.sink
            .rows(collection, self.file, Lines::Each(&numbers), &self.ids)
    }

    /// Commits the group with what it says about schemas and about how far the input was ingested.
    fn commit(&mut self, whole: Option<(u64, Hash)>) -> Result<CommitNumber> {
        self.write_rows()?;
        let group = std::mem::replace(&mut self.group, Group::new());
        let schemas = [
            (Some(self.collection), &group.summary),
            (self.quarantine, &group.quarantined),
        ];
        for (collection, summary) in schemas {
            if let (Some(collection), false) = (collection, summary.is_empty()) {
                self.sink.record(Record::Schema {
                    collection,
                    summary: summary.encode(),
                })?;
            }
        }
        self.sink.record(Record::Ingest(IngestEntry {
            collection: self.collection,
            file: self.file,
            complete: whole.is_some(),
            raw_size: whole.map(|(size, _)| size).or(self.size).unwrap_or(0),
            raw_digest: whole.map(|(_, digest)| digest),
            content_offset: self.position.content,
            lines: self.lines,
            prefix_digest: self.position.digest,
        }))?;
        self.report.commit = self.sink.commit()?;
        self.committed_lines = self.lines;
        Ok(self.report.commit)
    }
}
