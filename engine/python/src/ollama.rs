//! The Ollama client of `lakebed-ollama` for `lakebed.prompts`. Waits are detached from the interpreter and stop on
//! Ctrl-C; errors become those of `lakebed.prompts.failures`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lakebed_ollama::{
    Client, Config, Error, Event, EventStream, Method, PullProgress, ReplyChunk, Step,
};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::detach::SIGNAL_INTERVAL;
use crate::errors::invalid;
use crate::json_objects;

/// A client of one server.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct OllamaClient {
    client: Client,
    url: String,
}

#[pymethods]
impl OllamaClient {
    #[new]
    #[pyo3(signature = (url, /, *, headers, proxies, scope_id, connect, first, stall, total, line_limit))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        py: Python<'_>,
        url: String,
        headers: HashMap<String, String>,
        proxies: bool,
        scope_id: u32,
        connect: f64,
        first: f64,
        stall: f64,
        total: Option<f64>,
        line_limit: usize,
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
            scope_id,
            headers: headers.into_iter().collect(),
            use_proxies: proxies,
            connect_timeout: seconds(connect)?,
            first_byte_timeout: seconds(first)?,
            stall_timeout: seconds(stall)?,
            total_timeout: total.map(seconds).transpose()?,
            line_limit,
        };
        let client = py
            .detach(|| Client::new(config))
            .map_err(|error| failure(py, &error, &url, "", ""))?;
        Ok(OllamaClient { client, url })
    }

    #[pyo3(signature = (body, model, /))]
    fn chat(&self, body: &[u8], model: String) -> OllamaStream {
        OllamaStream::new(
            self.client.chat(body.to_vec()),
            &self.url,
            model,
            "/api/chat",
        )
    }

    #[pyo3(signature = (body, model, /))]
    fn pull(&self, body: &[u8], model: String) -> OllamaStream {
        OllamaStream::new(
            self.client.pull(body.to_vec()),
            &self.url,
            model,
            "/api/pull",
        )
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
            match py.detach(|| call.step(SIGNAL_INTERVAL)) {
                Ok(Step::Item(data)) => return Ok(PyBytes::new(py, &data)),
                Ok(_) => py.check_signals()?,
                Err(error) => return Err(failure(py, &error, &self.url, model, path)),
            }
        }
    }

    fn abort(&self) {
        self.client.abort();
    }

    /// Idle connections close with the object.
    fn close(&self) {
        self.client.abort();
    }
}

/// The events of one response.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct OllamaStream(Box<dyn PyEvents>);

impl OllamaStream {
    fn new<T: ToPython>(
        stream: EventStream<T>,
        url: &str,
        model: String,
        path: &'static str,
    ) -> Self {
        Self(Box::new(Events {
            canceled: stream.canceler(),
            stream: Mutex::new(Some(stream)),
            url: url.to_owned(),
            model,
            path,
        }))
    }
}

#[pymethods]
impl OllamaStream {
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

/// A stream of events of any type, since a Python class cannot be generic in Rust.
trait PyEvents: Send + Sync {
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>>;
    fn close(&self, py: Python<'_>);
}

/// A stream, and what its errors name.
struct Events<T> {
    /// Absent once it ended.
    stream: Mutex<Option<EventStream<T>>>,
    canceled: Arc<AtomicBool>,
    url: String,
    model: String,
    path: &'static str,
}

impl<T: ToPython> PyEvents for Events<T> {
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            let step = py.detach(|| {
                let mut stream = self.stream.lock();
                let step = stream
                    .as_mut()
                    .map_or(Ok(Step::End), |stream| stream.step(SIGNAL_INTERVAL));
                if matches!(step, Ok(Step::End) | Err(_)) {
                    *stream = None;
                }
                step
            });
            match step {
                Ok(Step::Item(event)) => return event.to_python(py).map(Some),
                Ok(Step::End) => return Ok(None),
                Ok(Step::Waiting) => py.check_signals()?,
                Err(error) => return Err(failure(py, &error, &self.url, &self.model, self.path)),
            }
        }
    }

    fn close(&self, py: Python<'_>) {
        self.canceled.store(true, Ordering::Relaxed);
        py.detach(|| *self.stream.lock() = None);
    }
}

/// An event that has a class in `lakebed.prompts.client`.
trait ToPython: Event + 'static {
    fn to_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
}

impl ToPython for ReplyChunk {
    fn to_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(py, "lakebed.prompts.client", "Chunk")?;
        if !self.done && self.tool_calls.is_empty() && self.remote_host.is_empty() {
            return class.call1((self.content, self.thinking));
        }
        let calls = self.tool_calls.iter();
        let calls: Vec<_> = calls
            .map(|call| json_objects::to_python(py, call))
            .collect::<PyResult<_>>()?;
        let statistics = self.statistics.map(|statistics| {
            let dict = PyDict::new(py);
            for (name, value) in statistics {
                dict.set_item(PyString::intern(py, name), value)?;
            }
            Ok::<_, PyErr>(dict)
        });
        let fields = (
            self.content,
            self.thinking,
            PyTuple::new(py, calls)?,
            self.done,
            self.done_reason,
            statistics.transpose()?,
            self.remote_host,
        );
        class.call1(fields)
    }
}

impl ToPython for PullProgress {
    fn to_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(py, "lakebed.prompts.client", "Pulled")?;
        class.call1((self.status, self.digest, self.total, self.completed))
    }
}

/// The exception of `lakebed.prompts.failures` for an error of the client.
#[cold]
fn failure(py: Python<'_>, error: &Error, url: &str, model: &str, path: &str) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = (
        error.kind.as_str(),
        &error.detail,
        error.status,
        error.retry_after.as_deref(),
        url,
        model,
        path,
    );
    MAKE.import(py, "lakebed.prompts.failures", "failure")
        .and_then(|make| make.call1(fields))
        .map_or_else(
            // `lakebed.prompts` cannot be imported: the installation is damaged.
            |_| PyRuntimeError::new_err(error.to_string()),
            PyErr::from_value,
        )
}
