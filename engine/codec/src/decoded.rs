//! One decoded frame: its raw payload, where each blob lies in it, and which blobs were proven to have their hash.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use lakebed_format::{BlobId, Hash, IdRun, decode_offsets};

use super::FrameError;
use super::payload::Payload;

/// A hash in four words; all zero until it is known.
type Known = [AtomicU64; 4];

/// Immutable but for the marks of what was proven. Shared as `Arc<Decoded>`.
#[derive(Debug)]
pub struct Decoded {
    payload: Payload,
    /// Blob `i` is `payload[offsets[i]..offsets[i + 1]]`.
    offsets: Box<[u32]>,
    /// The ids of the blobs, in their order; empty where the caller keeps no ids.
    ids: Box<[IdRun]>,
    /// The hashes of blobs that were asked for by hash. A blob has one hash, so that racing writers write the same words.
    proven: OnceLock<Box<[Known]>>,
}

impl Decoded {
    /// Takes a frame's raw payload apart: with two or more blobs it begins with their lengths.
    pub fn new(payload: Vec<u8>, blobs: u32) -> Result<Self, FrameError> {
        let mut offsets = Vec::new();
        decode_offsets(&payload, blobs, &mut offsets)?;
        let first = offsets
            .first()
            .map_or(payload.len(), |&start| start as usize);
        Ok(Self {
            payload: Payload::new(payload, first),
            offsets: offsets.into_boxed_slice(),
            ids: Box::default(),
            proven: OnceLock::new(),
        })
    }

    /// The same with the ids of its blobs.
    pub fn with_ids(mut self, runs: impl Iterator<Item = IdRun>) -> Self {
        self.ids = runs.collect();
        self
    }

    /// The place of a blob by its id.
    #[inline]
    pub fn place(&self, id: BlobId) -> Option<usize> {
        let mut before = 0;
        for run in &self.ids {
            if run.range().contains(&id.0) {
                return Some((before + id.0 - run.first.0) as usize);
            }
            before += run.len;
        }
        None
    }

    /// Number of blobs.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The bytes of the blob at `index`, counted from 0 in the frame; `None` past the end.
    #[inline]
    pub fn blob(&self, index: usize) -> Option<&[u8]> {
        self.payload.get(self.range(index)?)
    }

    #[inline]
    fn range(&self, index: usize) -> Option<Range<usize>> {
        let (&start, &end) = (
            self.offsets.get(index)?,
            self.offsets.get(index.checked_add(1)?)?,
        );
        Some(start as usize..end as usize)
    }

    /// All of it, the blobs among other things.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The blob at `index` as text, if there is one and it is UTF-8.
    #[inline]
    pub fn text(&self, index: usize) -> Option<&str> {
        self.payload.text(self.range(index)?)
    }

    /// Bytes of all blobs together, without the table of lengths.
    #[cfg(test)]
    pub(crate) fn blob_bytes(&self) -> u64 {
        self.payload.len() as u64 - self.offsets.first().map_or(0, |&start| u64::from(start))
    }

    /// Whether the blob at `index` was found to have this hash before.
    #[inline]
    pub fn is_proven(&self, index: usize, hash: &Hash) -> bool {
        self.proven
            .get()
            .and_then(|proven| proven.get(index))
            .is_some_and(|known| {
                known
                    .iter()
                    .zip(words(hash))
                    .all(|(known, word)| known.load(Ordering::Relaxed) == word)
            })
    }

    /// Remembers the hash of the blob at `index`. Relaxed order is enough: the words are about bytes that never change, and a
    /// reader that sees only some of them hashes again.
    #[inline]
    pub fn prove(&self, index: usize, hash: &Hash) {
        let proven = self
            .proven
            .get_or_init(|| (0..self.len()).map(|_| Known::default()).collect());
        if let Some(known) = proven.get(index) {
            for (known, word) in known.iter().zip(words(hash)) {
                known.store(word, Ordering::Relaxed);
            }
        }
    }

    /// Bytes of memory it holds.
    pub fn cost(&self) -> usize {
        // With the hashes, also while none is known yet: what a frame costs must not change while the cache counts it.
        size_of::<Self>()
            + self.payload.cost()
            + self.offsets.len() * (4 + size_of::<Known>())
            + self.ids.len() * size_of::<IdRun>()
    }
}

fn words(hash: &Hash) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(hash.as_bytes().as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}
