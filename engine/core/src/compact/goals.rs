//! What is asked of a compaction, and the plan that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use lakebed_format::{BlobId, DictionaryNumber, SegmentNumber};

use super::plan::{Scales, Step, steps};
use super::report::CompactOptions;
use super::wanted::Wanted;
use crate::catalogue::Catalogue;
use crate::error::{Error, ErrorKind, Result};
use crate::reach::Reach;
use crate::segment::Segment;
use crate::snapshot::CommittedState;

/// What is asked for.
pub(super) struct Goals {
    /// Encode everything again at this level.
    pub(super) level: Option<i32>,
    pub(super) wanted: Wanted,
    /// Segments are written again for their layout alone, one by one.
    pub(super) only_layout: bool,
    /// Rows that stay rows are encoded again: they were written to become columns, in frames that took little time.
    pub(super) encodes_unfit: bool,
}

impl Goals {
    /// Those of a compaction.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`.
    pub(super) fn of(committed: &Arc<CommittedState>, options: &CompactOptions) -> Result<Self> {
        Ok(Self {
            level: options.level,
            wanted: Wanted::of(committed, options)?,
            only_layout: false,
            encodes_unfit: false,
        })
    }

    /// Whether a segment is to be written again for its layout.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn differ(&self, committed: &CommittedState) -> Result<bool> {
        let files = &committed.context.segments;
        let sealed = committed.manifest.sealed.iter();
        let active = committed
            .active
            .iter()
            .map(|active| Arc::clone(active) as _);
        for segment in sealed
            .map(|sealed| Arc::clone(&sealed.segment))
            .chain(active)
        {
            if self.wanted.differs(files, &segment)? {
                return Ok(true);
            }
        }
        Ok(false)
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
        let mut weigh = |segment: &Arc<dyn Segment>, ids: Range<BlobId>, len, raw_bytes| {
            let differs = goals.wanted.differs(&context.segments, segment)?;
            if goals.only_layout && !differs {
                return Ok(());
            }
            let mut one = scales.weigh(segment.as_ref(), len, raw_bytes)?;
            one.due |= dead_large.range(ids).next().is_some();
            one.only_layout = differs && (goals.only_layout || !one.due);
            one.due |= differs;
            weighed.push(one);
            Ok::<(), Error>(())
        };
        for sealed in &committed.manifest.sealed {
            let entry = &sealed.entry;
            let len = sealed.bytes(&context.segments)?;
            let ids = entry.first_blob..entry.end_blob;
            weigh(&sealed.segment, ids, len, entry.raw_bytes)?;
        }
        if let Some(active) = &committed.active {
            let commits = active.commits(&context.segments)?;
            let raw = commits.iter().map(|commit| commit.raw_bytes).sum();
            let ids = active.file.first_blob..BlobId(u64::MAX);
            let segment: Arc<dyn Segment> = Arc::clone(active) as _;
            weigh(&segment, ids, active.end(), raw)?;
        }
        let uses = weighed.iter().map(|one| (one.number, one.uses.clone()));
        Ok(Self {
            uses: uses.collect(),
            steps: if goals.only_layout {
                Step { segments: weighed }.split()
            } else {
                steps(weighed, &context.options)
            },
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
