//! Ingests a file as rows and as columns, and prints sizes, times and speeds of both: `cargo run --profile fast
//! --example columns -- FILE [DIRECTORY] [THREADS]`. The file is plain NDJSON. On Linux the processor's time is
//! printed, too, which tells more than the clock where others are at work.

use std::path::{Path, PathBuf};
use std::time::Instant;

use lakebed_core::{
    CompactOptions, Hash, IngestOptions, Options, ProgressFn, Source, Store, StoredLayout,
};

/// Blobs that are got.
const GETS: usize = 3_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Milliseconds of processor time of this process so far, in steps of ten; 0 where that is not known.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split(' ');
    let ticks = fields.skip(12).take(2);
    ticks
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        * 10.0
}

#[expect(clippy::print_stdout, reason = "it is a program")]
fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let file = PathBuf::from(arguments.next().ok_or("which FILE?")?);
    let directory = arguments.next().unwrap_or_else(|| "/tmp".to_owned());
    let threads = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let text = std::fs::read(&file)?;
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let lines: Vec<&[u8]> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    println!("{} lines, {} bytes", lines.len(), text.len());
    for layout in [StoredLayout::Rows, StoredLayout::Columns] {
        let path = Path::new(&directory).join(format!("{}.lakebed", layout.name()));
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        let options = |cache_bytes| Options {
            cache_bytes,
            threads,
            ..Options::default()
        };
        let store = Store::open(&path, options(64 << 20))?;
        let began = Instant::now();
        let before = processor();
        let how = IngestOptions {
            becomes_columns: layout == StoredLayout::Columns,
            ..IngestOptions::into("kept")
        };
        store.ingest(Source::Path(file.clone()), how)?;
        let ingested = began.elapsed();
        let spent = processor() - before;
        let before = processor();
        let report = store.compact(CompactOptions {
            layout: Some(layout),
            ..CompactOptions::default()
        })?;
        println!(
            "{}: ingest {:.2} s ({spent:.0} ms of processor time), layout {:.2} s ({:.0} ms of processor time), {:.2} MB, {:?}",
            layout.name(),
            ingested.as_secs_f64(),
            report.seconds,
            processor() - before,
            store.stats()?.disk_bytes as f64 / 1e6,
            report.stays_rows,
        );
        store.close()?;
        for (name, cache) in [("without a cache", 0), ("warm", 1 << 30)] {
            let store = Store::open(&path, options(cache))?;
            gets(&store, &lines, name, cache > 0)?;
        }
        let store = Store::open(&path, options(0))?;
        let before = processor();
        let began = Instant::now();
        store.export("kept", &mut std::io::sink(), ProgressFn::none())?;
        let speed = text.len() as f64 / 1e6 / began.elapsed().as_secs_f64();
        let spent = text.len() as f64 / 1e3 / (processor() - before);
        println!("  export {speed:.0} MB/s, {spent:.0} MB/s of processor time");
        known_lines(&store, &lines)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is a program")]
fn gets(store: &Store, lines: &[&[u8]], name: &str, again: bool) -> Outcome<()> {
    let hashes: Vec<Hash> = (0..GETS)
        .filter_map(|number| lines.get(number.wrapping_mul(7_919_777) % lines.len()))
        .map(|line| Hash::of(line))
        .collect();
    if again {
        for hash in &hashes {
            store.get(hash)?;
        }
    }
    let before = processor();
    let mut times = Vec::with_capacity(hashes.len());
    for hash in &hashes {
        let began = Instant::now();
        store.get(hash)?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get(times.len() * part / 100).copied();
    println!(
        "  get {name}: p50 {:.1} us, p99 {:.1} us, {:.1} us of processor time",
        at(50).unwrap_or_default(),
        at(99).unwrap_or_default(),
        (processor() - before) * 1e3 / times.len() as f64
    );
    Ok(())
}

/// Ingests nine in ten known lines.
#[expect(clippy::print_stdout, reason = "it is a program")]
fn known_lines(store: &Store, lines: &[&[u8]]) -> Outcome<()> {
    let mut text = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        match line.split_first() {
            Some((first, rest)) if number.is_multiple_of(10) => {
                text.push(*first);
                text.push(b' ');
                text.extend_from_slice(rest);
            }
            _ => text.extend_from_slice(line),
        }
        text.push(b'\n');
    }
    let bytes = text.len() as f64 / 1e6;
    let source = Source::Reader {
        name: "known".to_owned(),
        reader: Box::new(std::io::Cursor::new(text)),
    };
    let before = processor();
    let report = store.ingest(source, IngestOptions::into("kept"))?;
    println!(
        "  nine in ten lines known: {:.0} MB/s, {:.0} ms of processor time, {} known of {}",
        bytes / report.seconds,
        processor() - before,
        report.duplicates,
        report.rows
    );
    Ok(())
}
