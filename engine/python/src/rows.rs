//! Rows of a collection as Python objects.

use std::collections::VecDeque;

use lakebed_core::{Blob, Hash};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDateTime, PyTzInfo};

use crate::detach::detached;
use crate::hash::PyHash;

/// Rows that are read ahead at most each time the interpreter is released.
const READ_AHEAD_ROWS: usize = 512;

/// Bytes after which reading ahead stops.
const READ_AHEAD_BYTES: usize = 1 << 20;

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

    /// The hash of its bytes, computed at each access.
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
        // Exact: 53 bits hold the microseconds since 1970 up to the year 2255, and Python rounds to the nearest
        // microsecond.
        // A clock that was set outside the years 1 to 9999 gives the nearest time that Python has.
        let time = self.row.time.clamp(FIRST_TIME, LAST_TIME);
        PyDateTime::from_timestamp(py, time as f64 / 1e6, Some(&utc))
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

/// The beginning of the year 1 and the last whole second of the year 9999, in microseconds since 1970 UTC.
const FIRST_TIME: i64 = -62_135_596_800_000_000;
const LAST_TIME: i64 = 253_402_300_799_000_000;

/// An iterator over rows, in order. It shows the collection as it was when the iterator was made.
#[pyclass(frozen, module = "lakebed")]
pub(crate) struct Rows {
    state: Mutex<ReadAhead>,
}

/// Rows that were read before Python asks for them.
struct ReadAhead {
    rows: lakebed_core::Rows,
    ready: VecDeque<(lakebed_core::Row, Blob)>,
    /// The error after the rows that are ready; it is raised once they are handed out.
    failed: Option<lakebed_core::Error>,
}

impl ReadAhead {
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
        while self.ready.len() < READ_AHEAD_ROWS && bytes < READ_AHEAD_BYTES {
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
            state: Mutex::new(ReadAhead {
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
        // A row that is ready is handed out attached. Another thread that reads ahead holds the lock; waiting for it is
        // done detached.
        let ready = self
            .state
            .try_lock()
            .and_then(|mut state| state.ready.pop_front());
        let next = match ready {
            Some(next) => Some(next),
            None => detached(py, || self.state.lock().next())?,
        };
        Ok(next.map(|(row, blob)| Row {
            row,
            data: PyBytes::new(py, &blob).unbind(),
        }))
    }
}
