//! Writing manifests, and removing those that a newer one replaced.

use lakebed_format::{Manifest, ManifestBody, names};
use lakebed_vfs::{Lock, Open, Vfs};

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
        &manifest.encode(),
    )
}

/// Writes a whole file under a temporary name, syncs it, and renames it.
pub(crate) fn put_file(
    vfs: &dyn Vfs,
    dir: &str,
    temporary: &str,
    name: &str,
    bytes: &[u8],
) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        match vfs.unlink(temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = vfs.open(temporary, Open::CreateNew)?;
        file.write_all_at(bytes, 0)?;
        file.sync_data()?;
        vfs.rename(temporary, name)
    };
    write().map_err(|error| {
        let _ = vfs.unlink(temporary);
        Failure::Undone(Error::io(&format!("writing {name}"), error))
    })?;
    vfs.sync_dir(dir)
        .map_err(|error| Failure::Unsynced(failed_sync(&format!("writing {name}"), error)))
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
