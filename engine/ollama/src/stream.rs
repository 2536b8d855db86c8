//! A stream of events, awaited in steps of limited length.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Response;
use tokio::time::timeout;

use crate::call::{PendingCall, SLICE, Step};
use crate::connection::Connection;
use crate::error::{Error, FailureKind, Result};
use crate::events::{self, Event};
use crate::lines::Lines;

/// Time limit of reading the body's end after the last event, so that its connection can be reused.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// Pieces of the body that are read for the same purpose.
const DRAIN_PIECES: usize = 16;

enum State {
    Sending(PendingCall<Response>),
    Reading(Response),
    Ended,
}

/// The events of one response. It ends after the last event, and fails when the response ends before it. Dropping it
/// closes the connection.
pub struct EventStream<T> {
    connection: Arc<Connection>,
    state: State,
    lines: Lines,
    /// When the last bytes arrived.
    last_arrival: Instant,
    /// When the stream must be complete; set by the first step.
    deadline: Option<Instant>,
    complete: bool,
    canceled: Arc<AtomicBool>,
    event: std::marker::PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("EventStream")
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

impl<T: Event> EventStream<T> {
    pub(crate) fn new(call: PendingCall<Response>) -> EventStream<T> {
        let connection = Arc::clone(call.connection());
        let limit = connection.config.line_limit;
        EventStream {
            connection,
            state: State::Sending(call),
            lines: Lines::new(limit),
            last_arrival: Instant::now(),
            deadline: None,
            complete: false,
            canceled: Arc::default(),
            event: std::marker::PhantomData,
        }
    }

    /// A flag that cancels the stream from another thread: once it is set, the next step fails, and the one under way
    /// at its end.
    pub fn canceler(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.canceled)
    }

    /// Waits for the next event, at most for `slice`. After an error the stream has ended.
    ///
    /// # Errors
    /// Any [`FailureKind`].
    pub fn step(&mut self, slice: Duration) -> Result<Step<T>> {
        if self.deadline.is_none() {
            let limit = self.connection.config.total_timeout;
            self.deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        }
        let mut outcome = self.advance(slice);
        if let Err(error) = &mut outcome
            && matches!(error.kind, FailureKind::FirstByte | FailureKind::Stall)
            && self.is_late()
        {
            error.kind = FailureKind::Total;
        }
        if outcome.is_err() {
            self.state = State::Ended;
            self.complete = true;
        }
        outcome
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|end| Instant::now() >= end)
    }

    fn advance(&mut self, slice: Duration) -> Result<Step<T>> {
        if self.complete {
            self.drain();
            return Ok(Step::End);
        }
        let mut end = Instant::now() + slice;
        if let Some(deadline) = self.deadline {
            end = end.min(deadline);
        }
        loop {
            if self.connection.is_aborted() || self.canceled.load(Ordering::Relaxed) {
                return Err(Error::canceled());
            }
            while let Some(line) = self.lines.next_line()? {
                if let Some(event) = events::parse::<T>(line)? {
                    self.complete = event.is_last();
                    return Ok(Step::Item(event));
                }
            }
            if self.is_late() {
                return Err(Error::new(FailureKind::Total, ""));
            }
            let wait = end.saturating_duration_since(Instant::now());
            match &mut self.state {
                State::Sending(call) => match call.step(wait)? {
                    Step::Item(response) => {
                        self.state = State::Reading(response);
                        self.last_arrival = Instant::now();
                    }
                    _ => return Ok(Step::Waiting),
                },
                State::Reading(response) => {
                    let stall = self.connection.config.stall_timeout;
                    let left = stall.saturating_sub(self.last_arrival.elapsed());
                    let read = async { timeout(wait.min(left), response.chunk()).await };
                    match self.connection.block_on(read)? {
                        Ok(Ok(Some(data))) => {
                            self.last_arrival = Instant::now();
                            self.lines.push(&data);
                        }
                        Ok(Ok(None)) => self.state = State::Ended,
                        Ok(Err(_)) => return Err(Error::new(FailureKind::Closed, "")),
                        Err(_) if self.last_arrival.elapsed() >= stall => {
                            return Err(Error::new(FailureKind::Stall, ""));
                        }
                        Err(_) => return Ok(Step::Waiting),
                    }
                }
                State::Ended => {
                    // The last line may lack its line break.
                    return match events::parse::<T>(&self.lines.take_rest())? {
                        Some(event) => {
                            self.complete = event.is_last();
                            Ok(Step::Item(event))
                        }
                        None => Err(Error::new(FailureKind::EndOfStream, "")),
                    };
                }
            }
        }
    }

    /// Reads a short rest of the body, so that the connection can be reused.
    fn drain(&mut self) {
        if let State::Reading(mut response) = std::mem::replace(&mut self.state, State::Ended) {
            let rest = async {
                for _ in 0..DRAIN_PIECES {
                    if !matches!(response.chunk().await, Ok(Some(_))) {
                        break;
                    }
                }
            };
            // A rest that is too long or too slow is not an error: the connection is closed instead of reused.
            let _ = self
                .connection
                .block_on(async { timeout(DRAIN_TIMEOUT, rest).await });
            self.connection.note_idle();
        }
    }
}

impl<T: Event> Iterator for EventStream<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        loop {
            match self.step(SLICE) {
                Ok(Step::Item(event)) => return Some(Ok(event)),
                Ok(Step::Waiting) => {}
                Ok(Step::End) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
