//! An ingest that writes nothing: it reads and checks everything, and reports what would be done.

use std::sync::Arc;

use lakebed_format::IngestEntry;

use super::input::Input;
use super::lines::{LISTED, Rules};
use super::pipeline::Resources;
use super::reader_thread::{self, Item};
use super::starting_point::{self, StartingPoint};
use super::ticker::Ticker;
use super::{IngestOptions, IngestReport, OnError, PATIENCE, Source, messages};
use crate::error::{Error, ErrorKind, Result};

/// What an ingest would do, by the ingests recorded for its collection. Whether blobs are new is not looked up.
///
/// # Errors
/// Those of the ingest.
pub(super) fn ingest(
    recorded: &[(String, IngestEntry)],
    source: Source,
    mut options: IngestOptions,
    resources: &Resources,
) -> Result<IngestReport> {
    if options.follow {
        let message =
            "What will be appended to a file is not known: leave out either `follow` or `dry_run`.";
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    let mut progress = std::mem::take(&mut options.progress);
    let input = Input::open(source, false)?;
    let mut ticker = Ticker::new(&mut progress, input.size);
    let mut report = IngestReport {
        collection: options.into.clone(),
        file: input.name.clone(),
        dry_run: true,
        ..IngestReport::default()
    };
    let begun = match starting_point::find(input, recorded, &options, resources.sizes, &mut ticker)?
    {
        StartingPoint::Skip(name) => {
            report.skipped = true;
            report.same_as = Some(name);
            report.seconds = ticker.seconds();
            return Ok(report);
        }
        StartingPoint::At(begun) => *begun,
    };
    let lines_before = begun.after.as_ref().map_or(0, |(_, entry)| entry.lines);
    if let Some((name, entry)) = begun.after {
        report.resumed_after_line = Some(entry.lines);
        report.resumed_from = Some(name);
    }
    let first_byte = begun.content.chunker.offset();
    let rules = Rules {
        on_error: options.on_error,
        nan: options.nan,
        leave_unfinished: begun.content.is_plain_file(),
    };
    let minified = begun.content.minified.clone();
    let reader = reader_thread::start(begun.content, rules, Arc::clone(&resources.workers))?;
    loop {
        let received = reader.items.recv_timeout(PATIENCE);
        match received {
            Ok(Item::Chunk(promise)) => {
                let parsed = loop {
                    ticker.tick()?;
                    if let Some(parsed) = promise.wait_for(PATIENCE) {
                        break parsed?;
                    }
                };
                let before = lines_before + report.lines;
                if let (Some(bad), OnError::Abort) = (parsed.bad.first(), options.on_error) {
                    let nothing = "nothing was written, and nothing of it would be kept";
                    return Err(messages::bad_line(
                        &report.file,
                        &parsed,
                        bad,
                        before,
                        nothing,
                    ));
                }
                if let Some(bytes) = parsed.unfinished {
                    report.unfinished_bytes = bytes;
                    continue;
                }
                report.rows += parsed.lines.len() as u64;
                report.lines += parsed.line_count;
                report.bad_lines += parsed.bad_count;
                report.replaced += parsed.replaced;
                let room = LISTED.saturating_sub(report.first_bad.len());
                let listed = parsed.bad.iter().take(room);
                report
                    .first_bad
                    .extend(listed.map(|bad| messages::listed(bad, before)));
                report.bytes_in = parsed.end.content - first_byte;
                ticker.progress.bytes = parsed.end.raw;
                ticker.progress.rows = report.rows;
            }
            Ok(Item::Ended { .. }) => break,
            Ok(Item::Failed(error)) => return Err(error),
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => ticker.tick()?,
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => {
                let message = "the reader thread of a dry run ended without saying why";
                return Err(Error::internal(message));
            }
        }
    }
    report.minified = minified.count();
    report.seconds = ticker.seconds();
    Ok(report)
}
