//! The Parquet files of a collection, and which of its rows are in them.

use std::ops::Range;

use lakebed_format::{BlobId, CollectionId, SegmentNumber, Seq, names};

use super::held::{Held, held};
use crate::catalogue::Collection;
use crate::error::{Error, Result};
use crate::segment::columns::part::OpenPart;
use crate::snapshot::Snapshot;

/// A Parquet file with rows of a collection.
#[derive(Clone, Debug)]
pub struct CollectionFile {
    /// Its name in the store's directory.
    pub name: String,
    /// The segment that it belongs to.
    pub segment: SegmentNumber,
    /// Its length.
    pub bytes: u64,
    /// The rows in it.
    pub rows: u64,
    /// The least and the greatest of their sequence numbers.
    pub first: Seq,
    /// See `first`.
    pub last: Seq,
    /// Rows in it that are no rows of the collection any more: they were deleted or trimmed.
    pub gone: Vec<Range<Seq>>,
    /// Where it has the typed columns of the collection, in their order; `None` when only its records have all of them.
    pub columns: Option<Vec<FileColumn>>,
}

impl CollectionFile {
    /// The rows in it that are rows of the collection.
    pub fn live_rows(&self) -> u64 {
        let gone: u64 = self.gone.iter().map(|run| run.end.0 - run.start.0).sum();
        self.rows - gone.min(self.rows)
    }
}

/// Where a file has a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileColumn {
    /// In the column of this name.
    Same(String),
    /// In the column of this name, whose cast gives the values.
    Cast(String),
    /// No row in it has a value.
    Missing,
}

impl Snapshot {
    /// The Parquet files with live rows of a collection, in the order of their rows.
    ///
    /// # Errors
    /// `CollectionNotFound`; `Corrupt`, `Io`.
    pub fn files(&self, collection: &str) -> Result<Vec<CollectionFile>> {
        let entry = self.named(collection)?;
        let schema = self.schema(collection)?;
        let files = &self.committed.context.segments;
        let mut found = Vec::new();
        for segment in self.committed.segments() {
            let parts = segment.parts(files)?;
            let Some(listed) = parts.iter().find(|part| part.collection == entry.id) else {
                continue;
            };
            let part = self.part(segment.as_ref(), entry.id)?;
            let (first, last) = match part.dense_seqs()? {
                Some(range) => (range.start, Seq(range.end.0 - 1)),
                None => bounds(part)?,
            };
            let file = CollectionFile {
                name: names::part(segment.number(), entry.id),
                segment: segment.number(),
                bytes: listed.len,
                rows: part.rows(),
                first,
                last,
                gone: self.gone(entry, part)?,
                columns: columns(held(part, schema.columns.iter())?),
            };
            if file.live_rows() > 0 {
                found.push(file);
            }
        }
        found.sort_by_key(|file| file.first);
        Ok(found)
    }

    /// Where the store is.
    pub fn store_path(&self) -> String {
        self.committed.context.vfs.describe()
    }

    /// The segments that have a Parquet file with rows of a collection: what [`Snapshot::files`] lists follows from
    /// them and the collection.
    ///
    /// # Errors
    /// As [`Snapshot::files`].
    pub fn file_segments(&self, collection: &str) -> Result<Vec<SegmentNumber>> {
        let id = self.named(collection)?.id;
        let files = &self.committed.context.segments;
        let mut found = Vec::new();
        for segment in self.committed.segments() {
            let parts = segment.parts(files)?;
            if parts.iter().any(|part| part.collection == id) {
                found.push(segment.number());
            }
        }
        Ok(found)
    }

    /// The part of a segment that has one.
    pub(super) fn part<'a>(
        &self,
        segment: &'a dyn crate::segment::Segment,
        collection: CollectionId,
    ) -> Result<&'a OpenPart> {
        let part = segment.part(&self.committed.context.segments, collection)?;
        part.ok_or_else(|| Error::internal("a listed part is gone"))
    }

    /// Rows of a part that are gone, in order.
    fn gone(&self, collection: &Collection, part: &OpenPart) -> Result<Vec<Range<Seq>>> {
        let live = collection.first_live;
        let mut gone = Vec::new();
        if self.catalogue().deleted().is_empty()
            && let Some(range) = part.dense_seqs()?
        {
            let end = range.end.min(live);
            if range.start < end {
                gone.push(range.start..end);
            }
            return Ok(gone);
        }
        let deleted = deleted_rows(self, part);
        for run in part.seqs()? {
            let end = Seq(run.first.0 + run.len);
            if run.first < live {
                gone.push(run.first..end.min(live));
            }
            let rows = run.row..run.row + run.len;
            let from = deleted.partition_point(|row| *row < rows.start);
            for row in deleted.iter().skip(from).take_while(|row| **row < rows.end) {
                let seq = Seq(run.first.0 + (row - run.row));
                if seq >= live {
                    gone.push(seq..Seq(seq.0 + 1));
                }
            }
        }
        gone.sort_by_key(|run| run.start);
        gone.dedup_by(|next, run| {
            let follows = run.end == next.start;
            if follows {
                run.end = next.end;
            }
            follows
        });
        Ok(gone)
    }

    /// The sequence numbers of a range that are not in the parts of these segments, in order.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn outside(
        &self,
        collection: CollectionId,
        range: &Range<Seq>,
        segments: &[SegmentNumber],
    ) -> Result<Vec<Range<Seq>>> {
        let mut inside = Vec::new();
        for segment in self.committed.segments() {
            if !segments.contains(&segment.number()) {
                continue;
            }
            let Some(part) = segment.part(&self.committed.context.segments, collection)? else {
                continue;
            };
            match part.dense_seqs()? {
                Some(range) => inside.push(range),
                None => inside.extend(
                    part.seqs()?
                        .iter()
                        .map(|run| run.first..Seq(run.first.0 + run.len)),
                ),
            }
        }
        inside.sort_by_key(|run| run.start);
        let mut outside = Vec::new();
        let mut at = range.start;
        for run in inside {
            if run.start > at {
                outside.push(at..run.start.min(range.end));
            }
            at = at.max(run.end);
            if at >= range.end {
                break;
            }
        }
        if at < range.end {
            outside.push(at..range.end);
        }
        outside.retain(|run| run.start < run.end);
        Ok(outside)
    }
}

/// The least and the greatest sequence number of a part.
fn bounds(part: &OpenPart) -> Result<(Seq, Seq)> {
    let runs = part.seqs()?;
    let first = runs.iter().map(|run| run.first.0).min().unwrap_or(0);
    let last = runs.iter().map(|run| run.first.0 + run.len - 1).max();
    Ok((Seq(first), Seq(last.unwrap_or(0))))
}

/// The rows of a part whose blobs were deleted, in order.
fn deleted_rows(snapshot: &Snapshot, part: &OpenPart) -> Vec<u64> {
    let deleted = snapshot.catalogue().deleted();
    let mut rows = Vec::new();
    let (Some((_, first)), Some((_, last))) = (part.runs().first(), part.runs().last()) else {
        return rows;
    };
    for run in deleted.runs() {
        if run.end() <= first.first.0 || run.first.0 >= last.end() {
            continue;
        }
        rows.extend(run.range().filter_map(|id| part.row(BlobId(id))));
    }
    rows
}

fn columns(held: Vec<Held>) -> Option<Vec<FileColumn>> {
    held.into_iter()
        .map(|held| match held {
            Held::Same(path) => path.into_iter().next().map(FileColumn::Same),
            Held::Narrower(path) => path.into_iter().next().map(FileColumn::Cast),
            Held::Missing => Some(FileColumn::Missing),
            Held::InRecords => None,
        })
        .collect()
}
