//! Python file objects as readers and writers. Their methods run on the thread that made the call.

use std::io::{self, Read, Write};
use std::sync::Arc;

use lakebed_core::Opener;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::detach::CallingThread;
use crate::hash::with_bytes;

/// Bytes per read.
const CHUNK: usize = 1 << 20;

/// A Python object with `read1(size)` or `read(size)` that returns bytes.
pub(crate) struct PyReader {
    caller: CallingThread,
    read: Arc<Py<PyAny>>,
    chunk: Vec<u8>,
    /// Bytes of the chunk that were handed out.
    consumed: usize,
}

impl PyReader {
    pub(crate) fn new(caller: &CallingThread, file: Py<PyAny>, py: Python<'_>) -> PyResult<Self> {
        let file = file.bind(py);
        // `read1` returns what a pipe holds; `read` would wait for a whole chunk.
        let read = match file.getattr_opt("read1")? {
            Some(read) => read,
            None => file.getattr("read")?,
        };
        Ok(Self {
            caller: caller.clone(),
            read: Arc::new(read.unbind()),
            chunk: Vec::new(),
            consumed: 0,
        })
    }
}

/// Opens an input by calling a Python function that returns a file object.
pub(crate) fn opener(caller: &CallingThread, open: Py<PyAny>) -> Opener {
    let (caller, open) = (caller.clone(), Arc::new(open));
    Box::new(move || {
        let (of_reader, open) = (caller.clone(), Arc::clone(&open));
        let reader = caller.run(move |py| {
            let file = open.bind(py).call0()?;
            PyReader::new(&of_reader, file.unbind(), py)
        })?;
        Ok(Box::new(reader))
    })
}

impl Read for PyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.consumed == self.chunk.len() {
            let read = Arc::clone(&self.read);
            self.chunk = self
                .caller
                .run(move |py| {
                    let chunk = read.bind(py).call1((CHUNK,))?;
                    if chunk.is_instance_of::<PyString>() {
                        return Err(PyTypeError::new_err(
                            "the file gives text: open it in binary mode, open(path, \"rb\")",
                        ));
                    }
                    with_bytes(&chunk, |_, bytes| Ok(bytes.to_vec()))
                })
                .map_err(io::Error::other)?;
            self.consumed = 0;
        }
        let mut rest = self.chunk.get(self.consumed..).unwrap_or_default();
        let count = rest.read(out)?;
        self.consumed += count;
        Ok(count)
    }
}

/// A Python object with `write(bytes)`.
pub(crate) struct PyWriter {
    caller: CallingThread,
    file: Arc<Py<PyAny>>,
}

impl PyWriter {
    pub(crate) fn new(caller: &CallingThread, file: Py<PyAny>) -> Self {
        Self {
            caller: caller.clone(),
            file: Arc::new(file),
        }
    }
}

impl Write for PyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = Arc::clone(&self.file);
        let bytes = bytes.to_vec();
        let all = bytes.len();
        self.caller
            .run(move |py| {
                let written = file
                    .bind(py)
                    .call_method1("write", (PyBytes::new(py, &bytes),))?;
                // Raw files return how many bytes they took; some objects return None and took all.
                if written.is_none() {
                    Ok(all)
                } else {
                    written.extract()
                }
            })
            .map(|written: usize| written.min(all))
            .map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
