//! The messages of an ingest: bad lines, interruptions, and what is kept then.

use super::lines::{BadSpan, Parsed};
use super::report::BadLine;
use crate::error::{Error, ErrorKind};

/// A bad line as the report lists it; `lines_before` lines precede its chunk.
pub(super) fn listed(bad: &BadSpan, lines_before: u64) -> BadLine {
    BadLine {
        line: lines_before + u64::from(bad.number) + 1,
        column: bad.column,
        reason: bad.reason.to_owned(),
    }
}

/// What is kept, for the end of a sentence about what stopped an ingest. A file whose ingest began is recognised by its
/// name, a stream is not.
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

/// The error for a bad line with [`crate::OnError::Abort`].
pub(super) fn bad_line(
    file: &str,
    parsed: &Parsed,
    bad: &BadSpan,
    lines_before: u64,
    kept: &str,
) -> Error {
    let BadLine {
        line,
        column,
        reason,
    } = listed(bad, lines_before);
    let text = match parsed.bytes_of(bad.line) {
        Ok(text) => text.trim_ascii(),
        Err(error) => return error,
    };
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

/// The error for a file that is a single JSON array.
pub(super) fn one_array(file: &str) -> Error {
    Error::new(
        ErrorKind::BadRecord,
        format!(
            "{file} is one JSON array, not one JSON value a line; convert it with jq -c '.[]' {file} > {}.ndjson and ingest that.",
            file.strip_suffix(".json").unwrap_or(file)
        ),
    )
}

/// The error when the caller's progress function stopped the ingest.
pub(super) fn interrupted(file: &str, kept: &str) -> Error {
    Error::new(
        ErrorKind::Interrupted,
        format!("The ingest of {file} was interrupted; {kept}."),
    )
}
