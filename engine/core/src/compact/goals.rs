//! What is asked of a compaction, and the plan that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakebed_format::{BlobId, DictionaryNumber, SegmentNumber};

use super::layout::Wanted;
use super::plan::{Scales, Step, Weighed, steps};
use super::report::CompactOptions;
use crate::catalogue::Catalogue;
use crate::error::{Error, ErrorKind, Result};
use crate::reach::Reach;
use crate::segment::Segment;
use crate::snapshot::{CommittedState, Snapshot};

/// What is asked for.
pub(super) struct Goals {
    /// Encode everything again at this level.
    pub(super) level: Option<i32>,
    pub(super) wanted: Wanted,
}

impl Goals {
    pub(super) fn of(committed: &Arc<CommittedState>, options: &CompactOptions) -> Result<Self> {
        let collection = match &options.collection {
            Some(name) => {
                let snapshot = Snapshot::new(Arc::clone(committed), None);
                Some(snapshot.named(name)?.id)
            }
            None => None,
        };
        Ok(Self {
            level: options.level,
            wanted: Wanted {
                layout: options.layout,
                collection,
            },
        })
    }

    /// Marks a segment that is to be written again for its layout.
    fn weigh(
        &self,
        committed: &CommittedState,
        segment: &dyn Segment,
        one: &mut Weighed,
    ) -> Result<()> {
        let differs = self.wanted.differs(committed, segment)?;
        one.only_layout = differs && !one.due;
        one.due |= differs;
        Ok(())
    }
}

/// The steps, and what they need to know.
pub(super) struct Plan {
    pub(super) reach: Arc<Reach>,
    /// Dictionaries that are to go when no frame uses them.
    pub(super) retired: BTreeSet<DictionaryNumber>,
    /// For each segment, those of them that its frames use.
    pub(super) uses: BTreeMap<SegmentNumber, BTreeSet<DictionaryNumber>>,
    pub(super) steps: Vec<Step>,
}

impl Plan {
    /// What is to be done, the active segment included.
    ///
    /// # Errors
    /// `Corrupt` when what is reached cannot be told; `Io`, `Interrupted`.
    pub(super) fn of(committed: &CommittedState, goals: &Goals) -> Result<Self> {
        let context = &committed.context;
        committed.check_whole()?;
        let reach = Arc::clone(committed.reach()?);
        if let Some(error) = reach.unread() {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "Rows cannot be read, so that it is not known which blobs they hold, and nothing was compacted: {}",
                    error.message()
                ),
            ));
        }
        let retired = retired(&committed.catalogue, goals);
        let scales = Scales {
            reach: &reach,
            files: &context.segments,
            options: &context.options,
            retired: &retired,
            all: goals.level.is_some(),
        };
        let dead_large = dead_large(committed, &reach);
        let mut weighed = Vec::new();
        for sealed in &committed.manifest.sealed {
            let entry = &sealed.entry;
            let len = sealed.bytes(&context.segments)?;
            let mut one = scales.weigh(sealed.segment.as_ref(), len, entry.raw_bytes)?;
            one.due |= dead_large
                .range(entry.first_blob..entry.end_blob)
                .next()
                .is_some();
            goals.weigh(committed, sealed.segment.as_ref(), &mut one)?;
            weighed.push(one);
        }
        if let Some(active) = &committed.active {
            let commits = active.commits(&context.segments)?;
            let raw = commits.iter().map(|commit| commit.raw_bytes).sum();
            let mut one = scales.weigh(active.as_ref(), active.end(), raw)?;
            one.due |= dead_large.range(active.file.first_blob..).next().is_some();
            goals.weigh(committed, active.as_ref(), &mut one)?;
            weighed.push(one);
        }
        let uses = weighed.iter().map(|one| (one.number, one.uses.clone()));
        Ok(Self {
            uses: uses.collect(),
            steps: steps(weighed, &context.options),
            retired,
            reach,
        })
    }
}

/// Dictionaries of collections that are gone; where everything is encoded again, also all but the newest ones.
fn retired(catalogue: &Catalogue, goals: &Goals) -> BTreeSet<DictionaryNumber> {
    let retires = |entry: &&lakebed_format::DictionaryEntry| {
        let newest = catalogue.dictionary_of(entry.collection);
        catalogue.collection(entry.collection).is_none()
            || goals.level.is_some() && newest.is_some_and(|newest| newest.number != entry.number)
    };
    let all = catalogue.dictionaries();
    all.filter(retires).map(|entry| entry.number).collect()
}

/// The large blobs that nothing reaches.
pub(super) fn dead_large(committed: &CommittedState, reach: &Reach) -> BTreeSet<BlobId> {
    let large = committed.catalogue.large_blobs();
    large
        .map(|entry| entry.blob)
        .filter(|blob| !reach.contains(*blob))
        .collect()
}
