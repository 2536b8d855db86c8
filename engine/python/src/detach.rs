//! Calls of the engine, detached from the interpreter: other Python threads run meanwhile, panics are caught, Ctrl-C
//! stops the call.
//!
//! [`detached`] is for calls that take microseconds and runs them on the calling thread. [`detached_long`] runs the
//! engine on a thread of its own while the calling thread does everything that needs Python: it checks for signals
//! (only the main thread can), calls progress functions, reads file objects and advances iterators. So Python code
//! always runs on the thread that made the call, and Ctrl-C is noticed whatever the engine does.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use lakebed_core::{Error, ErrorKind, Progress, ProgressFn};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::errors::{panicked, to_python};

/// How often a waiting thread checks for signals.
pub(crate) const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// The result of a call, or its panic.
type Outcome<T> = std::thread::Result<lakebed_core::Result<T>>;

/// Runs a short call of the engine.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    call: impl FnOnce() -> lakebed_core::Result<T> + Send,
) -> PyResult<T> {
    let outcome = py.detach(|| catch_unwind(AssertUnwindSafe(call)));
    match (outcome, SIGNAL_EXCEPTION.take()) {
        (Ok(Ok(value)), None) => Ok(value),
        (outcome, raised) => settle(py, outcome, raised),
    }
}

/// Runs a long call of the engine, which can run Python code through [`CallingThread`].
pub(crate) fn detached_long<T: Send>(
    py: Python<'_>,
    call: impl FnOnce(&CallingThread) -> lakebed_core::Result<T> + Send,
) -> PyResult<T> {
    match run_long(py, call) {
        (Ok(Ok(value)), None) => Ok(value),
        (outcome, raised) => settle(py, outcome, raised),
    }
}

/// [`detached_long`], for a call that Ctrl-C ends: its value is then the value.
pub(crate) fn detached_until_stopped<T: Send>(
    py: Python<'_>,
    call: impl FnOnce(&CallingThread) -> lakebed_core::Result<T> + Send,
) -> PyResult<T> {
    match run_long(py, call) {
        (Ok(Ok(value)), None) => Ok(value),
        (Ok(Ok(value)), Some(raised)) if raised.is_instance_of::<PyKeyboardInterrupt>(py) => {
            Ok(value)
        }
        (outcome, raised) => settle(py, outcome, raised),
    }
}

/// What a long call came to, and the exception that Python code raised meanwhile.
fn run_long<T: Send>(
    py: Python<'_>,
    call: impl FnOnce(&CallingThread) -> lakebed_core::Result<T> + Send,
) -> (Outcome<T>, Option<PyErr>) {
    let (sender, requests) = mpsc::channel();
    let caller = CallingThread {
        requests: sender,
        stop: Arc::default(),
    };
    let stop = Arc::clone(&caller.stop);
    py.detach(|| {
        std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().name("lakebed-call".into());
            let spawned = builder.spawn_scoped(scope, move || {
                STOP_FLAG.set(Some(Arc::clone(&caller.stop)));
                let outcome = catch_unwind(AssertUnwindSafe(|| call(&caller)));
                // `serve` holds the receiver until it gets this message.
                let _ = caller.requests.send(Request::Done);
                outcome
            });
            match spawned {
                Ok(thread) => {
                    let raised = serve(requests, &stop);
                    (thread.join().unwrap_or_else(Err), raised)
                }
                Err(cause) => (Ok(Err(Error::io("Starting a thread", cause))), None),
            }
        })
    })
}

/// Runs on the calling thread what the engine requests of it, until the engine is done. The first exception stops the
/// engine.
///
/// It owns the receiver: however it ends, the channel closes and the engine waits for no reply.
fn serve(requests: Receiver<Request>, stop: &AtomicBool) -> Option<PyErr> {
    let mut raised = None;
    let mut note = |result: PyResult<()>| {
        if let Err(error) = result {
            stop.store(true, Ordering::Relaxed);
            raised.get_or_insert(error);
        }
    };
    loop {
        match requests.recv_timeout(SIGNAL_INTERVAL) {
            Ok(Request::Run(job)) if !stop.load(Ordering::Relaxed) => note(Python::attach(|py| {
                py.check_signals()?;
                job(py)
            })),
            // The job is dropped with its end of the reply channel, which the engine's thread takes as a refusal.
            Ok(Request::Run(_)) => {}
            Ok(Request::Done) | Err(RecvTimeoutError::Disconnected) => return raised,
            Err(RecvTimeoutError::Timeout) => note(check_signals()),
        }
    }
}

type Job = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

/// A message of the engine's thread to the calling thread.
enum Request {
    Run(Job),
    Done,
}

/// The thread that made a long call, as the engine's thread reaches it.
#[derive(Clone)]
pub(crate) struct CallingThread {
    requests: Sender<Request>,
    stop: Arc<AtomicBool>,
}

impl CallingThread {
    /// Runs Python code there and waits for its value. An exception stops the whole call.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(Python<'_>) -> PyResult<T> + Send + 'static,
    ) -> lakebed_core::Result<T> {
        let (reply, replied) = mpsc::sync_channel(1);
        let request = Request::Run(Box::new(move |py| {
            // The receiver is gone only when the call is over.
            let _ = reply.send(job(py)?);
            Ok(())
        }));
        let sent = self.requests.send(request).is_ok();
        match replied.recv() {
            Ok(value) if sent => Ok(value),
            _ => Err(stopped()),
        }
    }

    /// The engine's progress function that calls this Python one. It never waits for Python; its last check does, for
    /// the signals and the calls of the function so far.
    pub(crate) fn progress(&self, report: Option<Py<PyAny>>) -> ProgressFn {
        let (caller, asked) = (self.clone(), self.clone());
        let report = report.map(Arc::new);
        ProgressFn::new(move |progress: &Progress| {
            if let Some(report) = report.as_ref().map(Arc::clone) {
                let arguments = (
                    progress.bytes,
                    progress.total_bytes,
                    progress.rows,
                    progress.seconds,
                );
                let job: Job = Box::new(move |py| report.bind(py).call1(arguments).map(drop));
                let _ = caller.requests.send(Request::Run(job));
            }
            if caller.stop.load(Ordering::Relaxed) {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        })
        .with_last_check(move || match asked.run(|_| Ok(())) {
            Ok(()) => std::ops::ControlFlow::Continue(()),
            Err(_) => std::ops::ControlFlow::Break(()),
        })
    }
}

/// The engine's error for a call that a Python exception stopped; the caller gets the exception itself.
fn stopped() -> Error {
    Error::new(
        ErrorKind::Interrupted,
        "The call was interrupted; what was committed before is kept.",
    )
}

thread_local! {
    /// The stop flag of the long call that this thread runs.
    static STOP_FLAG: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
    /// The exception that a signal handler raised while this thread was in a short call.
    static SIGNAL_EXCEPTION: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Whether the engine should stop: `Options::interrupted`, which the engine calls on the thread that it was called on.
pub(crate) fn interrupted() -> bool {
    let flag = STOP_FLAG.with_borrow(|flag| flag.as_ref().map(|flag| flag.load(Ordering::Relaxed)));
    flag.unwrap_or_else(|| match check_signals() {
        Ok(()) => false,
        Err(error) => {
            SIGNAL_EXCEPTION.set(Some(error));
            true
        }
    })
}

/// Runs Python's signal handlers if a signal arrived and this is the main thread.
fn check_signals() -> PyResult<()> {
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method alone is not general enough over lifetimes"
    )]
    Python::attach(|py| py.check_signals())
}

/// The result of a call that failed, or during which Python code raised an exception.
#[cold]
fn settle<T>(py: Python<'_>, outcome: Outcome<T>, raised: Option<PyErr>) -> PyResult<T> {
    match (outcome, raised) {
        // Ctrl-C: the engine's error says what was kept.
        (Ok(Err(error)), Some(raised)) if raised.is_instance_of::<PyKeyboardInterrupt>(py) => {
            let error = if error.kind() == ErrorKind::Interrupted {
                error
            } else {
                stopped()
            };
            Err(to_python(py, &error))
        }
        (_, Some(raised)) => Err(raised),
        (Ok(Ok(value)), None) => Ok(value),
        (Ok(Err(error)), None) => Err(to_python(py, &error)),
        (Err(panic), None) => Err(panicked(py, panic.as_ref())),
    }
}
