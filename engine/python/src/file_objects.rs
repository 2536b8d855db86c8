//! Python file objects as readers and writers of the engine. All their methods run on the thread that made the call.

use std::io::{self, Read, Write};
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::detach::Line;
use crate::hash::with_bytes;

/// Bytes asked for at a time.
const CHUNK: usize = 1 << 20;

/// A Python object with `read(size)` that gives bytes.
pub(crate) struct PyReader {
    line: Line,
    read: Arc<Py<PyAny>>,
    chunk: Vec<u8>,
    at: usize,
}

impl PyReader {
    pub(crate) fn new(line: &Line, file: Py<PyAny>, py: Python<'_>) -> PyResult<Self> {
        let file = file.bind(py);
        // read1 gives what a pipe has; read would wait until a whole chunk is there.
        let read = match file.getattr_opt("read1")? {
            Some(read) => read,
            None => file.getattr("read")?,
        };
        Ok(Self {
            line: line.clone(),
            read: Arc::new(read.unbind()),
            chunk: Vec::new(),
            at: 0,
        })
    }
}

impl Read for PyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            let read = Arc::clone(&self.read);
            self.chunk = self
                .line
                .call(move |py| {
                    let chunk = read.bind(py).call1((CHUNK,))?;
                    if chunk.is_instance_of::<PyString>() {
                        return Err(PyTypeError::new_err(
                            "the file gives text: open it in binary mode, open(path, \"rb\")",
                        ));
                    }
                    with_bytes(&chunk, |_, bytes| Ok(bytes.to_vec()))
                })
                .map_err(io::Error::other)?;
            self.at = 0;
        }
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let count = rest.len().min(out.len());
        if let (Some(out), Some(rest)) = (out.get_mut(..count), rest.get(..count)) {
            out.copy_from_slice(rest);
        }
        self.at += count;
        Ok(count)
    }
}

/// A Python object with `write(bytes)`.
pub(crate) struct PyWriter {
    line: Line,
    file: Arc<Py<PyAny>>,
}

impl PyWriter {
    pub(crate) fn new(line: &Line, file: Py<PyAny>) -> Self {
        Self {
            line: line.clone(),
            file: Arc::new(file),
        }
    }
}

impl Write for PyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = Arc::clone(&self.file);
        let bytes = bytes.to_vec();
        let all = bytes.len();
        self.line
            .call(move |py| {
                let written = file
                    .bind(py)
                    .call_method1("write", (PyBytes::new(py, &bytes),))?;
                // Raw files say how much they took, some objects say nothing and took all.
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
