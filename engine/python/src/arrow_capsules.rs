//! Tables in and out through Arrow's C stream interface.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, Schema as ArrowSchema, SchemaRef};
use lakebed_core::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::errors::{invalid, panic_message, raise};

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

/// A capsule with a stream of these batches.
pub(crate) fn stream(
    py: Python<'_>,
    reader: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'_, PyCapsule>> {
    let stream = FFI_ArrowArrayStream::new(Box::new(PanicGuard {
        schema: reader.schema(),
        reader: Some(reader),
    }));
    PyCapsule::new_with_value(py, stream, STREAM)
}

/// A reader whose panics become errors. The consumer calls it through C functions, out of which a panic would abort the
/// process.
struct PanicGuard {
    schema: SchemaRef,
    /// Absent after a panic.
    reader: Option<Box<dyn RecordBatchReader + Send>>,
}

impl Iterator for PanicGuard {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| reader.next())) {
            Ok(batch) => batch,
            Err(panic) => {
                let message = format!(
                    "lakebed failed in a way it never should ({}); please report this.",
                    panic_message(panic.as_ref())
                );
                self.release();
                let error = Error::new(ErrorKind::Internal, message);
                Some(Err(ArrowError::ExternalError(Box::new(error))))
            }
        }
    }
}

impl RecordBatchReader for PanicGuard {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

impl PanicGuard {
    /// Drops the reader.
    fn release(&mut self) {
        let reader = self.reader.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(reader))) {
            // Dropping a payload can panic as well.
            std::mem::forget(panic);
        }
    }
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        self.release();
    }
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
        ArrowError::CDataInterface(_) => raise(py, ErrorKind::BadRecord, &message, None),
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
        // SAFETY: a capsule of this name points to an `ArrowArrayStream` (Arrow PyCapsule interface), which the capsule
        // keeps alive during this call. The reader moves it out and leaves a released one behind, as the interface
        // demands of consumers; the interpreter is held, so that no other thread moves it meanwhile.
        unsafe { RecordBatchStreamReader::from_raw(stream.as_ptr()) }.map_err(Refused::Arrow)
    }
}
