//! The messages of an ingest: bad lines, interruptions, and what is kept then.

use super::lines::{BadSpan, Parsed};
use super::non_finite;
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
        format!(
            "its lines up to {committed_lines} are kept, and the next ingest of it goes on after them"
        )
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
        Ok(text) => text,
        Err(error) => return error,
    };
    let at = usize::try_from(column)
        .unwrap_or(usize::MAX)
        .saturating_sub(1);
    let from = text.get(at.saturating_sub(1)..).unwrap_or_default();
    let wrong = text.get(at..).unwrap_or_default();
    let advice = if non_finite::is_at_start(wrong) || non_finite::is_at_start(from) {
        "have such numbers stored as null or as text (`nan` null or `nan` string), or have bad lines left out (`on_error` skip) or kept \
         aside (`on_error` quarantine)"
    } else {
        "correct the line, or have bad lines left out (`on_error` skip) or kept aside (`on_error` quarantine)"
    };
    Error::new(
        ErrorKind::BadRecord,
        format!("{file}, line {line}, column {column}: {reason}; {kept}; {advice}."),
    )
}

/// The error for what is no file and is to be followed.
pub(super) fn only_files_are_followed() -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        "Only a plain file can be followed; a stream is read as it comes without `follow`.",
    )
}

/// The error for a compressed file that is to be followed.
pub(super) fn compressed_follow(file: &str) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "{file} is compressed, and what is appended to it cannot be followed; ingest it without `follow`."
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
