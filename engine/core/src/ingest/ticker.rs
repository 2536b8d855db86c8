//! Calls the caller's progress function a few times a second.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::progress::{Progress, ProgressFn};

/// The least time between two calls.
const INTERVAL: Duration = Duration::from_millis(100);

/// The progress of one ingest, and the function to call with it.
#[derive(Debug)]
pub(super) struct Ticker<'a> {
    function: &'a mut ProgressFn,
    began: Instant,
    last_call: Option<Instant>,
    pub(super) progress: Progress,
}

impl<'a> Ticker<'a> {
    pub(super) fn new(function: &'a mut ProgressFn, total_bytes: Option<u64>) -> Self {
        Self {
            function,
            began: Instant::now(),
            last_call: None,
            progress: Progress {
                total_bytes,
                ..Progress::default()
            },
        }
    }

    /// Seconds since the ingest began.
    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Calls the function if the last call is long enough ago. `Interrupted` when it asks to stop.
    pub(super) fn tick(&mut self) -> Result<()> {
        if self.last_call.is_some_and(|last| last.elapsed() < INTERVAL) {
            return Ok(());
        }
        self.call()
    }

    /// Calls the function, and waits for requests to stop that are on their way. `Interrupted` when there is one.
    pub(super) fn last_call(&mut self) -> Result<()> {
        self.call()?;
        self.function.check()
    }

    /// Calls the function. `Interrupted` when it asks to stop.
    pub(super) fn call(&mut self) -> Result<()> {
        self.last_call = Some(Instant::now());
        self.progress.seconds = self.seconds();
        self.function.report(&self.progress)
    }
}
