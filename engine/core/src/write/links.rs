//! Hard links: a copy of a store that was made with them shares its files with the store. Complete files are never
//! changed; the active segment is, and gets a file of its own first.

use std::sync::Arc;

use lakebed_format::names;
use lakebed_vfs::{File, Names, Open};

use super::commit::Failure;
use super::manifest::put_file;
use crate::context::StoreContext;
use crate::error::{Error, Result};
use crate::snapshot::CommittedState;
use crate::snapshot::open::{Caller, newest};
use crate::writer_lock::WriterLock;

/// Bytes copied at a time.
const STEP: usize = 1 << 20;

/// The names of a file that no other store shares.
pub(super) const ITS_OWN: Names = Names {
    opened: true,
    count: 1,
};

/// Puts a copy in the place of the active segment's file if that has other names, too.
///
/// # Errors
/// `Io`, `StoreFull`; `Corrupt`.
pub(super) fn own_active(
    context: &Arc<StoreContext>,
    committed: Arc<CommittedState>,
    lock: &WriterLock,
) -> Result<Arc<CommittedState>> {
    let number = committed.manifest.active;
    let io = |error| {
        Error::io(
            &format!("copying segment {number}, which has several names"),
            error,
        )
    };
    let name = names::segment(number);
    let file = match context.vfs.open(&name, Open::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(committed),
        Err(error) => return Err(io(error)),
    };
    if file.names().map_err(io)?.count <= 1 {
        return Ok(committed);
    }
    put_file(
        context.vfs.as_ref(),
        names::SEGMENTS,
        &names::segment_temporary(number),
        &name,
        &mut |copy| copy_bytes(file.as_ref(), copy),
    )
    .map_err(Failure::into_error)?;
    let committed = newest(context, Some(&committed), Caller::Writer(lock.synced()))?;
    Ok(Arc::new(committed))
}

fn copy_bytes(from: &dyn File, to: &dyn File) -> std::io::Result<()> {
    if let Some(access) = from.access()? {
        to.set_access(access)?;
    }
    let len = from.len()?;
    let mut bytes = vec![0; STEP];
    let mut at = 0;
    while at < len {
        let step = usize::try_from(len - at).map_or(STEP, |rest| rest.min(STEP));
        bytes.truncate(step);
        from.read_exact_at(&mut bytes, at)?;
        to.write_all_at(&bytes, at)?;
        at += step as u64;
    }
    Ok(())
}
