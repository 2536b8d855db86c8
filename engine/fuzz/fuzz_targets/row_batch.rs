//! Row batches and their columns.
#![no_main]

use lakebed_format::{RowBatch, SegmentFormat};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    read(data, SegmentFormat::V1);
    read(data, SegmentFormat::V2);
});

fn read(data: &[u8], format: SegmentFormat) {
    let _ = RowBatch::decode(data, format, 3, 64);
    let Ok(batch) = RowBatch::decode_unchecked(data, format, 64) else {
        return;
    };
    let runs: Result<Vec<_>, _> = batch.row_runs().collect();
    let Ok(runs) = runs else {
        return;
    };
    let mut seq = batch.head.first_seq.0;
    for run in &runs {
        assert_eq!(run.seq.0, seq);
        seq += run.len;
    }
    assert_eq!(seq - batch.head.first_seq.0, batch.rows);
    let later: u64 = batch
        .row_runs_from(batch.rows / 2)
        .map(|run| run.expect("was read before").len)
        .sum();
    assert_eq!(later, batch.rows - batch.rows / 2);
}
