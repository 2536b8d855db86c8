//! What of the segments of a step is kept, and with which dictionaries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakebed_codec::Dictionary;
use lakebed_format::{BlobId, CollectionId, DictionaryNumber, Encoding, IdRun, RowBatchEntry, Seq};

use crate::error::Result;
use crate::progress::Meter;
use crate::reach::Reach;
use crate::segment::rows::keep::{Keep, Kept};
use crate::segment::{FindDictionary, Segment};
use crate::snapshot::Snapshot;

/// How many row batches that begin before a blob are asked whether they hold it.
const LOOKED_AT: usize = 16;

/// Decides for the blobs and rows of a step.
pub(super) struct Keeper<'a> {
    snapshot: &'a Snapshot,
    reach: &'a Reach,
    /// The blobs that are dictionaries, and whether each is kept.
    dictionaries: BTreeMap<BlobId, bool>,
    retired: &'a BTreeSet<DictionaryNumber>,
    /// The row batches by their smallest blob: that, the largest, and the collection.
    owners: Vec<(BlobId, BlobId, CollectionId)>,
    meter: &'a mut Meter,
}

impl<'a> Keeper<'a> {
    /// `gone` are the dictionaries whose blobs go with this step; frames use none of `retired` afterwards.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        reach: &'a Reach,
        sources: &[Arc<dyn Segment>],
        retired: &'a BTreeSet<DictionaryNumber>,
        gone: &BTreeSet<DictionaryNumber>,
        meter: &'a mut Meter,
    ) -> Result<Self> {
        let catalogue = snapshot.catalogue();
        let mut dictionaries = BTreeMap::new();
        for entry in catalogue.dictionaries() {
            // Equal bytes may be the dictionary of several collections.
            let kept = !gone.contains(&entry.number) || catalogue.pinned().contains(entry.blob);
            *dictionaries.entry(entry.blob).or_insert(false) |= kept;
        }
        let mut owners = Vec::new();
        for source in sources {
            for entry in source.rows(&snapshot.committed.context.segments)?.iter() {
                if catalogue.dictionary_of(entry.collection).is_some()
                    && catalogue.collection(entry.collection).is_some()
                {
                    owners.push((entry.min_blob, entry.max_blob, entry.collection));
                }
            }
        }
        owners.sort_unstable();
        Ok(Self {
            snapshot,
            reach,
            dictionaries,
            retired,
            owners,
            meter,
        })
    }

    /// The collection whose rows name a blob, as far as the row directories tell.
    fn owner(&self, id: BlobId) -> Option<CollectionId> {
        let after = self.owners.partition_point(|(min, ..)| *min <= id);
        let (before, _) = self.owners.split_at(after);
        let near = before.iter().rev().take(LOOKED_AT);
        near.filter(|(_, max, _)| *max >= id)
            .min_by_key(|(min, max, _)| max.0 - min.0)
            .map(|(.., collection)| *collection)
    }
}

impl Keep for Keeper<'_> {
    fn run(&self, run: IdRun) -> Kept {
        let range = run.first..BlobId(run.end());
        if self.dictionaries.range(range).next().is_some() {
            return match run.len {
                1 if self.blob(run.first) => Kept::All,
                1 => Kept::None,
                _ => Kept::Some,
            };
        }
        match self.reach.count(run.range()) {
            0 => Kept::None,
            count if count == run.len => Kept::All,
            _ => Kept::Some,
        }
    }

    fn blob(&self, id: BlobId) -> bool {
        match self.dictionaries.get(&id) {
            Some(kept) => *kept,
            None => self.reach.contains(id),
        }
    }

    fn is_dictionary(&self, id: BlobId) -> bool {
        self.dictionaries.contains_key(&id)
    }

    fn allows(&self, encoding: Encoding) -> bool {
        let dictionary = encoding.dictionary();
        dictionary.is_none_or(|number| !self.retired.contains(&number))
    }

    fn dictionary(&mut self, first: BlobId, was: Encoding) -> Result<Option<Arc<Dictionary>>> {
        let catalogue = self.snapshot.catalogue();
        let collection = self.owner(first).or_else(|| {
            let known = catalogue.dictionary(was.dictionary()?)?.collection;
            catalogue.collection(known).map(|known| known.id)
        });
        let newest = collection.and_then(|collection| catalogue.dictionary_of(collection));
        match newest {
            Some(entry) => self.snapshot.dictionary(entry.number).map(Some),
            None => Ok(None),
        }
    }

    fn first_row(&self, entry: &RowBatchEntry) -> Option<Seq> {
        let catalogue = self.snapshot.catalogue();
        let first_live = catalogue.collection(entry.collection)?.first_live;
        (entry.first_seq.0 + entry.rows > first_live.0).then(|| entry.first_seq.max(first_live))
    }

    fn advance(&mut self, bytes: u64) -> Result<()> {
        self.snapshot
            .committed
            .context
            .options
            .check_interrupted()?;
        self.meter.advance(bytes)
    }
}
