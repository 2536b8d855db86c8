//! Beginning to write: takes the lock, reads what others committed meanwhile, repairs what a crash left.

use std::sync::Arc;

use super::links::{ITS_OWN, own_active};
use super::manifest::remove_old_manifests;
use super::recover;
use super::replaced::remove_replaced;
use super::shared::{Shared, Writer};
use crate::error::Result;
use crate::snapshot::CommittedState;
use crate::snapshot::open::{Caller, newest};
use crate::writer_lock::WriterLock;

/// Takes the writer's lock, reads what others committed, and repairs what a crash left.
///
/// # Errors
/// `StoreLocked`, `Interrupted`; `Corrupt`, `Io`, `StoreFull`.
pub(crate) fn take_lock(shared: &Shared, writer: &mut Writer) -> Result<Arc<CommittedState>> {
    let context = &shared.context;
    let options = &context.options;
    let vfs = context.vfs.as_ref();
    let mut lock = match WriterLock::acquire(vfs, options) {
        Ok(lock) => lock,
        // What is left of a store that was removed can have no lock.
        Err(error) => return Err(context.place.check(vfs).err().unwrap_or(error)),
    };
    lock.held().check(context)?;
    let before = shared.committed();
    let committed = newest(context, Some(&before), Caller::Writer(lock.synced()))?;
    let committed = if committed.commit == before.commit
        && committed.manifest.number == before.manifest.number
    {
        before
    } else {
        let committed = Arc::new(committed);
        shared.show(Arc::clone(&committed), None);
        committed
    };
    recover::check_acknowledged(context, &committed, lock.synced())?;
    let committed = if writer.manifest == Some(committed.manifest.number) {
        committed
    } else {
        let committed = recover::manifest(context, committed, &lock)?;
        shared.show(Arc::clone(&committed), None);
        writer.manifest = Some(committed.manifest.number);
        committed
    };
    let known = writer
        .file
        .take()
        .filter(|(number, _)| *number == committed.manifest.active)
        .map(|(_, file)| file);
    // Another file may have its name since, that of a restore; or it got further names.
    let known = known.filter(|file| matches!(file.names(), Ok(names) if names == ITS_OWN));
    let committed = if known.is_some() {
        committed
    } else {
        let owned = own_active(context, Arc::clone(&committed), &lock)?;
        if !Arc::ptr_eq(&owned, &committed) {
            shared.show(Arc::clone(&owned), None);
        }
        owned
    };
    let file = recover::active_file(context, &committed, &mut lock, known)?;
    if !writer.swept {
        recover::sweep(context, &committed)?;
        remove_old_manifests(context, committed.manifest.number);
        remove_replaced(context, &committed);
        writer.swept = true;
    }
    writer.file = file.map(|file| (committed.manifest.active, file));
    writer.lock = Some(lock);
    Ok(committed)
}
