//! Rows of the pending group.

use std::sync::Arc;

use lakebed_format::{BlobId, CollectionId, FileNumber, RowBatchHeader, Seq, limits};

use super::group::Group;
use crate::error::{Error, Result};
use crate::segment::rows::pending::{Pending, PendingBatch};

/// Rows of one batch share its time; rows join a batch that is at most this old, in microseconds.
const SAME_TIME: i64 = 1_000_000;

/// Line numbers of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lines<'a> {
    /// The rows do not come from a file.
    None,
    /// Consecutive from this one on.
    From(u64),
    /// One for each row.
    Each(&'a [u64]),
}

/// The time of rows, in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BatchTime {
    /// Now: rows may join a batch that is a little older.
    About(i64),
    /// The time they have already.
    Exactly(i64),
}

impl BatchTime {
    fn fits(self, batch: i64) -> bool {
        match self {
            Self::About(now) => (now - batch).abs() <= SAME_TIME,
            Self::Exactly(time) => time == batch,
        }
    }

    fn get(self) -> i64 {
        match self {
            Self::About(time) | Self::Exactly(time) => time,
        }
    }
}

impl Group {
    /// Appends rows.
    #[expect(clippy::cast_possible_truncation, reason = "a batch holds few rows")]
    pub(crate) fn add_rows(
        &mut self,
        time: BatchTime,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut pending = shared.write();
        let Some(mut seq) = pending
            .catalogue
            .collection(collection)
            .map(|c| c.next_seq.0)
        else {
            return Err(Error::internal(
                "rows are added to a collection that is gone",
            ));
        };
        let mut done = 0;
        while let Some(rest) = ids.get(done..).filter(|rest| !rest.is_empty()) {
            let at = self.open_batch(
                &mut pending,
                RowBatchHeader {
                    collection,
                    first_seq: Seq(seq),
                    file,
                    time: time.get(),
                },
                time,
            );
            let Some(batch) = pending.batches.get_mut(at) else {
                return Err(Error::internal("an open batch of rows is gone"));
            };
            let batch = Arc::make_mut(batch);
            let room = (limits::MAX_BATCH_ROWS - batch.writer.rows()) as usize;
            for (index, id) in rest.iter().take(room).enumerate() {
                let line = match lines {
                    Lines::None => 0,
                    Lines::From(first) => first + (done + index) as u64,
                    Lines::Each(each) => *each
                        .get(done + index)
                        .ok_or_else(|| Error::internal("a row has no line number"))?,
                };
                batch.push(line, *id);
            }
            let taken = rest.len().min(room);
            done += taken;
            seq += taken as u64;
        }
        pending.rows += ids.len() as u64;
        pending.catalogue.add_rows(collection, Seq(seq));
        Ok(())
    }

    /// The index of the batch that rows with this head go to.
    fn open_batch(
        &mut self,
        pending: &mut Pending,
        head: RowBatchHeader,
        time: BatchTime,
    ) -> usize {
        let known = self
            .open
            .iter_mut()
            .find(|(collection, _)| *collection == head.collection);
        if let Some((_, at)) = &known
            && let Some(batch) = pending.batches.get(*at)
            && batch.writer.head().file == head.file
            && time.fits(batch.writer.head().time)
            && !batch.writer.is_full()
        {
            return *at;
        }
        let new = pending.batches.len();
        match known {
            Some((_, at)) => *at = new,
            None => self.open.push((head.collection, new)),
        }
        pending.batches.push(Arc::new(PendingBatch::new(head)));
        new
    }
}
