//! Numbers in the bytes of shapes, spellers and `_fix`.

use std::fmt;

pub(super) use crate::varint::write as varint;

/// The bytes are not what [`Shapes::encode`](super::Shapes::encode) or [`Spellers::encode`](super::Spellers::encode)
/// writes: cut, damaged, or of a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadShapes {
    /// What is wrong: half a sentence, to follow "the table of shapes".
    pub reason: &'static str,
}

impl fmt::Display for BadShapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the table of shapes {}", self.reason)
    }
}

impl std::error::Error for BadShapes {}

pub(super) const fn bad<T>(reason: &'static str) -> Result<T, BadShapes> {
    Err(BadShapes { reason })
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Input<'a> {
    #[inline]
    pub(super) fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let length = usize::try_from(length).ok()?;
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*byte)
    }

    /// A varint in its shortest form, of at most 64 bits.
    #[inline]
    pub(super) fn varint(&mut self) -> Option<u64> {
        crate::varint::read(&mut self.bytes).ok()
    }

    /// A varint length, and as many bytes.
    #[inline]
    pub(super) fn block(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()?;
        self.take(length)
    }
}

/// A varint length, and the bytes.
#[inline]
pub(super) fn block(bytes: &[u8], out: &mut Vec<u8>) {
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}
