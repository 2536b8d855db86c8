//! What an ingest reads and how.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use crate::progress::ProgressFn;

/// What an ingest reads. Compression is recognised by content.
pub enum Source {
    /// A file.
    Path(PathBuf),
    /// A reader.
    Reader {
        /// The name stored with the rows.
        name: String,
        /// The bytes.
        reader: Box<dyn Read + Send>,
    },
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Source::Reader { name, .. } => f
                .debug_struct("Reader")
                .field("name", name)
                .finish_non_exhaustive(),
        }
    }
}

/// What happens to a line that is not an acceptable record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The ingest fails; the group that is not committed yet is discarded.
    #[default]
    Abort,
    /// The line is counted and left out; the first ones are listed in the report.
    Skip,
    /// The line's bytes and the reason go into a collection of their own.
    Quarantine,
}

impl OnError {
    /// The choice with this name: `abort`, `skip` or `quarantine`.
    pub fn from_name(name: &str) -> Option<OnError> {
        match name {
            "abort" => Some(OnError::Abort),
            "skip" => Some(OnError::Skip),
            "quarantine" => Some(OnError::Quarantine),
            _ => None,
        }
    }
}

/// The options of an ingest.
#[derive(Debug)]
pub struct IngestOptions {
    /// The collection of the rows; it is created if it does not exist.
    pub into: String,
    /// What happens to bad lines.
    pub on_error: OnError,
    /// Ingest also a file that was ingested in full before.
    pub again: bool,
    /// Continue where an interrupted ingest of the same file stopped.
    pub resume: bool,
    /// Train a dictionary if the collection has none and it pays.
    pub train: bool,
    /// Called with the progress.
    pub progress: ProgressFn,
}

impl IngestOptions {
    /// The default options, for this collection.
    pub fn into(collection: impl Into<String>) -> Self {
        Self {
            into: collection.into(),
            on_error: OnError::Abort,
            again: false,
            resume: false,
            train: true,
            progress: ProgressFn::none(),
        }
    }
}
