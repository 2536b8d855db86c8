//! Errors of the engine, and panics, as exceptions of `lakebed.errors`.

use std::any::Any;
use std::io;

use lakebed_core::{Error, ErrorKind};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The Python exception for an error of the engine.
#[cold]
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let errno = error.os_code().or_else(|| implied_errno(error));
    raise(py, error.kind(), error.message(), errno)
}

/// The Python exception for a panic of the engine.
#[cold]
pub(crate) fn panicked(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let message = format!(
        "lakebed failed in a way it never should ({}); committed data is unharmed. Close the store, and please report this.",
        panic_message(panic)
    );
    raise(py, ErrorKind::Internal, &message, None)
}

/// The Python exception for an argument outside its domain.
#[cold]
pub(crate) fn invalid(py: Python<'_>, message: &str) -> PyErr {
    raise(py, ErrorKind::InvalidArgument, message, None)
}

/// The exception class of `lakebed.errors` for a kind, with a message and the `errno` of the operating system.
#[cold]
pub(crate) fn raise(py: Python<'_>, kind: ErrorKind, message: &str, errno: Option<i32>) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    MAKE.import(py, "lakebed.errors", "error")
        .and_then(|make| make.call1((kind.as_str(), message, errno)))
        .map_or_else(
            // `lakebed.errors` cannot be imported or lacks the kind: the installation is damaged.
            |_| PyRuntimeError::new_err(message.to_owned()),
            PyErr::from_value,
        )
}

/// The words of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic")
}

/// The `errno` for a cause that the engine found without a system call.
fn implied_errno(error: &Error) -> Option<i32> {
    const ENOENT: i32 = 2;
    const EACCES: i32 = 13;
    const EISDIR: i32 = 21;
    let cause = std::error::Error::source(error)?.downcast_ref::<io::Error>()?;
    match cause.kind() {
        io::ErrorKind::NotFound => Some(ENOENT),
        io::ErrorKind::PermissionDenied => Some(EACCES),
        io::ErrorKind::IsADirectory => Some(EISDIR),
        _ => None,
    }
}
