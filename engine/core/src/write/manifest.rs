//! Writing manifests, and removing those that a newer one replaced.

use lakebed_format::{Manifest, ManifestBody, names};
use lakebed_vfs::{File, Lock, Open, Vfs};

use super::commit::Failure;
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind};
use crate::random::random_u64;

/// Makes a manifest durable. An error before its name is there leaves none.
pub(crate) fn write_manifest(
    context: &StoreContext,
    number: u64,
    body: ManifestBody,
) -> Result<(), Failure> {
    let manifest = Manifest {
        number,
        uuid: context.header.uuid,
        salt: random_u64()?,
        catalogue: body,
    };
    put_file(
        context.vfs.as_ref(),
        names::MANIFESTS,
        &names::manifest_temporary(number),
        &names::manifest(number),
        &mut |file| file.write_all_at(&manifest.encode(), 0),
    )
}

/// Writes a whole file, whose bytes `write` writes, under a temporary name, syncs it, and renames it.
///
/// A rename that reports an error may have happened: then the file is there. Only if that cannot be found out is the
/// state unknown.
pub(crate) fn put_file(
    vfs: &dyn Vfs,
    dir: &str,
    temporary: &str,
    name: &str,
    write: &mut dyn FnMut(&dyn File) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let writing = format!("writing {name}");
    let mut write = || -> std::io::Result<_> {
        match vfs.unlink(temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = vfs.open(temporary, Open::CreateNew)?;
        write(file.as_ref())?;
        file.sync_data()?;
        Ok(file)
    };
    let undone = |error| {
        let _ = vfs.unlink(temporary);
        Failure::Undone(Error::io(&writing, error))
    };
    let file = write().map_err(undone)?;
    if let Err(error) = vfs.rename(temporary, name) {
        match file.names() {
            Ok(names) if names.opened => return Err(undone(error)),
            Ok(_) => {}
            Err(_) => return Err(Failure::Unsynced(unknown(&writing, error))),
        }
    }
    vfs.sync_dir(dir)
        .map_err(|error| Failure::Unsynced(failed_sync(&writing, error)))
}

/// Removes manifests that a newer one has replaced and that no reader holds.
pub(crate) fn remove_old_manifests(context: &StoreContext, newest: u64) {
    let Ok(names) = context.vfs.list(names::MANIFESTS) else {
        return;
    };
    for number in names.iter().filter_map(|name| names::parse_manifest(name)) {
        if number >= newest {
            continue;
        }
        let name = names::manifest(number);
        // A reader that opens it in between finds that it has no name, and reads the newest again.
        if let Ok(file) = context.vfs.open(&name, Open::Read)
            && let Ok(true) = file.try_lock(Lock::Exclusive)
        {
            let _ = context.vfs.unlink(&name);
        }
    }
}

/// Whether `what` happened is unknown.
fn unknown(what: &str, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Poisoned,
        format!(
            "An error came while {what} ({error}), and whether it happened all the same is unknown; what was committed is kept, this \
             store object writes no more. Open the store again to go on."
        ),
    )
    .with_source(error)
}

/// A sync failed while doing `what`.
pub(super) fn failed_sync(what: &str, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Poisoned,
        format!(
            "A sync failed while {what} ({error}); what was committed is kept, this store object writes no more. Open the \
             store again to go on."
        ),
    )
    .with_source(error)
}
