//! Worker threads, and results in the order of their jobs.
//!
//! One pool serves a whole pipeline: chunks of lines and frames to compress go through the same queue. A job never waits for
//! another job, so the queue always moves. With one thread there is no pool: jobs run where they are submitted.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, unbounded};
use parking_lot::Mutex;

use super::{Encoder, FrameError};

/// What a worker keeps from job to job.
#[derive(Debug)]
pub struct Desk {
    level: i32,
    encoder: Option<Encoder>,
    scratch: Vec<u8>,
}

impl Desk {
    fn new(level: i32) -> Self {
        Self {
            level,
            encoder: None,
            scratch: Vec::new(),
        }
    }

    /// The thread's compression context, made at first use, and space to put together what it compresses.
    pub fn encoder(&mut self) -> Result<(&mut Encoder, &mut Vec<u8>), FrameError> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            slot => slot.insert(Encoder::new(self.level)?),
        };
        Ok((encoder, &mut self.scratch))
    }
}

type Job = Box<dyn FnOnce(&mut Desk) + Send>;

/// Threads that run jobs. Dropping it discards what is queued and waits for what runs.
///
/// Threads do not survive a fork: make one for a piece of work, never keep one for the life of a store.
pub struct Workers {
    queue: Option<Sender<Job>>,
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Where jobs run when there are no threads.
    here: Mutex<Desk>,
}

impl Workers {
    /// `threads` 0 means one a core, 1 none besides the caller's. `level` is zstd's.
    pub fn new(threads: usize, level: i32) -> Result<Self, FrameError> {
        let threads = if threads == 0 { cores() } else { threads };
        let stopped = Arc::new(AtomicBool::new(false));
        let mut pool = Self {
            queue: None,
            stopped,
            threads: Vec::new(),
            here: Mutex::new(Desk::new(level)),
        };
        if threads == 1 {
            return Ok(pool);
        }
        let (sender, receiver) = unbounded::<Job>();
        pool.queue = Some(sender);
        for number in 0..threads {
            let jobs = receiver.clone();
            let stopped = Arc::clone(&pool.stopped);
            let thread = std::thread::Builder::new()
                .name(format!("lakebed-worker-{number}"))
                .spawn(move || work(&jobs, &stopped, level))
                .map_err(FrameError::Threads)?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// How many threads run jobs.
    pub fn count(&self) -> usize {
        self.threads.len().max(1)
    }

    /// Queues a job, or with one thread does it here and now.
    pub fn submit<T, E>(
        &self,
        job: impl FnOnce(&mut Desk) -> Result<T, E> + Send + 'static,
    ) -> Result<Promise<T, E>, FrameError>
    where
        T: Send + 'static,
        E: From<FrameError> + Send + 'static,
    {
        let (sender, receiver) = bounded(1);
        let job = move |desk: &mut Desk| {
            let result = catch_unwind(AssertUnwindSafe(|| job(&mut *desk)));
            let result = result.unwrap_or_else(|panic| {
                // Whatever the job was doing with the context may be half done.
                desk.encoder = None;
                Err(E::from(FrameError::Panicked(panic_message(panic.as_ref()))))
            });
            // Nobody waits any more when the pipeline was given up.
            drop(sender.send(result));
        };
        if let Some(queue) = &self.queue {
            queue.send(Box::new(job)).map_err(|_| FrameError::Stopped)?;
        } else {
            job(&mut self.here.lock());
        }
        Ok(Promise(receiver))
    }
}

/// The result of a job, once it is done.
#[derive(Debug)]
pub struct Promise<T, E>(Receiver<Result<T, E>>);

impl<T, E: From<FrameError>> Promise<T, E> {
    /// Waits for it.
    pub fn wait(self) -> Result<T, E> {
        self.0
            .recv()
            .unwrap_or_else(|_| Err(E::from(FrameError::Stopped)))
    }

    /// The result if it comes within `time`. To be asked for once more only after `None`.
    pub fn wait_for(&self, time: Duration) -> Option<Result<T, E>> {
        match self.0.recv_timeout(time) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(E::from(FrameError::Stopped))),
        }
    }

    /// The result if it is there. To be asked for once more only after `None`.
    pub fn poll(&self) -> Option<Result<T, E>> {
        match self.0.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(E::from(FrameError::Stopped))),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A worker catches the panics of its jobs; there is nothing else to learn here.
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers")
            .field("threads", &self.count())
            .finish_non_exhaustive()
    }
}

fn work(jobs: &Receiver<Job>, stopped: &AtomicBool, level: i32) {
    let mut desk = Desk::new(level);
    while let Ok(job) = jobs.recv() {
        if stopped.load(Ordering::Relaxed) {
            continue;
        }
        job(&mut desk);
    }
}

/// Jobs whose results come back in the order the jobs were submitted, at most `limit` of them under way.
#[derive(Debug)]
pub struct Ordered<T, E> {
    workers: Arc<Workers>,
    waiting: VecDeque<Promise<T, E>>,
    limit: usize,
}

impl<T: Send + 'static, E: From<FrameError> + Send + 'static> Ordered<T, E> {
    pub fn new(workers: Arc<Workers>, limit: usize) -> Self {
        Self {
            workers,
            waiting: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    /// Queues a job. Collect with [`Ordered::ready`] after each, which is what bounds the number under way.
    pub fn submit(
        &mut self,
        job: impl FnOnce(&mut Desk) -> Result<T, E> + Send + 'static,
    ) -> Result<(), E> {
        self.waiting.push_back(self.workers.submit(job)?);
        Ok(())
    }

    /// The oldest result if it is there, or once `limit` jobs are under way: then it waits for it.
    pub fn ready(&mut self) -> Option<Result<T, E>> {
        if self.waiting.len() >= self.limit {
            return self.next();
        }
        let result = self.waiting.front()?.poll()?;
        self.waiting.pop_front();
        Some(result)
    }

    /// The oldest result, waiting for it; `None` when nothing is under way.
    pub fn next(&mut self) -> Option<Result<T, E>> {
        self.waiting.pop_front().map(Promise::wait)
    }

    /// The same, waiting for at most this long.
    pub fn next_within(&mut self, time: Duration) -> Poll<Option<Result<T, E>>> {
        let Some(promise) = self.waiting.front() else {
            return Poll::Ready(None);
        };
        let Some(result) = promise.wait_for(time) else {
            return Poll::Pending;
        };
        self.waiting.pop_front();
        Poll::Ready(Some(result))
    }

    /// Jobs submitted whose results were not taken yet.
    pub fn under_way(&self) -> usize {
        self.waiting.len()
    }

    /// Gives up everything under way; the results are dropped when they come.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "without a message".to_owned()
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
