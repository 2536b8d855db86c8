//! One decoded frame: its raw payload, where each blob lies in it, and which blobs were proven to have their hash.

use std::sync::atomic::{AtomicU64, Ordering};

use lakebed_format::decode_offsets;

use super::FrameError;

/// Immutable but for the marks of what was proven. Shared as `Arc<Decoded>`.
#[derive(Debug)]
pub(crate) struct Decoded {
    payload: Vec<u8>,
    /// Blob `i` is `payload[offsets[i]..offsets[i + 1]]`.
    offsets: Box<[u32]>,
    proven: Box<[AtomicU64]>,
}

impl Decoded {
    /// Takes a frame's raw payload apart: with two or more blobs it begins with their lengths.
    pub(crate) fn new(payload: Vec<u8>, blobs: u32) -> Result<Self, FrameError> {
        let mut offsets = Vec::new();
        decode_offsets(&payload, blobs, &mut offsets)?;
        let proven = (0..(blobs as usize).div_ceil(64))
            .map(|_| AtomicU64::new(0))
            .collect();
        Ok(Self {
            payload,
            offsets: offsets.into_boxed_slice(),
            proven,
        })
    }

    /// Number of blobs.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The bytes of the blob at `index`, counted from 0 in the frame; `None` past the end.
    #[inline]
    pub(crate) fn blob(&self, index: usize) -> Option<&[u8]> {
        let (&start, &end) = (
            self.offsets.get(index)?,
            self.offsets.get(index.checked_add(1)?)?,
        );
        self.payload.get(start as usize..end as usize)
    }

    /// Bytes of all blobs together, without the table of lengths.
    pub(crate) fn blob_bytes(&self) -> u64 {
        self.payload.len() as u64 - self.offsets.first().map_or(0, |&start| u64::from(start))
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
        size_of::<Self>() + self.payload.capacity() + self.offsets.len() * 4 + self.proven.len() * 8
    }
}
