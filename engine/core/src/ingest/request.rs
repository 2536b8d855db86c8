//! What an ingest reads and how.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use crate::error::Result;
use crate::progress::ProgressFn;

/// Opens an input at its first byte.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn Read + Send>> + Send>;

/// What an ingest reads. Compression is recognised by content.
pub enum Source {
    /// A file.
    Path(PathBuf),
    /// A reader, which can be read once.
    Reader {
        /// The name stored with the rows.
        name: String,
        /// The bytes.
        reader: Box<dyn Read + Send>,
    },
    /// Text that is made from something else, and is the same each time it is opened: a member of an archive, the rows
    /// of a table in another format.
    Made {
        /// The name stored with the rows.
        name: String,
        /// The file that all of it is made from; what was ingested before is recognised by the bytes of that file.
        original: Option<PathBuf>,
        /// Opens it.
        open: Opener,
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
            Source::Made { name, original, .. } => f
                .debug_struct("Made")
                .field("name", name)
                .field("original", original)
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

/// What replaces NaN, Infinity and -Infinity, which some programs write and JSON does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonFinite {
    /// `null`.
    Null,
    /// The word as a string: `"NaN"`, `"Infinity"`, `"-Infinity"`.
    Text,
}

impl NonFinite {
    /// The choice with this name: `null` or `string`.
    pub fn from_name(name: &str) -> Option<NonFinite> {
        match name {
            "null" => Some(NonFinite::Null),
            "string" => Some(NonFinite::Text),
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
    /// What replaces NaN and infinities; without it they make a line bad.
    pub nan: Option<NonFinite>,
    /// Begin at the first byte also of what was ingested before.
    pub again: bool,
    /// Go on after what an earlier ingest of the same name committed, and fail when that has changed.
    pub resume: bool,
    /// Go on with what is appended to the file, until the caller stops it.
    pub follow: bool,
    /// Read and check everything, write nothing, and report what would be done.
    pub dry_run: bool,
    /// Train a dictionary if the collection has none and it pays.
    pub train: bool,
    /// The caller has the rows stored as columns right after, see [`crate::Store::apply_layout`]: until then they are
    /// written in the way that takes least time, and no dictionary is trained for them.
    pub becomes_columns: bool,
    /// Called with the progress.
    pub progress: ProgressFn,
}

impl IngestOptions {
    /// The default options, for this collection.
    pub fn into(collection: impl Into<String>) -> Self {
        Self {
            into: collection.into(),
            on_error: OnError::Abort,
            nan: None,
            again: false,
            resume: false,
            follow: false,
            dry_run: false,
            train: true,
            becomes_columns: false,
            progress: ProgressFn::none(),
        }
    }
}
