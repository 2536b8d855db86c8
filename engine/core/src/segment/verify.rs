//! What the verification of a segment reports to.

use lakebed_format::SegmentNumber;

use crate::error::{ErrorKind, Result};

/// Counts what was checked and collects what is wrong.
pub(crate) trait Verification {
    /// Whether what the disk does not give is a problem among others, and not the end of checking.
    fn goes_on(&self) -> bool {
        true
    }

    /// Something is wrong; `message` says what.
    fn problem(&mut self, segment: SegmentNumber, offset: Option<u64>, message: String);

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
                self.problem(segment, None, error.message().to_owned());
                Ok(())
            }
            other => other,
        }
    }

    /// The value of a result. Damage becomes a problem and `None`.
    ///
    /// # Errors
    /// Those that are not damage: checking cannot go on.
    pub(crate) fn keep<T>(
        &mut self,
        segment: SegmentNumber,
        offset: Option<u64>,
        result: Result<T>,
    ) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error)
                if error.kind() == ErrorKind::Corrupt
                    || self.goes_on() && error.kind().is_of_stored_bytes() =>
            {
                self.problem(segment, offset, error.message().to_owned());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
