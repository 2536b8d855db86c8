//! Checksums: XXH3-64, seeded with a file's salt and the offset of the bytes, so that bytes of another file or offset
//! do not pass.

use std::fmt;

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::error::{FormatError, Reason, Result};

/// Multiplies the offset, so that close offsets give distant seeds.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
/// Bytes of a checksum.
const LEN: usize = 8;

/// The checksum of `bytes`, the first of which is at `offset` in a file with this `salt`.
pub fn checksum(salt: u64, offset: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, salt.wrapping_add(offset.wrapping_mul(SPREAD)))
}

/// Writes the checksum of a structure that begins with it: the structure is what `out` holds from `from` on, its first
/// 8 bytes are reserved, and it will be at `offset` in a file with this `salt`.
///
/// # Errors
/// An internal error when `out` does not hold the reserved bytes.
pub(crate) fn fill_checksum(out: &mut [u8], from: usize, salt: u64, offset: u64) -> Result<()> {
    let structure = out.get_mut(from..);
    let Some((field, summed)) = structure.and_then(<[u8]>::split_first_chunk_mut::<LEN>) else {
        return Err(FormatError::new(
            "checksum",
            offset,
            Reason::Internal("a structure has no room for its checksum"),
        ));
    };
    *field = checksum(salt, offset.wrapping_add(LEN as u64), summed).to_le_bytes();
    Ok(())
}

/// The checksum of bytes that come in pieces: that of a group, which is seeded with the salt alone.
#[derive(Clone)]
pub struct RunningChecksum(Box<Xxh3>);

impl RunningChecksum {
    /// The checksum of no bytes. Over the same bytes it equals [`checksum`] at offset 0.
    pub fn new(salt: u64) -> Self {
        Self(Box::new(Xxh3::with_seed(salt)))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far.
    pub fn finish(&self) -> u64 {
        self.0.digest()
    }
}

impl fmt::Debug for RunningChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunningChecksum({:016x})", self.finish())
    }
}
