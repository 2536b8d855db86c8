//! Waiting for answers, in steps no longer than the caller likes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Response;
use tokio::time::timeout;

use crate::client::Shared;
use crate::error::{Error, Fact, Result};
use crate::events::{Frame, frame};
use crate::lines::Lines;

/// How long a call that blocks looks away from cancelling.
const SLICE: Duration = Duration::from_millis(50);
/// What the end of a body may take after the last frame, so that its connection can be used again.
const DRAIN: Duration = Duration::from_millis(500);

/// What a step came to.
#[derive(Debug)]
pub enum Step<T> {
    /// Something arrived.
    Item(T),
    /// Nothing yet.
    Waiting,
    /// It is over.
    End,
}

/// A call under way; dropping it cancels it.
pub struct Call<T> {
    shared: Arc<Shared>,
    future: Pin<Box<dyn Future<Output = Result<T>> + Send>>,
    /// When waiting is over, counted from the first step.
    limit: Option<Duration>,
    deadline: Option<Instant>,
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Call").finish_non_exhaustive()
    }
}

impl<T> Call<T> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        future: impl Future<Output = Result<T>> + Send + 'static,
        limit: Option<Duration>,
    ) -> Call<T> {
        Call {
            shared,
            future: Box::pin(future),
            limit,
            deadline: None,
        }
    }

    /// Waits no longer than `slice`; not to be called again after it gave something.
    pub fn step(&mut self, slice: Duration) -> Result<Step<T>> {
        if self.shared.is_aborted() {
            return Err(canceled());
        }
        if self.deadline.is_none() {
            self.deadline = self.limit.map(|limit| Instant::now() + limit);
        }
        let wait = self.deadline.map_or(slice, |deadline| {
            slice.min(deadline.saturating_duration_since(Instant::now()))
        });
        let future = self.future.as_mut();
        match self.shared.block_on(async { timeout(wait, future).await }) {
            Some(Ok(outcome)) => outcome.map(Step::Item),
            Some(Err(_)) if self.deadline.is_some_and(|end| Instant::now() >= end) => {
                Err(Error::new(Fact::First, ""))
            }
            Some(Err(_)) => Ok(Step::Waiting),
            None => Err(canceled()),
        }
    }

    /// Waits for it.
    pub fn wait(mut self) -> Result<T> {
        loop {
            if let Step::Item(value) = self.step(SLICE)? {
                return Ok(value);
            }
        }
    }
}

enum State {
    Sending(Call<Response>),
    Reading(Response),
    Ended,
}

/// Frames of one answer. After the last one it ends; anything else is an error. Dropping it closes the connection.
pub struct Stream<T> {
    shared: Arc<Shared>,
    state: State,
    lines: Lines,
    /// When the last bytes came.
    heard: Instant,
    complete: bool,
    canceled: Arc<AtomicBool>,
    kind: std::marker::PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Stream<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stream")
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

impl<T: Frame> Stream<T> {
    pub(crate) fn new(call: Call<Response>) -> Stream<T> {
        let shared = Arc::clone(&call.shared);
        let limit = shared.config.frame_limit;
        Stream {
            shared,
            state: State::Sending(call),
            lines: Lines::new(limit),
            heard: Instant::now(),
            complete: false,
            canceled: Arc::default(),
            kind: std::marker::PhantomData,
        }
    }

    /// Set it to end the stream from another thread: its next step, or the one under way within a slice, is an error.
    pub fn canceler(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.canceled)
    }

    /// Waits no longer than `slice` for the next frame. After an error the stream has ended.
    pub fn step(&mut self, slice: Duration) -> Result<Step<T>> {
        let outcome = self.advance(slice);
        if outcome.is_err() {
            self.state = State::Ended;
            self.complete = true;
        }
        outcome
    }

    fn advance(&mut self, slice: Duration) -> Result<Step<T>> {
        if self.complete {
            self.drain();
            return Ok(Step::End);
        }
        let end = Instant::now() + slice;
        loop {
            if self.shared.is_aborted() || self.canceled.load(Ordering::Relaxed) {
                return Err(canceled());
            }
            while let Some(line) = self.lines.next_line()? {
                if let Some(found) = frame::<T>(line)? {
                    self.complete = found.is_last();
                    return Ok(Step::Item(found));
                }
            }
            let wait = end.saturating_duration_since(Instant::now());
            match &mut self.state {
                State::Sending(call) => match call.step(wait)? {
                    Step::Item(response) => {
                        self.state = State::Reading(response);
                        self.heard = Instant::now();
                    }
                    _ => return Ok(Step::Waiting),
                },
                State::Reading(response) => {
                    let stall = self.shared.config.stall;
                    let left = stall.saturating_sub(self.heard.elapsed());
                    let read = async { timeout(wait.min(left), response.chunk()).await };
                    match self.shared.block_on(read) {
                        Some(Ok(Ok(Some(data)))) => {
                            self.heard = Instant::now();
                            self.lines.push(&data);
                        }
                        Some(Ok(Ok(None))) => self.state = State::Ended,
                        Some(Ok(Err(_))) => return Err(Error::new(Fact::Closed, "")),
                        Some(Err(_)) if self.heard.elapsed() >= stall => {
                            return Err(Error::new(Fact::Stall, ""));
                        }
                        Some(Err(_)) => return Ok(Step::Waiting),
                        None => return Err(canceled()),
                    }
                }
                State::Ended => {
                    // The last line may lack its line break.
                    return match frame::<T>(&self.lines.rest())? {
                        Some(found) => {
                            self.complete = found.is_last();
                            Ok(Step::Item(found))
                        }
                        None => Err(Error::new(Fact::Eof, "")),
                    };
                }
            }
        }
    }

    /// Reads the end of the body, so that the connection can be used again; not more than a little.
    fn drain(&mut self) {
        if let State::Reading(mut response) = std::mem::replace(&mut self.state, State::Ended) {
            self.shared.block_on(async {
                let rest = async {
                    for _ in 0..16 {
                        if !matches!(response.chunk().await, Ok(Some(_))) {
                            break;
                        }
                    }
                };
                // Too long is no error: the connection is closed instead.
                let _ = timeout(DRAIN, rest).await;
            });
        }
    }
}

impl<T: Frame> Iterator for Stream<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        loop {
            match self.step(SLICE) {
                Ok(Step::Item(found)) => return Some(Ok(found)),
                Ok(Step::Waiting) => {}
                Ok(Step::End) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn canceled() -> Error {
    Error::new(Fact::Canceled, "")
}
