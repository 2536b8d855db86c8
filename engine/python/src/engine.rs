//! `StoreEngine`: an open store, behind `lakebed.Store`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lakebed_core::{
    Blob, CommitNumber, CompactOptions, Error, ErrorKind, IngestOptions, Mode, NonFinite, OnError,
    Options, Seq, Source, Store, TypeChange, VerifyOptions, declaration, layout_named,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView};

use crate::append;
use crate::buffer::Buffer;
use crate::copies;
use crate::detach::{self, CallingThread, detached, detached_long, detached_until_stopped};
use crate::errors::{invalid, raise};
use crate::file_objects::{self, PyReader, PyWriter};
use crate::hash::{Key, PyHash, with_bytes};
use crate::read_methods::{self, ReadMethods as _};
use crate::reports;
use crate::rows::Rows;
use crate::snapshot::SnapshotEngine;
use lakebed_json::quoted;

/// Bytes per write of an export.
const WRITE_BUFFER: usize = 1 << 20;

/// An open store.
#[pyclass(frozen, weakref, module = "lakebed._engine")]
pub(crate) struct StoreEngine {
    store: Store,
    path: PathBuf,
    mode: &'static str,
    closed: AtomicBool,
}

/// Opens a store.
#[pyfunction]
#[pyo3(signature = (path, /, *, mode, create, lock_timeout, mmap, cache_bytes, segment_bytes, page_bytes, level, threads, command))]
#[expect(clippy::too_many_arguments, reason = "one for each setting")]
pub(crate) fn open(
    py: Python<'_>,
    path: PathBuf,
    mode: &str,
    create: bool,
    lock_timeout: f64,
    mmap: bool,
    cache_bytes: u64,
    segment_bytes: u64,
    page_bytes: u64,
    level: i32,
    threads: usize,
    command: String,
) -> PyResult<StoreEngine> {
    let (mode, core_mode) = match mode {
        "r" => ("r", Mode::Read),
        "a" => ("a", Mode::Append),
        other => {
            return Err(invalid(
                py,
                &format!(
                    "The mode is \"r\" or \"a\", not {other}.",
                    other = quoted(other)
                ),
            ));
        }
    };
    let lock_timeout = Duration::try_from_secs_f64(lock_timeout)
        .map_err(|_| invalid(py, &format!("lock_timeout is seconds, not {lock_timeout}.")))?;
    let options = Options {
        mode: core_mode,
        create,
        lock_timeout,
        mmap,
        cache_bytes: usize::try_from(cache_bytes)?,
        segment_bytes,
        page_bytes: usize::try_from(page_bytes)?,
        level,
        threads,
        command,
        interrupted: detach::interrupted,
        ..Options::default()
    };
    let store = detached(py, || Store::open(&path, options))?;
    Ok(StoreEngine {
        store,
        path,
        mode,
        closed: AtomicBool::new(false),
    })
}

/// The collection that a file goes into by default.
#[pyfunction]
#[pyo3(signature = (path, /))]
pub(crate) fn collection_name(path: PathBuf) -> Option<String> {
    lakebed_core::collection_name(&path)
}

#[pymethods]
impl StoreEngine {
    #[getter]
    fn path(&self) -> String {
        self.path.display().to_string()
    }

    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    #[getter]
    fn commit_number(&self, py: Python<'_>) -> PyResult<u64> {
        detached(py, || Ok(self.store.commit_number().get()))
    }

    fn settings<'py>(&self, py: Python<'py>) -> reports::Dict<'py> {
        reports::settings(py, &self.path(), self.store.options(), self.mode)
    }

    fn take_warnings(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        detached(py, || Ok(self.store.take_warnings()))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let closed = detached(py, || self.store.close());
        // Closed even if its commit failed, which rolled back the pending work.
        self.closed.store(true, Ordering::Relaxed);
        closed
    }

    #[pyo3(signature = (data, /))]
    fn put(&self, data: &Bound<'_, PyAny>) -> PyResult<PyHash> {
        if !data.is_instance_of::<PyBytes>()
            && let Ok(view) = PyMemoryView::from(data)
        {
            // A blob that is too large is refused before its bytes are copied.
            let bytes = view.getattr("nbytes")?.extract()?;
            detached(data.py(), || Blob::check_len(bytes))?;
        }
        with_bytes(data, |py, bytes| {
            detached(py, || self.store.put(bytes).map(PyHash))
        })
    }

    #[pyo3(signature = (hash, /))]
    fn get<'py>(&self, hash: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        read_methods::get(&self.store, hash)
    }

    #[pyo3(signature = (hashes, /))]
    fn get_many<'py>(
        &self,
        hashes: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
        read_methods::get_many(&self.store, hashes)
    }

    #[pyo3(signature = (hash, /))]
    fn buffer(&self, hash: &Bound<'_, PyAny>) -> PyResult<Buffer> {
        read_methods::buffer(&self.store, hash)
    }

    #[pyo3(signature = (hash, /))]
    fn contains(&self, hash: &Bound<'_, PyAny>) -> PyResult<bool> {
        read_methods::contains(&self.store, hash)
    }

    #[pyo3(signature = (hash, /))]
    fn resolve(&self, hash: &Bound<'_, PyAny>) -> PyResult<PyHash> {
        read_methods::resolve(&self.store, hash)
    }

    #[pyo3(signature = (hash, /))]
    fn delete(&self, hash: &Bound<'_, PyAny>) -> PyResult<u64> {
        let key = Key::from(hash)?;
        detached(hash.py(), || self.store.delete(&self.store.hash(key)?))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        if self.closed() {
            let message = "The store is closed; open it again.";
            return Err(raise(py, ErrorKind::Closed, message, None));
        }
        Ok(usize::try_from(detached(py, || Ok(self.store.len()))?)?)
    }

    fn commit(&self, py: Python<'_>) -> PyResult<u64> {
        detached(py, || self.store.commit()).map(CommitNumber::get)
    }

    fn rollback(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.store.rollback())
    }

    fn refresh(&self, py: Python<'_>) -> PyResult<bool> {
        detached(py, || self.store.refresh())
    }

    #[pyo3(signature = (collection, batches, /))]
    fn append<'py>(&self, collection: &str, batches: &Bound<'py, PyAny>) -> reports::Dict<'py> {
        let appended = append::append(&self.store, collection, batches)?;
        reports::append(batches.py(), collection, &appended)
    }

    #[pyo3(signature = (source, /, *, into, name, original, on_error, nan, again, resume, follow, dry_run, train, becomes_columns, progress))]
    #[expect(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        reason = "one for each option"
    )]
    fn ingest<'py>(
        &self,
        source: &Bound<'py, PyAny>,
        into: &str,
        name: String,
        original: Option<PathBuf>,
        on_error: &str,
        nan: Option<&str>,
        again: bool,
        resume: bool,
        follow: bool,
        dry_run: bool,
        train: bool,
        becomes_columns: bool,
        progress: Option<Py<PyAny>>,
    ) -> reports::Dict<'py> {
        let py = source.py();
        let on_error = OnError::from_name(on_error).ok_or_else(|| {
            let message = format!(
                "on_error is \"abort\", \"skip\" or \"quarantine\", not {on_error}.",
                on_error = quoted(on_error)
            );
            invalid(py, &message)
        })?;
        let nan = match nan {
            None => None,
            Some(name) => Some(NonFinite::from_name(name).ok_or_else(|| {
                let message = format!(
                    "nan is \"null\" or \"string\", not {name}.",
                    name = quoted(name)
                );
                invalid(py, &message)
            })?),
        };
        let path = source.extract::<PathBuf>().ok();
        let file = source.clone().unbind();
        let opens = source.is_callable();
        let run = |caller: &CallingThread| {
            let source = match path {
                Some(path) => Source::Path(path),
                None if opens => Source::Made {
                    name,
                    original,
                    open: file_objects::opener(caller, file),
                },
                None => Source::Reader {
                    name,
                    reader: Box::new(caller.run({
                        let caller = caller.clone();
                        move |py| PyReader::new(&caller, file, py)
                    })?),
                },
            };
            self.store.ingest(
                source,
                IngestOptions {
                    into: into.to_owned(),
                    on_error,
                    nan,
                    again,
                    resume,
                    follow,
                    dry_run,
                    train,
                    becomes_columns,
                    progress: caller.progress(progress),
                },
            )
        };
        let report = if follow {
            // Ctrl-C is how following ends.
            detached_until_stopped(py, run)?
        } else {
            detached_long(py, run)?
        };
        reports::ingest(py, &report)
    }

    #[pyo3(signature = (collection, size, /))]
    fn train<'py>(&self, py: Python<'py>, collection: &str, size: usize) -> reports::Dict<'py> {
        let trained = detached_long(py, |_| self.store.train(collection, size))?;
        reports::train(py, &trained)
    }

    #[pyo3(signature = (collection, changes, create, /))]
    fn declare(
        &self,
        py: Python<'_>,
        collection: &str,
        changes: Vec<(String, Option<String>, Vec<String>)>,
        create: bool,
    ) -> PyResult<()> {
        detached(py, || {
            let changes = changes.into_iter().map(|(path, data_type, nulls)| {
                let declared = data_type.map(|text| declaration(&path, &text, nulls));
                Ok(TypeChange {
                    declaration: declared.transpose()?,
                    path,
                })
            });
            let changes: Vec<TypeChange> = changes.collect::<lakebed_core::Result<_>>()?;
            self.store.declare(collection, &changes, create)
        })
    }

    #[pyo3(signature = (collection, /))]
    fn infer(&self, py: Python<'_>, collection: &str) -> PyResult<()> {
        detached_long(py, |_| self.store.infer(collection))
    }

    #[pyo3(signature = (collection, /))]
    fn drop(&self, py: Python<'_>, collection: &str) -> PyResult<u64> {
        detached(py, || self.store.drop_collection(collection))
    }

    #[pyo3(signature = (collection, before_seq, /))]
    fn trim(&self, py: Python<'_>, collection: &str, before_seq: u64) -> PyResult<u64> {
        detached(py, || self.store.trim(collection, Seq::from(before_seq)))
    }

    fn seal(&self, py: Python<'_>) -> PyResult<()> {
        detached_long(py, |_| self.store.seal())
    }

    #[pyo3(signature = (collection, layout, level, dry_run, progress, /))]
    fn compact<'py>(
        &self,
        py: Python<'py>,
        collection: Option<String>,
        layout: Option<String>,
        level: Option<i32>,
        dry_run: bool,
        progress: Option<Py<PyAny>>,
    ) -> reports::Dict<'py> {
        let report = detached_long(py, |caller| {
            self.store.compact(CompactOptions {
                level,
                layout: layout.as_deref().map(layout_named).transpose()?,
                collection,
                dry_run,
                progress: caller.progress(progress),
            })
        })?;
        reports::compact(py, &report)
    }

    #[pyo3(signature = (collection, layout, create, /))]
    fn set_layout(
        &self,
        py: Python<'_>,
        collection: &str,
        layout: &str,
        create: bool,
    ) -> PyResult<()> {
        detached(py, || {
            self.store
                .set_layout(collection, layout_named(layout)?, create)
        })
    }

    #[pyo3(signature = (collection, asked, progress, /))]
    fn apply_layout<'py>(
        &self,
        py: Python<'py>,
        collection: &str,
        asked: bool,
        progress: Option<Py<PyAny>>,
    ) -> reports::Dict<'py> {
        let report = detached_long(py, |caller| {
            self.store
                .apply_layout(collection, asked, caller.progress(progress))
        })?;
        reports::compact(py, &report)
    }

    #[pyo3(signature = (dest, keep, progress, /))]
    fn backup<'py>(
        &self,
        py: Python<'py>,
        dest: PathBuf,
        keep: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> reports::Dict<'py> {
        copies::backup(py, &self.store, &dest, keep, progress)
    }

    #[pyo3(signature = (other, collections, progress, /))]
    #[expect(clippy::needless_pass_by_value, reason = "a list from Python")]
    fn copy_to<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, Self>,
        collections: Vec<String>,
        progress: Option<Py<PyAny>>,
    ) -> reports::Dict<'py> {
        copies::copy_to(py, &self.store, &other.get().store, &collections, progress)
    }

    fn collections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        read_methods::collections(py, &self.store)
    }

    fn segments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        read_methods::segments(py, &self.store)
    }

    fn dictionaries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        read_methods::dictionaries(py, &self.store)
    }

    fn commits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        read_methods::commits(py, &self.store)
    }

    fn stats<'py>(&self, py: Python<'py>) -> reports::Dict<'py> {
        let stats = detached(py, || self.store.stats())?;
        reports::stats(py, &stats)
    }

    #[pyo3(signature = (quick, since, progress, /))]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        quick: bool,
        since: u64,
        progress: Option<Py<PyAny>>,
    ) -> reports::Dict<'py> {
        let options = VerifyOptions {
            quick,
            since: CommitNumber(since),
        };
        let found = detached_long(py, |caller| {
            self.store.verify_with(&options, caller.progress(progress))
        })?;
        reports::verify(py, &found)
    }

    #[pyo3(signature = (collection, target, progress, /))]
    fn export<'py>(
        &self,
        collection: &str,
        target: &Bound<'py, PyAny>,
        progress: Option<Py<PyAny>>,
    ) -> reports::Dict<'py> {
        let py = target.py();
        let path = target.extract::<PathBuf>().ok();
        let file = target.clone().unbind();
        let exported = detached_long(py, |caller| {
            let what = path.as_ref().map_or_else(
                || "the export".to_owned(),
                |path| format!("writing {}", path.display()),
            );
            let out: Box<dyn Write> = match path {
                Some(path) => {
                    Box::new(File::create(&path).map_err(|cause| Error::io(&what, cause))?)
                }
                None => Box::new(PyWriter::new(caller, file)),
            };
            let mut out = BufWriter::with_capacity(WRITE_BUFFER, out);
            let report = self
                .store
                .export(collection, &mut out, caller.progress(progress))?;
            out.flush().map_err(|cause| Error::io(&what, cause))?;
            Ok(report)
        })?;
        reports::export(py, collection, &exported)
    }

    #[pyo3(signature = (collection, start, stop, /))]
    fn rows(
        &self,
        py: Python<'_>,
        collection: &str,
        start: u64,
        stop: Option<u64>,
    ) -> PyResult<Rows> {
        read_methods::rows(py, &self.store, collection, start, stop)
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<SnapshotEngine> {
        detached(py, || self.store.snapshot()).map(SnapshotEngine::new)
    }
}
