//! Work of a verification on all cores: tasks are taken in order, their results are in that order, and the caller's
//! thread reports progress meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::progress::{Progress, ProgressFn};

/// Time between two reports.
const REPORT: Duration = Duration::from_millis(50);

/// How far a verification is; shared by its threads.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub(super) bytes: AtomicU64,
    pub(super) blobs: AtomicU64,
    stopped: AtomicBool,
}

impl Meter {
    /// Counts what was read.
    ///
    /// # Errors
    /// `Interrupted` when the caller asked to stop.
    pub(super) fn advance(&self, bytes: u64) -> Result<()> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::interrupted());
        }
        Ok(())
    }
}

/// Who waits for the tasks.
pub(super) struct Caller<'a> {
    pub(super) threads: usize,
    pub(super) interrupted: fn() -> bool,
    pub(super) progress: &'a mut ProgressFn,
    pub(super) meter: &'a Meter,
    pub(super) total: u64,
    pub(super) began: Instant,
}

impl Caller<'_> {
    /// Does all tasks. Their results, in the order of the tasks.
    ///
    /// # Errors
    /// The first error of a task; `Interrupted`.
    pub(super) fn run<T: Sync, R: Send>(
        &mut self,
        tasks: &[T],
        work: impl Fn(&T) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let next = AtomicUsize::new(0);
        let (send, receive) = channel();
        let mut results: Vec<Option<R>> = Vec::new();
        results.resize_with(tasks.len(), || None);
        let mut failed = None;
        std::thread::scope(|scope| {
            for _ in 0..self.threads.min(tasks.len()) {
                let (send, next, work) = (send.clone(), &next, &work);
                let meter = self.meter;
                scope.spawn(move || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(task) = tasks.get(at) else {
                            return;
                        };
                        let done = catch_unwind(AssertUnwindSafe(|| work(task)));
                        let done = done
                            .unwrap_or_else(|_| Err(Error::internal("a verification panicked")));
                        if done.is_err() {
                            meter.stopped.store(true, Ordering::Relaxed);
                        }
                        if send.send((at, done)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(send);
            loop {
                match receive.recv_timeout(REPORT) {
                    Ok((at, Ok(result))) => {
                        if let Some(place) = results.get_mut(at) {
                            *place = Some(result);
                        }
                    }
                    Ok((_, Err(error))) => _ = failed.get_or_insert(error),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if failed.is_none()
                    && let Err(error) = self.report()
                {
                    self.meter.stopped.store(true, Ordering::Relaxed);
                    failed = Some(error);
                }
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(results.into_iter().flatten().collect()),
        }
    }

    /// Tells the caller how far it is.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(super) fn report(&mut self) -> Result<()> {
        if (self.interrupted)() {
            return Err(Error::interrupted());
        }
        let bytes = self.meter.bytes.load(Ordering::Relaxed);
        self.progress.report(&Progress {
            bytes,
            total_bytes: Some(self.total.max(bytes)),
            rows: self.meter.blobs.load(Ordering::Relaxed),
            seconds: self.began.elapsed().as_secs_f64(),
        })
    }
}
