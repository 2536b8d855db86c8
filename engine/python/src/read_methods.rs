//! What a store object and a snapshot both do: blobs by hash, rows, lists of what there is.

use lakebed_core::{
    Blob, CollectionInfo, CommitInfo, DictionaryInfo, ErrorKind, Hash, Result, SegmentInfo, Seq,
    Snapshot, Store,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::buffer::Buffer;
use crate::detach::enter;
use crate::hash::{Key, PyHash};
use crate::reports;
use crate::rows::Rows;

/// Something that is read from.
pub(crate) trait Reads: Sync {
    fn get(&self, hash: &Hash) -> Result<Blob>;
    fn get_many(&self, hashes: &[Hash]) -> Result<Vec<Option<Blob>>>;
    fn contains(&self, hash: &Hash) -> Result<bool>;
    fn resolve(&self, prefix: &str) -> Result<Hash>;
    fn rows(&self, collection: &str, range: std::ops::Range<Seq>) -> Result<lakebed_core::Rows>;
    fn collections(&self) -> Result<Vec<CollectionInfo>>;
    fn segments(&self) -> Result<Vec<SegmentInfo>>;
    fn dictionaries(&self) -> Result<Vec<DictionaryInfo>>;
    fn commits(&self) -> Result<Vec<CommitInfo>>;

    /// The hash that a key means.
    fn hash(&self, key: Key) -> Result<Hash> {
        match key {
            Key::Hash(hash) => Ok(hash),
            Key::Prefix(prefix) => self.resolve(&prefix),
        }
    }
}

macro_rules! reads {
    ($type:ty) => {
        impl Reads for $type {
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

reads!(Store);
reads!(Snapshot);

pub(crate) fn get<'py>(
    from: &impl Reads,
    hash: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let key = Key::from(hash)?;
    let blob = enter(hash.py(), || from.get(&from.hash(key)?))?;
    Ok(PyBytes::new(hash.py(), &blob))
}

pub(crate) fn get_many<'py>(
    from: &impl Reads,
    hashes: &Bound<'py, PyAny>,
) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
    let py = hashes.py();
    let keys = hashes
        .try_iter()?
        .map(|hash| Key::from(&hash?))
        .collect::<PyResult<Vec<_>>>()?;
    let blobs = enter(py, || {
        let hashes = keys
            .into_iter()
            .map(|key| from.hash(key))
            .collect::<Result<Vec<_>>>()?;
        from.get_many(&hashes)
    })?;
    Ok(blobs
        .iter()
        .map(|blob| blob.as_ref().map(|blob| PyBytes::new(py, blob)))
        .collect())
}

pub(crate) fn buffer(from: &impl Reads, hash: &Bound<'_, PyAny>) -> PyResult<Buffer> {
    let key = Key::from(hash)?;
    enter(hash.py(), || from.get(&from.hash(key)?)).map(Buffer::new)
}

pub(crate) fn contains(from: &impl Reads, hash: &Bound<'_, PyAny>) -> PyResult<bool> {
    let key = Key::from(hash)?;
    enter(hash.py(), || match key {
        Key::Hash(hash) => from.contains(&hash),
        Key::Prefix(prefix) => match from.resolve(&prefix) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BlobNotFound => Ok(false),
            Err(error) => Err(error),
        },
    })
}

pub(crate) fn resolve(from: &impl Reads, hash: &Bound<'_, PyAny>) -> PyResult<PyHash> {
    let key = Key::from(hash)?;
    enter(hash.py(), || from.hash(key).map(PyHash))
}

pub(crate) fn rows(
    py: Python<'_>,
    from: &impl Reads,
    collection: &str,
    start: u64,
    stop: Option<u64>,
) -> PyResult<Rows> {
    let range = Seq::from(start)..Seq::from(stop.unwrap_or(u64::MAX));
    enter(py, || from.rows(collection, range)).map(Rows::new)
}

pub(crate) fn collections<'py>(py: Python<'py>, from: &impl Reads) -> PyResult<Bound<'py, PyList>> {
    list(py, enter(py, || from.collections())?, reports::collection)
}

pub(crate) fn segments<'py>(py: Python<'py>, from: &impl Reads) -> PyResult<Bound<'py, PyList>> {
    list(py, enter(py, || from.segments())?, reports::segment)
}

pub(crate) fn dictionaries<'py>(
    py: Python<'py>,
    from: &impl Reads,
) -> PyResult<Bound<'py, PyList>> {
    list(py, enter(py, || from.dictionaries())?, reports::dictionary)
}

pub(crate) fn commits<'py>(py: Python<'py>, from: &impl Reads) -> PyResult<Bound<'py, PyList>> {
    list(py, enter(py, || from.commits())?, reports::commit)
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
