//! Results in the order of their jobs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::error::FrameError;
use crate::workers::{Promise, WorkerState, Workers};

/// Jobs whose results are returned in the order of submission.
#[derive(Debug)]
pub struct Ordered<T, E> {
    workers: Arc<Workers>,
    waiting: VecDeque<Promise<T, E>>,
    limit: usize,
}

impl<T: Send + 'static, E: From<FrameError> + Send + 'static> Ordered<T, E> {
    /// Runs jobs on `workers`, at most about `limit` of them at the same time.
    pub fn new(workers: Arc<Workers>, limit: usize) -> Self {
        Self {
            workers,
            waiting: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    /// Submits a job. Call [`Ordered::ready`] after each: that bounds the number of jobs in progress.
    ///
    /// # Errors
    /// The pool is shutting down.
    pub fn submit(
        &mut self,
        job: impl FnOnce(&mut WorkerState) -> Result<T, E> + Send + 'static,
    ) -> Result<(), E> {
        self.waiting.push_back(self.workers.submit(job)?);
        Ok(())
    }

    /// The next result, if it is finished; waits for it when the limit of jobs in progress is reached.
    pub fn ready(&mut self) -> Option<Result<T, E>> {
        if self.waiting.len() >= self.limit {
            return self.next();
        }
        let result = self.waiting.front()?.poll()?;
        self.waiting.pop_front();
        Some(result)
    }

    /// The next result; waits for it. `None` when all were returned.
    #[expect(
        clippy::should_implement_trait,
        reason = "the caller submits more between two calls, so this is not an iterator"
    )]
    pub fn next(&mut self) -> Option<Result<T, E>> {
        self.waiting.pop_front().map(Promise::wait)
    }

    /// The next result; waits for it for at most `time`, and is then pending. `None` when all were returned.
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

    /// The number of jobs whose results were not returned yet.
    pub fn in_progress(&self) -> usize {
        self.waiting.len()
    }

    /// Discards all jobs in progress. Those that run finish, and their results are dropped.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }
}
