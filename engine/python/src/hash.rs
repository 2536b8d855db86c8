//! `lakebed.Hash`, and the other ways to name a blob.

use lakebed_core::Hash;
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyString, PyTuple};

use crate::detach::detached;
use crate::errors::invalid;
use lakebed_json::quoted;

/// Below this many bytes hashing takes less time than detaching from the interpreter and attaching again.
const SMALL: usize = 16 << 10;

/// The identity of a blob: the BLAKE3-256 of exactly its bytes.
///
/// `str(h)` is 64 hex characters, `bytes(h)` 32 bytes. Immutable, hashable, ordered like its bytes.
#[pyclass(frozen, name = "Hash", module = "lakebed")]
pub(crate) struct PyHash(pub(crate) Hash);

#[pymethods]
impl PyHash {
    #[new]
    #[pyo3(signature = (value, /))]
    fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        match Key::from(value)? {
            Key::Hash(hash) => Ok(Self(hash)),
            Key::Prefix(text) => Err(invalid(
                value.py(),
                &format!(
                    "A hash has 64 hex characters, {text} has {}.",
                    text.len(),
                    text = quoted(text)
                ),
            )),
        }
    }

    /// The hash that these bytes have, or would have, in any store.
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn of(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        with_bytes(data, |py, bytes| {
            if bytes.len() < SMALL {
                return Ok(Self(Hash::of(bytes)));
            }
            detached(py, || Ok(Self(Hash::of(bytes))))
        })
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Hash('{}')", self.0)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "any bits of the fingerprint will do"
    )]
    fn __hash__(&self) -> isize {
        self.0.fingerprint().0 as isize
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
        let py = other.py();
        Ok(match other.cast::<Self>() {
            Ok(other) => op
                .matches(self.0.cmp(&other.get().0))
                .into_pyobject(py)?
                .to_owned()
                .into_any()
                .unbind(),
            Err(_) => py.NotImplemented(),
        })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let value = slf.get().__bytes__(py);
        PyTuple::new(
            py,
            [
                slf.get_type().into_any(),
                PyTuple::new(py, [value])?.into_any(),
            ],
        )
    }
}

/// A caller's name of a blob.
pub(crate) enum Key {
    /// Its hash.
    Hash(Hash),
    /// The first hex characters of its hash.
    Prefix(String),
}

impl Key {
    /// From a `Hash`, 32 bytes, or hex characters.
    pub(crate) fn from(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(hash) = value.cast::<PyHash>() {
            return Ok(Self::Hash(hash.get().0));
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            let bytes = bytes.as_bytes();
            return match <[u8; 32]>::try_from(bytes) {
                Ok(bytes) => Ok(Self::Hash(Hash::from_bytes(bytes))),
                Err(_) => Err(invalid(
                    value.py(),
                    &format!(
                        "A hash has 32 bytes, these are {}; to look up hex characters pass them as text.",
                        bytes.len()
                    ),
                )),
            };
        }
        let Ok(text) = value.cast::<PyString>() else {
            return Err(PyTypeError::new_err(format!(
                "a blob is named by a lakebed.Hash, 32 bytes or hex text, not {}",
                value.get_type().name()?
            )));
        };
        let text = text.to_cow()?;
        if text.len() == 64 {
            return text.parse().map(Self::Hash).map_err(|cause| {
                invalid(
                    value.py(),
                    &format!("{text} is no hash: {cause}.", text = quoted(text)),
                )
            });
        }
        Ok(Self::Prefix(text.into_owned()))
    }
}

/// Runs a function on the bytes of a Python object. An immutable `bytes` is used in place. Anything else with the
/// buffer protocol is copied, since another thread could change it between hashing and writing.
pub(crate) fn with_bytes<T>(
    data: &Bound<'_, PyAny>,
    run: impl FnOnce(Python<'_>, &[u8]) -> PyResult<T>,
) -> PyResult<T> {
    let py = data.py();
    if let Ok(bytes) = data.cast::<PyBytes>() {
        return run(py, bytes.as_bytes());
    }
    if data.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(
            "a blob is bytes: encode text first, text.encode()",
        ));
    }
    let Ok(view) = PyMemoryView::from(data) else {
        return Err(PyTypeError::new_err(format!(
            "a blob is bytes or anything with the buffer protocol, not {}",
            data.get_type().name()?
        )));
    };
    let copied = view.call_method0("tobytes")?.cast_into::<PyBytes>()?;
    run(py, copied.as_bytes())
}
