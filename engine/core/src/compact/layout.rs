//! Which rows come into Parquet parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakebed_codec::Decoded;
use lakebed_format::{BlobId, CollectionId, IdSet, SegmentNumber, Seq};
use lakebed_json::schema::StoredLayout;

use super::keeper::Keeper;
use super::wanted::Wanted;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::columns::rows::{PartRow, PartRows, ReadRecord};
use crate::segment::columns::write::{NewPart, PartPlace, Written};
use crate::segment::rows::keep::Keep;
use crate::segment::{ReadContext, Segment, damaged_rows};
use crate::snapshot::Snapshot;

/// What became of the rows of a step.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) written: Vec<NewPart>,
    /// Collections whose rows stay in frames.
    pub(super) refused: Vec<Refused>,
}

/// Rows that stay in frames.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) collection: CollectionId,
    /// The sequence number behind them.
    pub(super) end: Seq,
    /// A sentence about them.
    pub(super) why: String,
}

/// Writes the parts of a new segment.
pub(super) struct PartMaker<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) sources: &'a [Arc<dyn Segment>],
    /// Bytes of the sources' files, and of their blobs.
    pub(super) source_bytes: u64,
    pub(super) source_raw_bytes: u64,
    pub(super) wanted: &'a Wanted,
}

impl PartMaker<'_> {
    /// Writes them.
    ///
    /// # Errors
    /// `Corrupt` when the sources are not whole; `Io`, `StoreFull`, `Interrupted`.
    pub(super) fn write(&self, place: PartPlace<'_>, keeper: &Keeper<'_>) -> Result<Parts> {
        let mut parts = Parts::default();
        let mut taken = IdSet::new();
        for mut rows in self.rows(keeper)?.into_values() {
            rows.rows.retain(|row| taken.insert(row.blob));
            rows.rows.sort_unstable_by_key(|row| row.blob);
            if rows.rows.is_empty() {
                continue;
            }
            let mut reader = Reader {
                read: self.snapshot.reader(),
                snapshot: self.snapshot,
                sources: self.sources,
                decoded: None,
            };
            let reason = match place.write(&rows, &mut reader)? {
                Written::Part(part) => match self.too_large(&part, rows.collection)? {
                    None => {
                        parts.written.push(*part);
                        continue;
                    }
                    Some(reason) => {
                        place.remove(rows.collection);
                        reason
                    }
                },
                Written::Rows(reason) => reason,
            };
            for row in &rows.rows {
                taken.remove(row.blob);
            }
            let last = rows.rows.iter().map(|row| row.seq.0).max();
            parts.refused.push(Refused {
                collection: rows.collection,
                end: Seq(last.map_or(0, |last| last + 1)),
                why: format!(
                    "{} stays rows in segment {}: {reason}.",
                    rows.name,
                    self.numbers()
                ),
            });
        }
        Ok(parts)
    }

    fn layout_of(&self, collection: CollectionId) -> Result<Option<StoredLayout>> {
        let files = &self.snapshot.committed.context.segments;
        self.wanted.layout_of(collection, files, self.sources)
    }

    /// Whether the sources have parts that the new segment will not have.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn unmakes(&self) -> Result<bool> {
        let files = &self.snapshot.committed.context.segments;
        for source in self.sources {
            if !source.parts(files)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// "3" or "3 to 5"
    fn numbers(&self) -> String {
        let numbers: Vec<SegmentNumber> =
            self.sources.iter().map(|source| source.number()).collect();
        match (numbers.first(), numbers.last()) {
            (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
            (Some(first), _) => first.to_string(),
            _ => String::new(),
        }
    }

    /// Why a part is not worth it where the smaller layout is wanted.
    fn too_large(&self, part: &NewPart, collection: CollectionId) -> Result<Option<String>> {
        if self.layout_of(collection)? != Some(StoredLayout::Auto) {
            return Ok(None);
        }
        let share = u128::from(self.source_bytes) * u128::from(part.raw_bytes)
            / u128::from(self.source_raw_bytes.max(1));
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        let is_smaller = part.entry.len < share;
        Ok((!is_smaller).then(|| {
            let len = part.entry.len;
            format!("it would take {len} bytes as columns, and takes about {share} as rows")
        }))
    }

    /// For each collection that is to have a part, its rows whose blobs are here, the first one of each blob.
    fn rows(&self, keeper: &Keeper<'_>) -> Result<BTreeMap<CollectionId, PartRows>> {
        let files = &self.snapshot.committed.context.segments;
        let mut here = IdSet::new();
        for source in self.sources {
            here.extend(&source.contents(files)?.ids);
        }
        let mut made: BTreeMap<CollectionId, Option<PartRows>> = BTreeMap::new();
        let mut seen: BTreeMap<CollectionId, IdSet> = BTreeMap::new();
        for source in self.sources {
            for entry in source.rows(files)?.iter() {
                let Some(first) = keeper.first_row(entry) else {
                    continue;
                };
                if let std::collections::btree_map::Entry::Vacant(slot) =
                    made.entry(entry.collection)
                {
                    slot.insert(self.begin(entry.collection)?);
                }
                let Some(Some(rows)) = made.get_mut(&entry.collection) else {
                    continue;
                };
                let seen = seen.entry(entry.collection).or_default();
                let bytes = source.row_batch(files, entry)?;
                let batch = bytes.decode()?;
                let share = u32::try_from(rows.shares.len())
                    .map_err(|_| Error::internal("a segment has too many batches of rows"))?;
                rows.shares
                    .push((self.snapshot.file_name(batch.head.file), batch.head.time));
                let skip = first.0.saturating_sub(batch.head.first_seq.0);
                for run in batch.row_runs_from(skip) {
                    let run = run.map_err(|e| damaged_rows(&e))?;
                    for step in 0..run.len {
                        let blob = BlobId(run.blob.0 + step);
                        if here.contains(blob)
                            && keeper.blob(blob)
                            && !keeper.is_dictionary(blob)
                            && seen.insert(blob)
                        {
                            rows.rows.push(PartRow {
                                blob,
                                seq: Seq(run.seq.0 + step),
                                line: run.line.map(|line| line + step),
                                share,
                            });
                        }
                    }
                }
            }
        }
        let made = made.into_iter();
        Ok(made.filter_map(|(id, rows)| Some((id, rows?))).collect())
    }

    /// The rows of a collection, none yet; `None` when it has no part.
    fn begin(&self, id: CollectionId) -> Result<Option<PartRows>> {
        if self.layout_of(id)?.is_none() {
            return Ok(None);
        }
        let Some(collection) = self.snapshot.catalogue().collection(id) else {
            return Ok(None);
        };
        Ok(Some(PartRows {
            collection: id,
            name: Arc::clone(&collection.name),
            schema: self.snapshot.committed.context.schema(collection)?,
            rows: Vec::new(),
            shares: Vec::new(),
        }))
    }
}

/// Reads records of the sources, mostly in the order of their ids.
struct Reader<'a> {
    read: ReadContext<'a>,
    snapshot: &'a Snapshot,
    sources: &'a [Arc<dyn Segment>],
    decoded: Option<(Arc<Decoded>, usize)>,
}

impl ReadRecord for Reader<'_> {
    fn check_interrupted(&self) -> Result<()> {
        self.snapshot.committed.context.options.check_interrupted()
    }

    fn record(&mut self, id: BlobId) -> Result<&[u8]> {
        let place = self.decoded.as_ref().and_then(|(frame, _)| frame.place(id));
        if let (Some(place), Some((_, last))) = (place, &mut self.decoded) {
            *last = place;
        } else {
            self.check_interrupted()?;
            self.decoded = None;
            for source in self.sources {
                if let Some(frame) = source.blobs_from(self.read, id)?
                    && let Some(place) = frame.place(id)
                {
                    self.decoded = Some((frame, place));
                    break;
                }
            }
        }
        let found = self.decoded.as_ref();
        let bytes = found.and_then(|(frame, place)| frame.blob(*place));
        bytes.ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                format!("Blob {id} is named by a row and is not in its segment; verify lists all damage."),
            )
        })
    }
}
