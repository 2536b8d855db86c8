//! Making the file of a new segment.

use std::sync::Arc;

use lakebed_format::{SegmentNumber, names};
use lakebed_vfs::{File, Open, Vfs};

use crate::error::{Error, Result};

/// A new segment file in the place of whatever a crash left there.
///
/// # Errors
/// `Io`, `StoreFull`.
pub(crate) fn create_file(vfs: &dyn Vfs, number: SegmentNumber) -> Result<Arc<dyn File>> {
    let name = names::segment(number);
    let making = |error| Error::io(&format!("making segment {number}"), error);
    match vfs.unlink(&name) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(making(error)),
    }
    vfs.open(&name, Open::CreateNew).map_err(making)
}
