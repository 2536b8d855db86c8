//! Rows cut into chunks.

use std::collections::VecDeque;
use std::ops::Range;

use arrow_array::RecordBatch;
use lakebed_core::{Part, Result, Seq};

use crate::vector::Chunk;

/// Rows that one thread hands out.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    numbers: VecDeque<Range<Seq>>,
    waiting: VecDeque<RecordBatch>,
    /// The batch being handed out, and the rows of it that were.
    current: Option<(RecordBatch, usize)>,
    /// The one before. DuckDB may still look at the last chunk of it while it asks for the next.
    previous: Option<RecordBatch>,
}

impl Batches {
    pub(crate) fn extend(&mut self, batches: impl IntoIterator<Item = RecordBatch>) {
        self.waiting.extend(batches);
    }

    pub(crate) fn extend_by(&mut self, part: Part) {
        match part {
            Part::Batches(batches) => self.waiting.extend(batches),
            Part::Numbers(ranges) => self.numbers.extend(ranges),
        }
    }

    /// Fills the chunk; false when there are no rows left.
    pub(crate) fn fill(&mut self, chunk: &mut Chunk) -> Result<bool> {
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
