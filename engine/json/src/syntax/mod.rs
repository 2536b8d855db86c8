//! JSON as it stands in a line: validated strictly, then read where it lies.
//!
//! [`validate`] accepts exactly the texts of RFC 8259 in UTF-8, nesting up to [`MAX_DEPTH`], and says
//! for everything else which byte is wrong and why. A text may hold more than JSON's model can carry into other types (lone
//! surrogates, numbers beyond every machine type, equal keys): that is legal here and a matter for `schema`.
//!
//! [`Cursor`] walks a text that was validated before. It skips what is not asked for and builds nothing. On bytes
//! that are not JSON it gives errors or nonsense, never a panic and never a read outside the slice.
//!
//! Nothing here knows of stores, files or types of columns.

mod error;
mod number;
mod parse;
mod scan;
mod text;
mod walk;

#[cfg(test)]
mod tests;

pub use error::JsonError;
pub use number::{Integer, integer};
pub(crate) use number::{double, significant_digits};
pub use parse::{Flags, MAX_DEPTH, Sink, Token, TokenKind};
pub(crate) use parse::{Ignore, parse};
pub use text::{has_lone_surrogate, unescape_into};
pub use walk::{Cursor, Malformed, Text, Value};

/// The longest text that is accepted, in bytes.
pub const MAX_LENGTH: usize = 256 << 20;

/// What a text is at its outermost level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// Checks that `text` is one JSON value, with blanks around it at most.
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
    // Slow and exact, for the error only.
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(JsonError::new(error.valid_up_to(), "not valid UTF-8")),
    }
}

/// Whether a file that starts with `chunk` is one JSON array spread over lines, or a single line that is an array of objects,
/// rather than one JSON value a line.
pub fn looks_like_array(chunk: &[u8]) -> bool {
    let chunk = chunk
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(chunk)
        .trim_ascii_start();
    let Some(inside) = chunk.strip_prefix(b"[") else {
        return false;
    };
    let mut lines = chunk.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    if validate(first).is_ok() {
        let alone = lines.all(|line| line.trim_ascii().is_empty());
        return alone && inside.trim_ascii_start().starts_with(b"{");
    }
    // An array that goes on after its first line: what is there of it must be right as far as it goes.
    validate(first).is_err_and(|error| error.at_end(first))
}
