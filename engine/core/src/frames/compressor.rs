//! Blobs into pages, pages into frames, in parallel and in order.

use std::sync::Arc;

use super::workers::Desk;
use super::{Dictionary, FrameError, Ordered, Workers};
use lakebed_format::{Encoding, put_lengths};

/// Blobs gathered for one frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    lengths: Vec<u32>,
    bytes: Vec<u8>,
}

impl Page {
    /// Adds a blob; it must be smaller than 4 GiB, which the store's limits see to.
    pub(crate) fn push(&mut self, blob: &[u8]) {
        self.lengths.push(blob.len() as u32);
        self.bytes.extend_from_slice(blob);
    }

    pub(crate) fn blobs(&self) -> usize {
        self.lengths.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Bytes of the blobs so far: what the page size is compared with.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The blob at `index` of those pushed, so that what is pending can be compared and read.
    pub(crate) fn blob(&self, index: usize) -> Option<&[u8]> {
        let start: usize = self
            .lengths
            .get(..index)?
            .iter()
            .map(|&length| length as usize)
            .sum();
        let length = *self.lengths.get(index)? as usize;
        self.bytes.get(start..start + length)
    }

    /// The payload to be encoded: the lengths of two or more blobs, then their bytes.
    pub(crate) fn into_payload(self) -> Vec<u8> {
        if self.lengths.len() < 2 {
            return self.bytes;
        }
        let mut payload = Vec::with_capacity(self.lengths.len() * 2 + self.bytes.len());
        put_lengths(
            self.lengths.iter().map(|&length| u64::from(length)),
            &mut payload,
        );
        payload.extend_from_slice(&self.bytes);
        payload
    }
}

/// A frame ready to be written after its header.
#[derive(Debug)]
pub(crate) struct Frame<T> {
    /// What was given with the page; the ids of its blobs, say.
    pub(crate) tag: T,
    pub(crate) encoding: Encoding,
    pub(crate) raw_length: u64,
    pub(crate) payload: Vec<u8>,
}

impl<T> Frame<T> {
    /// Encodes a page here and now.
    pub(crate) fn encode(
        tag: T,
        page: Page,
        dictionary: Option<&Dictionary>,
        desk: &mut Desk,
    ) -> Result<Self, FrameError> {
        let raw = page.into_payload();
        let raw_length = raw.len() as u64;
        let (encoding, payload) = match desk.encoder()?.encode(&raw, dictionary)? {
            Some(smaller) => smaller,
            None => (Encoding::Raw, raw),
        };
        Ok(Self {
            tag,
            encoding,
            raw_length,
            payload,
        })
    }
}

/// Compresses pages on the pool and gives the frames back in order.
///
/// ```text
/// compressor.submit(ids, page, dictionary)?;
/// while let Some(frame) = compressor.ready()? { write(frame)? }
/// ...
/// while let Some(frame) = compressor.next()? { write(frame)? }   // at the end of the group
/// ```
#[derive(Debug)]
pub(crate) struct Compressor<T> {
    frames: Ordered<Frame<T>, FrameError>,
}

impl<T: Send + 'static> Compressor<T> {
    /// At most about 16 frames a thread are under way, so that memory is bounded and threads have work.
    pub(crate) fn new(workers: Arc<Workers>) -> Self {
        let limit = workers.count() * 16;
        Self {
            frames: Ordered::new(workers, limit),
        }
    }

    /// Queues a page; `tag` comes back with its frame.
    pub(crate) fn submit(
        &mut self,
        tag: T,
        page: Page,
        dictionary: Option<Arc<Dictionary>>,
    ) -> Result<(), FrameError> {
        self.frames
            .submit(move |desk| Frame::encode(tag, page, dictionary.as_deref(), desk))
    }

    /// The oldest frame if it is finished, or once enough are under way: then it waits.
    pub(crate) fn ready(&mut self) -> Result<Option<Frame<T>>, FrameError> {
        self.frames.ready().transpose()
    }

    /// The oldest frame, waiting for it; `None` when none is under way.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<T>>, FrameError> {
        self.frames.next().transpose()
    }

    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.frames.under_way()
    }

    /// Gives up what is under way, as a rollback does.
    pub(crate) fn clear(&mut self) {
        self.frames.clear();
    }
}
