//! A call under way, awaited in steps of limited length.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::connection::Connection;
use crate::error::{Error, FailureKind, Result};

/// How long a blocking wait goes on before it checks for cancellation.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

/// The outcome of one step of waiting.
#[derive(Debug)]
pub enum Step<T> {
    /// The result of a call, or the next event of a stream.
    Item(T),
    /// Nothing arrived within the step.
    Waiting,
    /// The stream is complete.
    End,
}

/// A call under way. Dropping it cancels it.
pub struct PendingCall<T> {
    connection: Arc<Connection>,
    future: Pin<Box<dyn Future<Output = Result<T>> + Send>>,
    /// The time limit of the call, which runs from the first step.
    time_limit: Option<Duration>,
    deadline: Option<Instant>,
}

impl<T> fmt::Debug for PendingCall<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PendingCall").finish_non_exhaustive()
    }
}

impl<T> PendingCall<T> {
    pub(crate) fn new(
        connection: Arc<Connection>,
        future: impl Future<Output = Result<T>> + Send + 'static,
        time_limit: Option<Duration>,
    ) -> PendingCall<T> {
        PendingCall {
            connection,
            future: Box::pin(future),
            time_limit,
            deadline: None,
        }
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Waits for the result, at most for `slice`. It must not be called again once it returned the result or an error.
    ///
    /// # Errors
    /// The failure of the call; [`FailureKind::FirstByte`] beyond its time limit; [`FailureKind::Canceled`] after an
    /// abort.
    pub fn step(&mut self, slice: Duration) -> Result<Step<T>> {
        if self.connection.is_aborted() {
            return Err(Error::canceled());
        }
        if self.deadline.is_none() {
            self.deadline = self.time_limit.map(|limit| Instant::now() + limit);
        }
        let wait = self.deadline.map_or(slice, |deadline| {
            slice.min(deadline.saturating_duration_since(Instant::now()))
        });
        let future = self.future.as_mut();
        let outcome = self
            .connection
            .block_on(async { timeout(wait, future).await })?;
        match outcome {
            Ok(result) => result.map(Step::Item),
            Err(_) if self.deadline.is_some_and(|end| Instant::now() >= end) => {
                Err(Error::new(FailureKind::FirstByte, ""))
            }
            Err(_) => Ok(Step::Waiting),
        }
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// As [`PendingCall::step`].
    pub fn wait(mut self) -> Result<T> {
        loop {
            if let Step::Item(value) = self.step(SLICE)? {
                return Ok(value);
            }
        }
    }
}
