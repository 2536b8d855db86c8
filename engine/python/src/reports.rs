//! Reports of the engine as dictionaries, with the fields of their classes in `lakebed.models`.

use lakebed_core::{
    Appended, BadLine, CollectionInfo, CommitInfo, CompactReport, DictionaryInfo, DictionaryNumber,
    ErrorKind, ExportReport, IngestReport, Options, Problem, SegmentInfo, SegmentNumber, Seq,
    Stats, TrainReport, VerifyReport,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::hash::PyHash;

pub(crate) type Dict<'py> = PyResult<Bound<'py, PyDict>>;

/// A dictionary of named values.
macro_rules! dict {
    ($py:expr, { $($name:ident: $value:expr),* $(,)? }) => {{
        let dict = PyDict::new($py);
        $(dict.set_item(stringify!($name), $value)?;)*
        Ok(dict)
    }};
}
pub(crate) use dict;

/// The kinds of errors that the engine raises.
#[pyfunction]
pub(crate) fn error_kinds() -> Vec<&'static str> {
    ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

pub(crate) fn settings<'py>(
    py: Python<'py>,
    path: &str,
    options: &Options,
    mode: &str,
) -> Dict<'py> {
    dict!(py, {
        path: path,
        mode: mode,
        lock_timeout: options.lock_timeout.as_secs_f64(),
        cache_bytes: options.cache_bytes,
        segment_bytes: options.segment_bytes,
        page_bytes: options.page_bytes,
        level: options.level,
        threads: options.thread_count(),
    })
}

pub(crate) fn append<'py>(py: Python<'py>, collection: &str, report: &Appended) -> Dict<'py> {
    dict!(py, {
        collection: collection,
        rows: report.rows,
        new_blobs: report.new_blobs,
        duplicates: report.duplicates,
        first_seq: report.first_seq.map(Seq::get),
        bytes: report.bytes,
    })
}

fn bad_line<'py>(py: Python<'py>, line: &BadLine) -> Dict<'py> {
    dict!(py, { line: line.line, column: line.column, reason: &line.reason })
}

pub(crate) fn ingest<'py>(py: Python<'py>, report: &IngestReport) -> Dict<'py> {
    let bad: Vec<_> = report
        .first_bad
        .iter()
        .map(|line| bad_line(py, line))
        .collect::<PyResult<_>>()?;
    dict!(py, {
        collection: &report.collection,
        file: &report.file,
        skipped: report.skipped,
        same_as: report.same_as.as_deref(),
        resumed_after_line: report.resumed_after_line,
        resumed_from: report.resumed_from.as_deref(),
        unfinished_bytes: report.unfinished_bytes,
        minified: report.minified,
        replaced: report.replaced,
        rotations: report.rotations,
        dry_run: report.dry_run,
        lines: report.lines,
        rows: report.rows,
        new_blobs: report.new_blobs,
        duplicates: report.duplicates,
        bad_lines: report.bad_lines,
        first_bad: PyTuple::new(py, bad)?,
        quarantine: report.quarantine.as_deref(),
        bytes_in: report.bytes_in,
        bytes_stored: report.bytes_stored,
        trained: report.trained.as_ref().map(|trained| train(py, trained)).transpose()?,
        seconds: report.seconds,
        commit: report.commit.get(),
    })
}

pub(crate) fn train<'py>(py: Python<'py>, report: &TrainReport) -> Dict<'py> {
    dict!(py, {
        collection: &report.collection,
        installed: report.installed,
        number: report.number.map(DictionaryNumber::get),
        generation: report.generation,
        hash: PyHash(report.hash),
        size: report.size,
        sample_bytes: report.sample_bytes,
        held_out_before: report.held_out_before,
        held_out_after: report.held_out_after,
        seconds: report.seconds,
    })
}

pub(crate) fn export<'py>(py: Python<'py>, collection: &str, report: &ExportReport) -> Dict<'py> {
    dict!(py, { collection: collection, rows: report.rows, bytes: report.bytes, seconds: report.seconds })
}

pub(crate) fn collection<'py>(py: Python<'py>, info: &CollectionInfo) -> Dict<'py> {
    dict!(py, {
        id: info.id.get(),
        name: &info.name,
        created: info.created,
        rows: info.rows,
        deleted_rows: info.deleted_rows,
        first_seq: info.first_seq.get(),
        next_seq: info.next_seq.get(),
        dictionary: info.dictionary.map(DictionaryNumber::get),
    })
}

pub(crate) fn segment<'py>(py: Python<'py>, info: &SegmentInfo) -> Dict<'py> {
    dict!(py, {
        number: info.number.get(),
        state: info.state.as_str(),
        layout: info.layout,
        file_bytes: info.file_bytes,
        raw_bytes: info.raw_bytes,
        first_id: info.first_id.get(),
        end_id: info.end_id.get(),
        blobs: info.blobs,
        rows: info.rows,
        first_commit: info.first_commit.get(),
        last_commit: info.last_commit.get(),
    })
}

pub(crate) fn dictionary<'py>(py: Python<'py>, info: &DictionaryInfo) -> Dict<'py> {
    dict!(py, {
        number: info.number.get(),
        collection: info.collection_name.as_deref(),
        collection_id: info.collection.get(),
        generation: info.generation,
        hash: PyHash(info.hash),
        size: info.size,
        blob: info.blob.get(),
    })
}

pub(crate) fn commit<'py>(py: Python<'py>, info: &CommitInfo) -> Dict<'py> {
    dict!(py, {
        number: info.number.get(),
        time: info.time,
        segment: info.segment.get(),
        offset: info.offset,
        blobs: info.blobs,
        rows: info.rows,
    })
}

pub(crate) fn stats<'py>(py: Python<'py>, stats: &Stats) -> Dict<'py> {
    dict!(py, {
        path: &stats.path,
        uuid: &stats.uuid,
        created: stats.created,
        commit: stats.commit,
        collections: stats.collections,
        rows: stats.rows,
        blobs: stats.blobs,
        dictionaries: stats.dictionaries,
        segments: stats.segments,
        raw_bytes: stats.raw_bytes,
        disk_bytes: stats.disk_bytes,
        segment_bytes: stats.segment_bytes,
        index_bytes: stats.index_bytes,
        other_bytes: stats.other_bytes,
        held_bytes: stats.held_bytes,
        pending_blobs: stats.pending_blobs,
        pending_rows: stats.pending_rows,
        cache_bytes: stats.cache_bytes,
        cache_capacity: stats.cache_capacity,
        cache_hits: stats.cache_hits,
        cache_misses: stats.cache_misses,
        oldest_snapshot: stats.oldest_snapshot,
    })
}

pub(crate) fn compact<'py>(py: Python<'py>, report: &CompactReport) -> Dict<'py> {
    dict!(py, {
        dry_run: report.dry_run,
        segments_before: report.segments_before,
        segments_after: report.segments_after,
        bytes_before: report.bytes_before,
        bytes_after: report.bytes_after,
        rewritten_segments: report.rewritten_segments,
        skipped_segments: report.skipped_segments,
        removed_blobs: report.removed_blobs,
        stays_rows: &report.stays_rows,
        held_bytes: report.held_bytes,
        aside_bytes: report.aside_bytes,
        read_bytes: report.read_bytes,
        seconds: report.seconds,
    })
}

pub(crate) fn problem<'py>(py: Python<'py>, problem: &Problem) -> Dict<'py> {
    dict!(py, {
        kind: problem.kind.as_str(),
        segment: problem.segment.map(SegmentNumber::get),
        offset: problem.offset,
        message: &problem.message,
    })
}

pub(crate) fn verify<'py>(py: Python<'py>, report: &VerifyReport) -> Dict<'py> {
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|found| problem(py, found))
        .collect::<PyResult<_>>()?;
    dict!(py, {
        segments: report.segments,
        commits: report.commits,
        frames: report.frames,
        blobs: report.blobs,
        rows: report.rows,
        bytes: report.bytes,
        problems: PyTuple::new(py, problems)?,
        seconds: report.seconds,
    })
}
