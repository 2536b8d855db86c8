//! Compresses pages on several threads and returns the frames in order.

use std::sync::Arc;

use lakebed_format::Encoding;

use crate::dictionary::Dictionary;
use crate::encode::MAX_KEPT_BYTES;
use crate::error::FrameError;
use crate::ordered::Ordered;
use crate::page::Page;
use crate::workers::{WorkerState, Workers};

/// An encoded frame, without its header.
#[derive(Debug)]
pub struct Frame<T> {
    /// What was submitted with the page, for example the ids of its blobs.
    pub tag: T,
    /// How `payload` is encoded.
    pub encoding: Encoding,
    /// Bytes of the payload before it was compressed.
    pub raw_length: u64,
    /// The stored bytes.
    pub payload: Vec<u8>,
}

impl<T> Frame<T> {
    fn encode(waiting: Waiting<T>, worker: &mut WorkerState) -> Result<Self, FrameError> {
        let (encoder, scratch) = worker.encoder()?;
        let raw = waiting.page.payload(scratch);
        let (encoding, payload) = match encoder.encode(raw, waiting.dictionary.as_deref())? {
            Some(smaller) => smaller,
            None => (Encoding::Raw, raw.to_vec()),
        };
        let raw_length = raw.len() as u64;
        if scratch.capacity() > MAX_KEPT_BYTES {
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

/// A submitted page.
#[derive(Debug)]
struct Waiting<T> {
    tag: T,
    page: Arc<Page>,
    dictionary: Option<Arc<Dictionary>>,
}

/// Pages of one job: to wake a thread takes a good part of the time that one page takes.
const JOB_PAGES: usize = 4;
/// Bytes above which a job is submitted with fewer pages.
const JOB_BYTES: usize = 64 << 10;
/// Pages submitted and not yet returned, for each thread.
const PAGES_PER_THREAD: usize = 16;

/// Compresses pages on worker threads and returns the frames in the order of the pages.
///
/// ```text
/// compressor.submit(ids, page, dictionary)?;
/// while let Some(frame) = compressor.ready()? { write(frame)? }
/// ...
/// while let Some(frame) = compressor.next()? { write(frame)? }   // at the end of the group
/// ```
#[derive(Debug)]
pub struct Compressor<T> {
    /// Pages of the next job.
    gathered: Vec<Waiting<T>>,
    gathered_bytes: usize,
    jobs: Ordered<Vec<Frame<T>>, FrameError>,
    /// The frames of the oldest finished job that were not returned yet.
    done: std::vec::IntoIter<Frame<T>>,
}

impl<T: Send + 'static> Compressor<T> {
    /// Bounds the pages in progress, so that memory is bounded and all threads have work.
    pub fn new(workers: Arc<Workers>) -> Self {
        let limit = workers.count() * PAGES_PER_THREAD / JOB_PAGES;
        Self {
            gathered: Vec::new(),
            gathered_bytes: 0,
            jobs: Ordered::new(workers, limit),
            done: Vec::new().into_iter(),
        }
    }

    /// Submits a page; `tag` is returned with its frame.
    ///
    /// # Errors
    /// Without worker threads, those of compression; with them, that they have stopped.
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
        if self.gathered.len() >= JOB_PAGES || self.gathered_bytes >= JOB_BYTES {
            self.submit_job()?;
        }
        Ok(())
    }

    fn submit_job(&mut self) -> Result<(), FrameError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let pages = std::mem::replace(&mut self.gathered, Vec::with_capacity(JOB_PAGES));
        self.gathered_bytes = 0;
        self.jobs.submit(move |worker| {
            pages
                .into_iter()
                .map(|waiting| Frame::encode(waiting, worker))
                .collect()
        })
    }

    /// The next frame, if it is finished; waits for it when too many are in progress.
    ///
    /// # Errors
    /// The page could not be compressed, or a job panicked.
    pub fn ready(&mut self) -> Result<Option<Frame<T>>, FrameError> {
        if self.done.len() == 0
            && let Some(frames) = self.jobs.ready()
        {
            self.done = frames?.into_iter();
        }
        Ok(self.done.next())
    }

    /// The next frame; waits for it. `None` when all were returned.
    ///
    /// # Errors
    /// As [`Compressor::ready`].
    #[expect(
        clippy::should_implement_trait,
        reason = "the caller submits more between two calls, so this is not an iterator"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<T>>, FrameError> {
        self.submit_job()?;
        if self.done.len() == 0
            && let Some(frames) = self.jobs.next()
        {
            self.done = frames?.into_iter();
        }
        Ok(self.done.next())
    }

    /// The number of jobs whose frames were not returned yet.
    #[cfg(test)]
    pub(crate) fn in_progress(&self) -> usize {
        self.jobs.in_progress()
    }

    /// Discards all pages in progress, as for a rollback.
    pub fn clear(&mut self) {
        self.gathered.clear();
        self.gathered_bytes = 0;
        self.jobs.clear();
        self.done = Vec::new().into_iter();
    }
}
