//! One ingest: where it begins, what it commits, what it reports. The part that is in order, on the caller's thread.
//!
//! [`super::receive`] takes what the reader thread sends, [`super::first_dictionary`] holds chunks back until the
//! dictionary is trained, and [`super::writing`] writes rows.

use std::sync::Arc;
use std::time::Instant;

use lakebed_codec::Workers;
use lakebed_format::{BlobId, CatalogueRecord, CollectionId, FileNumber, Hash, IngestEntry};
use lakebed_json::schema::Summary;

use super::chunks::Position;
use super::feed::Feed;
use super::group_writer::GroupWriter;
use super::input::{Input, Origin};
use super::lines::{Parsed, Rules};
use super::reader_thread::{self, ReaderThread};
use super::starting_point::{self, Begun, StartingPoint};
use super::ticker::Ticker;
use super::training::{Frames, Training};
use super::values::Minified;
use super::{IngestOptions, IngestReport, OnError, Sizes, Source, follow, messages};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, ProgressFn};

/// What an ingest works with.
pub(super) struct Resources {
    /// The threads that parse chunks, train, and compress the writer's frames.
    pub(super) workers: Arc<Workers>,
    /// The zstd level of frames.
    pub(super) level: i32,
    /// Raw bytes of a frame.
    pub(super) page_bytes: usize,
    pub(super) sizes: Sizes,
}

/// Ingests `source`. After an error the writer must be dropped: its pending group is not to be committed.
pub(super) fn ingest(
    writer: &mut dyn GroupWriter,
    source: Source,
    mut options: IngestOptions,
    resources: &Resources,
) -> Result<IngestReport> {
    let mut progress = std::mem::take(&mut options.progress);
    if !options.follow {
        return Ok(ingest_one(writer, source, &options, resources, &mut progress)?.0);
    }
    let Source::Path(path) = source else {
        return Err(messages::only_files_are_followed());
    };
    let mut sum: Option<IngestReport> = None;
    loop {
        while sum.is_some() && !path.exists() {
            // It was renamed, and the next one is not there yet.
            std::thread::sleep(follow::INTERVAL);
            if let (Err(_), Some(sum)) = (progress.report(&Progress::default()), &mut sum) {
                return Ok(std::mem::take(sum));
            }
        }
        let source = Source::Path(path.clone());
        let (report, stopped) = ingest_one(writer, source, &options, resources, &mut progress)?;
        match &mut sum {
            None => sum = Some(report),
            Some(sum) => sum.add(report),
        }
        let Some(sum) = &mut sum else { continue };
        if stopped {
            return Ok(std::mem::take(sum));
        }
        sum.rotations += 1;
    }
}

/// Ingests one input. Also says whether a followed file was left because the caller asked to stop.
fn ingest_one(
    writer: &mut dyn GroupWriter,
    source: Source,
    options: &IngestOptions,
    resources: &Resources,
    progress: &mut ProgressFn,
) -> Result<(IngestReport, bool)> {
    let input = Input::open(source, options.follow)?;
    let mut ticker = Ticker::new(progress, input.size.filter(|_| !options.follow));
    let mut report = IngestReport {
        collection: options.into.clone(),
        file: input.name.clone(),
        ..IngestReport::default()
    };
    let recorded = writer.ingests(&options.into)?;
    let found = starting_point::find(input, &recorded, options, resources.sizes, &mut ticker);
    let begun = match found {
        Ok(StartingPoint::Skip(name)) => {
            report.skipped = true;
            report.same_as = Some(name);
            report.seconds = ticker.seconds();
            return Ok((report, false));
        }
        Ok(StartingPoint::At(begun)) => begun,
        // Asked to stop while the part that was ingested before was read: that is all there is to follow.
        Err(error) if options.follow && error.kind() == ErrorKind::Interrupted => {
            return Ok((report, true));
        }
        Err(error) => return Err(error),
    };
    Pipeline::new(writer, *begun, options, resources, ticker, report)?.run()
}

/// The state of an ingest.
pub(super) struct Pipeline<'a> {
    pub(super) writer: &'a mut dyn GroupWriter,
    pub(super) ticker: Ticker<'a>,
    pub(super) report: IngestReport,
    pub(super) on_error: OnError,
    /// Whether the input gives its lines over time: it is committed by time too, and others may write in between.
    pub(super) is_stream: bool,
    follows: bool,
    /// Where rows go; absent while others may write.
    places: Option<Places>,
    minified: Minified,
    /// Held so that a followed file is read on.
    _input: Input,
    /// The hash of the file that holds the input, where it is not the hash of what is read.
    original_digest: Option<Hash>,
    pub(super) reader: ReaderThread,
    /// Held here too, because dropping the last reference discards queued jobs, and promises of them are still waited
    /// for.
    pub(super) workers: Arc<Workers>,
    pub(super) frames: Frames,
    pub(super) sizes: Sizes,
    pub(super) training: Training,
    /// The size of the input before decompression, if known.
    pub(super) input_size: Option<u64>,
    /// Chunks that wait for the dictionary.
    pub(super) held: Vec<Parsed>,
    /// When the first of them came.
    pub(super) held_since: Option<Instant>,
    /// Chunks that the store seems to have already, each with the number of lines before it. They are written together,
    /// with the next commit at the latest.
    pub(super) gathered: Vec<(u64, Parsed)>,
    pub(super) quarantine: Option<CollectionId>,
    pub(super) group: Group,
    /// Lines of the input up to the last chunk that was written or gathered.
    pub(super) lines: u64,
    /// Lines of the input up to the last commit.
    committed_lines: u64,
    lines_before: u64,
    content_before: u64,
    /// The end of the last chunk that was written or gathered.
    pub(super) position: Position,
    segment_bytes_before: u64,
    /// The ids of the last batch; kept to reuse its memory.
    pub(super) ids: Vec<BlobId>,
}

/// What rows are written with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) collection: CollectionId,
    pub(super) file: FileNumber,
}

/// The sizes and schemas of the pending group.
#[derive(Default)]
pub(super) struct Group {
    /// When its first rows came.
    pub(super) began: Option<Instant>,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    /// `None` before the first row.
    pub(super) summary: Option<Summary>,
    pub(super) quarantine_summary: Summary,
}

/// Why the input was not read to its end.
pub(super) enum Stop {
    /// The caller's progress function asked to stop.
    Interrupted,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl<'a> Pipeline<'a> {
    fn new(
        writer: &'a mut dyn GroupWriter,
        begun: Begun,
        options: &IngestOptions,
        resources: &Resources,
        ticker: Ticker<'a>,
        mut report: IngestReport,
    ) -> Result<Self> {
        let Begun {
            input,
            mut content,
            after,
            original_digest,
        } = begun;
        let segment_bytes_before = writer.segment_bytes()?;
        let trains = options.train && !options.becomes_columns;
        let training = if trains && !writer.has_dictionary(&options.into)? {
            Training::Gathering
        } else {
            Training::Done
        };
        let input_size = input.size;
        let (is_stream, follows) = (input.is_stream() || options.follow, options.follow);
        let leave_unfinished = content.is_plain_file();
        let plain_file = content.plain_file.take();
        let minified = content.minified.clone();
        let prefix = after
            .as_ref()
            .map(|(_, entry)| starting_point::prefix(entry));
        let lines = after.as_ref().map_or(0, |(_, entry)| entry.lines);
        report.resumed_after_line = after.as_ref().map(|(_, entry)| entry.lines);
        report.resumed_from = after.map(|(name, _)| name);
        let position = Position {
            content: prefix.map_or(0, |prefix| prefix.bytes),
            digest: prefix.map_or_else(|| Hash::of(b""), |prefix| prefix.digest),
            raw: 0,
        };
        if let Origin::Followed(file) = &input.origin {
            file.wait_at_end();
            content.chunker.read_on(|feed| match feed {
                Feed::Direct(reader) => Feed::pumped(move || Ok(reader)),
                pumped @ Feed::Pumped(_) => Ok(pumped),
            })?;
        }
        let rules = Rules {
            on_error: options.on_error,
            nan: options.nan,
            leave_unfinished,
        };
        let workers = Arc::clone(&resources.workers);
        let reader = reader_thread::start(content, rules, Arc::clone(&workers))?;
        let mut pipeline = Self {
            writer,
            ticker,
            report,
            on_error: options.on_error,
            is_stream,
            follows,
            places: None,
            minified,
            original_digest,
            _input: input,
            reader,
            workers,
            frames: Frames {
                level: resources.level,
                page_bytes: resources.page_bytes,
            },
            sizes: resources.sizes,
            training,
            input_size,
            held: Vec::new(),
            held_since: None,
            gathered: Vec::new(),
            quarantine: None,
            group: Group::default(),
            lines,
            committed_lines: lines,
            lines_before: lines,
            content_before: position.content,
            position,
            segment_bytes_before,
            ids: Vec::new(),
        };
        if is_stream {
            // Until there is something to write.
            pipeline.writer.release()?;
        } else {
            pipeline.begin_group()?;
        }
        pipeline.sample_file(plain_file)?;
        Ok(pipeline)
    }

    fn run(mut self) -> Result<(IngestReport, bool)> {
        match self.write_everything() {
            Ok((raw_size, raw_digest)) => {
                let whole = match (self.original_digest, self.input_size) {
                    (Some(digest), Some(size)) => (size, digest),
                    _ => (raw_size, raw_digest),
                };
                self.commit(Some(whole))?;
                // Everything is committed: a request to stop has no effect any more.
                drop(self.ticker.call());
                Ok((self.reported()?, false))
            }
            // Ctrl-C may also end the read of the input, with the error kind `Interrupted`.
            Err(Stop::Failed(error)) if error.kind() != ErrorKind::Interrupted => Err(error),
            Err(Stop::Failed(_) | Stop::Interrupted) if self.follows => {
                self.training = Training::Done;
                for parsed in std::mem::take(&mut self.held) {
                    // The request to stop was heard already.
                    match self.write(parsed) {
                        Ok(()) | Err(Stop::Interrupted) => {}
                        Err(Stop::Failed(error)) => return Err(error),
                    }
                }
                if self.group.bytes > 0 {
                    self.commit(None)?;
                }
                Ok((self.reported()?, true))
            }
            Err(Stop::Failed(_) | Stop::Interrupted) => {
                if self.group.bytes > 0 {
                    self.commit(None)?;
                }
                Err(messages::interrupted(&self.report.file, &self.kept()))
            }
        }
    }

    /// The report at the end.
    fn reported(&mut self) -> Result<IngestReport> {
        let mut report = std::mem::take(&mut self.report);
        report.lines = self.lines - self.lines_before;
        report.bytes_in = self.position.content - self.content_before;
        report.bytes_stored = self
            .writer
            .segment_bytes()?
            .saturating_sub(self.segment_bytes_before);
        report.minified = self.minified.count();
        report.seconds = self.ticker.seconds();
        Ok(report)
    }

    /// Gets ready to write, if others may have written.
    pub(super) fn begin_group(&mut self) -> Result<()> {
        if self.places.is_some() {
            return Ok(());
        }
        loop {
            match self.writer.take_up() {
                // What is followed waits for its turn as long as it takes.
                Err(error) if self.follows && error.kind() == ErrorKind::StoreLocked => {
                    self.ticker.call()?;
                }
                taken => break taken?,
            }
        }
        let collection = self.writer.collection(&self.report.collection)?;
        let file = self.writer.file(&self.report.file)?;
        if self.writer.use_dictionary(collection)?.is_some() && self.held.is_empty() {
            self.training = Training::Done;
        }
        self.quarantine = None;
        self.places = Some(Places { collection, file });
        Ok(())
    }

    /// Where rows go.
    pub(super) fn places(&self) -> Result<Places> {
        self.places
            .ok_or_else(|| Error::internal("an ingest writes while others may"))
    }

    /// What is kept if the ingest stops now, in words.
    pub(super) fn kept(&self) -> String {
        messages::kept(self.committed_lines, self.is_stream)
    }

    /// Commits the group, with the schemas of its rows and the position in the input. `whole` are the size and hash of
    /// the input, if this is its end.
    pub(super) fn commit(&mut self, whole: Option<(u64, Hash)>) -> Result<()> {
        self.begin_group()?;
        self.write_gathered()?;
        let Places { collection, file } = self.places()?;
        let group = std::mem::take(&mut self.group);
        let schemas = [
            (Some(collection), group.summary.as_ref()),
            (self.quarantine, Some(&group.quarantine_summary)),
        ];
        for (of, summary) in schemas {
            if let (Some(collection), Some(summary)) = (of, summary)
                && !summary.is_empty()
            {
                self.writer.record(CatalogueRecord::Schema {
                    collection,
                    summary: summary.encode(),
                })?;
            }
        }
        self.writer.record(CatalogueRecord::Ingest(IngestEntry {
            collection,
            file,
            complete: whole.is_some(),
            raw_size: whole.map(|(size, _)| size).or(self.input_size).unwrap_or(0),
            raw_digest: whole.map(|(_, digest)| digest),
            content_offset: self.position.content,
            lines: self.lines,
            prefix_digest: self.position.digest,
        }))?;
        self.report.commit = self.writer.commit()?;
        self.committed_lines = self.lines;
        if self.is_stream {
            self.places = None;
            self.writer.release()?;
        } else if whole.is_none() {
            self.writer.use_dictionary(collection)?;
        }
        Ok(())
    }
}
