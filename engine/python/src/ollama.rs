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

use crate::detach::invalid;

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
    fn chat(&self, body: &[u8], model: String) -> Pieces {
        let stream = self.client.chat(body.to_vec());
        Pieces(Box::new(Arriving::new(stream, &self.url, model)))
    }

    #[pyo3(signature = (body, model, /))]
    fn pull(&self, body: &[u8], model: String) -> Pieces {
        let stream = self.client.pull(body.to_vec());
        Pieces(Box::new(Arriving::new(stream, &self.url, model)))
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
struct Arriving<T> {
    stream: Mutex<Option<Stream<T>>>,
    canceled: Arc<AtomicBool>,
    url: String,
    model: String,
}

impl<T: Frame> Arriving<T> {
    fn new(stream: Stream<T>, url: &str, model: String) -> Arriving<T> {
        Arriving {
            canceled: stream.canceler(),
            stream: Mutex::new(Some(stream)),
            url: url.to_owned(),
            model,
        }
    }
}

/// What comes out of a stream, as Python has it.
trait Shown: Frame + 'static {
    fn shown(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
}

/// A stream of any kind of pieces: Python's classes are not generic.
trait AnyArriving: Send + Sync {
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>>;
    fn close(&self, py: Python<'_>);
}

impl<T: Shown> AnyArriving for Arriving<T> {
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
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
                Ok(Step::Item(found)) => return found.shown(py).map(Some),
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

/// Pieces of a reply, or how far a pull is.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct Pieces(Box<dyn AnyArriving>);

#[pymethods]
impl Pieces {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.next(py)
    }

    fn close(&self, py: Python<'_>) {
        self.0.close(py);
    }
}

impl Shown for Chunk {
    fn shown(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(py, "lakebed.prompts.client", "Chunk")?;
        if !self.done && self.tool_calls.is_empty() && self.remote_host.is_empty() {
            return class.call1((self.content, self.thinking));
        }
        let calls = if self.tool_calls.is_empty() {
            PyTuple::empty(py)
        } else {
            let calls = py
                .import("json")?
                .call_method1("loads", (self.tool_calls,))?;
            PyTuple::new(py, calls.try_iter()?.collect::<PyResult<Vec<_>>>()?)?
        };
        let stats = self.stats.map(|stats| {
            let dict = PyDict::new(py);
            for (name, value) in stats {
                dict.set_item(PyString::intern(py, name), value)?;
            }
            Ok::<_, PyErr>(dict)
        });
        let fields = (
            self.content,
            self.thinking,
            calls,
            self.done,
            self.done_reason,
            stats.transpose()?,
            self.remote_host,
        );
        class.call1(fields)
    }
}

impl Shown for Pulled {
    fn shown(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(py, "lakebed.prompts.client", "Pulled")?;
        class.call1((self.status, self.digest, self.total, self.completed))
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
