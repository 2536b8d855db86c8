//! Random numbers of the operating system: salts and identities.

use crate::error::{Error, ErrorKind, Result};

/// A random number.
///
/// # Errors
/// `Io` when the system has none.
pub(crate) fn random_u64() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = format!("The operating system gave no random bytes: {error}.");
        Error::new(ErrorKind::Io, message)
    })?;
    Ok(u64::from_le_bytes(bytes))
}
