//! Why a row cannot be written.

use std::fmt::{self, Display};

/// A value without a JSON form. The message is a sentence that names the column and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteError(pub(super) String);

impl Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WriteError {}
