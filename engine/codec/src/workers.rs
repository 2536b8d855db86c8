//! Worker threads.
//!
//! One pool serves a whole pipeline: jobs that parse lines and jobs that compress frames go through the same queue. A
//! job never waits for another job, so the queue always advances. With one thread there is no pool: a job runs on the
//! thread that submits it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, unbounded};
use parking_lot::Mutex;

use crate::encode::Encoder;
use crate::error::FrameError;

/// What a worker thread keeps between jobs.
#[derive(Debug)]
pub struct WorkerState {
    level: i32,
    encoder: Option<Encoder>,
    scratch: Vec<u8>,
}

impl WorkerState {
    fn new(level: i32) -> Self {
        Self {
            level,
            encoder: None,
            scratch: Vec::new(),
        }
    }

    /// The thread's compressor, created at first use, and a buffer for its input.
    ///
    /// # Errors
    /// There is no memory for a compressor.
    pub fn encoder(&mut self) -> Result<(&mut Encoder, &mut Vec<u8>), FrameError> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            slot => slot.insert(Encoder::new(self.level)?),
        };
        Ok((encoder, &mut self.scratch))
    }
}

type Job = Box<dyn FnOnce(&mut WorkerState) + Send>;

/// A pool of threads that run jobs. Dropping it discards the queued jobs and waits for the running ones.
///
/// Threads do not survive a fork: create a pool for one operation, and do not keep it for the life of a store.
pub struct Workers {
    queue: Option<Sender<Job>>,
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// For the jobs of a pool without threads.
    local: Mutex<WorkerState>,
}

impl Workers {
    /// Starts `threads` threads: 0 means one per core, 1 none besides the caller's. `level` is that of compression.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn new(threads: usize, level: i32) -> Result<Self, FrameError> {
        let threads = if threads == 0 { cores() } else { threads };
        let stopped = Arc::new(AtomicBool::new(false));
        let mut pool = Self {
            queue: None,
            stopped,
            threads: Vec::new(),
            local: Mutex::new(WorkerState::new(level)),
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

    /// The number of threads that run jobs.
    pub fn count(&self) -> usize {
        self.threads.len().max(1)
    }

    /// Queues a job; with one thread, runs it before it returns.
    ///
    /// # Errors
    /// The pool is shutting down.
    pub fn submit<T, E>(
        &self,
        job: impl FnOnce(&mut WorkerState) -> Result<T, E> + Send + 'static,
    ) -> Result<Promise<T, E>, FrameError>
    where
        T: Send + 'static,
        E: From<FrameError> + Send + 'static,
    {
        let (sender, receiver) = bounded(1);
        let job = move |worker: &mut WorkerState| {
            let result = catch_unwind(AssertUnwindSafe(|| job(&mut *worker)));
            let result = result.unwrap_or_else(|panic| {
                // The panic may have left the compressor in the middle of a frame.
                worker.encoder = None;
                Err(E::from(FrameError::Panicked(panic_message(panic.as_ref()))))
            });
            // Fails when the caller dropped the promise.
            drop(sender.send(result));
        };
        if let Some(queue) = &self.queue {
            queue.send(Box::new(job)).map_err(|_| FrameError::Stopped)?;
        } else {
            job(&mut self.local.lock());
        }
        Ok(Promise(receiver))
    }
}

/// The result of a job that may not be finished.
#[derive(Debug)]
pub struct Promise<T, E>(Receiver<Result<T, E>>);

impl<T, E: From<FrameError>> Promise<T, E> {
    /// Waits for the result.
    ///
    /// # Errors
    /// Those of the job; also that it panicked or was discarded.
    pub fn wait(self) -> Result<T, E> {
        self.0
            .recv()
            .unwrap_or_else(|_| Err(E::from(FrameError::Stopped)))
    }

    /// Waits for the result for at most `time`. `None` when the job is not finished; only then may it be called again.
    pub fn wait_for(&self, time: Duration) -> Option<Result<T, E>> {
        match self.0.recv_timeout(time) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(E::from(FrameError::Stopped))),
        }
    }

    /// The result, without waiting. `None` when the job is not finished; only then may it be called again.
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
            // The result is of no use: a worker catches the panics of its jobs.
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
    let mut worker = WorkerState::new(level);
    while let Ok(job) = jobs.recv() {
        if stopped.load(Ordering::Relaxed) {
            continue;
        }
        job(&mut worker);
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
