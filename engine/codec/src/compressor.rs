//! Blobs into pages, pages into frames, in parallel and in order.

use std::sync::Arc;

use super::{Dictionary, FrameError, KEPT, Ordered, Workers};
use crate::workers::Desk;
use lakebed_format::{Encoding, put_lengths};

/// Blobs gathered for one frame.
#[derive(Clone, Debug, Default)]
pub struct Page {
    lengths: Vec<u32>,
    bytes: Vec<u8>,
}

impl Page {
    /// Adds a blob; it must be smaller than 4 GiB, which the store's limits see to.
    pub fn push(&mut self, blob: &[u8]) {
        self.lengths.push(blob.len() as u32);
        self.bytes.extend_from_slice(blob);
    }

    pub fn blobs(&self) -> usize {
        self.lengths.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Bytes of the blobs so far: what the page size is compared with.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The blob at `index` of those pushed, so that what is pending can be compared and read.
    pub fn blob(&self, index: usize) -> Option<&[u8]> {
        let start: usize = self
            .lengths
            .get(..index)?
            .iter()
            .map(|&length| length as usize)
            .sum();
        let length = *self.lengths.get(index)? as usize;
        self.bytes.get(start..start + length)
    }

    /// An empty page with room for as much as this one holds.
    pub fn like(&self) -> Self {
        Self {
            lengths: Vec::with_capacity(self.lengths.len() + self.lengths.len() / 4),
            bytes: Vec::with_capacity(self.bytes.len() + self.bytes.len() / 4),
        }
    }

    /// The payload to be encoded: the lengths of two or more blobs, then their bytes. `scratch` is where it is put together.
    pub fn payload<'a>(&'a self, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if self.lengths.len() < 2 {
            return &self.bytes;
        }
        scratch.clear();
        scratch.reserve(self.lengths.len() * 2 + self.bytes.len());
        put_lengths(
            self.lengths.iter().map(|&length| u64::from(length)),
            scratch,
        );
        scratch.extend_from_slice(&self.bytes);
        scratch
    }
}

/// A frame ready to be written after its header.
#[derive(Debug)]
pub struct Frame<T> {
    /// What was given with the page; the ids of its blobs, say.
    pub tag: T,
    pub encoding: Encoding,
    pub raw_length: u64,
    pub payload: Vec<u8>,
}

impl<T> Frame<T> {
    fn encode(waiting: Waiting<T>, desk: &mut Desk) -> Result<Self, FrameError> {
        let (encoder, scratch) = desk.encoder()?;
        let raw = waiting.page.payload(scratch);
        let (encoding, payload) = match encoder.encode(raw, waiting.dictionary.as_deref())? {
            Some(smaller) => smaller,
            None => (Encoding::Raw, raw.to_vec()),
        };
        let raw_length = raw.len() as u64;
        if scratch.capacity() > KEPT {
            *scratch = Vec::new();
        }
        Ok(Self {
            tag: waiting.tag,
            encoding,
            raw_length,
            payload,
        })
    }
}

/// A page to be encoded.
#[derive(Debug)]
struct Waiting<T> {
    tag: T,
    page: Arc<Page>,
    dictionary: Option<Arc<Dictionary>>,
}

/// Pages that are handed to a thread together, and their bytes, about: waking a thread takes a good part of the time of one page.
const TOGETHER: usize = 4;
const TOGETHER_BYTES: usize = 64 << 10;
/// Pages under way for each thread.
const AHEAD: usize = 16;

/// Compresses pages on the pool and gives the frames back in order.
///
/// ```text
/// compressor.submit(ids, page, dictionary)?;
/// while let Some(frame) = compressor.ready()? { write(frame)? }
/// ...
/// while let Some(frame) = compressor.next()? { write(frame)? }   // at the end of the group
/// ```
#[derive(Debug)]
pub struct Compressor<T> {
    gathered: Vec<Waiting<T>>,
    gathered_bytes: usize,
    jobs: Ordered<Vec<Frame<T>>, FrameError>,
    /// What is left of the oldest job that is done.
    done: std::vec::IntoIter<Frame<T>>,
}

impl<T: Send + 'static> Compressor<T> {
    /// At most [`AHEAD`] frames a thread are under way, so that memory is bounded and threads have work.
    pub fn new(workers: Arc<Workers>) -> Self {
        let limit = workers.count() * AHEAD / TOGETHER;
        Self {
            gathered: Vec::new(),
            gathered_bytes: 0,
            jobs: Ordered::new(workers, limit),
            done: Vec::new().into_iter(),
        }
    }

    /// Queues a page; `tag` comes back with its frame.
    pub fn submit(
        &mut self,
        tag: T,
        page: Arc<Page>,
        dictionary: Option<Arc<Dictionary>>,
    ) -> Result<(), FrameError> {
        self.gathered_bytes += page.bytes();
        self.gathered.push(Waiting {
            tag,
            page,
            dictionary,
        });
        if self.gathered.len() >= TOGETHER || self.gathered_bytes >= TOGETHER_BYTES {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), FrameError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let pages = std::mem::replace(&mut self.gathered, Vec::with_capacity(TOGETHER));
        self.gathered_bytes = 0;
        self.jobs.submit(move |desk| {
            pages
                .into_iter()
                .map(|waiting| Frame::encode(waiting, desk))
                .collect()
        })
    }

    /// The oldest frame if it is finished, or once enough are under way: then it waits.
    pub fn ready(&mut self) -> Result<Option<Frame<T>>, FrameError> {
        if self.done.len() == 0
            && let Some(frames) = self.jobs.ready()
        {
            self.done = frames?.into_iter();
        }
        Ok(self.done.next())
    }

    /// The oldest frame, waiting for it; `None` when none is under way.
    pub fn next(&mut self) -> Result<Option<Frame<T>>, FrameError> {
        self.hand_over()?;
        if self.done.len() == 0
            && let Some(frames) = self.jobs.next()
        {
            self.done = frames?.into_iter();
        }
        Ok(self.done.next())
    }

    /// Jobs handed over whose frames were not taken yet.
    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.jobs.under_way()
    }

    /// Gives up what is under way, as a rollback does.
    pub fn clear(&mut self) {
        self.gathered.clear();
        self.gathered_bytes = 0;
        self.jobs.clear();
        self.done = Vec::new().into_iter();
    }
}
