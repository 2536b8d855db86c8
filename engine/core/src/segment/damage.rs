//! What can be wrong with a segment, and how reading one fails.

use std::fmt;

use lakebed_format::{FormatError, SegmentNumber};

use crate::error::Error;
use crate::problem::ProblemKind;

/// A place in a segment, and why it is unreadable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DamagedPlace {
    pub(crate) segment: SegmentNumber,
    pub(crate) offset: u64,
    pub(crate) detail: String,
}

/// An unreadable part of a segment, by the structure it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The header at the start of the file.
    Header(DamagedPlace),
    /// A COMMIT.
    Commit(DamagedPlace),
    /// The index block of a group, or one of its sections.
    Index(DamagedPlace),
    /// A catalogue record that contradicts those before it.
    Record(DamagedPlace),
    /// The footer or its tail.
    Footer(DamagedPlace),
}

impl Damage {
    /// Where the damage is, and what it is.
    pub(crate) fn place(&self) -> &DamagedPlace {
        match self {
            Damage::Header(place)
            | Damage::Commit(place)
            | Damage::Index(place)
            | Damage::Record(place)
            | Damage::Footer(place) => place,
        }
    }

    /// The same as damage of the index block that begins at `offset`, whichever of its parts it is in.
    pub(crate) fn of_block(self, offset: u64) -> Self {
        match self {
            Damage::Index(place) => Damage::Index(DamagedPlace { offset, ..place }),
            other => other,
        }
    }

    /// What a verification says is wrong.
    pub(crate) fn kind(&self) -> ProblemKind {
        match self {
            Damage::Header(_) => ProblemKind::Segment,
            Damage::Commit(_) => ProblemKind::Commit,
            Damage::Index(_) | Damage::Record(_) => ProblemKind::Index,
            Damage::Footer(_) => ProblemKind::Footer,
        }
    }

    /// The error of an operation that needs what is damaged.
    pub(crate) fn error(&self) -> Error {
        let place = self.place();
        Error::corrupt(place.segment, place.offset, &place.detail)
    }
}

impl DamagedPlace {
    /// A place, and a half sentence about what is wrong there.
    pub(crate) fn new(segment: SegmentNumber, offset: u64, detail: impl fmt::Display) -> Self {
        Self {
            segment,
            offset,
            detail: detail.to_string(),
        }
    }
}

/// Why a structure of a segment could not be read.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// The bytes are there and are not what was written.
    Damaged(Damage),
    /// Anything else: the system refused to read, or a newer version wrote the bytes.
    Other(Error),
}

/// Results of reading a segment's structures.
pub(crate) type ReadResult<T> = Result<T, ReadFailure>;

impl ReadFailure {
    /// What the format crate refused; `kind` says to which structure it belongs.
    pub(crate) fn of_format(
        segment: SegmentNumber,
        error: &FormatError,
        kind: fn(DamagedPlace) -> Damage,
    ) -> Self {
        if error.is_too_new() {
            return Self::Other(Error::of_format(segment, error));
        }
        Self::Damaged(kind(DamagedPlace::new(segment, error.offset, error)))
    }

    /// The damage; any other failure stays one.
    ///
    /// # Errors
    /// What is not damage.
    pub(crate) fn into_damage(self) -> Result<Damage, Error> {
        match self {
            Self::Damaged(damage) => Ok(damage),
            Self::Other(error) => Err(error),
        }
    }
}

impl From<Error> for ReadFailure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<ReadFailure> for Error {
    fn from(failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::Damaged(damage) => damage.error(),
            ReadFailure::Other(error) => error,
        }
    }
}
