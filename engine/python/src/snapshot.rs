//! `SnapshotEngine`: the store as of one commit, behind `lakebed.Snapshot`.

use lakebed_core::{ScanRequest, SegmentNumber, Seq, Snapshot};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::buffer::Buffer;
use crate::detach::{detached, detached_long};
use crate::files;
use crate::hash::PyHash;
use crate::read_methods;
use crate::rows::Rows;
use crate::scan::{self, ArrowStream};

/// The store as of one commit.
#[pyclass(frozen, weakref, module = "lakebed._engine")]
pub(crate) struct SnapshotEngine {
    snapshot: Snapshot,
}

impl SnapshotEngine {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self { snapshot }
    }
}

#[pymethods]
impl SnapshotEngine {
    #[getter]
    fn commit_number(&self) -> u64 {
        self.snapshot.commit_number().get()
    }

    #[pyo3(signature = (hash, /))]
    fn get<'py>(&self, hash: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        read_methods::get(&self.snapshot, hash)
    }

    #[pyo3(signature = (hashes, /))]
    fn get_many<'py>(
        &self,
        hashes: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
        read_methods::get_many(&self.snapshot, hashes)
    }

    #[pyo3(signature = (hash, /))]
    fn buffer(&self, hash: &Bound<'_, PyAny>) -> PyResult<Buffer> {
        read_methods::buffer(&self.snapshot, hash)
    }

    #[pyo3(signature = (hash, /))]
    fn contains(&self, hash: &Bound<'_, PyAny>) -> PyResult<bool> {
        read_methods::contains(&self.snapshot, hash)
    }

    #[pyo3(signature = (hash, /))]
    fn resolve(&self, hash: &Bound<'_, PyAny>) -> PyResult<PyHash> {
        read_methods::resolve(&self.snapshot, hash)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(usize::try_from(detached(py, || Ok(self.snapshot.len()))?)?)
    }

    #[pyo3(signature = (collection, start, stop, /))]
    fn rows(
        &self,
        py: Python<'_>,
        collection: &str,
        start: u64,
        stop: Option<u64>,
    ) -> PyResult<Rows> {
        read_methods::rows(py, &self.snapshot, collection, start, stop)
    }

    fn collections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        read_methods::collections(py, &self.snapshot)
    }

    fn segments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        read_methods::segments(py, &self.snapshot)
    }

    fn dictionaries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        read_methods::dictionaries(py, &self.snapshot)
    }

    fn commits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        read_methods::commits(py, &self.snapshot)
    }

    #[pyo3(signature = (collection, counted, /))]
    fn schema<'py>(
        &self,
        py: Python<'py>,
        collection: &str,
        counted: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        scan::schema(py, &self.snapshot, collection, counted)
    }

    #[pyo3(signature = (collection, /))]
    fn schema_digest(&self, py: Python<'_>, collection: &str) -> PyResult<u64> {
        detached(py, || self.snapshot.schema_digest(collection))
    }

    #[pyo3(signature = (collection, /))]
    fn files<'py>(&self, py: Python<'py>, collection: &str) -> PyResult<Bound<'py, PyList>> {
        files::files(py, &self.snapshot, collection)
    }

    #[pyo3(signature = (collection, /))]
    fn file_segments(&self, py: Python<'_>, collection: &str) -> PyResult<Vec<u64>> {
        let found = detached(py, || self.snapshot.file_segments(collection))?;
        Ok(found.into_iter().map(|segment| segment.0).collect())
    }

    #[pyo3(signature = (collection, seqs, /))]
    fn records<'py>(
        &self,
        py: Python<'py>,
        collection: &str,
        seqs: Vec<u64>,
    ) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
        files::records(py, &self.snapshot, collection, seqs)
    }

    #[pyo3(signature = (collection, seqs, /))]
    fn record_hashes(
        &self,
        py: Python<'_>,
        collection: &str,
        seqs: Vec<u64>,
    ) -> PyResult<Vec<Option<String>>> {
        files::record_hashes(py, &self.snapshot, collection, seqs)
    }

    #[pyo3(signature = (collection, start, /))]
    fn misfits(&self, py: Python<'_>, collection: &str, start: u64) -> PyResult<u64> {
        let request = ScanRequest {
            range: Some(Seq(start)..Seq(u64::MAX)),
            ..ScanRequest::of(collection)
        };
        detached_long(py, |_| self.snapshot.count_misfits(&request))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "they are the arguments of the Python method"
    )]
    #[pyo3(signature = (collection, columns, filters, start, stop, signs_of_life, views, without, /))]
    fn arrow(
        &self,
        py: Python<'_>,
        collection: &str,
        columns: Option<Vec<String>>,
        filters: Option<Vec<(String, String, Py<PyAny>)>>,
        start: u64,
        stop: Option<u64>,
        signs_of_life: bool,
        views: bool,
        without: Vec<u64>,
    ) -> PyResult<ArrowStream> {
        let range = start..stop.unwrap_or(u64::MAX);
        let mut request = scan::request(py, collection, columns, filters, range, signs_of_life)?;
        request.text_views = views;
        request.without = without.into_iter().map(SegmentNumber).collect();
        scan::scan(py, &self.snapshot, request)
    }

    #[pyo3(signature = (table, columns, /))]
    fn system(
        &self,
        py: Python<'_>,
        table: &str,
        columns: Option<Vec<String>>,
    ) -> PyResult<ArrowStream> {
        scan::system(py, &self.snapshot, table, columns)
    }
}
