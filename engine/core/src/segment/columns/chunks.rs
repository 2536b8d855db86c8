//! Blobs of a segment in chunks: neighbours that are decoded together.

use std::sync::Arc;

use lakebed_codec::Decoded;
use lakebed_format::{BlobId, IdRun, IdSet, put_lengths};

/// Blobs of a chunk at most.
const BLOBS: u64 = 512;
/// Blobs of more bytes than this are alone in a chunk, so that a chunk stays below 32 MiB.
pub(super) const ALONE_BYTES: usize = 64 << 10;

/// The chunks of a segment, by ascending ids.
#[derive(Debug)]
pub(super) struct Chunks {
    /// Of each chunk, its runs of ids.
    chunks: Vec<Box<[IdRun]>>,
}

impl Chunks {
    /// Of these blobs, of which some are alone.
    pub(super) fn new(ids: &IdSet, alone: &IdSet) -> Self {
        let mut chunks = Vec::new();
        let mut open: Vec<IdRun> = Vec::new();
        let mut len = 0;
        let mut lonely = alone.runs().iter().flat_map(IdRun::range).peekable();
        for run in ids.runs() {
            let mut at = run.first.0;
            while at < run.end() {
                while lonely.next_if(|id| *id < at).is_some() {}
                let next = lonely.peek().copied().unwrap_or(u64::MAX);
                if next == at || len == BLOBS {
                    chunks.extend((!open.is_empty()).then(|| open.split_off(0).into_boxed_slice()));
                    len = 0;
                }
                let step = if next == at {
                    1
                } else {
                    (run.end().min(next) - at).min(BLOBS - len)
                };
                open.push(IdRun {
                    first: BlobId(at),
                    len: step,
                });
                len += step;
                at += step;
                if next < at {
                    chunks.push(open.split_off(0).into_boxed_slice());
                    len = 0;
                }
            }
        }
        chunks.extend((!open.is_empty()).then(|| open.into_boxed_slice()));
        Self { chunks }
    }

    /// The chunk at a place.
    pub(super) fn get(&self, place: usize) -> Option<&[IdRun]> {
        self.chunks.get(place).map(|chunk| &**chunk)
    }

    /// The place of the chunk that holds a blob.
    pub(super) fn find(&self, id: BlobId) -> Option<usize> {
        let starts = |chunk: &[IdRun]| chunk.first().is_some_and(|run| run.first <= id);
        let place = self
            .chunks
            .partition_point(|chunk| starts(chunk))
            .checked_sub(1)?;
        let chunk = self.chunks.get(place)?;
        let holds = chunk.iter().any(|run| run.range().contains(&id.0));
        holds.then_some(place)
    }
}

/// The decoded payload of a frame with these blobs.
pub(super) fn payload(lengths: &[u32], bytes: &[u8]) -> Vec<u8> {
    if lengths.len() < 2 {
        return bytes.to_vec();
    }
    let mut payload = Vec::with_capacity(bytes.len() + lengths.len() * 2);
    put_lengths(lengths.iter().map(|len| u64::from(*len)), &mut payload);
    payload.extend_from_slice(bytes);
    payload
}

/// The blobs of a chunk as a decoded frame.
pub(super) fn decoded(payload: Vec<u8>, runs: &[IdRun]) -> Option<Arc<Decoded>> {
    let blobs: u64 = runs.iter().map(|run| run.len).sum();
    let decoded = Decoded::new(payload, u32::try_from(blobs).ok()?).ok()?;
    Some(Arc::new(decoded.with_ids(runs.iter().copied())))
}
