//! Why a text is not JSON.

use std::fmt;

/// Where and why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The first byte of the line that is not JSON, counted from 1; one past the last byte where the line ends too
    /// early.
    pub column: usize,
    /// What is wrong there: half a sentence, to follow a colon.
    pub reason: &'static str,
}

/// The reason where a text ends inside a string.
pub(super) const INSIDE_STRING: &str = "the line ends inside a string";
/// The reason where something follows the value.
pub(super) const TEXT_AFTER: &str = "unexpected text after the JSON value";

impl JsonError {
    pub(crate) fn new(at: usize, reason: &'static str) -> Self {
        Self {
            column: at + 1,
            reason,
        }
    }

    /// Whether `text`, the text of this error, is a valid start of JSON that ends too early.
    pub fn at_end(&self, text: &[u8]) -> bool {
        self.column > text.trim_ascii_end().len()
    }

    /// Whether the text ends inside a string.
    pub fn is_inside_string(&self) -> bool {
        self.reason == INSIDE_STRING
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.reason)
    }
}

impl std::error::Error for JsonError {}
