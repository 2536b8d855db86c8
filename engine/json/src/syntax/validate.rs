//! Whether a text is one JSON value.

use super::error::{JsonError, TEXT_AFTER};
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

/// The offset after the first value of a text; blanks may precede it, and anything may follow.
///
/// # Errors
/// As [`validate()`], without the check that the text is UTF-8.
pub fn first_value(text: &[u8]) -> Result<usize, JsonError> {
    let text = text.get(..MAX_LENGTH).unwrap_or(text);
    match parse(text, &mut Ignore) {
        Ok(_) => Ok(text.len()),
        Err(error) if error.reason == TEXT_AFTER => {
            let value = text.get(..error.column - 1).unwrap_or(text);
            Ok(value.trim_ascii_end().len())
        }
        Err(error) => Err(error),
    }
}

/// Whether a text that [`validate()`] refused with this error is the beginning of a JSON text: more may follow.
pub fn is_unfinished(text: &[u8], error: &JsonError) -> bool {
    if error.at_end(text) {
        return true;
    }
    // Cut inside a character or an escape: the part before it decides.
    let before = match std::str::from_utf8(text) {
        Err(cut) if cut.error_len().is_none() => cut.valid_up_to(),
        Err(_) => return false,
        Ok(_) => match memchr::memrchr(b'\\', text) {
            Some(at) if text.len() - at < 6 => at,
            _ => return false,
        },
    };
    let before = text.get(..before).unwrap_or_default();
    parse(before, &mut Ignore).is_err_and(|error| error.at_end(before))
}
