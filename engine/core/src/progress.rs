//! Progress of long calls.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Instant;

use crate::error::{Error, Result};

/// How much of a long call is done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Bytes of input done; of a file, its bytes on disk.
    pub bytes: u64,
    /// All bytes of the input, if known.
    pub total_bytes: Option<u64>,
    /// Rows (in `verify`: blobs) done.
    pub rows: u64,
    /// Seconds since the call began.
    pub seconds: f64,
}

type Callback = Box<dyn FnMut(&Progress) -> ControlFlow<()> + Send>;

type LastCheck = Box<dyn FnMut() -> ControlFlow<()> + Send>;

/// A function that a long call calls a few times a second; it can ask the call to stop.
#[derive(Default)]
pub struct ProgressFn {
    callback: Option<Callback>,
    last_check: Option<LastCheck>,
}

impl ProgressFn {
    /// No function.
    pub fn none() -> Self {
        Self::default()
    }

    /// This function. [`ControlFlow::Break`] stops the call with `Interrupted`.
    pub fn new(callback: impl FnMut(&Progress) -> ControlFlow<()> + Send + 'static) -> Self {
        Self {
            callback: Some(Box::new(callback)),
            last_check: None,
        }
    }

    /// Adds a function that waits for every request to stop that was made until now, and tells whether there is one.
    #[must_use]
    pub fn with_last_check(
        mut self,
        check: impl FnMut() -> ControlFlow<()> + Send + 'static,
    ) -> Self {
        self.last_check = Some(Box::new(check));
        self
    }

    /// Asks once more whether to stop, at the end of an input whose end may be due to a request to stop.
    ///
    /// # Errors
    /// `Interrupted` when there is such a request.
    pub fn check(&mut self) -> Result<()> {
        match self.last_check.as_mut().map(|check| check()) {
            Some(ControlFlow::Break(())) => Err(Error::interrupted()),
            _ => Ok(()),
        }
    }

    /// Calls the function.
    ///
    /// # Errors
    /// `Interrupted` when the function asks to stop.
    pub fn report(&mut self, progress: &Progress) -> Result<()> {
        match self.callback.as_mut().map(|callback| callback(progress)) {
            Some(ControlFlow::Break(())) => Err(Error::interrupted()),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for ProgressFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProgressFn")
            .field(&self.callback.is_some())
            .finish()
    }
}

/// Bytes between two reports of a [`Meter`].
const REPORT_BYTES: u64 = 4 << 20;

/// Counts what is done of a call whose bytes are known before, and reports it now and then.
#[derive(Debug)]
pub(crate) struct Meter {
    progress: ProgressFn,
    began: Instant,
    done: u64,
    reported: u64,
    /// All bytes.
    pub(crate) total: u64,
    pub(crate) rows: u64,
}

impl Meter {
    pub(crate) fn new(progress: ProgressFn) -> Self {
        Self {
            progress,
            began: Instant::now(),
            done: 0,
            reported: 0,
            total: 0,
            rows: 0,
        }
    }

    /// So many more bytes are done.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(crate) fn advance(&mut self, bytes: u64) -> Result<()> {
        self.done += bytes;
        if self.done - self.reported < REPORT_BYTES {
            return Ok(());
        }
        self.report()
    }

    /// A step ended, of whose bytes some may not have been read.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(crate) fn reach(&mut self, done: u64) -> Result<()> {
        self.done = self.done.max(done);
        self.report()
    }

    /// All is done. What is done is not undone when the callback asks to stop now.
    pub(crate) fn finish(&mut self) {
        self.done = self.total;
        let _ = self.report();
    }

    fn report(&mut self) -> Result<()> {
        self.reported = self.done;
        self.progress.report(&Progress {
            bytes: self.done.min(self.total),
            total_bytes: Some(self.total),
            rows: self.rows,
            seconds: self.seconds(),
        })
    }

    /// Seconds since it began.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
