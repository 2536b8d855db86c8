//! Ingests a file into a new store and prints the report: `cargo run --profile fast --example ingest -- FILE [STORE]
//! [TIMES]`. With TIMES the same store is ingested into again and again (`again`), which measures dedupe.

use std::path::{Path, PathBuf};

use lakebed_core::{IngestOptions, Options, Source, Store};

#[expect(clippy::print_stdout, reason = "it is a program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = PathBuf::from(arguments.next().ok_or("which FILE?")?);
    let path = arguments
        .next()
        .unwrap_or_else(|| "/tmp/example.lakebed".to_owned());
    let times: usize = arguments.next().map_or(Ok(1), |times| times.parse())?;
    if Path::new(&path).exists() && times == 1 {
        std::fs::remove_dir_all(&path)?;
    }
    let store = Store::open(Path::new(&path), Options::default())?;
    for _ in 0..times {
        let options = IngestOptions {
            again: true,
            ..IngestOptions::into("events")
        };
        let report = store.ingest(Source::Path(file.clone()), options)?;
        let trained = report
            .trained
            .as_ref()
            .map_or(0.0, |trained| trained.seconds);
        println!(
            "{} rows, {} new, {} duplicates, {} -> {} bytes ({:.2}x), {:.3} s ({trained:.3} s training), {:.1} MB/s",
            report.rows,
            report.new_blobs,
            report.duplicates,
            report.bytes_in,
            report.bytes_stored,
            report.ratio(),
            report.seconds,
            report.mb_per_second(),
        );
    }
    store.close()?;
    Ok(())
}
