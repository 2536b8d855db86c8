//! Whether the newest state of a store follows what a store object saw of it before.

use std::sync::Arc;

use super::committed::{CommittedState, HeldManifest};
use crate::context::StoreContext;
use crate::error::Result;
use crate::place::restored;
use crate::segment::rows::active::ActiveRows;
use crate::segment::rows::walker::{WalkedBytes, Walker, read_header};

/// Checks that the newest state follows the one this store object saw last: after a restore in place it may be an older
/// one, or one that went another way from there.
///
/// # Errors
/// `StoreNotFound`; `Io`.
pub(super) fn check_history(
    context: &StoreContext,
    before: &CommittedState,
    manifest: &Arc<HeldManifest>,
    active: Option<&ActiveRows>,
) -> Result<()> {
    let commit = active.map_or(manifest.last_commit, |active| active.last.commit.number);
    if commit < before.commit {
        return Err(restored(context.vfs.as_ref()));
    }
    let Some(known) = &before.active else {
        return Ok(());
    };
    if active.is_some_and(|active| Arc::ptr_eq(&active.file, &known.file)) {
        return Ok(());
    }
    // It was sealed, or another file has its name.
    let number = known.file.number;
    let Some(file) = context.segments.open_if_there(number)? else {
        return Ok(());
    };
    let bytes = WalkedBytes::File(file.as_ref());
    let follows = match read_header(bytes, number) {
        Ok(header) if header.salt != known.file.salt => false,
        // Damage is told by whoever reads the segment.
        Err(failure) => failure.into_damage().map(|_| true)?,
        Ok(_) => {
            let walker = Walker {
                bytes,
                ..known.file.walker()
            };
            match walker.commit_at(known.last.offset) {
                Ok(found) => found.checksum == known.last.checksum,
                Err(failure) => {
                    failure.into_damage()?;
                    // The same file, damaged; or another one, while the one that was opened is whole.
                    !known.is_in(known.file.walker())?
                }
            }
        }
    };
    if follows {
        Ok(())
    } else {
        Err(restored(context.vfs.as_ref()))
    }
}
