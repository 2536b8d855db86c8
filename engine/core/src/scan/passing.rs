//! Which rows of a task pass the filters on typed columns, where Parquet parts have those columns: nothing else of the
//! rows that do not is read.

use std::ops::Range;

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use lakebed_format::RowRun;

use super::filter::{matching_rows, may_match};
use super::held::{Held, ReadyPart};
use super::plan::ScanPlan;
use super::ready::Piece;
use super::records::RecordColumns;
use super::request::Op;
use super::rows::TaskRows;
use crate::error::{Error, Result};

impl ScanPlan {
    /// Which rows pass; `None` where that is found with the records.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn passed(&self, rows: &TaskRows) -> Result<Option<BooleanBuffer>> {
        let Some(pieces) = self.pieces_of(&self.judged, rows)? else {
            return Ok(None);
        };
        let mut passed = BooleanBufferBuilder::new(rows.count);
        for piece in pieces {
            let judged = match piece {
                Piece::Part(place, rows) => match self.judged.get(place) {
                    Some(part) => self.passed_of_part(part, &rows)?,
                    None => None,
                },
                Piece::Records(runs) => self.passed_of_records(&runs)?,
            };
            let Some(judged) = judged else {
                return Ok(None);
            };
            passed.append_buffer(&judged);
        }
        Ok(Some(passed.finish()))
    }

    /// One filter after the other, each on the rows that the ones before have left.
    fn passed_of_part(
        &self,
        part: &ReadyPart,
        rows: &[Range<u64>],
    ) -> Result<Option<BooleanBuffer>> {
        let mut left = rows.to_vec();
        let filters = self.record_filters.iter().zip(&self.filtered);
        for ((filter, number), held) in filters.zip(&part.columns) {
            left = without(&left, &self.excluded(part, held, *number, filter.op())?);
            let columns = std::slice::from_ref(held);
            let Some(arrays) = self.part_columns(part, columns, &[*number], &left)? else {
                return Ok(None);
            };
            let array = arrays.first();
            let array = array.ok_or_else(|| Error::internal("a filter lost its column"))?;
            left = chosen(&left, &matching_rows(filter.op(), array.as_ref()))?;
        }
        let mut passed = BooleanBufferBuilder::new(0);
        let mut left = left.into_iter().peekable();
        for range in rows {
            let mut at = range.start;
            while let Some(one) = left.next_if(|one| one.start < range.end) {
                append(&mut passed, one.start - at, false)?;
                append(&mut passed, one.end - one.start, true)?;
                at = one.end;
            }
            append(&mut passed, range.end - at, false)?;
        }
        Ok(Some(passed.finish()))
    }

    /// `None` where the records are too large to be looked at together.
    fn passed_of_records(&self, runs: &[RowRun]) -> Result<Option<BooleanBuffer>> {
        let count: u64 = runs.iter().map(|run| run.len).sum();
        let count = count_of(count)?;
        let mut records = RecordColumns::judging(self, count);
        records.read(&self.snapshot, runs, count)?;
        let passed = records.passed.map(|mut passed| passed.finish());
        Ok(passed.filter(|passed| passed.len() == count))
    }

    /// Row groups of which no row can match.
    fn excluded(
        &self,
        part: &ReadyPart,
        held: &Held,
        number: usize,
        op: &Op,
    ) -> Result<Vec<Range<u64>>> {
        let (Held::Same(path), Some(column)) = (held, self.typed.columns.get(number)) else {
            return Ok(Vec::new());
        };
        let data_type = column.data_type.arrow();
        let groups = self.part_of(part)?.arrays()?.statistics(path);
        let excluded = groups
            .into_iter()
            .filter(|group| !may_match(op, group, &data_type));
        Ok(excluded.map(|group| group.rows).collect())
    }
}

/// Ranges without the rows of others; both ascend.
fn without(rows: &[Range<u64>], others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut left = Vec::with_capacity(rows.len());
    for range in rows {
        let mut at = range.start;
        for other in others {
            if other.end <= at || other.start >= range.end {
                continue;
            }
            if other.start > at {
                left.push(at..other.start);
            }
            at = other.end;
        }
        if at < range.end {
            left.push(at..range.end);
        }
    }
    left
}

/// The rows of ranges that are set in `matching`, which has a bit for each.
fn chosen(rows: &[Range<u64>], matching: &BooleanBuffer) -> Result<Vec<Range<u64>>> {
    let mut chosen = Vec::new();
    let mut at = 0;
    for range in rows {
        let len = count_of(range.end - range.start)?;
        for (start, end) in matching.slice(at, len).set_slices() {
            chosen.push(range.start + start as u64..range.start + end as u64);
        }
        at += len;
    }
    Ok(chosen)
}

fn append(passed: &mut BooleanBufferBuilder, rows: u64, is_passed: bool) -> Result<()> {
    passed.append_n(count_of(rows)?, is_passed);
    Ok(())
}

fn count_of(rows: u64) -> Result<usize> {
    usize::try_from(rows).map_err(|_| Error::internal("a task has too many rows"))
}
