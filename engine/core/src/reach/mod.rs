//! Which blobs are reached: by a live row, by a pin, or by being a dictionary that is in use.
//!
//! Until something is released (a collection dropped or trimmed) every blob is reached that is not deleted, and nothing
//! is computed. After that the ids that live rows name are marked in one pass over the row batches, when somebody first
//! asks, and kept; later commits only add to them until the next release.

mod marks;

use std::ops::Range;
use std::sync::Arc;

use lakebed_format::{BlobId, CommitNumber, RowBatchEntry, Seq};

pub(crate) use marks::Marks;

use crate::catalogue::{Catalogue, Collection};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::segment::files::SegmentFiles;
use crate::segment::{Segment, damaged_rows};

/// A segment, and its last commit, so that one without newer rows is not opened.
pub(crate) type Committed<'a> = (Arc<dyn Segment>, CommitNumber);

/// What the blobs that are reached as of a commit are found in.
#[derive(Clone, Copy)]
pub(crate) struct ReachSource<'a> {
    pub(crate) commit: CommitNumber,
    pub(crate) next_blob: BlobId,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) files: &'a SegmentFiles,
    pub(crate) options: &'a Options,
}

/// The blobs that are reached as of a commit. Deleted ones may be marked: [`Reach::contains`] knows them.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    commit: CommitNumber,
    catalogue: Catalogue,
    marks: Marks,
    /// Marked blobs that are not listed as blobs: dictionaries.
    dictionaries: u64,
    /// Why rows could not all be read: what they may name is marked.
    unread: Option<Arc<Error>>,
}

impl Reach {
    /// The blobs that are reached. `before` is what was found at an earlier commit.
    ///
    /// Rows that cannot be read count as naming all that they may name: damage hides nothing.
    ///
    /// # Errors
    /// `Io`, `Interrupted`.
    pub(crate) fn of<'a>(
        source: ReachSource<'_>,
        segments: impl Iterator<Item = Committed<'a>>,
        damage: Option<Error>,
        before: Option<&Self>,
    ) -> Result<Self> {
        let catalogue = source.catalogue;
        let before = before.filter(|before| before.grows_into(&source));
        let mut reach = Self {
            commit: source.commit,
            catalogue: catalogue.clone(),
            marks: before.map_or_else(Marks::default, |before| before.marks.clone()),
            dictionaries: 0,
            unread: None,
        };
        let since = before.map_or(CommitNumber(0), |before| before.commit);
        match damage {
            Some(damage) => reach.give_up(&source, damage),
            None => reach.add_rows(&source, segments, since)?,
        }
        for run in catalogue.pinned().runs() {
            reach.add(&source, run.range());
        }
        for entry in catalogue.dictionaries() {
            if catalogue.collection(entry.collection).is_some() {
                reach.add(&source, entry.blob.0..entry.blob.0 + 1);
            }
        }
        let dictionaries = catalogue.dictionaries();
        let reached = dictionaries.filter(|entry| reach.contains(entry.blob));
        reach.dictionaries = reached.count() as u64;
        Ok(reach)
    }

    /// Whether every blob that this marks is reached at the source's commit, too.
    fn grows_into(&self, source: &ReachSource<'_>) -> bool {
        let same = |collection: &Arc<Collection>| {
            let known = source.catalogue.collection(collection.id);
            known.is_some_and(|known| known.first_live == collection.first_live)
        };
        self.unread.is_none()
            && self.commit <= source.commit
            && self.catalogue.collections().all(same)
    }

    fn add_rows<'a>(
        &mut self,
        source: &ReachSource<'_>,
        segments: impl Iterator<Item = Committed<'a>>,
        since: CommitNumber,
    ) -> Result<()> {
        for (segment, last) in segments {
            if last <= since {
                continue;
            }
            source.options.check_interrupted()?;
            let entries = match segment.rows_since(source.files, since) {
                // Its rows may name any blob.
                Err(error) if is_unreadable(&error) => {
                    self.give_up(source, error);
                    continue;
                }
                entries => entries?,
            };
            for entry in entries.iter() {
                let Some(collection) = source.catalogue.collection(entry.collection) else {
                    continue;
                };
                if entry.first_seq.0 + entry.rows <= collection.first_live.0 {
                    continue;
                }
                let from = collection.first_live;
                match self.add_batch(source, segment.as_ref(), entry, from) {
                    Err(error) if is_unreadable(&error) => {
                        self.add(source, entry.min_blob.0..entry.max_blob.0 + 1);
                        self.unread.get_or_insert(Arc::new(error));
                    }
                    added => added?,
                }
            }
        }
        Ok(())
    }

    fn add_batch(
        &mut self,
        source: &ReachSource<'_>,
        segment: &dyn Segment,
        entry: &RowBatchEntry,
        from: Seq,
    ) -> Result<()> {
        // One blob: no need to read the batch.
        if entry.min_blob == entry.max_blob {
            self.add(source, entry.min_blob.0..entry.max_blob.0 + 1);
            return Ok(());
        }
        let bytes = segment.row_batch(source.files, entry)?;
        let batch = bytes.decode()?;
        let skip = from.0.saturating_sub(batch.head.first_seq.0);
        let mut ids = batch.ids();
        if skip > 0 {
            ids.skip_rows(skip).map_err(|e| damaged_rows(&e))?;
        }
        for run in ids {
            let run = run.map_err(|e| damaged_rows(&e))?;
            self.add(source, run.first..run.first + run.len);
        }
        Ok(())
    }

    fn add(&mut self, source: &ReachSource<'_>, ids: Range<u64>) {
        self.marks
            .insert(ids.start..ids.end.min(source.next_blob.0));
    }

    fn give_up(&mut self, source: &ReachSource<'_>, error: Error) {
        self.marks.insert(0..source.next_blob.0);
        self.unread.get_or_insert(Arc::new(error));
    }

    /// The commit that it is of.
    pub(crate) fn commit(&self) -> CommitNumber {
        self.commit
    }

    /// Whether a committed blob is reached.
    #[inline]
    pub(crate) fn contains(&self, id: BlobId) -> bool {
        self.marks.contains(id) && !self.catalogue.is_deleted(id)
    }

    /// How many blobs of a range of ids are reached.
    pub(crate) fn count(&self, ids: Range<u64>) -> u64 {
        let runs = self.catalogue.deleted().runs();
        let first = runs.partition_point(|run| run.end() <= ids.start);
        let dead: u64 = runs
            .iter()
            .skip(first)
            .take_while(|run| run.first.0 < ids.end)
            .map(|run| {
                self.marks
                    .count(run.first.0.max(ids.start)..run.end().min(ids.end))
            })
            .sum();
        self.marks.count(ids) - dead
    }

    /// How many blobs are reached, dictionaries not counted.
    pub(crate) fn blobs(&self) -> u64 {
        self.count(0..u64::MAX).saturating_sub(self.dictionaries)
    }

    /// Why not all rows could be read.
    pub(crate) fn unread(&self) -> Option<&Error> {
        self.unread.as_deref()
    }
}

/// Whether a segment is damaged, or of a newer version.
fn is_unreadable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::FormatTooNew)
}
