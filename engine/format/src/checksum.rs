//! Checksums: XXH3-64, seeded with a file's salt and the place of the bytes, so that bytes of another file or place never pass.

use std::fmt;

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The checksum of `bytes`, the first of which is at `offset` in a file with this `salt`.
pub fn checksum(salt: u64, offset: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, salt.wrapping_add(offset.wrapping_mul(SPREAD)))
}

/// The checksum of bytes that come piece by piece: that of a group, which is seeded with the salt alone.
#[derive(Clone)]
pub struct RunningChecksum(Box<Xxh3>);

impl RunningChecksum {
    /// A sum over nothing yet. Equal to [`sum`] at offset 0 over the same bytes.
    pub fn new(salt: u64) -> Self {
        Self(Box::new(Xxh3::with_seed(salt)))
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sum of all bytes so far.
    pub fn finish(&self) -> u64 {
        self.0.digest()
    }
}

impl fmt::Debug for RunningChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Summer({:016x})", self.finish())
    }
}
