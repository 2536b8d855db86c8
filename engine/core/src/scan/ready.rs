//! Typed columns of a task that are taken from Parquet parts as arrays, without the records.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, new_null_array};
use lakebed_format::{BlobId, RowRun, Seq};

use super::held::{Held, ReadyPart, held, widened};
use super::plan::ScanPlan;
use super::records::RecordColumns;
use super::rows::TaskRows;
use crate::error::{Error, Result};
use crate::segment::columns::part::OpenPart;
use crate::snapshot::Snapshot;

/// A task of fewer rows than this for each piece is read record by record.
const ROWS_PER_PIECE: usize = 64;

/// Rows of a task that lie together.
#[derive(Debug)]
enum Piece {
    /// Rows of a part, by its place.
    Part(usize, Range<u64>),
    /// Rows whose records are read.
    Records(Vec<RowRun>),
}

impl ScanPlan {
    /// The parts that have all typed columns of this scan, in the order of their blobs; none where the scan needs
    /// records.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn ready_parts(&self, snapshot: &Snapshot) -> Result<Vec<ReadyPart>> {
        let reads_records = self.needs("_hash")
            || self.needs("_json")
            || !self.record_filters.is_empty()
            || !self.overrides.changed.is_empty();
        let mut ready = Vec::new();
        if reads_records || self.projection.is_empty() {
            return Ok(ready);
        }
        let id = snapshot.named(&self.collection)?.id;
        for segment in snapshot.committed.segments() {
            let Some(part) = segment.part(&snapshot.committed.context.segments, id)? else {
                continue;
            };
            let wanted = self.projection.iter();
            let wanted = wanted.filter_map(|number| self.typed.columns.get(*number));
            let columns = held(part, wanted)?;
            let (Some((_, first)), Some((_, last))) = (part.runs().first(), part.runs().last())
            else {
                continue;
            };
            if !columns.contains(&Held::InRecords) {
                ready.push(ReadyPart {
                    blobs: first.first.0..last.end(),
                    segment: Arc::clone(&segment),
                    columns,
                });
            }
        }
        ready.sort_by_key(|part| part.blobs.start);
        Ok(ready)
    }

    /// The typed columns of some rows, from parts where those have them; `None` where records are to be read.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn ready_columns(&self, rows: &TaskRows) -> Result<Option<Vec<ArrayRef>>> {
        if self.ready.is_empty() || rows.count == 0 {
            return Ok(None);
        }
        let pieces = self.pieces(&rows.runs)?;
        let has_part = pieces.iter().any(|piece| matches!(piece, Piece::Part(..)));
        if !has_part || pieces.len() > 1 + rows.count / ROWS_PER_PIECE {
            return Ok(None);
        }
        let mut found: Vec<Vec<ArrayRef>> = vec![Vec::new(); self.projection.len()];
        for piece in pieces {
            let arrays = match piece {
                Piece::Part(place, rows) => self.part_columns(place, &rows)?,
                Piece::Records(runs) => self.record_columns(&runs)?,
            };
            let Some(arrays) = arrays else {
                return Ok(None);
            };
            for (column, array) in found.iter_mut().zip(arrays) {
                column.push(array);
            }
        }
        let whole = found.into_iter().map(|mut pieces| {
            if pieces.len() == 1 {
                return Ok(pieces.pop());
            }
            let pieces: Vec<&dyn arrow_array::Array> = pieces.iter().map(AsRef::as_ref).collect();
            match arrow_select::concat::concat(&pieces) {
                Ok(array) => Ok(Some(array)),
                // They are too large for one array.
                Err(_) => Ok(None),
            }
        });
        whole.collect()
    }

    fn part_columns(&self, place: usize, rows: &Range<u64>) -> Result<Option<Vec<ArrayRef>>> {
        let Some(ready) = self.ready.get(place) else {
            return Ok(None);
        };
        let part = self.part_of(ready)?;
        let paths = ready.columns.iter().filter_map(|held| match held {
            Held::Same(path) | Held::Narrower(path) => Some(path.clone()),
            _ => None,
        });
        let paths: Vec<_> = paths.collect();
        let mut read = Vec::new();
        if !paths.is_empty() {
            let Some(arrays) = part.columns(&paths, rows)? else {
                return Ok(None);
            };
            read = arrays;
        }
        let len = usize::try_from(rows.end - rows.start)
            .map_err(|_| Error::internal("a task has too many rows"))?;
        let mut read = read.into_iter();
        let types = self.projection.iter().filter_map(|number| {
            let column = self.typed.columns.get(*number)?;
            Some(column.data_type.arrow())
        });
        let arrays = ready.columns.iter().zip(types).map(|(held, wanted)| {
            let array = match held {
                Held::Missing => Some(new_null_array(&wanted, len)),
                Held::Same(_) => read.next(),
                Held::Narrower(_) => read.next().and_then(|array| widened(&array, &wanted)),
                Held::InRecords => None,
            };
            // Where an array has another type, the records are read.
            array.filter(|array| *array.data_type() == wanted)
        });
        Ok(arrays.collect())
    }

    fn record_columns(&self, runs: &[RowRun]) -> Result<Option<Vec<ArrayRef>>> {
        let count: u64 = runs.iter().map(|run| run.len).sum();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut records = RecordColumns::new(self, count);
        records.read(&self.snapshot, runs, count)?;
        if records.too_large && count > 1 {
            return Ok(None);
        }
        records.finish_typed().map(Some)
    }

    fn part_of<'a>(&self, ready: &'a ReadyPart) -> Result<&'a OpenPart> {
        let id = self.snapshot.named(&self.collection)?.id;
        self.snapshot.part(ready.segment.as_ref(), id)
    }

    /// Where the rows lie. A row that repeats a record of a part has its values, too.
    fn pieces(&self, runs: &[RowRun]) -> Result<Vec<Piece>> {
        let mut pieces: Vec<Piece> = Vec::new();
        for run in runs {
            let mut step = 0;
            while step < run.len {
                let blob = run.blob.0 + step;
                let place = self.ready.partition_point(|part| part.blobs.end <= blob);
                let ready = self.ready.get(place);
                let row = match ready.filter(|part| part.blobs.start <= blob) {
                    Some(ready) => self.part_of(ready)?.row_run(BlobId(blob)),
                    None => None,
                };
                if let Some((row, together)) = row {
                    let len = together.min(run.len - step);
                    match pieces.last_mut() {
                        Some(Piece::Part(last, rows)) if *last == place && rows.end == row => {
                            rows.end += len;
                        }
                        _ => pieces.push(Piece::Part(place, row..row + len)),
                    }
                    step += len;
                } else {
                    let one = RowRun {
                        seq: Seq(run.seq.0 + step),
                        line: run.line.map(|line| line + step),
                        blob: BlobId(blob),
                        len: 1,
                    };
                    match pieces.last_mut() {
                        Some(Piece::Records(last)) => push(last, one),
                        _ => pieces.push(Piece::Records(vec![one])),
                    }
                    step += 1;
                }
            }
        }
        Ok(pieces)
    }
}

/// Adds a row to runs, to the last one if it follows it.
fn push(runs: &mut Vec<RowRun>, row: RowRun) {
    if let Some(last) = runs.last_mut()
        && last.blob.0 + last.len == row.blob.0
        && last.seq.0 + last.len == row.seq.0
        && last.line.map(|line| line + last.len) == row.line
    {
        last.len += 1;
        return;
    }
    runs.push(row);
}
