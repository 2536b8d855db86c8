//! One ingest: where it begins, what it commits, what it reports. The part that is in order, on the caller's thread.
//!
//! [`super::receive`] takes what the reader thread sends, [`super::first_dictionary`] holds chunks back until the
//! dictionary is trained, and [`super::writing`] writes rows.

use std::path::PathBuf;
use std::sync::Arc;

use lakebed_codec::Workers;
use lakebed_format::{BlobId, CatalogueRecord, CollectionId, FileNumber, Hash, IngestEntry};
use lakebed_json::schema::Summary;

use super::chunks::Position;
use super::group_writer::GroupWriter;
use super::input::Input;
use super::lines::Parsed;
use super::reader_thread::{self, ReaderThread};
use super::starting_point::{self, StartingPoint};
use super::ticker::Ticker;
use super::training::{Frames, Training};
use super::{IngestOptions, IngestReport, OnError, Sizes, Source, messages};
use crate::error::{Error, ErrorKind, Result};

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
    resources: Resources,
) -> Result<IngestReport> {
    let mut progress = std::mem::take(&mut options.progress);
    let input = Input::open(source)?;
    let mut ticker = Ticker::new(&mut progress, input.size);
    let mut report = IngestReport {
        collection: options.into.clone(),
        file: input.name.clone(),
        ..IngestReport::default()
    };

    let recorded = writer.ingests(&options.into)?;
    let starting_point =
        starting_point::find(&input, &recorded, options.again, options.resume, || {
            ticker.tick()
        })?;
    let after = match starting_point {
        StartingPoint::Skip => {
            report.skipped = true;
            report.seconds = ticker.seconds();
            return Ok(report);
        }
        StartingPoint::FirstByte => None,
        StartingPoint::After(entry) => Some(entry),
        StartingPoint::FirstByteUnlessBegun(entry) => {
            starting_point::refuse_if_begun(&input, &entry, resources.sizes, &mut ticker)?;
            None
        }
    };
    Pipeline::new(writer, input, after, &options, resources, ticker, report)?.run()
}

/// The state of an ingest.
pub(super) struct Pipeline<'a> {
    pub(super) writer: &'a mut dyn GroupWriter,
    pub(super) ticker: Ticker<'a>,
    pub(super) report: IngestReport,
    pub(super) on_error: OnError,
    /// Whether the input can be read only once.
    pub(super) is_stream: bool,
    pub(super) collection: CollectionId,
    pub(super) file: FileNumber,
    pub(super) reader: ReaderThread,
    /// Held here too, because dropping the last reference discards queued jobs, and promises of them are still waited
    /// for.
    pub(super) workers: Arc<Workers>,
    pub(super) frames: Frames,
    pub(super) sizes: Sizes,
    pub(super) training: Training,
    /// The file to sample if it turns out not to be compressed.
    pub(super) file_to_sample: Option<PathBuf>,
    /// The size of the input before decompression, if known.
    pub(super) input_size: Option<u64>,
    /// Chunks that wait for the dictionary.
    pub(super) held: Vec<Parsed>,
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

/// The sizes and schemas of the pending group.
#[derive(Default)]
pub(super) struct Group {
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
        input: Input,
        after: Option<IngestEntry>,
        options: &IngestOptions,
        resources: Resources,
        ticker: Ticker<'a>,
        mut report: IngestReport,
    ) -> Result<Self> {
        let Resources {
            workers,
            level,
            page_bytes,
            sizes,
        } = resources;
        let segment_bytes_before = writer.segment_bytes()?;
        let collection = writer.collection(&options.into)?;
        let file = writer.file(&input.name)?;
        let has_dictionary = writer.use_dictionary(collection)?.is_some();
        let training = if options.train && !has_dictionary {
            Training::Gathering
        } else {
            Training::Done
        };
        let (file_to_sample, input_size) = (input.path.clone(), input.size);
        let is_stream = input.path.is_none();
        let prefix = after.as_ref().map(starting_point::prefix);
        let lines = after.map_or(0, |entry| entry.lines);
        report.resumed_after_line = after.map(|entry| entry.lines);
        let position = Position {
            content: prefix.map_or(0, |prefix| prefix.bytes),
            digest: prefix.map_or_else(|| Hash::of(b""), |prefix| prefix.digest),
            raw: 0,
        };
        let reader =
            reader_thread::start(input, prefix, options.on_error, sizes, Arc::clone(&workers))?;
        Ok(Self {
            writer,
            ticker,
            report,
            on_error: options.on_error,
            is_stream,
            collection,
            file,
            reader,
            workers,
            frames: Frames { level, page_bytes },
            sizes,
            training,
            file_to_sample,
            input_size,
            held: Vec::new(),
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
        })
    }

    fn run(mut self) -> Result<IngestReport> {
        match self.write_everything() {
            Ok((raw_size, raw_digest)) => {
                self.commit(Some((raw_size, raw_digest)))?;
                // Everything is committed: a request to stop has no effect any more.
                drop(self.ticker.call());
                self.report.lines = self.lines - self.lines_before;
                self.report.bytes_in = self.position.content - self.content_before;
                self.report.bytes_stored = self
                    .writer
                    .segment_bytes()?
                    .saturating_sub(self.segment_bytes_before);
                self.report.seconds = self.ticker.seconds();
                Ok(self.report)
            }
            // Ctrl-C may also end the read of the input, with the error kind `Interrupted`.
            Err(Stop::Failed(error)) if error.kind() != ErrorKind::Interrupted => Err(error),
            Err(Stop::Failed(_) | Stop::Interrupted) => {
                if self.group.bytes > 0 {
                    self.commit(None)?;
                }
                Err(messages::interrupted(&self.report.file, &self.kept()))
            }
        }
    }

    /// What is kept if the ingest stops now, in words.
    pub(super) fn kept(&self) -> String {
        messages::kept(self.committed_lines, self.is_stream)
    }

    /// Commits the group, with the schemas of its rows and the position in the input. `whole` are the size and hash of
    /// the input, if this is its end.
    pub(super) fn commit(&mut self, whole: Option<(u64, Hash)>) -> Result<()> {
        self.write_gathered()?;
        let group = std::mem::take(&mut self.group);
        let schemas = [
            (Some(self.collection), group.summary.as_ref()),
            (self.quarantine, Some(&group.quarantine_summary)),
        ];
        for (collection, summary) in schemas {
            if let (Some(collection), Some(summary)) = (collection, summary)
                && !summary.is_empty()
            {
                self.writer.record(CatalogueRecord::Schema {
                    collection,
                    summary: summary.encode(),
                })?;
            }
        }
        self.writer.record(CatalogueRecord::Ingest(IngestEntry {
            collection: self.collection,
            file: self.file,
            complete: whole.is_some(),
            raw_size: whole.map(|(size, _)| size).or(self.input_size).unwrap_or(0),
            raw_digest: whole.map(|(_, digest)| digest),
            content_offset: self.position.content,
            lines: self.lines,
            prefix_digest: self.position.digest,
        }))?;
        self.report.commit = self.writer.commit()?;
        self.committed_lines = self.lines;
        if whole.is_none() {
            self.writer.use_dictionary(self.collection)?;
        }
        Ok(())
    }
}
