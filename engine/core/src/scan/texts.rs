//! Records by the sequence numbers of their rows, for queries that show few of them.

use lakebed_format::{BlobId, Seq};

use crate::blob::Blob;
use crate::error::Result;
use crate::snapshot::{Cursor, Snapshot, live_range};

impl Snapshot {
    /// The records of these rows, in their order; `None` for a number that is no row of the collection.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`, `Io`.
    pub fn records(&self, collection: &str, seqs: &[Seq]) -> Result<Vec<Option<Blob>>> {
        let collection = self.named(collection)?;
        let mut order: Vec<usize> = (0..seqs.len()).collect();
        order.sort_by_key(|place| seqs.get(*place));
        let wanted = |place: &usize| seqs.get(*place).copied().unwrap_or_default();
        let mut found = vec![None; seqs.len()];
        let (Some(first), Some(last)) = (order.first().map(wanted), order.last().map(wanted))
        else {
            return Ok(found);
        };
        let range = live_range(collection, first..Seq(last.0.saturating_add(1)));
        let mut cursor = Cursor::new(self);
        let mut rest = order.as_slice();
        for batch in self.batches(collection.id, &range)? {
            let start = batch.entry.first_seq.max(range.start);
            let end = Seq(batch.entry.first_seq.0 + batch.entry.rows).min(range.end);
            rest = after(rest, |place| wanted(place) < start);
            let here = rest.partition_point(|place| wanted(place) < end);
            let here = rest.get(..here).unwrap_or_default();
            let (Some(low), Some(high)) = (here.first().map(wanted), here.last().map(wanted))
            else {
                continue;
            };
            let bytes = self.read_batch(&batch)?;
            let mut runs = Vec::new();
            self.live_runs(&bytes.decode()?, &(low..Seq(high.0 + 1)), &mut runs)?;
            let mut here = here;
            for run in runs {
                here = after(here, |place| wanted(place) < run.seq);
                while let Some((place, others)) = here.split_first() {
                    let step = wanted(place).0 - run.seq.0;
                    if step >= run.len {
                        break;
                    }
                    let blob = cursor.blob(BlobId(run.blob.0 + step))?;
                    if let Some(slot) = found.get_mut(*place) {
                        *slot = Some(blob);
                    }
                    here = others;
                }
            }
        }
        Ok(found)
    }
}

/// The rest of the places behind those at the front that pass.
fn after(places: &[usize], pass: impl Fn(&usize) -> bool) -> &[usize] {
    let skip = places.partition_point(pass);
    places.get(skip..).unwrap_or_default()
}
