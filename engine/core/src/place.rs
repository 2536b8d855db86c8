//! Whether an open store is still the one that its path leads to.

use std::sync::Arc;

use lakebed_format::{StoreHeader, StoreUuid};
use lakebed_vfs::{ReadFile, ReadVfs};

use crate::error::{Error, ErrorKind, Result};

/// What tells the store from one that takes its place: its directory, which the vfs holds open, and the file `FORMAT`
/// with the store's uuid.
#[derive(Debug)]
pub(crate) struct Place {
    format: Arc<dyn ReadFile>,
    uuid: StoreUuid,
}

impl Place {
    /// The place of the store whose file `FORMAT` this is.
    pub(crate) fn new(format: Arc<dyn ReadFile>, header: &StoreHeader) -> Self {
        Self {
            format,
            uuid: header.uuid,
        }
    }

    /// Checks that the store's path leads to its directory, and that the directory holds this store.
    ///
    /// # Errors
    /// `StoreNotFound` when the store was moved or removed, or another one took its place; `Io`.
    pub(crate) fn check(&self, vfs: &dyn ReadVfs) -> Result<()> {
        let io = |error| Error::io(&format!("looking for {}", vfs.describe()), error);
        let here = vfs.is_in_place().map_err(io)? && self.format.names().map_err(io)?.opened;
        if here && self.holds_its_uuid().map_err(io)? {
            return Ok(());
        }
        Err(replaced(vfs))
    }

    /// Whether `FORMAT` still says what it said: a copy may be written over it in place.
    fn holds_its_uuid(&self) -> std::io::Result<bool> {
        let mut bytes = [0; StoreHeader::LEN];
        match self.format.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(StoreHeader::decode(&bytes).is_ok_and(|header| header.uuid == self.uuid))
    }
}

/// The error of an open store whose files are no longer its own.
pub(crate) fn replaced(vfs: &dyn ReadVfs) -> Error {
    Error::new(
        ErrorKind::StoreNotFound,
        format!(
            "This store was replaced, moved or removed: {} no longer leads to the files that were opened. Nothing more is written \
             through this store object; open the store again.",
            vfs.describe(),
        ),
    )
}

/// The error of an open store whose files are those of an older state, as after a restore in place.
pub(crate) fn restored(vfs: &dyn ReadVfs) -> Error {
    Error::new(
        ErrorKind::StoreNotFound,
        format!(
            "This store was replaced: the files of {} are those of another state, as after a restore from a backup, and no longer those \
             that were opened. Nothing more is written through this store object; open the store again.",
            vfs.describe(),
        ),
    )
}
