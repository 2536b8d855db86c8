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

impl JsonError {
    pub(crate) fn new(at: usize, reason: &'static str) -> Self {
        Self {
            column: at + 1,
            reason,
        }
    }

    /// Whether the text is a valid start of JSON that ends too early.
    pub(crate) fn at_end(&self, text: &[u8]) -> bool {
        self.column > text.trim_ascii_end().len()
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.reason)
    }
}

impl std::error::Error for JsonError {}
