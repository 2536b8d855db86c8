//! What callers ask with: sources and options of an ingest, scans, progress.

use std::fmt;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// Where an ingest reads from. Compression is recognised by content.
pub enum Source {
    /// A file.
    Path(PathBuf),
    /// Anything that can be read, under a name for the rows' `_file`.
    Reader {
        /// The name kept with the rows.
        name: String,
        /// The bytes.
        reader: Box<dyn Read + Send>,
        /// How many bytes there will be, where it is known.
        size: Option<u64>,
    },
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Source::Reader { name, size, .. } => f
                .debug_struct("Reader")
                .field("name", name)
                .field("size", size)
                .finish_non_exhaustive(),
        }
    }
}

/// What happens to a line that is no acceptable record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// It is an error; nothing of the uncommitted group is kept.
    #[default]
    Abort,
    /// It is counted and passed over; the first ones are listed.
    Skip,
    /// Its bytes and the reason go into a collection of their own.
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

/// How an ingest goes about it.
#[derive(Debug)]
pub struct IngestOptions {
    /// The collection the rows go to; it is made when it is not there.
    pub into: String,
    /// What happens to bad lines.
    pub on_error: OnError,
    /// Ingest anew what was ingested in full before.
    pub again: bool,
    /// Go on where an interrupted ingest of the same file stopped.
    pub resume: bool,
    /// Train a dictionary when the collection has none and it pays.
    pub train: bool,
    /// Told how far it got.
    pub progress: ProgressFn,
}

impl IngestOptions {
    /// The default way into this collection.
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

/// How far a long call got.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Bytes of input done: of the file as it lies on disk where the total is known.
    pub bytes: u64,
    /// All bytes there are to do, where it is known.
    pub total_bytes: Option<u64>,
    /// Rows (or blobs) done.
    pub rows: u64,
    /// Seconds since the call began.
    pub seconds: f64,
}

type Callback = Box<dyn FnMut(&Progress) -> ControlFlow<()> + Send>;

/// Told how far a long call got, a few times a second; may ask it to stop.
#[derive(Default)]
pub struct ProgressFn(Option<Callback>);

impl ProgressFn {
    /// Nobody is told.
    pub fn none() -> Self {
        Self(None)
    }

    /// This function is told; [`ControlFlow::Break`] stops the call with `Interrupted`.
    pub fn new(callback: impl FnMut(&Progress) -> ControlFlow<()> + Send + 'static) -> Self {
        Self(Some(Box::new(callback)))
    }

    /// Tells how far it got.
    ///
    /// # Errors
    /// `Interrupted` when the function asked to stop.
    pub fn report(&mut self, progress: &Progress) -> Result<()> {
        match self.0.as_mut().map(|callback| callback(progress)) {
            Some(ControlFlow::Break(())) => Err(Error::interrupted()),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for ProgressFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProgressFn")
            .field(&self.0.is_some())
            .finish()
    }
}
