//! `repair_store`: repairs a store that need not open.

use std::path::PathBuf;
use std::time::Duration;

use lakebed_core::{Options, RepairAction, RepairLoss, RepairOptions, SegmentNumber, Store};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::detach::{self, detached_long};
use crate::errors::invalid;
use crate::reports::{Dict, dict, problem};

/// Repairs a store.
#[pyfunction]
#[pyo3(signature = (path, /, *, dry_run, lock_timeout, command, progress))]
pub(crate) fn repair_store(
    py: Python<'_>,
    path: PathBuf,
    dry_run: bool,
    lock_timeout: f64,
    command: String,
    progress: Option<Py<PyAny>>,
) -> Dict<'_> {
    let lock_timeout = Duration::try_from_secs_f64(lock_timeout)
        .map_err(|_| invalid(py, &format!("lock_timeout is seconds, not {lock_timeout}.")))?;
    let options = Options {
        lock_timeout,
        command,
        interrupted: detach::interrupted,
        ..Options::default()
    };
    let report = detached_long(py, |caller| {
        let request = RepairOptions {
            dry_run,
            progress: caller.progress(progress),
        };
        Store::repair(&path, &options, request)
    })?;
    let problems = report.problems.iter().map(|found| problem(py, found));
    let problems: Vec<_> = problems.collect::<PyResult<_>>()?;
    let actions = report.actions.iter().map(|taken| action(py, taken));
    let actions: Vec<_> = actions.collect::<PyResult<_>>()?;
    let losses = report.losses.iter().map(|lost| loss(py, lost));
    let losses: Vec<_> = losses.collect::<PyResult<_>>()?;
    dict!(py, {
        dry_run: report.dry_run,
        problems: PyTuple::new(py, problems)?,
        actions: PyTuple::new(py, actions)?,
        losses: PyTuple::new(py, losses)?,
        set_aside: PyTuple::new(py, &report.set_aside)?,
        notes: PyTuple::new(py, &report.notes)?,
        commit: report.commit.get(),
        segments: report.segments,
        blobs: report.blobs,
        rows: report.rows,
        lost_rows: report.lost_rows,
        bytes: report.bytes,
        seconds: report.seconds,
    })
}

fn action<'py>(py: Python<'py>, action: &RepairAction) -> Dict<'py> {
    dict!(py, {
        kind: action.kind.as_str(),
        target: &action.target,
        message: &action.message,
    })
}

fn loss<'py>(py: Python<'py>, loss: &RepairLoss) -> Dict<'py> {
    let (first_seq, last_seq) = loss.rows.unzip();
    let (first_commit, last_commit) = loss.commits.unzip();
    dict!(py, {
        kind: loss.kind.as_str(),
        collection: &loss.collection,
        first_seq: first_seq,
        last_seq: last_seq,
        first_commit: first_commit,
        last_commit: last_commit,
        segment: loss.segment.map(SegmentNumber::get),
        count: loss.count,
        message: &loss.message,
    })
}
