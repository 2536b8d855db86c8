//! One decoded frame: its raw payload, where each blob lies in it, and which blobs were proven to have their hash.

use std::sync::atomic::{AtomicU64, Ordering};

use super::FrameError;

/// Immutable but for the marks of what was proven. Shared as `Arc<Decoded>`.
#[derive(Debug)]
pub(crate) struct Decoded {
    payload: Vec<u8>,
    /// Where each blob ends in `payload`; the first begins at `start`.
    ends: Box<[u32]>,
    start: u32,
    proven: Box<[AtomicU64]>,
}

impl Decoded {
    /// Takes a frame's raw payload apart: with two or more blobs it begins with their lengths.
    pub(crate) fn new(payload: Vec<u8>, blobs: u64) -> Result<Self, FrameError> {
        if payload.len() as u64 > super::RAW_LIMIT {
            return Err(FrameError::TooLarge(payload.len() as u64));
        }
        let whole = payload.len() as u32;
        let (start, ends) = match blobs {
            0 => return Err(FrameError::Damaged("it holds no blob")),
            1 => (0, Box::from([whole])),
            _ if blobs > u64::from(whole) => {
                return Err(FrameError::Damaged(
                    "it is too short for its number of blobs",
                ));
            }
            _ => split(&payload, blobs as usize)?,
        };
        let proven = (0..ends.len().div_ceil(64))
            .map(|_| AtomicU64::new(0))
            .collect();
        Ok(Self {
            payload,
            ends,
            start,
            proven,
        })
    }

    /// Number of blobs.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of the blob at `index`, counted from 0 in the frame; `None` past the end.
    #[inline]
    pub(crate) fn blob(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => self.start,
        };
        self.payload.get(start as usize..end as usize)
    }

    /// Bytes of all blobs together, without the table of lengths.
    pub(crate) fn blob_bytes(&self) -> u64 {
        self.payload.len() as u64 - u64::from(self.start)
    }

    /// Whether the hash of the blob at `index` was checked before.
    #[inline]
    pub(crate) fn is_proven(&self, index: usize) -> bool {
        self.proven
            .get(index / 64)
            .is_some_and(|word| word.load(Ordering::Relaxed) >> (index % 64) & 1 == 1)
    }

    /// Remembers that the blob at `index` has the hash it was asked for by. Relaxed order is enough: the mark is about bytes
    /// that never change, and nothing else is read because of it.
    #[inline]
    pub(crate) fn prove(&self, index: usize) {
        if let Some(word) = self.proven.get(index / 64) {
            word.fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
    }

    /// Bytes of memory it holds.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Self>() + self.payload.capacity() + self.ends.len() * 4 + self.proven.len() * 8
    }
}

/// Reads the table of `blobs` lengths: where the bytes begin, and where each blob ends.
fn split(payload: &[u8], blobs: usize) -> Result<(u32, Box<[u32]>), FrameError> {
    let mut ends = Vec::with_capacity(blobs);
    let mut at = 0usize;
    let mut total = 0u64;
    for _ in 0..blobs {
        let length = match payload.get(at) {
            // By far the most lengths are of one or two bytes.
            Some(&low) if low < 0x80 => {
                at += 1;
                u64::from(low)
            }
            _ => read_long(payload, &mut at)?,
        };
        total += length;
        if total > payload.len() as u64 {
            return Err(FrameError::Damaged("its blobs' lengths exceed it"));
        }
        ends.push(total as u32);
    }
    if at as u64 + total != payload.len() as u64 {
        return Err(FrameError::Damaged("its blobs' lengths do not fill it"));
    }
    for end in &mut ends {
        *end += at as u32;
    }
    Ok((at as u32, ends.into_boxed_slice()))
}

/// A varint of the shortest form that fits 32 bits.
fn read_long(payload: &[u8], at: &mut usize) -> Result<u64, FrameError> {
    let mut value = 0u64;
    for shift in (0..35).step_by(7) {
        let byte = *payload
            .get(*at)
            .ok_or(FrameError::Damaged("its table of lengths is cut off"))?;
        *at += 1;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            if byte == 0 && shift > 0 {
                break;
            }
            return Ok(value);
        }
    }
    Err(FrameError::Damaged("a length in its table is malformed"))
}

/// Writes a varint.
pub(super) fn write_length(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
