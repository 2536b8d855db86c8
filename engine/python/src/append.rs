//! Batches of records from Python: lists of `bytes`, and tables through Arrow's C stream interface.

use std::sync::Arc;

use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_array::{RecordBatch, RecordBatchReader as _};
use lakebed_core::{Appended, Error, ErrorKind, Store};
use lakebed_json::writer::{WriteError, Writer};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList};

use crate::arrow_capsules;
use crate::detach::{CallingThread, detached, detached_long};
use crate::errors::to_python;

/// Appends batches to a collection.
///
/// # Errors
/// Those of `Store::append`, and of the iterator.
pub(crate) fn append(
    store: &Store,
    collection: &str,
    batches: &Bound<'_, PyAny>,
) -> PyResult<Appended> {
    let py = batches.py();
    let batches = Arc::new(PyBatches::new(batches)?);
    let first = batches.next(py)?;
    let second = match first {
        InputBatch::Records(_) => batches.next(py)?,
        _ => InputBatch::End,
    };
    match (first, second) {
        // A single batch of records, the usual case: the engine needs neither Python nor a thread of its own.
        (InputBatch::Records(records), InputBatch::End) => detached(py, || {
            store.append(collection, &mut records.into_iter().map(Ok))
        }),
        (first, second) => detached_long(py, |caller| {
            let mut ready = first.records()?.unwrap_or_default();
            ready.extend(second.records()?.unwrap_or_default());
            store.append(collection, &mut RecordIterator::new(caller, ready, batches))
        }),
    }
}

/// A Python iterator of batches.
struct PyBatches {
    batches: Py<PyIterator>,
    /// The table whose batches come next.
    table: Mutex<Option<Table>>,
}

/// The rest of a table, and how its rows are written.
struct Table {
    reader: RecordBatchStreamReader,
    writer: Arc<Writer>,
}

/// The next records of an append.
enum InputBatch {
    /// The bytes of each.
    Records(Vec<Vec<u8>>),
    /// Arrow rows, each of which becomes a JSON object.
    Table(RecordBatch, Arc<Writer>),
    /// There are no more.
    End,
}

impl InputBatch {
    /// The bytes of its records; `None` at the end.
    fn records(self) -> lakebed_core::Result<Option<Vec<Vec<u8>>>> {
        match self {
            Self::Records(records) => Ok(Some(records)),
            Self::Table(batch, writer) => writer
                .records(&batch)
                .map(Some)
                .map_err(|error| bad_record(&error)),
            Self::End => Ok(None),
        }
    }
}

fn bad_record(error: &WriteError) -> Error {
    Error::new(ErrorKind::BadRecord, error.to_string())
}

impl PyBatches {
    fn new(batches: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            batches: batches.try_iter()?.unbind(),
            table: Mutex::default(),
        })
    }

    /// The next batch. It must run on the thread that made the call.
    fn next(&self, py: Python<'_>) -> PyResult<InputBatch> {
        loop {
            // Tables are read detached: a producer that needs the interpreter attaches by itself.
            let batch = py.detach(|| {
                let mut table = self.table.lock();
                let batch = table.as_mut().and_then(|table| {
                    let batch = table.reader.next()?;
                    Some(batch.map(|batch| (batch, Arc::clone(&table.writer))))
                });
                if batch.is_none() {
                    *table = None;
                }
                batch
            });
            match batch {
                Some(Ok((batch, writer))) if batch.num_rows() > 0 => {
                    return Ok(InputBatch::Table(batch, writer));
                }
                Some(Ok(_)) => continue,
                Some(Err(cause)) => {
                    return Err(arrow_capsules::failed(
                        py,
                        "The table could not be read",
                        &cause,
                    ));
                }
                None => {}
            }
            let Some(next) = self.batches.bind(py).clone().next().transpose()? else {
                return Ok(InputBatch::End);
            };
            if let Ok(list) = next.cast::<PyList>() {
                let mut records = Vec::with_capacity(list.len());
                for item in list {
                    records.push(item.cast::<PyBytes>()?.as_bytes().to_vec());
                }
                return Ok(InputBatch::Records(records));
            }
            // A table, and the places of its text that is JSON without saying so.
            let (table, json): (Bound<'_, PyAny>, Vec<Vec<usize>>) = next.extract()?;
            let reader = arrow_capsules::read(&table)?;
            let mut writer = Writer::new(&reader.schema())
                .map_err(|error| to_python(py, &bad_record(&error)))?;
            writer.set_json(&json);
            *self.table.lock() = Some(Table {
                reader,
                writer: Arc::new(writer),
            });
        }
    }
}

/// The records of an append, fetched from the calling thread batch by batch.
struct RecordIterator {
    caller: CallingThread,
    batches: Arc<PyBatches>,
    ready: std::vec::IntoIter<Vec<u8>>,
    ended: bool,
}

impl RecordIterator {
    /// Begins with `ready`, the records fetched before.
    fn new(caller: &CallingThread, ready: Vec<Vec<u8>>, batches: Arc<PyBatches>) -> Self {
        Self {
            caller: caller.clone(),
            batches,
            ready: ready.into_iter(),
            ended: false,
        }
    }
}

impl Iterator for RecordIterator {
    type Item = lakebed_core::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.ready.next() {
                return Some(Ok(record));
            }
            if self.ended {
                return None;
            }
            let batches = Arc::clone(&self.batches);
            match self
                .caller
                .run(move |py| batches.next(py))
                .and_then(InputBatch::records)
            {
                Ok(Some(records)) => self.ready = records.into_iter(),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
