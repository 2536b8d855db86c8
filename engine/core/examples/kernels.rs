//! The engine's main kernels, one a process, for counting instructions: `make bench-instructions` (docs/measuring.md).
//!
//! `kernels` lists them with what each counts by; `kernels NAME ROUNDS FILE` runs one over the NDJSON in FILE so many
//! times and prints how much one round did. Two runs with different ROUNDS differ by whole rounds, so that preparing
//! cancels out.
//!
//! Only public names are used, and of them those that stay: the same program is built with both commits that are
//! compared.

use std::error::Error;
use std::hint::black_box;
use std::io::{Cursor, Write};
use std::ops::Range;
use std::sync::Arc;

use lakebed_core::{Hash, IngestOptions, Options, ScanRequest, Seq, Source, Store};
use lakebed_format::{
    BlobId, CollectionId, CommitNumber, FileNumber, RowBatch, RowBatchHeader, RowBatchWriter,
    SegmentFormat,
};
use lakebed_json::extract::Extractor;
use lakebed_json::schema::{Settings, Summary, to_columns, validate_and_observe};
use lakebed_json::validate;
use lakebed_vfs::MemVfs;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Does what it needs, then its work so many times; how many units one time was.
type Kernel = fn(&[u8], u64) -> Outcome<usize>;

const KERNELS: &[(&str, &str, Kernel)] = &[
    ("validate", "byte", validate_lines),
    ("observe", "byte", observe_lines),
    ("hash", "byte", hash_lines),
    ("ingest", "byte", ingest_new),
    ("ingest-again", "byte", ingest_again),
    ("compress", "byte", compress),
    ("decode", "frame", decode),
    ("lookup", "hash", lookup),
    ("get", "hash", get),
    ("extract", "row", extract),
    ("scan", "row", scan),
    ("row-batch", "row", row_batch),
    ("open", "store", open),
];

const ROWS: &str = "rows";

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    match arguments.as_slice() {
        [] => {
            for (name, unit, _) in KERNELS {
                writeln!(out, "{name} {unit}")?;
            }
        }
        [name, rounds, file] => {
            let (_, _, run) = KERNELS
                .iter()
                .find(|(known, _, _)| known == name)
                .ok_or_else(|| format!("there is no kernel {name}"))?;
            writeln!(out, "{}", run(&std::fs::read(file)?, rounds.parse()?)?)?;
        }
        _ => return Err("usage: kernels [NAME ROUNDS FILE]".into()),
    }
    Ok(())
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

/// One thread, so that nothing depends on who comes first, and a budget for decoded frames.
fn options(cache_bytes: usize) -> Options {
    Options {
        threads: 1,
        cache_bytes,
        ..Options::default()
    }
}

/// A store in memory.
fn store(vfs: &MemVfs, cache_bytes: usize) -> Outcome<Store> {
    Ok(Store::open_on(Arc::new(vfs.clone()), options(cache_bytes))?)
}

fn ingest(store: &Store, text: &[u8], again: bool) -> Outcome<()> {
    let source = Source::Reader {
        name: "lines".to_owned(),
        reader: Box::new(Cursor::new(text.to_vec())),
    };
    let how = IngestOptions {
        again,
        ..IngestOptions::into(ROWS)
    };
    black_box(store.ingest(source, how)?);
    Ok(())
}

/// A sealed store of these lines.
fn filled(text: &[u8]) -> Outcome<MemVfs> {
    let vfs = MemVfs::new();
    let store = store(&vfs, 0)?;
    ingest(&store, text, false)?;
    store.seal()?;
    store.close()?;
    Ok(vfs)
}

/// Strict JSON, without what is made of it.
fn validate_lines(text: &[u8], rounds: u64) -> Outcome<usize> {
    for _ in 0..rounds {
        for line in lines(text) {
            black_box(validate(line)?);
        }
    }
    Ok(text.len())
}

/// Strict JSON and the summary that columns come from: what an ingest does with a line.
fn observe_lines(text: &[u8], rounds: u64) -> Outcome<usize> {
    let mut summary = Summary::new();
    for _ in 0..rounds {
        for line in lines(text) {
            black_box(validate_and_observe(line, &mut summary)?);
        }
    }
    Ok(text.len())
}

#[expect(clippy::unnecessary_wraps, reason = "it is a Kernel")]
fn hash_lines(text: &[u8], rounds: u64) -> Outcome<usize> {
    for _ in 0..rounds {
        for line in lines(text) {
            black_box(Hash::of(line));
        }
    }
    Ok(text.len())
}

/// Everything from bytes to a new store: splitting into lines, JSON, training, hashing, dedupe, frames, index, commit.
fn ingest_new(text: &[u8], rounds: u64) -> Outcome<usize> {
    for _ in 0..rounds {
        let store = store(&MemVfs::new(), 0)?;
        ingest(&store, text, false)?;
        store.close()?;
    }
    Ok(text.len())
}

/// The same with lines that are all there: splitting, JSON, hashing, lookup, and comparing with decoded frames.
fn ingest_again(text: &[u8], rounds: u64) -> Outcome<usize> {
    let store = store(&filled(text)?, 0)?;
    for _ in 0..rounds {
        ingest(&store, text, true)?;
    }
    Ok(text.len())
}

/// Frames with a dictionary: appending to a collection that has one, and committing. JSON, hashing and index are in it
/// too.
fn compress(text: &[u8], rounds: u64) -> Outcome<usize> {
    let all: Vec<&[u8]> = lines(text).collect();
    let (old, new) = all.split_at(all.len() / 2);
    let vfs = filled(&old.join(&b'\n'))?;
    for _ in 0..rounds {
        let store = store(&vfs.snapshot(), 0)?;
        store.append(ROWS, &mut new.iter().map(|line| Ok(line.to_vec())))?;
        store.close()?;
    }
    Ok(new.iter().map(|line| line.len()).sum())
}

/// One blob of each frame, by its id: decoding a frame with a dictionary.
fn decode(text: &[u8], rounds: u64) -> Outcome<usize> {
    let store = store(&filled(text)?, 0)?;
    let every = Seq(0)..Seq(u64::MAX);
    let mut ids = Vec::new();
    let mut apart = 0;
    for row in store.rows(ROWS, every)? {
        let blob = row?.blob;
        if apart == 0 {
            ids.push(blob);
        }
        apart += store.blob(blob)?.as_slice().len();
        // A frame holds about 16 KiB.
        if apart > 16 << 10 {
            apart = 0;
        }
    }
    for _ in 0..rounds {
        for id in &ids {
            black_box(store.blob(*id)?);
        }
    }
    Ok(ids.len())
}

/// Hashes that are not in the store: the index alone.
fn lookup(text: &[u8], rounds: u64) -> Outcome<usize> {
    let store = store(&filled(text)?, 0)?;
    let absent: Vec<Hash> = lines(text)
        .map(|line| Hash::of(Hash::of(line).as_bytes()))
        .collect();
    for _ in 0..rounds {
        for hash in &absent {
            black_box(store.contains(hash)?);
        }
    }
    Ok(absent.len())
}

/// Blobs whose frames are decoded.
fn get(text: &[u8], rounds: u64) -> Outcome<usize> {
    let store = store(&filled(text)?, 1 << 30)?;
    let hashes: Vec<Hash> = lines(text).map(Hash::of).collect();
    store.get_many(&hashes)?;
    for _ in 0..rounds {
        for hash in &hashes {
            black_box(store.get(hash)?);
        }
    }
    Ok(hashes.len())
}

/// Half of the columns, from lines.
fn extract(text: &[u8], rounds: u64) -> Outcome<usize> {
    let mut summary = Summary::new();
    for line in lines(text) {
        validate_and_observe(line, &mut summary)?;
    }
    let schema = to_columns(&summary, &Settings::default());
    let asked: Vec<usize> = (0..schema.columns.len()).step_by(2).collect();
    let mut extractor = Extractor::new(&schema, &asked);
    for _ in 0..rounds {
        for line in lines(text) {
            extractor.push(line)?;
        }
        black_box(extractor.finish()?);
    }
    Ok(lines(text).count())
}

/// The same columns through the store: rows, frames, extraction, batches.
fn scan(text: &[u8], rounds: u64) -> Outcome<usize> {
    let store = store(&filled(text)?, 0)?;
    let schema = store.schema(ROWS)?;
    let names = schema
        .columns
        .iter()
        .step_by(2)
        .map(|column| column.name.clone());
    let request = ScanRequest {
        columns: Some(names.collect()),
        ..ScanRequest::of(ROWS)
    };
    let mut rows = 0;
    for _ in 0..rounds {
        rows = 0;
        for batch in store.scan(&request)? {
            rows += black_box(batch?).num_rows();
        }
    }
    Ok(rows)
}

/// A batch of rows with blank lines and repeated blobs between them.
fn row_batch(_text: &[u8], rounds: u64) -> Outcome<usize> {
    const COUNT: Range<u64> = 0..20_000;
    let mut writer = RowBatchWriter::new(RowBatchHeader {
        collection: CollectionId(1),
        first_seq: Seq(0),
        file: FileNumber(1),
        time: 0,
    });
    for row in COUNT {
        let repeats = row % 7 == 3;
        let blob = if repeats { row / 3 } else { row };
        writer.push(row + row / 5, BlobId(blob + 1));
    }
    let mut bytes = Vec::new();
    let format = SegmentFormat::NEWEST;
    writer.encode(format, CommitNumber(1), 1, 0, &mut bytes)?;
    for _ in 0..rounds {
        for run in RowBatch::decode(&bytes, format, 1, 0)?.row_runs() {
            black_box(run?);
        }
    }
    Ok(COUNT.count())
}

/// A sealed store, and closing it.
fn open(text: &[u8], rounds: u64) -> Outcome<usize> {
    let vfs = filled(text)?;
    for _ in 0..rounds {
        let store = store(&vfs, 0)?;
        black_box(store.len());
        store.close()?;
    }
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::{KERNELS, Outcome};

    #[test]
    fn every_kernel_runs_and_counts_something() -> Outcome<()> {
        let lines: Vec<String> = (0..300)
            .map(|n| format!("{{\"n\":{n},\"name\":\"number {n} of some\"}}\n"))
            .collect();
        let text = lines.concat();
        for (name, _, run) in KERNELS {
            let units = run(text.as_bytes(), 2).map_err(|e| format!("{name}: {e}"))?;
            assert!(units > 0, "{name}");
        }
        Ok(())
    }
}
