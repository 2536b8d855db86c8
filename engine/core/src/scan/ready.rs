//! Typed columns of a task that are taken from Parquet parts as arrays, without the records.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, BooleanArray, new_empty_array, new_null_array};
use arrow_buffer::BooleanBufferBuilder;
use lakebed_columns::ColumnPath;
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

/// Of the rows that are read from a part, others up to this many between two are read with them and left out.
const NEAR: u64 = 64;

/// Rows of a task that lie together.
#[derive(Debug)]
pub(super) enum Piece {
    /// Rows of a part, by its place, in ranges that ascend.
    Part(usize, Vec<Range<u64>>),
    /// Rows whose records are read.
    Records(Vec<RowRun>),
}

impl ScanPlan {
    /// Finds the parts that have its typed columns, none where it needs records, and those that have all columns of
    /// its filters.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn find_parts(&mut self, snapshot: &Snapshot) -> Result<()> {
        let reads_records =
            self.needs("_hash") || self.needs("_json") || !self.overrides.changed.is_empty();
        if !reads_records {
            self.ready = self.parts_with(snapshot, &self.projection)?;
        }
        self.judged = self.parts_with(snapshot, &self.filtered)?;
        Ok(())
    }

    /// The parts that have all of these columns, in the order of their blobs.
    fn parts_with(&self, snapshot: &Snapshot, numbers: &[usize]) -> Result<Vec<ReadyPart>> {
        let mut ready = Vec::new();
        if numbers.is_empty() {
            return Ok(ready);
        }
        let id = snapshot.named(&self.collection)?.id;
        for segment in snapshot.committed.segments() {
            let Some(part) = segment.part(&snapshot.committed.context.segments, id)? else {
                continue;
            };
            let wanted = numbers.iter();
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
        let Some(pieces) = self.pieces_of(&self.ready, rows)? else {
            return Ok(None);
        };
        let mut found: Vec<Vec<ArrayRef>> = vec![Vec::new(); self.projection.len()];
        for piece in pieces {
            let arrays = match piece {
                Piece::Part(place, rows) => match self.ready.get(place) {
                    Some(ready) => {
                        self.part_columns(ready, &ready.columns, &self.projection, &rows)?
                    }
                    None => None,
                },
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

    /// Columns of rows of a part, by where it holds them and their places in the schema; `None` where records are to
    /// be read.
    pub(super) fn part_columns(
        &self,
        ready: &ReadyPart,
        columns: &[Held],
        numbers: &[usize],
        rows: &[Range<u64>],
    ) -> Result<Option<Vec<ArrayRef>>> {
        let part = self.part_of(ready)?;
        let paths = columns.iter().filter_map(|held| match held {
            Held::Same(path) | Held::Narrower(path) => Some(path.clone()),
            _ => None,
        });
        let paths: Vec<_> = paths.collect();
        let count: u64 = rows.iter().map(|range| range.end - range.start).sum();
        let count =
            usize::try_from(count).map_err(|_| Error::internal("a task has too many rows"))?;
        let mut read = Vec::new();
        if !paths.is_empty() && count > 0 {
            let Some(arrays) = read_near(part, &paths, rows)? else {
                return Ok(None);
            };
            read = arrays;
        }
        let mut read = read.into_iter();
        let types = numbers.iter().filter_map(|number| {
            let column = self.typed.columns.get(*number)?;
            Some(column.data_type.arrow())
        });
        let arrays = columns.iter().zip(types).map(|(held, wanted)| {
            let array = match held {
                _ if count == 0 => Some(new_empty_array(&wanted)),
                Held::Missing => Some(new_null_array(&wanted, count)),
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
        let mut records = RecordColumns::new(self, count, true);
        records.read(&self.snapshot, runs, count)?;
        if records.too_large && count > 1 {
            return Ok(None);
        }
        records.finish_typed().map(Some)
    }

    pub(super) fn part_of<'a>(&self, ready: &'a ReadyPart) -> Result<&'a OpenPart> {
        let id = self.snapshot.named(&self.collection)?.id;
        self.snapshot.part(ready.segment.as_ref(), id)
    }

    /// Where rows lie, by parts that have what is asked for; `None` where records are to be read.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn pieces_of(
        &self,
        parts: &[ReadyPart],
        rows: &TaskRows,
    ) -> Result<Option<Vec<Piece>>> {
        if parts.is_empty() || rows.count == 0 {
            return Ok(None);
        }
        let pieces = self.pieces(parts, &rows.runs)?;
        let has_part = pieces.iter().any(|piece| matches!(piece, Piece::Part(..)));
        let usable = has_part && pieces.len() <= 1 + rows.count / ROWS_PER_PIECE;
        Ok(usable.then_some(pieces))
    }

    /// A row that repeats a record of a part has its values, too.
    fn pieces(&self, parts: &[ReadyPart], runs: &[RowRun]) -> Result<Vec<Piece>> {
        let mut pieces: Vec<Piece> = Vec::new();
        for run in runs {
            let mut step = 0;
            while step < run.len {
                let blob = run.blob.0 + step;
                let place = parts.partition_point(|part| part.blobs.end <= blob);
                let ready = parts.get(place);
                let row = match ready.filter(|part| part.blobs.start <= blob) {
                    Some(ready) => self.part_of(ready)?.row_run(BlobId(blob)),
                    None => None,
                };
                if let Some((row, together)) = row {
                    let len = together.min(run.len - step);
                    match pieces.last_mut() {
                        Some(Piece::Part(last, rows))
                            if *last == place && rows.last().is_some_and(|r| r.end <= row) =>
                        {
                            match rows.last_mut() {
                                Some(range) if range.end == row => range.end += len,
                                _ => rows.push(row..row + len),
                            }
                        }
                        _ => pieces.push(Piece::Part(
                            place,
                            std::iter::once(row..row + len).collect(),
                        )),
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

/// Columns of rows of a part: of rows near each other, those between them are read, too, and left out.
fn read_near(
    part: &OpenPart,
    paths: &[ColumnPath],
    rows: &[Range<u64>],
) -> Result<Option<Vec<ArrayRef>>> {
    let mut read: Vec<Range<u64>> = Vec::new();
    let mut wanted = BooleanBufferBuilder::new(0);
    for range in rows {
        let mut before = 0;
        match read.last_mut() {
            Some(last) if range.start - last.end <= NEAR => {
                before = range.start - last.end;
                last.end = range.end;
            }
            _ => read.push(range.clone()),
        }
        for (count, is_wanted) in [(before, false), (range.end - range.start, true)] {
            let count =
                usize::try_from(count).map_err(|_| Error::internal("a task has too many rows"))?;
            wanted.append_n(count, is_wanted);
        }
    }
    let arrays = part.columns(paths, &read)?;
    if read.len() == rows.len() {
        return Ok(arrays);
    }
    let wanted = BooleanArray::new(wanted.finish(), None);
    let chosen = arrays.map(|arrays| {
        let chosen = arrays
            .iter()
            .map(|array| arrow_select::filter::filter(array, &wanted));
        chosen.collect::<Result<Vec<_>, _>>()
    });
    chosen
        .transpose()
        .map_err(|error| Error::internal(&format!("Arrow refused a selection: {error}")))
}
