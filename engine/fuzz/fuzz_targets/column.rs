//! Columns of row batches: runs are the same however they are cut or skipped.
#![no_main]

use lakebed_format::column::{NumberRuns, decode_runs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&rows, data)) = data.split_first() else {
        return;
    };
    let rows = u64::from(rows) * 257;
    let Ok(runs) = decode_runs(data, rows) else {
        let mut runs = NumberRuns::new(data, rows, 64);
        while let Some(Ok(_)) = runs.next_at_most(3) {}
        return;
    };
    assert_eq!(runs.iter().map(|run| run.len).sum::<u64>(), rows);
    let numbers: Vec<u64> = runs
        .iter()
        .flat_map(|run| run.first..run.first + run.len)
        .collect();
    let mut column = NumberRuns::new(data, rows, 64);
    let mut cut = Vec::new();
    while let Some(run) = column.next_at_most(3) {
        let run = run.expect("the column was decoded before");
        assert!(run.len <= 3);
        cut.extend(run.first..run.first + run.len);
    }
    assert_eq!(cut, numbers);
    let mut column = NumberRuns::new(data, rows, 64);
    column
        .skip_rows(rows / 2)
        .expect("the column was decoded before");
    assert_eq!(column.rows_left(), rows - rows / 2);
    let next = column.next().map(|run| run.expect("as before").first);
    assert_eq!(next, numbers.get((rows / 2) as usize).copied());
});
