//! Makes a store of a backup.

use std::io::ErrorKind as Os;
use std::sync::Arc;

use lakebed_format::{StoreHeader, StoreUuid, limits, names};
use lakebed_vfs::{Subdirectory, Vfs};

use super::check_whole;
use super::copying::{Target, copy_state};
use super::report::{RestoreOptions, RestoreReport};
use super::series::{Series, claim, is_store};
use crate::context::{StoreContext, without_format};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::progress::Meter;
use crate::snapshot::open::{Caller, newest};
use crate::write::create::{FORMAT_TEMPORARY, make_reserve, uuid};
use crate::writer_lock::read_synced;

/// Makes a store at `place` of a backup, of the newest one of a series, or of another store. It has an identity of its
/// own.
///
/// # Errors
/// `InvalidArgument` when there is something at `place`; `StoreNotFound`, `NotAStore` when there is no backup;
/// `Corrupt` when it is damaged; `StoreFull`, `Io`, `Interrupted`.
pub(crate) fn restore(
    backup: Arc<dyn Vfs>,
    place: Arc<dyn Vfs>,
    options: RestoreOptions,
    settings: &Options,
) -> Result<RestoreReport> {
    let backup = newest_backup(backup)?;
    let settings = Options {
        interrupted: settings.interrupted,
        clock: settings.clock,
        ..Options::read_only()
    };
    let context = Arc::new(StoreContext::open(backup, settings)?);
    let synced = read_synced(context.vfs.as_ref());
    let committed = Arc::new(newest(&context, None, Caller::Reader)?);
    check_whole(&committed, synced)?;
    check_free(place.as_ref())?;
    let target = Target {
        header: StoreHeader {
            uuid: StoreUuid(uuid()?),
            read_compatible: context.header.read_compatible & !limits::FEATURE_BACKUP,
            created: context.options.clock.now(),
            ..context.header
        },
        vfs: place,
    };
    let mut meter = Meter::new(options.progress);
    let copied = copy_state(&committed, &target, None, &mut meter)?;
    // Without it everything works except a drop on a full disk.
    let _ = make_reserve(target.vfs.as_ref());
    meter.finish();
    Ok(RestoreReport {
        path: target.vfs.describe(),
        backup: context.vfs.describe(),
        commit: committed.commit,
        segments: copied.segments,
        bytes: copied.bytes,
        seconds: meter.seconds(),
    })
}

/// The directory itself, or its newest backup.
fn newest_backup(backup: Arc<dyn Vfs>) -> Result<Arc<dyn Vfs>> {
    if is_store(backup.as_ref()) {
        return Ok(backup);
    }
    match backup.list("") {
        Ok(_) => {}
        Err(_) => return Err(without_format(backup.as_ref())),
    }
    if backup.open_read(names::UNFINISHED).is_ok() {
        return Err(without_format(backup.as_ref()));
    }
    let Some(newest) = Series::newest_in(&backup)? else {
        return Err(Error::new(
            ErrorKind::NotAStore,
            format!(
                "{} is neither a backup nor a directory of finished backups.",
                backup.describe()
            ),
        ));
    };
    let inside = Subdirectory::new(Arc::clone(&backup), &newest);
    let inside = inside.map_err(|e| Error::io(&format!("opening {newest}"), e))?;
    Ok(Arc::new(inside))
}

/// Checks that nothing is in the way, and removes what an interrupted restore left.
fn check_free(place: &dyn Vfs) -> Result<()> {
    let io = |error| Error::io(&format!("looking into {}", place.describe()), error);
    let inside = match place.list("") {
        Ok(inside) => inside,
        Err(error) if error.kind() == Os::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    if inside.is_empty() {
        return Ok(());
    }
    let marked = inside.iter().any(|name| name == names::UNFINISHED);
    if !marked || is_store(place) {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "There is something at {} already, and a restore replaces nothing: restore to another path, or move that directory \
                 away first.",
                place.describe()
            ),
        ));
    }
    let Some(_claim) = claim(place, "").map_err(io)? else {
        return Err(Error::new(
            ErrorKind::StoreLocked,
            format!(
                "Another program is making {}; wait until it is done.",
                place.describe()
            ),
        ));
    };
    for dir in [names::SEGMENTS, names::MANIFESTS] {
        for name in place.list(dir).unwrap_or_default() {
            place.unlink(&format!("{dir}/{name}")).map_err(io)?;
        }
    }
    match place.unlink(FORMAT_TEMPORARY) {
        Err(error) if error.kind() != Os::NotFound => Err(io(error)),
        _ => Ok(()),
    }
}
