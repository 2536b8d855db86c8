//! What the verification of a segment reports to.

use lakebed_format::{CommitNumber, LocatedCommit, SegmentNumber};

use crate::error::{ErrorKind, Result};
use crate::problem::ProblemKind;

/// How much of a segment is checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// What commits up to this one wrote is taken as checked.
    pub(crate) since: CommitNumber,
    /// Structures, and frames here and there.
    pub(crate) sampled: bool,
    /// Which part of the frames, of how many. The first one's task is everything else, too.
    pub(crate) slice: (usize, usize),
}

impl Scope {
    /// Everything.
    pub(crate) const ALL: Self = Self {
        since: CommitNumber(0),
        sampled: false,
        slice: (0, 1),
    };

    /// Whether what is not a frame is checked.
    pub(crate) fn has_structures(&self) -> bool {
        self.slice.0 == 0
    }

    /// The part of a list of `len` that is this slice's.
    pub(crate) fn part(&self, len: usize) -> std::ops::Range<usize> {
        let (at, of) = self.slice;
        len * at / of.max(1)..len * (at + 1) / of.max(1)
    }
}

/// The first COMMIT of a segment and the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) first: LocatedCommit,
    pub(crate) last: LocatedCommit,
    /// Whether compaction or repair wrote it: then its COMMIT is linked to none.
    pub(crate) rewritten: bool,
}

/// Counts what was checked and collects what is wrong.
pub(crate) trait Verification {
    /// Whether what the disk does not give is a problem among others, and not the end of checking.
    fn goes_on(&self) -> bool {
        true
    }

    /// Whether what a newer version wrote is a problem among others, and not the end of checking.
    fn passes_newer(&self) -> bool {
        true
    }

    /// How much is checked.
    fn scope(&self) -> Scope {
        Scope::ALL
    }

    /// Something is wrong; `message` says what.
    fn problem(
        &mut self,
        kind: ProblemKind,
        segment: SegmentNumber,
        offset: Option<u64>,
        message: String,
    );

    /// The COMMITs of the segment are linked from its last one back to its first.
    fn ends(&mut self, _: Ends) {}

    /// A COMMIT was read.
    fn commit(&mut self);

    /// A frame was read and decoded.
    fn frame(&mut self);

    /// A blob was read.
    fn blob(&mut self);

    /// Bytes were read. Called often: it reports progress.
    ///
    /// # Errors
    /// `Interrupted`.
    fn advance(&mut self, bytes: u64) -> Result<()>;
}

impl dyn Verification + '_ {
    /// The result of checking a segment. That its file cannot be read becomes a problem, too: others may be whole.
    ///
    /// # Errors
    /// Those that are about more than this segment.
    pub(crate) fn unless_unreadable(
        &mut self,
        segment: SegmentNumber,
        checked: Result<()>,
    ) -> Result<()> {
        match checked {
            Err(error) if error.kind() == ErrorKind::Io && self.goes_on() => {
                let text = error.message().to_owned();
                self.problem(ProblemKind::Segment, segment, None, text);
                Ok(())
            }
            other => other,
        }
    }

    /// The value of a result. Damage becomes a problem of this kind and `None`.
    ///
    /// # Errors
    /// Those that are not damage: checking cannot go on.
    pub(crate) fn keep<T>(
        &mut self,
        kind: ProblemKind,
        segment: SegmentNumber,
        offset: Option<u64>,
        result: Result<T>,
    ) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error)
                if error.kind() == ErrorKind::Corrupt
                    || self.passes_newer() && error.kind() == ErrorKind::FormatTooNew
                    || self.goes_on() && error.kind().is_of_stored_bytes() =>
            {
                self.problem(kind, segment, offset, error.message().to_owned());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
