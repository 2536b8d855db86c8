//! `lakebed.Buffer`: a blob's bytes through the buffer protocol, without a copy.

use std::ffi::c_int;

use lakebed_core::Blob;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The bytes of a blob, read-only, through the buffer protocol: `memoryview(buffer)`, `bytes(buffer)`,
/// `numpy.frombuffer(buffer)`.
///
/// It owns what holds the bytes, and stays valid after the store is closed.
#[pyclass(frozen, weakref, sequence, module = "lakebed")]
pub(crate) struct Buffer {
    blob: Blob,
}

impl Buffer {
    pub(crate) fn new(blob: Blob) -> Self {
        Self { blob }
    }
}

#[pymethods]
impl Buffer {
    fn __len__(&self) -> usize {
        self.blob.len()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.blob)
    }

    /// Whether it shows the store's file without a copy.
    #[getter]
    fn mapped(&self) -> bool {
        self.blob.is_mapped()
    }

    fn __repr__(&self) -> String {
        let place = if self.blob.is_mapped() {
            "mapped"
        } else {
            "in memory"
        };
        format!("<lakebed.Buffer of {} bytes, {place}>", self.blob.len())
    }

    /// # Safety
    /// Called by the interpreter only, with a `view` that is the interpreter's to fill.
    #[expect(unsafe_code, reason = "the buffer protocol is a C interface")]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let bytes: &[u8] = &slf.get().blob;
        let length = ffi::Py_ssize_t::try_from(bytes.len())?;
        // SAFETY: `view` is not null and the interpreter's to fill. The bytes are immutable and stay where they are as
        // long as this object lives (it is frozen and owns the blob); the view holds a reference to the object.
        // Readonly is 1: a request for writing fails, and nobody writes through the pointer.
        let status = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                bytes.as_ptr().cast_mut().cast(),
                length,
                1,
                flags,
            )
        };
        if status == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}
