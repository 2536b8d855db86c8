//! The reading methods that `StoreEngine` and `SnapshotEngine` share: blobs by hash, rows, and lists of a store's
//! parts.

use lakebed_core::{
    Blob, CollectionInfo, CommitInfo, DictionaryInfo, ErrorKind, Hash, Result, SegmentInfo, Seq,
    Snapshot, Store,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::buffer::Buffer;
use crate::detach::detached;
use crate::hash::{Key, PyHash};
use crate::reports;
use crate::rows::Rows;

/// A store or a snapshot of one.
pub(crate) trait ReadMethods: Sync {
    fn get(&self, hash: &Hash) -> Result<Blob>;
    fn get_many(&self, hashes: &[Hash]) -> Result<Vec<Option<Blob>>>;
    fn contains(&self, hash: &Hash) -> Result<bool>;
    fn resolve(&self, prefix: &str) -> Result<Hash>;
    fn rows(&self, collection: &str, range: std::ops::Range<Seq>) -> Result<lakebed_core::Rows>;
    fn collections(&self) -> Result<Vec<CollectionInfo>>;
    fn segments(&self) -> Result<Vec<SegmentInfo>>;
    fn dictionaries(&self) -> Result<Vec<DictionaryInfo>>;
    fn commits(&self) -> Result<Vec<CommitInfo>>;

    /// The hash that a key names.
    fn hash(&self, key: Key) -> Result<Hash> {
        match key {
            Key::Hash(hash) => Ok(hash),
            Key::Prefix(prefix) => self.resolve(&prefix),
        }
    }
}

macro_rules! read_methods {
    ($type:ty) => {
        impl ReadMethods for $type {
            fn get(&self, hash: &Hash) -> Result<Blob> {
                self.get(hash)
            }

            fn get_many(&self, hashes: &[Hash]) -> Result<Vec<Option<Blob>>> {
                self.get_many(hashes)
            }

            fn contains(&self, hash: &Hash) -> Result<bool> {
                self.contains(hash)
            }

            fn resolve(&self, prefix: &str) -> Result<Hash> {
                self.resolve(prefix)
            }

            fn rows(
                &self,
                collection: &str,
                range: std::ops::Range<Seq>,
            ) -> Result<lakebed_core::Rows> {
                self.rows(collection, range)
            }

            fn collections(&self) -> Result<Vec<CollectionInfo>> {
                self.collections()
            }

            fn segments(&self) -> Result<Vec<SegmentInfo>> {
                self.segments()
            }

            fn dictionaries(&self) -> Result<Vec<DictionaryInfo>> {
                self.dictionaries()
            }

            fn commits(&self) -> Result<Vec<CommitInfo>> {
                self.commits()
            }
        }
    };
}

read_methods!(Store);
read_methods!(Snapshot);

pub(crate) fn get<'py>(
    reader: &impl ReadMethods,
    hash: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let key = Key::from(hash)?;
    let blob = detached(hash.py(), || reader.get(&reader.hash(key)?))?;
    Ok(PyBytes::new(hash.py(), &blob))
}

pub(crate) fn get_many<'py>(
    reader: &impl ReadMethods,
    hashes: &Bound<'py, PyAny>,
) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
    let py = hashes.py();
    let keys = hashes
        .try_iter()?
        .map(|hash| Key::from(&hash?))
        .collect::<PyResult<Vec<_>>>()?;
    let blobs = detached(py, || {
        let hashes = keys
            .into_iter()
            .map(|key| reader.hash(key))
            .collect::<Result<Vec<_>>>()?;
        reader.get_many(&hashes)
    })?;
    Ok(blobs
        .iter()
        .map(|blob| blob.as_ref().map(|blob| PyBytes::new(py, blob)))
        .collect())
}

pub(crate) fn buffer(reader: &impl ReadMethods, hash: &Bound<'_, PyAny>) -> PyResult<Buffer> {
    let key = Key::from(hash)?;
    detached(hash.py(), || reader.get(&reader.hash(key)?)).map(Buffer::new)
}

pub(crate) fn contains(reader: &impl ReadMethods, hash: &Bound<'_, PyAny>) -> PyResult<bool> {
    let key = Key::from(hash)?;
    detached(hash.py(), || match key {
        Key::Hash(hash) => reader.contains(&hash),
        Key::Prefix(prefix) => match reader.resolve(&prefix) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BlobNotFound => Ok(false),
            Err(error) => Err(error),
        },
    })
}

pub(crate) fn resolve(reader: &impl ReadMethods, hash: &Bound<'_, PyAny>) -> PyResult<PyHash> {
    // A whole hash is looked up like a prefix: what is not there is an error.
    let prefix = match Key::from(hash)? {
        Key::Hash(hash) => hash.to_string(),
        Key::Prefix(prefix) => prefix,
    };
    detached(hash.py(), || reader.resolve(&prefix).map(PyHash))
}

pub(crate) fn rows(
    py: Python<'_>,
    reader: &impl ReadMethods,
    collection: &str,
    start: u64,
    stop: Option<u64>,
) -> PyResult<Rows> {
    let range = Seq::from(start)..Seq::from(stop.unwrap_or(u64::MAX));
    detached(py, || reader.rows(collection, range)).map(Rows::new)
}

pub(crate) fn collections<'py>(
    py: Python<'py>,
    reader: &impl ReadMethods,
) -> PyResult<Bound<'py, PyList>> {
    list(
        py,
        detached(py, || reader.collections())?,
        reports::collection,
    )
}

pub(crate) fn segments<'py>(
    py: Python<'py>,
    reader: &impl ReadMethods,
) -> PyResult<Bound<'py, PyList>> {
    list(py, detached(py, || reader.segments())?, reports::segment)
}

pub(crate) fn dictionaries<'py>(
    py: Python<'py>,
    reader: &impl ReadMethods,
) -> PyResult<Bound<'py, PyList>> {
    list(
        py,
        detached(py, || reader.dictionaries())?,
        reports::dictionary,
    )
}

pub(crate) fn commits<'py>(
    py: Python<'py>,
    reader: &impl ReadMethods,
) -> PyResult<Bound<'py, PyList>> {
    list(py, detached(py, || reader.commits())?, reports::commit)
}

/// A list of reports.
fn list<'py, T>(
    py: Python<'py>,
    items: Vec<T>,
    report: impl Fn(Python<'py>, &T) -> PyResult<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyList>> {
    let dicts = items
        .iter()
        .map(|item| report(py, item))
        .collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, dicts)
}
