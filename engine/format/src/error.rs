//! Errors of decoding and encoding: which structure, where in its file, and why.

use std::fmt;

/// Result of decoding or encoding.
pub type Result<T> = std::result::Result<T, FormatError>;

/// Bytes that the format does not allow, or values that it cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// The structure, as `docs/format.md` names it.
    pub what: &'static str,
    /// Position of the offending byte in its file (in its buffer where the structure has no file position).
    pub offset: u64,
    /// The reason.
    pub reason: Reason,
}

/// Why bytes or values were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes end before the structure does.
    Truncated,
    /// A checksum does not match: damage, a torn write, or bytes of another file or offset.
    Checksum,
    /// The magic bytes are missing: another structure, or none, was written here.
    Magic,
    /// A newer major version than this code reads.
    TooNew {
        /// Version found.
        found: u32,
        /// Highest version this code reads.
        known: u32,
    },
    /// Features that this code does not know (the unknown bits).
    UnknownFeatures(u64),
    /// A segment layout that this code does not know.
    UnknownLayout(u16),
    /// A field has a value that the format forbids; the text says which.
    Value(&'static str),
    /// A mistake in this crate; the text says which.
    Internal(&'static str),
}

impl FormatError {
    /// An error in `what` at `offset`.
    pub fn new(what: &'static str, offset: u64, reason: Reason) -> Self {
        Self {
            what,
            offset,
            reason,
        }
    }

    /// The error of a table whose length is not a multiple of an entry's.
    pub(crate) fn uneven_length(what: &'static str) -> Self {
        Self::new(
            what,
            0,
            Reason::Value("the length is not a multiple of an entry's"),
        )
    }

    /// True when the bytes may be whole and were written by a newer lakebed.
    pub fn is_too_new(&self) -> bool {
        matches!(
            self.reason,
            Reason::TooNew { .. } | Reason::UnknownFeatures(_) | Reason::UnknownLayout(_)
        )
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: ", self.what, self.offset)?;
        match &self.reason {
            Reason::Truncated => f.write_str("the bytes end too early"),
            Reason::Checksum => f.write_str("the checksum does not match"),
            Reason::Magic => f.write_str("the magic bytes are missing"),
            Reason::TooNew { found, known } => {
                write!(
                    f,
                    "version {found} is newer than {known}, the newest this lakebed reads"
                )
            }
            Reason::UnknownFeatures(bits) => {
                write!(f, "unknown features {bits:#x}, written by a newer lakebed")
            }
            Reason::UnknownLayout(layout) => {
                write!(f, "unknown layout {layout}, written by a newer lakebed")
            }
            Reason::Value(text) => f.write_str(text),
            Reason::Internal(text) => write!(f, "internal error: {text}"),
        }
    }
}

impl std::error::Error for FormatError {}
