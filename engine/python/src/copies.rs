//! Backups, restores, and rows copied to another store.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use lakebed_core::{
    BackupOptions, BackupReport, CopyReport, Options, RestoreOptions, RestoreReport, Store,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::detach::{self, detached_long};
use crate::errors::invalid;
use crate::reports::{Dict, dict};

/// Adds a backup of a store to the series in a directory.
pub(crate) fn backup<'py>(
    py: Python<'py>,
    store: &Store,
    place: &Path,
    keep: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> Dict<'py> {
    let keep = match keep.map(NonZeroUsize::new) {
        Some(None) => {
            return Err(invalid(
                py,
                "At least one backup is kept: keep is 1 or more.",
            ));
        }
        keep => keep.flatten(),
    };
    let report = detached_long(py, |caller| {
        let options = BackupOptions {
            keep,
            progress: caller.progress(progress),
        };
        store.backup(place, options)
    })?;
    let BackupReport {
        path,
        commit,
        segments,
        linked_segments,
        bytes,
        copied_bytes,
        removed,
        seconds,
    } = &report;
    dict!(py, {
        path: path,
        commit: commit.get(),
        segments: segments,
        linked_segments: linked_segments,
        bytes: bytes,
        copied_bytes: copied_bytes,
        removed: PyTuple::new(py, removed)?,
        seconds: seconds,
    })
}

/// Makes a store of a backup.
#[pyfunction]
#[pyo3(signature = (backup, path, progress, /))]
pub(crate) fn restore(
    py: Python<'_>,
    backup: PathBuf,
    path: PathBuf,
    progress: Option<Py<PyAny>>,
) -> Dict<'_> {
    let settings = Options {
        interrupted: detach::interrupted,
        ..Options::default()
    };
    let report = detached_long(py, |caller| {
        let options = RestoreOptions {
            progress: caller.progress(progress),
        };
        Store::restore(&backup, &path, options, &settings)
    })?;
    let RestoreReport {
        path,
        backup,
        commit,
        segments,
        bytes,
        seconds,
    } = &report;
    dict!(py, {
        path: path,
        backup: backup,
        commit: commit.get(),
        segments: segments,
        bytes: bytes,
        seconds: seconds,
    })
}

/// Copies rows to another store.
pub(crate) fn copy_to<'py>(
    py: Python<'py>,
    store: &Store,
    other: &Store,
    collections: &[String],
    progress: Option<Py<PyAny>>,
) -> Dict<'py> {
    let report = detached_long(py, |caller| {
        store.copy_to(other, collections, caller.progress(progress))
    })?;
    let CopyReport {
        collections,
        rows,
        new_blobs,
        duplicates,
        pinned,
        bytes,
        seconds,
    } = &report;
    let collections: Vec<Bound<'_, PyDict>> = collections
        .iter()
        .map(|copied| {
            dict!(py, {
                name: &copied.name,
                rows: copied.rows,
                copied_before: copied.copied_before,
            })
        })
        .collect::<PyResult<_>>()?;
    dict!(py, {
        collections: PyTuple::new(py, collections)?,
        rows: rows,
        new_blobs: new_blobs,
        duplicates: duplicates,
        pinned: pinned,
        bytes: bytes,
        seconds: seconds,
    })
}
