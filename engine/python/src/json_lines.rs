//! The rows of a table as lines of JSON.

use std::sync::Arc;

use arrow_array::RecordBatchReader as _;
use arrow_array::ffi_stream::RecordBatchStreamReader;
use lakebed_core::ErrorKind;
use lakebed_json::writer::Writer;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrow_capsules;
use crate::errors::raise;

/// A file object to read from: one JSON object a line for each row of a table, as `append` stores it.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct JsonLines {
    table: Arc<Mutex<RecordBatchStreamReader>>,
    writer: Arc<Writer>,
}

#[pymethods]
impl JsonLines {
    #[new]
    #[pyo3(signature = (table, json, /))]
    fn new(table: &Bound<'_, PyAny>, json: Vec<Vec<usize>>) -> PyResult<Self> {
        let py = table.py();
        let reader = arrow_capsules::read(table)?;
        let mut writer = Writer::new(&reader.schema())
            .map_err(|error| raise(py, ErrorKind::BadRecord, &error.to_string(), None))?;
        writer.set_json(&json);
        Ok(Self {
            table: Arc::new(Mutex::new(reader)),
            writer: Arc::new(writer),
        })
    }

    /// The lines of the next rows; empty at the end. `size` is not kept to.
    #[pyo3(signature = (size=-1, /))]
    fn read1<'py>(&self, py: Python<'py>, size: i64) -> PyResult<Bound<'py, PyBytes>> {
        let _ = size;
        loop {
            // A producer that needs the interpreter attaches by itself.
            let batch = py.detach(|| self.table.lock().next());
            let batch = match batch {
                None => return Ok(PyBytes::new(py, b"")),
                Some(Ok(batch)) if batch.num_rows() == 0 => continue,
                Some(Ok(batch)) => batch,
                Some(Err(cause)) => {
                    return Err(arrow_capsules::failed(
                        py,
                        "The table could not be read",
                        &cause,
                    ));
                }
            };
            let written = py.detach(|| {
                self.writer.records(&batch).map(|records| {
                    let mut lines = records.join(&b'\n');
                    lines.push(b'\n');
                    lines
                })
            });
            return match written {
                Ok(lines) => Ok(PyBytes::new(py, &lines)),
                Err(error) => Err(raise(py, ErrorKind::BadRecord, &error.to_string(), None)),
            };
        }
    }
}
