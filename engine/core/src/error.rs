//! The one error type of the engine: a stable kind, a sentence for a user, and the cause for a log.

use std::fmt;

use lakebed_codec::FrameError;
use lakebed_format::{FormatError, SegmentNumber};

/// What went wrong, by what a caller can do about it. The names are stable; messages are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is nothing at the path.
    StoreNotFound,
    /// The store has no collection of that name.
    CollectionNotFound,
    /// The store has no blob of that hash or number.
    BlobNotFound,
    /// A hash prefix that several blobs share.
    AmbiguousPrefix,
    /// An argument outside its domain.
    InvalidArgument,
    /// A record that is not valid JSON, or too large.
    BadRecord,
    /// A file that is to be resumed differs from what was read before.
    SourceChanged,
    /// A change to a store that was opened for reading.
    ReadOnly,
    /// The store object was closed.
    Closed,
    /// Another process or store object is writing.
    StoreLocked,
    /// The directory exists and is not a store.
    NotAStore,
    /// A newer version wrote the store.
    FormatTooNew,
    /// Stored bytes are not what was written.
    Corrupt,
    /// A sync failed: this store object writes no more.
    Poisoned,
    /// The disk is full.
    StoreFull,
    /// The operating system reported an error.
    Io,
    /// A bug of lakebed: one of its invariants does not hold.
    Internal,
    /// The caller stopped the call, by its progress function or by Ctrl-C.
    Interrupted,
}

impl ErrorKind {
    /// All kinds, for tests that a binding knows each.
    pub const ALL: [ErrorKind; 18] = [
        ErrorKind::StoreNotFound,
        ErrorKind::CollectionNotFound,
        ErrorKind::BlobNotFound,
        ErrorKind::AmbiguousPrefix,
        ErrorKind::InvalidArgument,
        ErrorKind::BadRecord,
        ErrorKind::SourceChanged,
        ErrorKind::ReadOnly,
        ErrorKind::Closed,
        ErrorKind::StoreLocked,
        ErrorKind::NotAStore,
        ErrorKind::FormatTooNew,
        ErrorKind::Corrupt,
        ErrorKind::Poisoned,
        ErrorKind::StoreFull,
        ErrorKind::Io,
        ErrorKind::Internal,
        ErrorKind::Interrupted,
    ];

    /// Whether stored bytes cannot be had, because they are damaged or the disk does not give them: others may be
    /// there.
    pub(crate) const fn is_of_stored_bytes(self) -> bool {
        matches!(self, ErrorKind::Corrupt | ErrorKind::Io)
    }

    /// Whether this is about one segment, and others may have what is wanted.
    pub(crate) const fn is_of_one_segment(self) -> bool {
        self.is_of_stored_bytes() || matches!(self, ErrorKind::FormatTooNew)
    }

    /// The kind's stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorKind::StoreNotFound => "store_not_found",
            ErrorKind::CollectionNotFound => "collection_not_found",
            ErrorKind::BlobNotFound => "blob_not_found",
            ErrorKind::AmbiguousPrefix => "ambiguous_prefix",
            ErrorKind::InvalidArgument => "invalid_argument",
            ErrorKind::BadRecord => "bad_record",
            ErrorKind::SourceChanged => "source_changed",
            ErrorKind::ReadOnly => "read_only",
            ErrorKind::Closed => "closed",
            ErrorKind::StoreLocked => "store_locked",
            ErrorKind::NotAStore => "not_a_store",
            ErrorKind::FormatTooNew => "format_too_new",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Poisoned => "poisoned",
            ErrorKind::StoreFull => "store_full",
            ErrorKind::Io => "io",
            ErrorKind::Internal => "internal",
            ErrorKind::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of the engine. Its text is a whole sentence: what happened, to which thing, what to do.
pub struct Error {
    // Boxed, so that a result is no wider than a word on the error side.
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Results of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind with this sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                message: message.into(),
                source: None,
            }),
        }
    }

    /// The same error with the cause it came from.
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// An operating system's error while doing `what` ("writing segment 3"): a full disk is
    /// [`ErrorKind::StoreFull`], everything else [`ErrorKind::Io`].
    pub fn io(what: &str, cause: std::io::Error) -> Self {
        use std::io::ErrorKind as Os;
        let full = matches!(
            cause.kind(),
            Os::StorageFull | Os::QuotaExceeded | Os::WriteZero
        );
        let error = if full {
            Self::new(
                ErrorKind::StoreFull,
                format!(
                    "The disk is full: {what} failed, nothing uncommitted was kept and the store is \
                     unharmed; make room and try again."
                ),
            )
        } else {
            let mut what = what.chars();
            let first: String = what
                .next()
                .map(char::to_uppercase)
                .into_iter()
                .flatten()
                .collect();
            Self::new(
                ErrorKind::Io,
                format!("{first}{} failed: {}.", what.as_str(), reason(&cause)),
            )
        };
        error.with_source(cause)
    }

    /// Stored bytes of a segment that are not what was written.
    pub(crate) fn corrupt(segment: SegmentNumber, offset: u64, detail: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::Corrupt,
            format!(
                "Segment {segment} is damaged at byte {offset}: {detail}; everything undamaged stays readable, \
                 `lakebed verify` lists all damage, and `lakebed repair` makes the store whole again without it."
            ),
        )
    }

    /// What the format crate refused in a segment.
    pub(crate) fn of_format(segment: SegmentNumber, error: &FormatError) -> Self {
        if error.is_too_new() {
            return Self::new(
                ErrorKind::FormatTooNew,
                format!(
                    "Segment {segment} was written by a newer lakebed ({error}); upgrade lakebed to read it."
                ),
            );
        }
        Self::corrupt(segment, error.offset, error)
    }

    /// Compressing new blobs failed.
    pub(crate) fn compressing(error: &FrameError) -> Self {
        Self::new(
            ErrorKind::Io,
            format!("Compressing failed: {error}; nothing uncommitted was kept."),
        )
    }

    /// The caller stopped the call.
    pub(crate) fn interrupted() -> Self {
        Self::new(
            ErrorKind::Interrupted,
            "The call was interrupted; what was committed before is kept.",
        )
    }

    /// A broken invariant of the engine; `what` is a half sentence that says which.
    pub(crate) fn internal(what: &str) -> Self {
        Self::new(
            ErrorKind::Internal,
            format!("This is a mistake of lakebed itself, please report it: {what}."),
        )
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The sentence for a user.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The operating system's error number, where one is the cause.
    pub fn os_code(&self) -> Option<i32> {
        self.inner
            .source
            .as_deref()
            .and_then(|source| source.downcast_ref::<std::io::Error>())
            .and_then(lakebed_vfs::errno)
    }
}

/// What the operating system says, without its number, and what to do about it where that is known.
pub(crate) fn reason(cause: &std::io::Error) -> String {
    use std::io::ErrorKind as Os;
    let text = cause.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut rest = text.chars();
    let first: String = rest
        .next()
        .map(char::to_lowercase)
        .into_iter()
        .flatten()
        .collect();
    let advice = match cause.kind() {
        Os::PermissionDenied => "; ask its owner for the right to do that",
        Os::ReadOnlyFilesystem => "; only reading works there",
        Os::FileTooLarge => {
            "; the file system or a limit (ulimit -f) allows no larger file, what was committed is kept"
        }
        _ if lakebed_vfs::errno(cause) == Some(TOO_MANY_FILES) => {
            "; raise the limit (ulimit -n), or close some"
        }
        _ => "",
    };
    format!("{first}{}{advice}", rest.as_str())
}

/// EMFILE on Linux and macOS.
const TOO_MANY_FILES: i32 = 24;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("message", &self.inner.message)
            .field("source", &self.inner.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| {
            let source: &(dyn std::error::Error + 'static) = source;
            source
        })
    }
}

impl From<FrameError> for Error {
    /// For errors without a place; code that reads frames reports segment and offset instead.
    fn from(error: FrameError) -> Self {
        let (kind, message) = match &error {
            FrameError::Damaged(_) | FrameError::Malformed(_) | FrameError::TooLarge(_) => {
                (ErrorKind::Corrupt, format!("A frame is damaged: {error}."))
            }
            FrameError::NoMemory(_) | FrameError::Zstd(_) | FrameError::Threads(_) => (
                ErrorKind::Io,
                format!("The system gave too little: {error}; nothing uncommitted was kept."),
            ),
            FrameError::Panicked(_) | FrameError::Stopped => (
                ErrorKind::Internal,
                format!(
                    "Work in the background failed, which is a bug worth reporting: {error}; nothing uncommitted was kept."
                ),
            ),
        };
        Self::new(kind, message).with_source(error)
    }
}
