//! Encodings of files that Python's standard library lacks: zstd, and Arrow's file format.

use arrow_array::RecordBatchReader as _;
use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_ipc::writer::FileWriter;
use lakebed_codec::{FrameError, StreamCompressor, StreamDecompressor};
use lakebed_core::ErrorKind;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrow_capsules;
use crate::errors::raise;

/// Compresses a stream into one zstd frame.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct ZstdStream(Mutex<StreamCompressor>);

#[pymethods]
impl ZstdStream {
    #[new]
    fn new(py: Python<'_>, level: i32) -> PyResult<Self> {
        let compressor = StreamCompressor::new(level).map_err(|error| failed(py, &error))?;
        Ok(Self(Mutex::new(compressor)))
    }

    #[pyo3(signature = (data, /))]
    fn compress<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        // The bytes are immutable and held by the caller.
        let done = py.detach(|| self.0.lock().write(data));
        Ok(PyBytes::new(py, &done.map_err(|error| failed(py, &error))?))
    }

    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let done = py.detach(|| self.0.lock().finish());
        Ok(PyBytes::new(py, &done.map_err(|error| failed(py, &error))?))
    }
}

/// Decompresses zstd frames.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct ZstdDecoder(Mutex<StreamDecompressor>);

#[pymethods]
impl ZstdDecoder {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        let decompressor = StreamDecompressor::new().map_err(|error| failed(py, &error))?;
        Ok(Self(Mutex::new(decompressor)))
    }

    #[pyo3(signature = (data, /))]
    fn decompress<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        // The bytes are immutable and held by the caller.
        let done = py.detach(|| self.0.lock().write(data));
        let done = done.map_err(|error| {
            let message = format!("The zstd data is damaged: {error}.");
            raise(py, ErrorKind::BadRecord, &message, None)
        })?;
        Ok(PyBytes::new(py, &done))
    }

    #[getter]
    fn is_whole(&self) -> bool {
        self.0.lock().is_whole()
    }
}

fn failed(py: Python<'_>, error: &FrameError) -> PyErr {
    let message = format!("Compression failed: {error}.");
    raise(py, ErrorKind::Io, &message, None)
}

/// The bytes of an Arrow file with the rows of a table, in pieces.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct ArrowFile(Mutex<Option<Pieces>>);

struct Pieces {
    reader: RecordBatchStreamReader,
    writer: FileWriter<Vec<u8>>,
}

#[pymethods]
impl ArrowFile {
    #[new]
    fn new(table: &Bound<'_, PyAny>) -> PyResult<Self> {
        let reader = arrow_capsules::read(table)?;
        let writer = FileWriter::try_new(Vec::new(), &reader.schema())
            .map_err(|cause| arrow_capsules::failed(table.py(), UNWRITTEN, &cause))?;
        Ok(Self(Mutex::new(Some(Pieces { reader, writer }))))
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let piece = py.detach(|| {
            let mut pieces = self.0.lock();
            let Some(Pieces { reader, writer }) = pieces.as_mut() else {
                return Ok(None);
            };
            let Some(batch) = reader.next() else {
                writer.finish()?;
                let rest = std::mem::take(writer.get_mut());
                *pieces = None;
                return Ok(Some(rest));
            };
            writer.write(&batch?)?;
            Ok(Some(std::mem::take(writer.get_mut())))
        });
        match piece {
            Ok(piece) => Ok(piece.map(|piece| PyBytes::new(py, &piece))),
            Err(cause) => Err(arrow_capsules::failed(py, UNWRITTEN, &cause)),
        }
    }
}

const UNWRITTEN: &str = "The table could not be written";
