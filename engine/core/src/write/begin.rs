//! Becoming the one who writes: the lock, what others committed meanwhile, what a crash left.

use std::sync::Arc;

use super::lock::WriterLock;
use super::recover;
use super::shared::{Shared, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::View;
use crate::snapshot::open::{Asking, newest};

/// Takes the writer's lock, sees what others committed, and puts right what a crash left.
pub(crate) fn take_lock(shared: &Shared, writer: &mut Writer) -> Result<Arc<View>> {
    let home = &shared.home;
    let options = &home.options;
    let mut lock = WriterLock::acquire(home.vfs.as_ref(), options)?;
    let before = shared.view();
    let view = newest(home, Some(&before), Asking::Writer(lock.synced()))?;
    let view = if view.commit == before.commit && view.base.number == before.base.number {
        before
    } else {
        let view = Arc::new(view);
        shared.show(Arc::clone(&view), None);
        view
    };
    let view = if writer.manifest == Some(view.base.number) {
        view
    } else {
        let view = recover::manifest(home, view, &lock)?;
        shared.show(Arc::clone(&view), None);
        writer.manifest = Some(view.base.number);
        view
    };
    let known = writer
        .file
        .take()
        .filter(|(number, _)| *number == view.base.active)
        .map(|(_, file)| file);
    let file = recover::active_file(home, &view, &mut lock, known)?;
    if !writer.swept {
        recover::sweep(home, &view)?;
        writer.swept = true;
    }
    writer.file = file.map(|file| (view.base.active, file));
    writer.lock = Some(lock);
    Ok(view)
}

/// A store object must not write in a process forked from the one that opened it: both would think the pending group theirs.
pub(crate) fn check_process(shared: &Shared) -> Result<()> {
    let now = std::process::id();
    if now == shared.home.pid {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "This store object was opened in process {} and cannot write in its child {now}; open the store again in this process.",
            shared.home.pid
        ),
    ))
}
