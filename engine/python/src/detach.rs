//! The one door to the engine: detach from the interpreter, map errors, contain panics, stop on Ctrl-C.
//!
//! `enter` is for calls that take microseconds. `enter_long` runs the engine on a thread of its own while the calling thread does
//! everything that is Python's: it checks for signals (only the main thread can), calls progress functions, reads file objects and
//! pulls from iterators. So Python code always runs on the thread that made the call, and Ctrl-C is seen whatever the engine does.

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use lakebed_core::{Error, ErrorKind, Progress, ProgressFn};
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// How often a long call looks for signals.
const SIGNALS: Duration = Duration::from_millis(50);

type Outcome<T> = std::thread::Result<lakebed_core::Result<T>>;

/// Runs a short call of the engine.
pub(crate) fn enter<T: Send>(
    py: Python<'_>,
    call: impl FnOnce() -> lakebed_core::Result<T> + Send,
) -> PyResult<T> {
    let outcome = py.detach(|| catch_unwind(AssertUnwindSafe(call)));
    match (outcome, STOPPED.take()) {
        (Ok(Ok(value)), None) => Ok(value),
        (outcome, raised) => settle(py, outcome, raised),
    }
}

/// Runs Python's signal handlers when this is the main thread and a signal came.
fn check_signals() -> PyResult<()> {
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method alone is not general enough over lifetimes"
    )]
    Python::attach(|py| py.check_signals())
}

/// Runs a long call of the engine, with a [`Line`] back to Python.
pub(crate) fn enter_long<T: Send>(
    py: Python<'_>,
    call: impl FnOnce(&Line) -> lakebed_core::Result<T> + Send,
) -> PyResult<T> {
    let (asks, asked) = mpsc::channel();
    let line = Line {
        asks,
        stop: Arc::default(),
    };
    let stop = Arc::clone(&line.stop);
    let (outcome, raised) = py.detach(|| {
        std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().name("lakebed-call".into());
            let spawned = builder.spawn_scoped(scope, move || {
                STOP_FLAG.set(Some(Arc::clone(&line.stop)));
                let outcome = catch_unwind(AssertUnwindSafe(|| call(&line)));
                // The receiver is there: it waits for exactly this message.
                let _ = line.asks.send(Ask::Done);
                outcome
            });
            match spawned {
                Ok(thread) => {
                    let raised = serve(asked, &stop);
                    (thread.join().unwrap_or_else(Err), raised)
                }
                Err(cause) => (Ok(Err(Error::io("Starting a thread", cause))), None),
            }
        })
    });
    match (outcome, raised) {
        (Ok(Ok(value)), None) => Ok(value),
        (outcome, raised) => settle(py, outcome, raised),
    }
}

/// Serves what the engine asks of Python until it is done; the first exception stops it.
///
/// It owns the receiver: whatever ends it, nobody waits for a reply in vain.
fn serve(asked: Receiver<Ask>, stop: &AtomicBool) -> Option<PyErr> {
    let mut raised = None;
    let mut note = |result: PyResult<()>| {
        if let Err(error) = result {
            stop.store(true, Ordering::Relaxed);
            raised.get_or_insert(error);
        }
    };
    loop {
        match asked.recv_timeout(SIGNALS) {
            Ok(Ask::Run(job)) if !stop.load(Ordering::Relaxed) => note(Python::attach(|py| {
                py.check_signals()?;
                job(py)
            })),
            // Dropped unserved: the engine's side sees the closed reply and gives up.
            Ok(Ask::Run(_)) => {}
            Ok(Ask::Done) | Err(RecvTimeoutError::Disconnected) => return raised,
            Err(RecvTimeoutError::Timeout) => note(check_signals()),
        }
    }
}

type Job = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

enum Ask {
    Run(Job),
    Done,
}

/// The engine's way back to the thread that made the call.
#[derive(Clone)]
pub(crate) struct Line {
    asks: Sender<Ask>,
    stop: Arc<AtomicBool>,
}

impl Line {
    /// Runs this on the calling thread and waits for it. An exception stops the whole call.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(Python<'_>) -> PyResult<T> + Send + 'static,
    ) -> lakebed_core::Result<T> {
        let (reply, replied) = mpsc::sync_channel(1);
        let ask = Ask::Run(Box::new(move |py| {
            // Nobody waits for the reply any more only when the call is over.
            let _ = reply.send(job(py)?);
            Ok(())
        }));
        let asked = self.asks.send(ask).is_ok();
        match replied.recv() {
            Ok(value) if asked => Ok(value),
            _ => Err(stopped()),
        }
    }

    /// The engine's progress function for this Python one. It never waits for Python.
    pub(crate) fn progress(&self, report: Option<Py<PyAny>>) -> ProgressFn {
        let line = self.clone();
        let report = report.map(Arc::new);
        ProgressFn::new(move |progress: &Progress| {
            if let Some(report) = report.as_ref().map(Arc::clone) {
                let told = (
                    progress.bytes,
                    progress.total_bytes,
                    progress.rows,
                    progress.seconds,
                );
                let job: Job = Box::new(move |py| report.bind(py).call1(told).map(drop));
                let _ = line.asks.send(Ask::Run(job));
            }
            if line.stop.load(Ordering::Relaxed) {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        })
    }
}

/// What the engine's side sees when Python raised; the exception itself is what the caller gets.
fn stopped() -> Error {
    Error::new(
        ErrorKind::Interrupted,
        "The call was interrupted; what was committed before is kept.",
    )
}

thread_local! {
    /// The flag of the long call that this thread runs.
    static STOP_FLAG: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
    /// The exception that a signal raised while this thread was in a short call.
    static STOPPED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Whether what the engine does should end, asked by the thread that made the call.
pub(crate) fn interrupted() -> bool {
    let flag = STOP_FLAG.with_borrow(|flag| flag.as_ref().map(|flag| flag.load(Ordering::Relaxed)));
    flag.unwrap_or_else(|| match check_signals() {
        Ok(()) => false,
        Err(error) => {
            STOPPED.set(Some(error));
            true
        }
    })
}

/// The result of a call that failed, or during which Python raised.
#[cold]
fn settle<T>(py: Python<'_>, outcome: Outcome<T>, raised: Option<PyErr>) -> PyResult<T> {
    match (outcome, raised) {
        // Ctrl-C: the engine's own sentence says what was kept.
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
        (Err(panic), None) => Err(raise(
            py,
            "internal",
            &format!(
                "lakebed failed in a way it never should ({}); committed data is unharmed. Close the store, and please report this.",
                panic_text(panic.as_ref())
            ),
            None,
        )),
    }
}

/// The Python exception for an error of the engine.
#[cold]
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let number = error.os_code().or_else(|| errno_of(error));
    raise(py, error.kind().as_str(), error.message(), number)
}

/// The operating system's number for a cause that was found without asking it.
fn errno_of(error: &Error) -> Option<i32> {
    let cause = std::error::Error::source(error)?.downcast_ref::<io::Error>()?;
    match cause.kind() {
        io::ErrorKind::NotFound => Some(2),
        io::ErrorKind::PermissionDenied => Some(13),
        io::ErrorKind::IsADirectory => Some(21),
        _ => None,
    }
}

/// An exception of `lakebed.errors`, by kind.
#[cold]
pub(crate) fn raise(py: Python<'_>, kind: &str, message: &str, errno: Option<i32>) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    MAKE.import(py, "lakebed.errors", "error")
        .and_then(|make| make.call1((kind, message, errno)))
        .map_or_else(
            // Only when the package is broken.
            |_| PyRuntimeError::new_err(message.to_owned()),
            PyErr::from_value,
        )
}

/// An argument outside its domain.
#[cold]
pub(crate) fn invalid(py: Python<'_>, message: &str) -> PyErr {
    raise(py, ErrorKind::InvalidArgument.as_str(), message, None)
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic")
}
