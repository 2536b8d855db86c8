//! Progress of long calls.

use std::fmt;
use std::ops::ControlFlow;

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

/// A function that a long call calls a few times a second; it can ask the call to stop.
#[derive(Default)]
pub struct ProgressFn(Option<Callback>);

impl ProgressFn {
    /// No function.
    pub fn none() -> Self {
        Self(None)
    }

    /// This function. [`ControlFlow::Break`] stops the call with `Interrupted`.
    pub fn new(callback: impl FnMut(&Progress) -> ControlFlow<()> + Send + 'static) -> Self {
        Self(Some(Box::new(callback)))
    }

    /// Calls the function.
    ///
    /// # Errors
    /// `Interrupted` when the function asks to stop.
    pub fn report(&mut self, progress: &Progress) -> Result<()> {
        match self.0.as_mut().map(|callback| callback(progress)) {
            Some(ControlFlow::Break(())) => Err(Error::interrupted()),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for ProgressFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProgressFn")
            .field(&self.0.is_some())
            .finish()
    }
}
