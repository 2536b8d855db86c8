//! The rows of a table as lines of JSON.

use std::sync::Arc;

use arrow_array::ffi_stream::RecordBatchStreamReader;
use lakebed_core::ErrorKind;
use lakebed_json::writer;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrow_capsules;
use crate::errors::raise;

/// A file object to read from: one JSON object a line for each row of a table, as `append` stores it.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct JsonLines {
    table: Arc<Mutex<RecordBatchStreamReader>>,
}

#[pymethods]
impl JsonLines {
    #[new]
    #[pyo3(signature = (table, /))]
    fn new(table: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            table: Arc::new(Mutex::new(arrow_capsules::read(table)?)),
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
                let records = writer::records(&batch)?;
                let mut lines = records.join(&b'\n');
                lines.push(b'\n');
                Ok::<_, writer::WriteError>(lines)
            });
            return match written {
                Ok(lines) => Ok(PyBytes::new(py, &lines)),
                Err(error) => Err(raise(py, ErrorKind::BadRecord, &error.to_string(), None)),
            };
        }
    }
}
