//! The Parquet files of a collection, and records by the sequence numbers of their rows.

use lakebed_core::{CollectionFile, FileColumn, Hash, Seq, Snapshot};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::detach::{detached, detached_long};

/// The files, as dictionaries.
pub(crate) fn files<'py>(
    py: Python<'py>,
    snapshot: &Snapshot,
    collection: &str,
) -> PyResult<Bound<'py, PyList>> {
    let found = detached_long(py, |_| snapshot.files(collection))?;
    let list = PyList::empty(py);
    let store = snapshot.store_path();
    for file in &found {
        let entry = dictionary(py, file)?;
        entry.set_item("path", format!("{store}/{}", file.name))?;
        list.append(entry)?;
    }
    Ok(list)
}

fn dictionary<'py>(py: Python<'py>, file: &CollectionFile) -> PyResult<Bound<'py, PyDict>> {
    let gone: Vec<(u64, u64)> = file
        .gone
        .iter()
        .map(|run| (run.start.0, run.end.0))
        .collect();
    let columns = file.columns.as_ref().map(|columns| {
        let columns = columns.iter().map(|column| match column {
            FileColumn::Same(name) => ("same", Some(name)),
            FileColumn::Cast(name) => ("cast", Some(name)),
            FileColumn::Missing => ("missing", None),
        });
        columns.collect::<Vec<_>>()
    });
    let entry = PyDict::new(py);
    entry.set_item("name", &file.name)?;
    entry.set_item("segment", file.segment.0)?;
    entry.set_item("bytes", file.bytes)?;
    entry.set_item("rows", file.rows)?;
    entry.set_item("live_rows", file.live_rows())?;
    entry.set_item("first_seq", file.first.0)?;
    entry.set_item("last_seq", file.last.0)?;
    entry.set_item("gone", gone)?;
    entry.set_item("columns", columns)?;
    Ok(entry)
}

/// The records of rows; None for a number that is no row.
pub(crate) fn records<'py>(
    py: Python<'py>,
    snapshot: &Snapshot,
    collection: &str,
    seqs: Vec<u64>,
) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
    let seqs: Vec<Seq> = seqs.into_iter().map(Seq).collect();
    let found = detached(py, || snapshot.records(collection, &seqs))?;
    let found = found.into_iter();
    Ok(found
        .map(|record| record.map(|record| PyBytes::new(py, &record)))
        .collect())
}

/// The hashes of the records of rows, as hex text; None for a number that is no row.
pub(crate) fn record_hashes(
    py: Python<'_>,
    snapshot: &Snapshot,
    collection: &str,
    seqs: Vec<u64>,
) -> PyResult<Vec<Option<String>>> {
    let seqs: Vec<Seq> = seqs.into_iter().map(Seq).collect();
    detached(py, || {
        let found = snapshot.records(collection, &seqs)?.into_iter();
        Ok(found
            .map(|record| record.map(|record| Hash::of(&record).to_string()))
            .collect())
    })
}
