//! Row batches and their columns: what was encoded is what is decoded.

use proptest::prelude::*;

use super::samples::{self, SALT};
use crate::*;

#[test]
fn sequential_rows_cost_two_tokens() {
    let mut writer = RowBatchWriter::new(samples::batch_head());
    writer.push_run(1, BlobId(1_000_000), 65_536);
    assert!(writer.is_full());
    let mut out = Vec::new();
    let format = SegmentFormat::V2;
    let len = writer
        .encode(format, CommitNumber(1000), SALT, 64, &mut out)
        .unwrap();
    assert!(len < 45, "{len}");
    let batch = RowBatch::decode(&out, format, SALT, 64).unwrap();
    let runs: Result<Vec<RowRun>> = batch.row_runs().collect();
    let run = RowRun {
        seq: Seq(500),
        line: Some(1),
        blob: BlobId(1_000_000),
        len: 65_536,
    };
    assert_eq!(runs, Ok(vec![run]));
}

#[test]
fn a_batch_without_rows_or_with_too_many_is_not_written() {
    let empty = RowBatchWriter::new(samples::batch_head());
    let mut full = RowBatchWriter::new(samples::batch_head());
    full.push_run(1, BlobId(0), 65_537);
    for batch in [empty, full] {
        let mut out = Vec::new();
        let result = batch.encode(SegmentFormat::V2, CommitNumber(1), SALT, 64, &mut out);
        assert!(result.is_err());
        assert!(out.is_empty());
    }
}

fn numbers() -> impl Strategy<Value = Vec<u64>> {
    let run = (
        prop_oneof![0..20_u64, 0..limits::MAX_NUMBER - 100],
        1..20_u64,
    );
    prop::collection::vec(run, 1..20).prop_map(|runs| {
        runs.into_iter()
            .flat_map(|(first, len)| first..first + len)
            .collect()
    })
}

proptest! {
    #[test]
    fn columns(list in numbers()) {
        let mut writer = ColumnWriter::new();
        list.iter().for_each(|&n| writer.push(n));
        let bytes = writer.finish();
        let runs: Vec<NumberRun> = NumberRuns::new(&bytes, list.len() as u64, 0).collect::<Result<_>>().unwrap();
        prop_assert!(runs.iter().flat_map(|r| r.first..r.first + r.len).eq(list.iter().copied()));
        // Runs are as long as they can be.
        prop_assert!(runs.windows(2).all(|w| w[0].first + w[0].len != w[1].first));
        // By runs they are written the same.
        let mut by_runs = ColumnWriter::new();
        runs.iter().for_each(|&run| by_runs.push_run(run));
        prop_assert_eq!(by_runs.finish(), bytes.clone());
        // Other row counts are refused.
        for rows in [list.len() as u64 - 1, list.len() as u64 + 1] {
            prop_assert!(column::decode_runs(&bytes, rows).is_err());
        }
    }

    #[test]
    fn columns_from_any_row(list in numbers(), skip in any::<prop::sample::Index>(), most in 1..9_u64) {
        let mut writer = ColumnWriter::new();
        list.iter().for_each(|&n| writer.push(n));
        let bytes = writer.finish();
        let skip = skip.index(list.len());
        let mut runs = NumberRuns::new(&bytes, list.len() as u64, 0);
        runs.skip_rows(skip as u64).unwrap();
        prop_assert_eq!(runs.rows_left(), (list.len() - skip) as u64);
        let mut seen = Vec::new();
        while let Some(run) = runs.next_at_most(most) {
            let run = run.unwrap();
            prop_assert!(run.len <= most);
            seen.extend(run.first..run.first + run.len);
        }
        prop_assert_eq!(&seen, &list[skip..]);
    }

    #[test]
    fn batches(
        rows in prop::collection::vec((1..1000_u64, 0..1000_u64, 1..5_u64), 1..40),
        with_file in any::<bool>(),
        first_seq in 0..limits::MAX_NUMBER - 1000,
        time in any::<i64>(),
        skip in 0..60_u64,
        format in prop::sample::select(&[SegmentFormat::V1, SegmentFormat::V2][..]),
        commit in any::<u64>().prop_map(CommitNumber),
    ) {
        let head = RowBatchHeader {
            collection: CollectionId(9),
            first_seq: Seq(first_seq),
            file: FileNumber(u64::from(with_file)),
            time,
        };
        let mut writer = RowBatchWriter::new(head);
        let mut expected = Vec::new();
        for (line, blob, len) in rows {
            writer.push_run(line, BlobId(blob), len);
            for i in 0..len {
                let seq = first_seq + expected.len() as u64;
                expected.push((seq, with_file.then_some(line + i), blob + i));
            }
        }
        let mut out = Vec::new();
        let len = writer.encode(format, commit, SALT, 777, &mut out).unwrap();
        out.extend_from_slice(b"what follows");
        let batch = RowBatch::decode(&out, format, SALT, 777).unwrap();
        prop_assert_eq!(batch.commit, (format == SegmentFormat::V2).then_some(commit));
        prop_assert_eq!((batch.head, batch.rows, batch.len), (head, expected.len() as u64, len));
        let read = |runs: row_batch::RowRuns<'_>| {
            let mut rows = Vec::new();
            for run in runs {
                let run = run.unwrap();
                for i in 0..run.len {
                    rows.push((run.seq.0 + i, run.line.map(|line| line + i), run.blob.0 + i));
                }
            }
            rows
        };
        prop_assert_eq!(&read(batch.row_runs()), &expected);
        let rest = expected.get(skip as usize..).unwrap_or_default();
        prop_assert_eq!(&read(batch.row_runs_from(skip)), rest);
    }
}
