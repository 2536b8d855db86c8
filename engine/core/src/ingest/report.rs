//! How far it got: to the caller's progress function, and in words.

use std::time::{Duration, Instant};

use super::lines::{Bad, Parsed};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{BadLine, Progress, ProgressFn};

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(100);

/// Tells the caller a few times a second.
#[derive(Debug)]
pub(super) struct Ticker<'a> {
    progress: &'a mut ProgressFn,
    began: Instant,
    told: Option<Instant>,
    pub(super) now: Progress,
}

impl<'a> Ticker<'a> {
    pub(super) fn new(progress: &'a mut ProgressFn, total_bytes: Option<u64>) -> Self {
        let now = Progress {
            total_bytes,
            ..Progress::default()
        };
        Self {
            progress,
            began: Instant::now(),
            told: None,
            now,
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Tells, if it was long enough ago. The error is that the caller wants to stop.
    pub(super) fn tick(&mut self) -> Result<()> {
        if self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return Ok(());
        }
        self.tell()
    }

    /// Tells now.
    pub(super) fn tell(&mut self) -> Result<()> {
        self.told = Some(Instant::now());
        self.now.seconds = self.seconds();
        self.progress.report(&self.now)
    }
}

/// The bad line as it is listed; `before` lines came before its chunk.
pub(super) fn listed(bad: &Bad, before: u64) -> BadLine {
    BadLine {
        line: before + u64::from(bad.number) + 1,
        column: bad.column,
        reason: bad.reason.to_owned(),
    }
}

/// What is kept, to follow a sentence about what stopped an ingest. A file that was begun is known again, a stream is not.
pub(super) fn kept(committed_lines: u64, is_stream: bool) -> String {
    if committed_lines == 0 {
        "nothing of it was kept".to_owned()
    } else if is_stream {
        format!(
            "its lines up to {committed_lines} are kept: give the same input again with `resume`, which goes on after them, or they \
             are stored a second time"
        )
    } else {
        format!("its lines up to {committed_lines} are kept, `resume` goes on after them")
    }
}

/// The error of [`crate::store::OnError::Abort`].
pub(super) fn bad_line(file: &str, parsed: &Parsed, bad: &Bad, before: u64, kept: &str) -> Error {
    let BadLine {
        line,
        column,
        reason,
    } = listed(bad, before);
    let text = parsed.bytes_of(bad.line).trim_ascii();
    let advice = if line == 1 && text == b"{" {
        format!("it looks like one JSON value over several lines, which jq -c . {file} puts on one")
    } else {
        "correct the line, or have bad lines left out (`on_error` skip) or kept aside (`on_error` quarantine)"
            .to_owned()
    };
    Error::new(
        ErrorKind::BadRecord,
        format!("{file}, line {line}, column {column}: {reason}; {kept}; {advice}."),
    )
}

/// The error for a file that is one JSON array.
pub(super) fn one_array(file: &str) -> Error {
    Error::new(
        ErrorKind::BadRecord,
        format!(
            "{file} is one JSON array, not one JSON value a line; convert it with jq -c '.[]' {file} > {}.ndjson and ingest that.",
            file.strip_suffix(".json").unwrap_or(file)
        ),
    )
}

/// The error of a caller who wanted to stop.
pub(super) fn interrupted(file: &str, kept: &str) -> Error {
    Error::new(
        ErrorKind::Interrupted,
        format!("The ingest of {file} was interrupted; {kept}."),
    )
}
