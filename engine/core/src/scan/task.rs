//! Tasks of a scan: consecutive rows that one worker makes into Arrow batches.

use std::collections::VecDeque;
use std::ops::Range;

use lakebed_format::Seq;

use crate::snapshot::BatchRef;

/// Consecutive rows: a part of a batch, or of several where those are small.
#[derive(Clone, Debug)]
pub(super) struct ScanTask {
    pub(super) parts: Vec<(BatchRef, Range<Seq>)>,
    rows: u64,
}

impl ScanTask {
    /// From its first row to its last.
    pub(super) fn range(&self) -> Range<Seq> {
        let start = self.parts.first().map_or(Seq(0), |(_, part)| part.start);
        start..self.parts.last().map_or(start, |(_, part)| part.end)
    }
}

/// Adds the part of a batch that is in `range` to the tasks, each of `rows` rows but the last.
pub(super) fn split(
    batch: &BatchRef,
    range: &Range<Seq>,
    rows: usize,
    tasks: &mut VecDeque<ScanTask>,
) {
    let rows = rows as u64;
    let first = batch.entry.first_seq.0;
    let mut at = first.max(range.start.0);
    let end = (first + batch.entry.rows).min(range.end.0);
    while at < end {
        if tasks.back().is_none_or(|task| task.rows >= rows) {
            tasks.push_back(ScanTask {
                parts: Vec::new(),
                rows: 0,
            });
        }
        let Some(task) = tasks.back_mut() else {
            return;
        };
        let next = (at + rows - task.rows).min(end);
        task.parts.push((batch.clone(), Seq(at)..Seq(next)));
        task.rows += next - at;
        at = next;
    }
}
