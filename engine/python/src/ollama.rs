//! The Ollama client: bytes to Rust, typed pieces to Python, facts to `lakebed.prompts.failures`. Waiting is detached and sees Ctrl-C.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lakebed_ollama::{Chunk, Client, Config, Error, Frame, Method, Pulled, Step, Stream};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::door::invalid;

/// How often a wait looks for signals.
const SIGNALS: Duration = Duration::from_millis(50);

/// A client of one server.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct Ollama {
    client: Client,
    url: String,
}

#[pymethods]
impl Ollama {
    #[new]
    #[pyo3(signature = (url, /, *, headers, proxies, connect, first, stall, frame_limit))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        py: Python<'_>,
        url: String,
        headers: HashMap<String, String>,
        proxies: bool,
        connect: f64,
        first: f64,
        stall: f64,
        frame_limit: usize,
    ) -> PyResult<Self> {
        let seconds = |value: f64| {
            Duration::try_from_secs_f64(value).map_err(|_| {
                invalid(
                    py,
                    &format!("A time-out is 0 or more seconds, not {value}."),
                )
            })
        };
        let config = Config {
            url: url.clone(),
            headers: headers.into_iter().collect(),
            proxies,
            connect: seconds(connect)?,
            first: seconds(first)?,
            stall: seconds(stall)?,
            frame_limit,
        };
        let client = py
            .detach(|| Client::new(config))
            .map_err(|error| failure(py, &error, &url, ""))?;
        Ok(Ollama { client, url })
    }

    #[pyo3(signature = (body, model, /))]
    fn chat(&self, body: &[u8], model: String) -> ChatStream {
        ChatStream(Pieces::new(
            self.client.chat(body.to_vec()),
            &self.url,
            model,
        ))
    }

    #[pyo3(signature = (body, model, /))]
    fn pull(&self, body: &[u8], model: String) -> PullStream {
        PullStream(Pieces::new(
            self.client.pull(body.to_vec()),
            &self.url,
            model,
        ))
    }

    #[pyo3(signature = (method, path, body, model, /))]
    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
        model: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let method = match method {
            "GET" => Method::Get,
            "POST" => Method::Post,
            _ => return Err(invalid(py, "The method is GET or POST.")),
        };
        let mut call = self.client.call(method, path, body.map(<[u8]>::to_vec));
        loop {
            match py.detach(|| call.step(SIGNALS)) {
                Ok(Step::Item(data)) => return Ok(PyBytes::new(py, &data)),
                Ok(_) => py.check_signals()?,
                Err(error) => return Err(failure(py, &error, &self.url, model)),
            }
        }
    }

    fn abort(&self) {
        self.client.abort();
    }

    /// Nothing is held open but idle connections, which go with the object.
    fn close(&self) {
        self.client.abort();
    }
}

/// A stream and what is needed to tell of its errors.
struct Pieces<T> {
    stream: Mutex<Option<Stream<T>>>,
    canceled: Arc<AtomicBool>,
    url: String,
    model: String,
}

impl<T: Frame> Pieces<T> {
    fn new(stream: Stream<T>, url: &str, model: String) -> Pieces<T> {
        Pieces {
            canceled: stream.canceler(),
            stream: Mutex::new(Some(stream)),
            url: url.to_owned(),
            model,
        }
    }

    fn next(&self, py: Python<'_>) -> PyResult<Option<T>> {
        loop {
            let step = py.detach(|| {
                let mut stream = self.stream.lock();
                let step = stream
                    .as_mut()
                    .map_or(Ok(Step::End), |one| one.step(SIGNALS));
                if matches!(step, Ok(Step::End) | Err(_)) {
                    *stream = None;
                }
                step
            });
            match step {
                Ok(Step::Item(found)) => return Ok(Some(found)),
                Ok(Step::End) => return Ok(None),
                Ok(Step::Waiting) => py.check_signals()?,
                Err(error) => return Err(failure(py, &error, &self.url, &self.model)),
            }
        }
    }

    fn close(&self, py: Python<'_>) {
        self.canceled.store(true, Ordering::Relaxed);
        py.detach(|| *self.stream.lock() = None);
    }
}

/// Pieces of a reply.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct ChatStream(Pieces<Chunk>);

#[pymethods]
impl ChatStream {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let Some(found) = self.0.next(py)? else {
            return Ok(None);
        };
        let class = CLASS.import(py, "lakebed.prompts.client", "Chunk")?;
        if !found.done && found.tool_calls.is_empty() && found.remote_host.is_empty() {
            return class.call1((found.content, found.thinking)).map(Some);
        }
        let calls = if found.tool_calls.is_empty() {
            PyTuple::empty(py)
        } else {
            let calls = py
                .import("json")?
                .call_method1("loads", (found.tool_calls,))?;
            PyTuple::new(py, calls.try_iter()?.collect::<PyResult<Vec<_>>>()?)?
        };
        let stats = found.stats.map(|stats| {
            let dict = PyDict::new(py);
            for (name, value) in stats {
                dict.set_item(PyString::intern(py, name), value)?;
            }
            Ok::<_, PyErr>(dict)
        });
        let fields = (
            found.content,
            found.thinking,
            calls,
            found.done,
            found.done_reason,
            stats.transpose()?,
            found.remote_host,
        );
        class.call1(fields).map(Some)
    }

    fn close(&self, py: Python<'_>) {
        self.0.close(py);
    }
}

/// How far a pull is.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct PullStream(Pieces<Pulled>);

#[pymethods]
impl PullStream {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let Some(found) = self.0.next(py)? else {
            return Ok(None);
        };
        let class = CLASS.import(py, "lakebed.prompts.client", "Pulled")?;
        let fields = (found.status, found.digest, found.total, found.completed);
        class.call1(fields).map(Some)
    }

    fn close(&self, py: Python<'_>) {
        self.0.close(py);
    }
}

/// The Python exception for what was seen.
#[cold]
fn failure(py: Python<'_>, error: &Error, url: &str, model: &str) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = (
        error.fact.as_str(),
        &error.detail,
        error.status,
        error.retry_after,
        url,
        model,
    );
    MAKE.import(py, "lakebed.prompts.failures", "failure")
        .and_then(|make| make.call1(fields))
        .map_or_else(
            // Only when the package is broken.
            |_| PyRuntimeError::new_err(error.to_string()),
            PyErr::from_value,
        )
}
