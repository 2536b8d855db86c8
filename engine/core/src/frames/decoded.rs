//! One decoded frame: its raw payload, where each blob lies in it, and which blobs were proven to have their hash.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use lakebed_format::{BlobId, Hash, IdRun};

use super::FrameError;

/// A hash in four words; all zero until it is known.
type Known = [AtomicU64; 4];

/// Immutable but for the marks of what was proven. Shared as `Arc<Decoded>`.
#[derive(Debug)]
pub(crate) struct Decoded {
    payload: Vec<u8>,
    /// Where each blob ends in `payload`; the first begins at `start`.
    ends: Box<[u32]>,
    start: u32,
    /// The ids of the blobs, in their order; empty where the caller keeps no ids.
    ids: Box<[IdRun]>,
    /// The hashes of blobs that were asked for by hash. A blob has one hash, so that racing writers write the same words.
    proven: OnceLock<Box<[Known]>>,
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
        Ok(Self {
            payload,
            ends,
            start,
            ids: Box::default(),
            proven: OnceLock::new(),
        })
    }

    /// The same with the ids of its blobs.
    pub(crate) fn with_ids(mut self, runs: impl Iterator<Item = IdRun>) -> Self {
        self.ids = runs.collect();
        self
    }

    /// The place of a blob by its id.
    #[inline]
    pub(crate) fn place(&self, id: BlobId) -> Option<usize> {
        let mut before = 0;
        for run in &self.ids {
            if run.range().contains(&id.0) {
                return Some((before + id.0 - run.first.0) as usize);
            }
            before += run.len;
        }
        None
    }

    /// The ids of its blobs.
    pub(crate) fn ids(&self) -> &[IdRun] {
        &self.ids
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

    /// Whether the blob at `index` was found to have this hash before.
    #[inline]
    pub(crate) fn is_proven(&self, index: usize, hash: &Hash) -> bool {
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
    pub(crate) fn prove(&self, index: usize, hash: &Hash) {
        let proven = self
            .proven
            .get_or_init(|| self.ends.iter().map(|_| Known::default()).collect());
        if let Some(known) = proven.get(index) {
            for (known, word) in known.iter().zip(words(hash)) {
                known.store(word, Ordering::Relaxed);
            }
        }
    }

    /// Bytes of memory it holds.
    pub(crate) fn cost(&self) -> usize {
        // With the hashes, also while none is known yet: what a frame costs must not change while the cache counts it.
        size_of::<Self>()
            + self.payload.capacity()
            + self.ends.len() * (4 + size_of::<Known>())
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
