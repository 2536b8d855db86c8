//! Batches of records from Python: lists of `bytes`, and tables through Arrow's C stream interface.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::ffi_stream::RecordBatchStreamReader;

use lakebed_core::{Error, ErrorKind};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList};

use crate::arrow_capsules;
use crate::detach::Line;
use lakebed_json::writer;

/// An iterator of batches on Python's side.
pub(crate) struct Batches {
    batches: Py<PyIterator>,
    /// The table that is being read.
    table: Mutex<Option<RecordBatchStreamReader>>,
}

/// What was pulled in one go.
pub(crate) enum Pulled {
    Records(Vec<Vec<u8>>),
    Table(RecordBatch),
    End,
}

impl Pulled {
    /// The records in it; `None` at the end.
    pub(crate) fn records(self) -> lakebed_core::Result<Option<Vec<Vec<u8>>>> {
        match self {
            Self::Records(records) => Ok(Some(records)),
            Self::Table(batch) => writer::records(&batch)
                .map(Some)
                .map_err(|error| Error::new(ErrorKind::BadRecord, error.to_string())),
            Self::End => Ok(None),
        }
    }
}

impl Batches {
    pub(crate) fn new(batches: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            batches: batches.try_iter()?.unbind(),
            table: Mutex::default(),
        })
    }

    /// The next batch. Runs on the thread that made the call.
    pub(crate) fn pull(&self, py: Python<'_>) -> PyResult<Pulled> {
        loop {
            // Tables are read detached: whoever makes them takes the interpreter when it needs it.
            let batch = py.detach(|| {
                let mut table = self.table.lock();
                let batch = table.as_mut().and_then(Iterator::next);
                if batch.is_none() {
                    *table = None;
                }
                batch
            });
            match batch {
                Some(Ok(batch)) if batch.num_rows() > 0 => return Ok(Pulled::Table(batch)),
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
                return Ok(Pulled::End);
            };
            if let Ok(list) = next.cast::<PyList>() {
                let mut records = Vec::with_capacity(list.len());
                for item in list {
                    records.push(item.cast::<PyBytes>()?.as_bytes().to_vec());
                }
                return Ok(Pulled::Records(records));
            }
            let reader = arrow_capsules::read(&next)?;
            *self.table.lock() = Some(reader);
        }
    }
}

/// The records, pulled over the line as the engine asks for them.
pub(crate) struct Records {
    line: Line,
    batches: Arc<Batches>,
    ready: std::vec::IntoIter<Vec<u8>>,
    ended: bool,
}

impl Records {
    pub(crate) fn new(line: &Line, first: Vec<Vec<u8>>, batches: Arc<Batches>) -> Self {
        Self {
            line: line.clone(),
            batches,
            ready: first.into_iter(),
            ended: false,
        }
    }
}

impl Iterator for Records {
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
                .line
                .call(move |py| batches.pull(py))
                .and_then(Pulled::records)
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
