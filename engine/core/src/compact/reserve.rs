//! Room for a compaction on a full disk.

use lakebed_format::names;

use crate::error::{ErrorKind, Result};
use crate::write::create::make_reserve;
use crate::write::{Session, Shared};

/// The file whose removal makes room on a full disk.
pub(super) struct Reserve<'a> {
    shared: &'a Shared,
}

impl<'a> Reserve<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { shared }
    }

    /// Tries `work` again with the room of the file if the disk is full.
    pub(super) fn with<'s, T>(
        &self,
        session: &mut Session<'s>,
        mut work: impl FnMut(&mut Session<'s>) -> Result<T>,
    ) -> Result<T> {
        match work(session) {
            Err(error) if error.kind() == ErrorKind::StoreFull && !session.is_over() => {
                let vfs = &self.shared.context.vfs;
                if vfs.unlink(names::RESERVE).is_err() {
                    return Err(error);
                }
                work(session)
            }
            result => result,
        }
    }

    /// Makes it again; that fails while the disk is full.
    pub(super) fn restore(&self) {
        let _ = make_reserve(self.shared.context.vfs.as_ref());
    }
}
