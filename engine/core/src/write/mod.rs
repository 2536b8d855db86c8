//! Changing the store: the writer's lock, the pending group, dedupe, commit, seal.

use crate::error::{Error, ErrorKind, Result};

pub(crate) mod group;
pub(crate) mod large;
pub(crate) mod lock;
pub(crate) mod seal;
pub(crate) mod tail;

/// A random number from the operating system: salts of files.
pub(crate) fn random() -> Result<u64> {
    getrandom::u64().map_err(|e| {
        Error::new(
            ErrorKind::Io,
            format!("The operating system gave no random number: {e}."),
        )
    })
}
