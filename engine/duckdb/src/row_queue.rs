//! The rows that one thread of a table function has read and not yet produced, cut into chunks.

use std::collections::VecDeque;
use std::ops::Range;

use arrow_array::RecordBatch;
use lakebed_core::{Part, Result, Seq};

use crate::vector::OutputChunk;

/// Rows in order: sequence numbers alone, or Arrow batches.
#[derive(Debug, Default)]
pub(crate) struct RowQueue {
    numbers: VecDeque<Range<Seq>>,
    waiting: VecDeque<RecordBatch>,
    /// The batch that is being produced, and how many of its rows were.
    current: Option<(RecordBatch, usize)>,
    /// The batch before. DuckDB may still read its last chunk, which points into it, while it requests the next one.
    previous: Option<RecordBatch>,
}

impl RowQueue {
    pub(crate) fn extend(&mut self, batches: impl IntoIterator<Item = RecordBatch>) {
        self.waiting.extend(batches);
    }

    pub(crate) fn push_part(&mut self, part: Part) {
        match part {
            Part::Batches(batches) => self.waiting.extend(batches),
            Part::Numbers(ranges) => self.numbers.extend(ranges),
        }
    }

    /// Fills the chunk; false when the queue is empty.
    pub(crate) fn fill(&mut self, chunk: &mut OutputChunk) -> Result<bool> {
        if chunk.fill_numbers(&mut self.numbers) > 0 {
            return Ok(true);
        }
        loop {
            if let Some((batch, done)) = &mut self.current {
                let rows = (batch.num_rows() - *done).min(chunk.capacity());
                if rows > 0 {
                    chunk.fill(batch.columns(), *done, rows)?;
                    *done += rows;
                    return Ok(true);
                }
            }
            let Some(next) = self.waiting.pop_front() else {
                return Ok(false);
            };
            if let Some((batch, _)) = self.current.replace((next, 0)) {
                self.previous = Some(batch);
            }
        }
    }
}
