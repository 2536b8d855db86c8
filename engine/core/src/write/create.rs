//! Creates a store. `FORMAT` is written last: without it a directory is not a store, and after a crash creation is
//! repeated.

use std::sync::Arc;

use lakebed_format::{Manifest, StoreHeader, StoreUuid, names};
use lakebed_vfs::{File, Open, Vfs};

use super::commit::Failure;
use super::manifest::put_file;
use crate::context;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::random::random_u64;
use crate::snapshot::rebuild::first_body;
use crate::writer_lock::WriterLock;

/// Room for a drop on a full disk, in bytes.
pub(crate) const RESERVE_BYTES: usize = 64 << 10;
/// The temporary name of `FORMAT`.
pub(crate) const FORMAT_TEMPORARY: &str = ".FORMAT.tmp";

/// Creates a store in the directory that `vfs` is rooted at, unless there is one by now.
///
/// # Errors
/// `NotAStore` when the directory holds other files, or the segments of a store that lost its `FORMAT`; `Io`,
/// `StoreFull`.
pub(crate) fn create(vfs: &Arc<dyn Vfs>, options: &Options) -> Result<()> {
    let io = |error| Error::io(&format!("making the store {}", vfs.describe()), error);
    vfs.create_dir("").map_err(io)?;
    check_empty(vfs.as_ref())?;
    let mut lock = WriterLock::acquire(vfs.as_ref(), options)?;
    if vfs.open(names::FORMAT, Open::Read).is_ok() {
        return Ok(());
    }
    if context::holds_segments(vfs.as_ref()) {
        // They are written after `FORMAT`: a store has lost it, and a new one would overwrite what is left of its
        // manifests.
        return Err(context::without_format(vfs.as_ref()));
    }
    for dir in [names::SEGMENTS, names::MANIFESTS, names::INDEX] {
        vfs.create_dir(dir).map_err(io)?;
    }
    let uuid = StoreUuid(uuid()?);
    let manifest = Manifest {
        number: 1,
        uuid,
        salt: random_u64()?,
        catalogue: first_body(),
    };
    put(
        vfs.as_ref(),
        names::MANIFESTS,
        &names::manifest_temporary(1),
        &names::manifest(1),
        &manifest.encode(),
    )?;
    // Without it everything works except a drop on a full disk.
    let _ = make_reserve(vfs.as_ref());
    vfs.sync_dir("").map_err(io)?;
    let header = StoreHeader::new(uuid, options.clock.now());
    put(
        vfs.as_ref(),
        "",
        FORMAT_TEMPORARY,
        names::FORMAT,
        &header.encode(),
    )?;
    // Only a hint.
    let _ = lock.set_synced(vfs.as_ref(), lakebed_format::CommitNumber(0));
    Ok(())
}

/// Creates the file whose removal makes room.
///
/// # Errors
/// The system's.
pub(crate) fn make_reserve(vfs: &dyn Vfs) -> std::io::Result<()> {
    let file = vfs.open(names::RESERVE, Open::Create)?;
    if file.len()? < RESERVE_BYTES as u64 {
        file.write_all_at(&vec![0; RESERVE_BYTES], 0)?;
    }
    Ok(())
}

/// Writes a whole file; see [`put_file`].
///
/// # Errors
/// Those of [`put_file`].
pub(crate) fn put(
    vfs: &dyn Vfs,
    dir: &str,
    temporary: &str,
    name: &str,
    bytes: &[u8],
) -> Result<()> {
    let mut write = |file: &dyn File| file.write_all_at(bytes, 0);
    put_file(vfs, dir, temporary, name, &mut write).map_err(Failure::into_error)
}

/// Checks that the directory is empty, except for what an interrupted creation leaves.
fn check_empty(vfs: &dyn Vfs) -> Result<()> {
    let own = [
        names::LOCK,
        names::SEGMENTS,
        names::MANIFESTS,
        names::INDEX,
        names::RESERVE,
        names::FORMAT,
        FORMAT_TEMPORARY,
    ];
    let list = vfs
        .list("")
        .map_err(|e| Error::io(&format!("listing {}", vfs.describe()), e))?;
    match list.iter().find(|name| !own.contains(&name.as_str())) {
        None => Ok(()),
        Some(other) => Err(Error::new(
            ErrorKind::NotAStore,
            format!(
                "{} is not a lakebed store and not empty (it holds {other}); choose another directory for a new store.",
                vfs.describe()
            ),
        )),
    }
}

/// A random identity.
///
/// # Errors
/// `Io`.
pub(crate) fn uuid() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    let (low, high) = (random_u64()?, random_u64()?);
    for (byte, value) in bytes
        .iter_mut()
        .zip(low.to_le_bytes().into_iter().chain(high.to_le_bytes()))
    {
        *byte = value;
    }
    // Version 4, variant 1 of RFC 9562, as other tools expect.
    if let Some(byte) = bytes.get_mut(6) {
        *byte = *byte & 0x0f | 0x40;
    }
    if let Some(byte) = bytes.get_mut(8) {
        *byte = *byte & 0x3f | 0x80;
    }
    Ok(bytes)
}
