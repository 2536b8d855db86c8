//! Segments that an earlier backup has.

use std::io::ErrorKind as Os;

use lakebed_format::{HEADER_LEN, TRAILER_LEN};
use lakebed_vfs::{ReadFile, Vfs};

use super::series::Unfinished;
use crate::error::{Error, Result};

/// The earlier backups of a series, and the name of the new one.
pub(super) struct Earlier<'a> {
    pub(super) root: &'a dyn Vfs,
    pub(super) name: &'a str,
    pub(super) unfinished: &'a [Unfinished],
    /// The oldest first.
    pub(super) whole: &'a [String],
}

/// How a file came from an earlier backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reused {
    /// Linked from one that is whole.
    Linked,
    /// Moved from one that was interrupted: it may be half written.
    Moved,
}

impl Earlier<'_> {
    /// Puts a file of an earlier backup under the same name into the new one, if it has one that begins and ends as
    /// this file does: a header with a random salt, and a trailer with checksums of what the file holds.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn take(&self, file: &str, like: &dyn ReadFile, len: u64) -> Result<Option<Reused>> {
        let io = |error| Error::io(&format!("looking for {file} in earlier backups"), error);
        let to = format!("{}/{file}", self.name);
        for unfinished in self.unfinished {
            let from = format!("{}/{file}", unfinished.name);
            if self.is_same(&from, like, len).map_err(io)? {
                self.root.rename(&from, &to).map_err(io)?;
                return Ok(Some(Reused::Moved));
            }
        }
        // Only the newest: what it does not have was compacted away since, and does not come back.
        if let Some(newest) = self.whole.last() {
            let from = format!("{newest}/{file}");
            if self.is_same(&from, like, len).map_err(io)? && self.root.link(&from, &to).is_ok() {
                return Ok(Some(Reused::Linked));
            }
        }
        Ok(None)
    }

    fn is_same(&self, name: &str, like: &dyn ReadFile, len: u64) -> std::io::Result<bool> {
        let found = match self.root.open_read(name) {
            Ok(found) => found,
            Err(error) if error.kind() == Os::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if found.len()? != len {
            return Ok(false);
        }
        let tail = len.saturating_sub(TRAILER_LEN as u64);
        for (offset, bytes) in [(0, HEADER_LEN), (tail, TRAILER_LEN)] {
            let (mut own, mut other) = (vec![0; bytes], vec![0; bytes]);
            like.read_exact_at(&mut own, offset)?;
            found.read_exact_at(&mut other, offset)?;
            if own != other {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
