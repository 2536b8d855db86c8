//! Tables in and out through Arrow's C stream interface.

use std::ffi::CStr;

use arrow_array::RecordBatchReader;
use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_schema::{ArrowError, Schema as ArrowSchema};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::detach::{invalid, raise};

const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";

/// Reads a Python object that has `__arrow_c_stream__`.
pub(crate) fn read(table: &Bound<'_, PyAny>) -> PyResult<RecordBatchStreamReader> {
    let capsule = table.call_method0("__arrow_c_stream__")?;
    capsules::read(&capsule).map_err(|refused| match refused {
        capsules::Refused::Python(error) => error,
        capsules::Refused::Arrow(cause) => {
            failed(table.py(), "The table could not be read", &cause)
        }
    })
}

/// A capsule with a stream for somebody else to read.
pub(crate) fn stream(
    py: Python<'_>,
    reader: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), STREAM)
}

/// A capsule with a schema.
pub(crate) fn schema<'py>(
    py: Python<'py>,
    schema: &ArrowSchema,
) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema)
        .map_err(|cause| failed(py, "The schema could not be handed over", &cause))?;
    PyCapsule::new_with_value(py, schema, SCHEMA)
}

/// The exception for an error on the other side of an Arrow stream.
pub(crate) fn failed(py: Python<'_>, what: &str, cause: &ArrowError) -> PyErr {
    let text = match cause {
        ArrowError::CDataInterface(text) => text.clone(),
        other => other.to_string(),
    };
    let message = format!("{what}: {}.", text.trim_end_matches('.'));
    match cause {
        ArrowError::CDataInterface(_) => raise(py, "bad_record", &message, None),
        _ => invalid(py, &message),
    }
}

#[expect(
    unsafe_code,
    reason = "Arrow's C stream interface hands over raw pointers"
)]
mod capsules {
    use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
    use arrow_schema::ArrowError;
    use pyo3::prelude::*;
    use pyo3::types::PyCapsule;

    use super::STREAM;

    pub(super) enum Refused {
        Python(PyErr),
        Arrow(ArrowError),
    }

    impl From<PyErr> for Refused {
        fn from(error: PyErr) -> Self {
            Self::Python(error)
        }
    }

    /// Moves the stream out of a capsule.
    pub(super) fn read(capsule: &Bound<'_, PyAny>) -> Result<RecordBatchStreamReader, Refused> {
        let capsule = capsule.cast::<PyCapsule>().map_err(PyErr::from)?;
        let stream = capsule
            .pointer_checked(Some(STREAM))?
            .cast::<FFI_ArrowArrayStream>();
        // SAFETY: a capsule of this name points to an `ArrowArrayStream` (Arrow PyCapsule interface), which the capsule keeps alive
        // during this call. The reader moves it out and leaves a released one behind, as the interface demands of consumers; the
        // interpreter is held, so that nobody else moves it meanwhile.
        unsafe { RecordBatchStreamReader::from_raw(stream.as_ptr()) }.map_err(Refused::Arrow)
    }
}
