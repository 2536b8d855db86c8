//! What shapes make of the records of a file: how many are raw, the bytes of the tables and of `_fix`, and the speed of
//! shaping, extracting and rebuilding. Every record is rebuilt and compared.
//!
//! `shapes FILE.ndjson [ROUNDS]`; speeds are medians of the rounds (5), in MB of records a second of processor time.
//! `SHAPES_TABLE` may name a file for the table of shapes. Linux alone.
#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use lakebed_json::extract::Extractor;
use lakebed_json::schema::{Settings, Summary, to_columns, validate_and_observe};
use lakebed_json::shapes::{ArrowValues, Leaves, Limits, Shaper, Spellers};

/// Records of a batch.
const BATCH: usize = 4096;

/// Records of the sample that spellers are chosen by.
const SAMPLE: usize = 4096;

/// The processor time of this process, of one thread.
fn processor_time() -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let first = stat
        .split_whitespace()
        .next()
        .ok_or("/proc/self/schedstat")?;
    Ok(Duration::from_nanos(first.parse()?))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("shapes FILE.ndjson [ROUNDS]")?;
    let rounds: usize = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    let file = std::fs::read(&path)?;
    let records: Vec<&[u8]> = file
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let bytes: usize = records.iter().map(|record| record.len()).sum();

    let mut summary = Summary::new();
    for record in &records {
        validate_and_observe(record, &mut summary)?;
    }
    let schema = to_columns(&summary, &Settings::default());
    let leaves = Leaves::of(&schema.columns);
    let all: Vec<usize> = (0..schema.columns.len()).collect();
    let step = (records.len() / SAMPLE).max(1);
    let sampled = processor_time()?;
    let spellers = Spellers::of(&leaves, records.iter().step_by(step).copied());
    let sampled = processor_time()?.saturating_sub(sampled);

    let (mut shaping, mut extracting, mut rebuilding) = (Vec::new(), Vec::new(), Vec::new());
    let mut printed = String::new();
    for _ in 0..rounds {
        let mut shaper = Shaper::new(&leaves, spellers.clone(), Limits::default());
        let mut extractor = Extractor::new(&schema, &all);
        let (mut shape_time, mut extract_time, mut rebuild_time) =
            (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let (mut raw, mut raw_bytes, mut fixed, mut fix_bytes, mut wrong) = (0, 0, 0, 0, 0);
        let mut out = Vec::new();
        let mut fix = Vec::new();
        for batch in records.chunks(BATCH) {
            let mut rows = Vec::with_capacity(batch.len());
            let mut fixes = Vec::new();
            let start = processor_time()?;
            for record in batch {
                let shape = shaper.shape(record, &mut fix);
                fixes.extend_from_slice(&fix);
                rows.push((shape, fix.len()));
            }
            shape_time += processor_time()?.saturating_sub(start);
            let start = processor_time()?;
            for record in batch {
                extractor.push(record)?;
            }
            let arrays = extractor.finish()?;
            extract_time += processor_time()?.saturating_sub(start);
            let mut values = ArrowValues::new(&leaves, &arrays).ok_or("arrays of other types")?;
            let start = processor_time()?;
            let mut rest = fixes.as_slice();
            for (row, (record, (shape, length))) in batch.iter().zip(&rows).enumerate() {
                let (fix, others) = rest.split_at(*length);
                rest = others;
                let Some(shape) = shape else {
                    raw += 1;
                    raw_bytes += record.len();
                    continue;
                };
                fixed += usize::from(!fix.is_empty());
                fix_bytes += fix.len();
                out.clear();
                values.go_to(row);
                let limit = record.len();
                let shapes = shaper.shapes();
                let rebuilt = shapes.rebuild(&spellers, *shape, &mut values, fix, limit, &mut out);
                wrong += usize::from(rebuilt.is_err() || out != **record);
                black_box(&out);
            }
            rebuild_time += processor_time()?.saturating_sub(start);
        }
        shaping.push(shape_time);
        extracting.push(extract_time);
        rebuilding.push(rebuild_time);
        let (mut table, mut spelled) = (Vec::new(), Vec::new());
        shaper.shapes().encode(&mut table);
        spellers.encode(&mut spelled);
        printed = format!(
            "raw {raw} ({:.3} %), {raw_bytes} bytes; fixed {fixed}, {fix_bytes} bytes; wrong {wrong}; {} shapes, {} bytes; \
             {} leaves, spellers {} bytes",
            raw as f64 * 100.0 / records.len() as f64,
            shaper.shapes().len(),
            table.len(),
            leaves.leaves().len(),
            spelled.len(),
        );
        if let Some(path) = std::env::var_os("SHAPES_TABLE") {
            std::fs::write(path, &table)?;
        }
    }
    let speed = |times| bytes as f64 / median(times).as_secs_f64() / 1e6;
    println!("{path}: {} records, {bytes} bytes", records.len());
    println!("{printed}");
    println!(
        "sample {:.1} ms; MB/s: shape {:.0}, extract {:.0}, rebuild and compare {:.0}",
        sampled.as_secs_f64() * 1e3,
        speed(shaping),
        speed(extracting),
        speed(rebuilding)
    );
    Ok(())
}
