mod bad;
mod growing;
mod inputs;
mod memory_writer;
mod pieces;
mod resume;
mod streams;
mod training;
mod values;

use std::io::{Cursor, Write};
use std::path::PathBuf;

use lakebed_testkit::records::{ndjson, with_words};
use memory_writer::MemoryWriter;

use super::pipeline;
use super::{IngestOptions, IngestReport, OnError, SIZES, Sizes, Source};
use crate::error::{Error, Result};

/// A reader's source under the name `input`.
fn source(bytes: &[u8]) -> Source {
    Source::Reader {
        name: "input".to_owned(),
        reader: Box::new(Cursor::new(bytes.to_vec())),
    }
}

/// Small enough that a test sees many chunks and commits.
const SMALL: Sizes = Sizes {
    chunk: 1000,
    longest_line: 20_000,
    commit_bytes: 20_000,
    commit_rows: 150,
    look_ahead: 100_000,
};

fn ingest(
    writer: &mut MemoryWriter,
    source: Source,
    options: IngestOptions,
) -> Result<IngestReport> {
    let resources = writer.resources(SIZES);
    pipeline::ingest(writer, source, options, &resources)
}

/// [`ingest`] in small pieces.
fn ingest_small(
    writer: &mut MemoryWriter,
    source: Source,
    options: IngestOptions,
) -> Result<IngestReport> {
    let resources = writer.resources(SMALL);
    pipeline::ingest(writer, source, options, &resources)
}

fn options() -> IngestOptions {
    IngestOptions::into("events")
}

fn with(on_error: OnError) -> IngestOptions {
    IngestOptions {
        on_error,
        ..options()
    }
}

/// Ingests bytes into a new writer.
fn run(bytes: &[u8], options: IngestOptions) -> (MemoryWriter, Result<IngestReport>) {
    let mut writer = MemoryWriter::default();
    let result = ingest(&mut writer, source(bytes), options);
    (writer, result)
}

/// The lines an ingest ought to keep, by another road than the engine's.
fn expected(content: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    content
        .split(|&byte| byte == b'\n')
        .enumerate()
        .map(|(number, line)| (number as u64 + 1, line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|(_, line)| !line.iter().all(|byte| b" \t\r".contains(byte)))
        .map(|(number, line)| (number, line.to_vec()))
        .collect()
}

/// Records that differ and share words.
fn records(from: usize, count: usize) -> Vec<u8> {
    ndjson((from..from + count).map(with_words))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut context = zstd_safe::CCtx::create();
    context
        .set_parameter(zstd_safe::CParameter::ChecksumFlag(true))
        .unwrap();
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()));
    context.compress2(&mut out, bytes).unwrap();
    out
}

/// A file in a directory of its own.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (directory, path)
}

fn message(result: Result<IngestReport>) -> String {
    result
        .map_err(|error: Error| error.message().to_owned())
        .unwrap_err()
}
