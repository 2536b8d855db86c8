//! Whether a text is one JSON value.

use super::error::JsonError;
use super::parse::parse;
use super::token::{Ignore, Kind};

/// The longest text that is accepted, in bytes.
pub const MAX_LENGTH: usize = 256 << 20;

/// Checks that `text` is one JSON value; blanks around it are allowed.
///
/// # Errors
/// The first byte that is not JSON, and why; also for text that is not UTF-8, longer than [`MAX_LENGTH`] or nested
/// deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
pub fn validate(text: &[u8]) -> Result<Kind, JsonError> {
    check_encoding(text)?;
    parse(text, &mut Ignore)
}

pub(crate) fn check_encoding(text: &[u8]) -> Result<(), JsonError> {
    if text.len() > MAX_LENGTH {
        return Err(JsonError::new(
            MAX_LENGTH,
            "the line is longer than 256 MiB",
        ));
    }
    if simdutf8::basic::from_utf8(text).is_ok() {
        return Ok(());
    }
    // Slower; run only to find the position for the error.
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(JsonError::new(error.valid_up_to(), "not valid UTF-8")),
    }
}

/// Whether a file that starts with `chunk` is a single JSON array (spread over lines, or one line that is an array of
/// objects) instead of one JSON value per line.
pub fn looks_like_array(chunk: &[u8]) -> bool {
    let chunk = chunk
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(chunk)
        .trim_ascii_start();
    let Some(inside) = chunk.strip_prefix(b"[") else {
        return false;
    };
    let end = chunk.iter().position(|byte| *byte == b'\n');
    let (first, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
    if validate(first).is_ok() {
        return rest.trim_ascii().is_empty() && inside.trim_ascii_start().starts_with(b"{");
    }
    // An array that continues after its first line: the line must be the start of a valid text.
    validate(first).is_err_and(|error| error.at_end(first))
}
