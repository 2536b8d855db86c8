//! Rows of a collection as Python objects.

use std::collections::VecDeque;

use lakebed_core::{Blob, Hash};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDateTime, PyTzInfo};

use crate::detach::enter;
use crate::hash::PyHash;

/// What is read ahead in one go, without the interpreter.
const BATCH_ROWS: usize = 512;
const BATCH_BYTES: usize = 1 << 20;

/// A row of a collection.
#[pyclass(frozen, module = "lakebed")]
pub(crate) struct Row {
    row: lakebed_core::Row,
    data: Py<PyBytes>,
}

#[pymethods]
impl Row {
    /// Its sequence number: its place in the collection, from 0.
    #[getter]
    fn seq(&self) -> u64 {
        self.row.seq.get()
    }

    /// Its exact bytes.
    #[getter]
    fn data(&self, py: Python<'_>) -> Py<PyBytes> {
        self.data.clone_ref(py)
    }

    /// The id of its blob; equal rows have the same.
    #[getter]
    fn blob(&self) -> u64 {
        self.row.blob.get()
    }

    /// The hash of its bytes, computed when asked for.
    #[getter]
    fn hash(&self, py: Python<'_>) -> PyHash {
        PyHash(Hash::of(self.data.as_bytes(py)))
    }

    /// The file it was ingested from.
    #[getter]
    fn file(&self) -> Option<&str> {
        self.row.file.as_deref()
    }

    /// Its line in that file, from 1.
    #[getter]
    fn line(&self) -> Option<u64> {
        self.row.line
    }

    /// When it was ingested or appended, in UTC.
    #[getter]
    fn ingested_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        let utc = PyTzInfo::utc(py)?.to_owned();
        // Exact: microseconds of the years up to 2255 are told apart by a double's 53 bits, and Python rounds to the nearest.
        PyDateTime::from_timestamp(py, self.row.time as f64 / 1e6, Some(&utc))
    }

    /// Its bytes, parsed with `json.loads`.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        LOADS.import(py, "json", "loads")?.call1((&self.data,))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let data = self.data.bind(py).repr()?;
        Ok(format!("Row(seq={}, data={data})", self.row.seq))
    }
}

/// An iterator over rows, in order. It shows the collection as it was when the iterator was made.
#[pyclass(frozen, module = "lakebed")]
pub(crate) struct Rows {
    state: Mutex<State>,
}

struct State {
    rows: lakebed_core::Rows,
    ready: VecDeque<(lakebed_core::Row, Blob)>,
    /// What came after the rows that are ready: an error is told once they are given out.
    failed: Option<lakebed_core::Error>,
}

impl State {
    fn next(&mut self) -> lakebed_core::Result<Option<(lakebed_core::Row, Blob)>> {
        if self.ready.is_empty() && self.failed.is_none() {
            self.read_ahead();
        }
        match self.ready.pop_front() {
            Some(row) => Ok(Some(row)),
            None => self.failed.take().map_or(Ok(None), Err),
        }
    }

    fn read_ahead(&mut self) {
        let mut bytes = 0;
        while self.ready.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            let Some(row) = self.rows.next() else { return };
            match row.and_then(|row| Ok((self.rows.blob(&row)?, row))) {
                Ok((blob, row)) => {
                    bytes += blob.len();
                    self.ready.push_back((row, blob));
                }
                Err(error) => {
                    self.failed = Some(error);
                    return;
                }
            }
        }
    }
}

impl Rows {
    pub(crate) fn new(rows: lakebed_core::Rows) -> Self {
        Self {
            state: Mutex::new(State {
                rows,
                ready: VecDeque::new(),
                failed: None,
            }),
        }
    }
}

#[pymethods]
impl Rows {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Row>> {
        // A row that is ready is handed out without leaving the interpreter; whoever else reads ahead is never waited for here.
        let ready = self
            .state
            .try_lock()
            .and_then(|mut state| state.ready.pop_front());
        let next = match ready {
            Some(next) => Some(next),
            None => enter(py, || self.state.lock().next())?,
        };
        Ok(next.map(|(row, blob)| Row {
            row,
            data: PyBytes::new(py, &blob).unbind(),
        }))
    }
}
