//! A decoded frame: its raw payload, the offset of each blob, and the hashes that were verified.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use lakebed_format::{BlobId, Hash, IdRun, decode_offsets};

use crate::error::FrameError;
use crate::payload::Payload;

/// A verified hash in four words; all zero while there is none.
type ProvenHash = [AtomicU64; 4];

/// A decoded frame. Only its verified hashes change; it is shared as `Arc<Decoded>`.
#[derive(Debug)]
pub struct Decoded {
    payload: Payload,
    /// Blob `i` is `payload[offsets[i]..offsets[i + 1]]`.
    offsets: Box<[u32]>,
    /// The ids of the blobs, in their order; empty where [`Decoded::with_ids`] was not called.
    ids: Box<[IdRun]>,
    /// The verified hash of each blob. A blob has one hash, so concurrent writers write the same words.
    proven: OnceLock<Box<[ProvenHash]>>,
}

impl Decoded {
    /// A frame of `blobs` blobs with that raw payload, which starts with their lengths if there are two or more.
    ///
    /// # Errors
    /// The lengths are malformed, or do not add up to the payload.
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

    /// Adds the ids of its blobs, in their order.
    pub fn with_ids(mut self, runs: impl Iterator<Item = IdRun>) -> Self {
        self.ids = runs.collect();
        self
    }

    /// The index of the blob with that id.
    #[inline]
    pub fn place(&self, id: BlobId) -> Option<usize> {
        let mut before = 0;
        for run in &self.ids {
            if run.range().contains(&id.0) {
                return usize::try_from(before + (id.0 - run.first.0)).ok();
            }
            before += run.len;
        }
        None
    }

    /// The number of blobs.
    #[expect(clippy::len_without_is_empty, reason = "a frame has at least one blob")]
    #[inline]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The bytes of the blob at `index`; `None` past the last.
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

    /// The raw payload, which contains the blobs.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The blob at `index` as text; `None` past the last, and where it is not UTF-8.
    #[inline]
    pub fn text(&self, index: usize) -> Option<&str> {
        self.payload.text(self.range(index)?)
    }

    /// The bytes of all blobs together.
    #[cfg(test)]
    pub(crate) fn blob_bytes(&self) -> u64 {
        self.payload.len() as u64 - self.offsets.first().map_or(0, |&start| u64::from(start))
    }

    /// Whether the blob at `index` was verified to have that hash.
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

    /// Records that the blob at `index` has that hash. Relaxed order is enough: the words describe bytes that never
    /// change, and a reader that sees only some of them verifies the hash itself.
    #[inline]
    pub fn prove(&self, index: usize, hash: &Hash) {
        let proven = self
            .proven
            .get_or_init(|| (0..self.len()).map(|_| ProvenHash::default()).collect());
        if let Some(known) = proven.get(index) {
            for (known, word) in known.iter().zip(words(hash)) {
                known.store(word, Ordering::Relaxed);
            }
        }
    }

    /// The bytes of memory it takes.
    pub fn cost(&self) -> usize {
        // Includes the hashes, also while there are none: the cost must not change while a cache counts it.
        size_of::<Self>()
            + self.payload.cost()
            + self.offsets.len() * (4 + size_of::<ProvenHash>())
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
