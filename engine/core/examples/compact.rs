//! Ingests a file into a new store and compacts it, and prints how long each takes: `cargo run --profile fast --example
//! compact -- FILE [STORE]`.
//!
//! First everything is encoded again at the store's level, as an ingest encodes it; then a store of ten copies of the
//! file, of which nine are dropped, is compared with a new one of one copy. The file is plain NDJSON of objects.

use std::path::{Path, PathBuf};

use lakebed_core::{CompactOptions, IngestOptions, Options, Source, Store};

/// Copies in the second store.
const COPIES: usize = 10;

#[expect(clippy::print_stdout, reason = "it is a program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = PathBuf::from(arguments.next().ok_or("which FILE?")?);
    let path = arguments
        .next()
        .unwrap_or_else(|| "/tmp/example.lakebed".to_owned());
    let text = std::fs::read(&file)?;
    let store = new_store(&path)?;
    let report = store.ingest(Source::Path(file), IngestOptions::into("kept"))?;
    println!("ingest: {:.3} s", report.seconds);
    store.seal()?;
    for level in [None, Some(store.options().level), Some(12)] {
        let report = store.compact(CompactOptions {
            level,
            ..CompactOptions::default()
        })?;
        println!(
            "compact at level {level:?}: {:.3} s, {} -> {} bytes",
            report.seconds, report.bytes_before, report.bytes_after
        );
    }
    store.close()?;

    let fresh = new_store(&path)?;
    ingest(&fresh, "kept", copy(&text, 0))?;
    fresh.seal()?;
    let wanted = fresh.stats()?.segment_bytes;
    fresh.close()?;
    let store = new_store(&path)?;
    for number in 0..COPIES {
        let name = if number == 3 { "kept" } else { "dropped" };
        ingest(&store, name, copy(&text, number))?;
    }
    store.drop_collection("dropped")?;
    let report = store.compact(CompactOptions::default())?;
    println!(
        "nine of ten dropped: {} -> {} bytes in {:.3} s; a new store of the rest has {wanted}",
        report.bytes_before, report.bytes_after, report.seconds
    );
    Ok(())
}

fn new_store(path: &str) -> Result<Store, Box<dyn std::error::Error>> {
    if Path::new(path).exists() {
        std::fs::remove_dir_all(path)?;
    }
    Ok(Store::open(Path::new(path), Options::default())?)
}

fn ingest(store: &Store, into: &str, text: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
    let source = Source::Reader {
        name: "copy".to_owned(),
        reader: Box::new(std::io::Cursor::new(text)),
    };
    let options = IngestOptions {
        again: true,
        ..IngestOptions::into(into)
    };
    store.ingest(source, options)?;
    Ok(())
}

/// The records with a number of their own each, so that copies are different blobs.
fn copy(text: &[u8], number: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if let [b'{', rest @ ..] = line {
            out.extend_from_slice(format!("{{\"copy\":{number},").as_bytes());
            out.extend_from_slice(rest);
        }
    }
    out
}
