//! How many bytes the blobs of each collection take in the files.

use std::collections::BTreeMap;
use std::ops::Range;

use lakebed_format::{BlobId, CollectionId, IdRun, RowBatchEntry, Seq};

use super::Snapshot;
use super::rows::BatchRef;
use crate::error::Result;
use crate::reach::Marks;
use crate::segment::damaged_rows;

/// The blobs that live rows of a collection name.
#[derive(Default)]
struct Named {
    ids: Marks,
    /// Ranges that the ids lie in, of the batches.
    spans: Vec<Range<u64>>,
}

/// A frame: the ids of its blobs lie in a range.
struct Frame {
    range: Range<u64>,
    bytes: u64,
    blobs: u64,
    /// The ids, without those of its range that are elsewhere.
    runs: Vec<IdRun>,
}

impl Snapshot {
    /// About how many bytes the blobs of each collection take in the files: those of their frames, divided equally
    /// among the blobs of a frame. A blob that two collections name counts in both; what is pending is not counted.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, `Interrupted`.
    pub(crate) fn stored_bytes(&self) -> Result<BTreeMap<CollectionId, u64>> {
        let mut sizes = BTreeMap::new();
        let frames = self.frames()?;
        for (collection, mut named) in self.named_blobs()? {
            self.committed.context.options.check_interrupted()?;
            let mut size = 0;
            for large in self.catalogue().large_blobs() {
                if named.ids.contains(large.blob) && !self.catalogue().is_deleted(large.blob) {
                    size += large.len;
                }
            }
            named.spans.sort_by_key(|span| span.start);
            let mut next = 0;
            for span in &named.spans {
                let first = frames.partition_point(|frame| frame.range.end <= span.start);
                for (place, frame) in frames.iter().enumerate().skip(first.max(next)) {
                    if frame.range.start >= span.end {
                        break;
                    }
                    next = place + 1;
                    size += frame.bytes * self.live(frame, &named.ids) / frame.blobs.max(1);
                }
            }
            sizes.insert(collection, size);
        }
        Ok(sizes)
    }

    /// How many blobs of the frame are marked and not deleted.
    fn live(&self, frame: &Frame, marks: &Marks) -> u64 {
        let deleted = self.catalogue().deleted().runs();
        let mut count = 0;
        for run in &frame.runs {
            count += marks.count(run.range());
            let first = deleted.partition_point(|dead| dead.end() <= run.first.0);
            for dead in deleted.iter().skip(first) {
                if dead.first.0 >= run.end() {
                    break;
                }
                let both = dead.first.0.max(run.first.0)..dead.end().min(run.end());
                count -= marks.count(both);
            }
        }
        count
    }

    /// All frames, by their ids.
    fn frames(&self) -> Result<Vec<Frame>> {
        let mut all = Vec::new();
        for segment in self.committed.segments() {
            let contents = segment.contents(&self.committed.context.segments)?;
            let end = contents.ids.last().map_or(BlobId(0), BlobId::next);
            let ends = contents.frames.iter().skip(1).map(|(first, _)| *first);
            let ranges = contents.frames.iter().zip(ends.chain([end]));
            let runs = contents.ids.runs();
            for (&(first, bytes), end) in ranges {
                let from = runs.partition_point(|run| run.end() <= first.0);
                let own = runs.iter().skip(from).take_while(|run| run.first < end);
                let cut = own.map(|run| {
                    let start = run.first.max(first);
                    let len = run.end().min(end.0) - start.0;
                    IdRun { first: start, len }
                });
                let runs: Vec<IdRun> = cut.collect();
                all.push(Frame {
                    range: first.0..end.0,
                    bytes,
                    blobs: runs.iter().map(|run| run.len).sum(),
                    runs,
                });
            }
        }
        all.sort_by_key(|frame| frame.range.start);
        Ok(all)
    }

    /// The blobs that the live rows of each collection name.
    fn named_blobs(&self) -> Result<BTreeMap<CollectionId, Named>> {
        let mut batches: Vec<BatchRef> = Vec::new();
        self.each_batch(|entry, source| {
            if self.is_live(entry) {
                batches.push(BatchRef {
                    entry: *entry,
                    source: source(),
                });
            }
        })?;
        let mut found: BTreeMap<CollectionId, Named> = BTreeMap::new();
        for collection in self.catalogue().collections() {
            found.insert(collection.id, Named::default());
        }
        for batch in batches {
            let entry = &batch.entry;
            let Some(named) = found.get_mut(&entry.collection) else {
                continue;
            };
            named.spans.push(entry.min_blob.0..entry.max_blob.0 + 1);
            if entry.min_blob == entry.max_blob {
                named.ids.insert(entry.min_blob.0..entry.max_blob.0 + 1);
                continue;
            }
            let bytes = self.read_batch(&batch)?;
            let rows = bytes.decode()?;
            let skip = self
                .first_live(entry)
                .0
                .saturating_sub(rows.head.first_seq.0);
            let mut ids = rows.ids();
            if skip > 0 {
                ids.skip_rows(skip).map_err(|e| damaged_rows(&e))?;
            }
            for run in ids {
                let run = run.map_err(|e| damaged_rows(&e))?;
                named.ids.insert(run.first..run.first + run.len);
            }
        }
        Ok(found)
    }

    fn first_live(&self, entry: &RowBatchEntry) -> Seq {
        let collection = self.catalogue().collection(entry.collection);
        collection.map_or(Seq(u64::MAX), |collection| collection.first_live)
    }

    fn is_live(&self, entry: &RowBatchEntry) -> bool {
        entry.first_seq.0 + entry.rows > self.first_live(entry).0
    }
}
