//! Which layout the records of each collection are to have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakebed_format::{CollectionId, Seq};
use lakebed_json::schema::StoredLayout;

use super::report::CompactOptions;
use crate::error::{ErrorKind, Result};
use crate::segment::Segment;
use crate::segment::files::SegmentFiles;
use crate::snapshot::{CommittedState, Snapshot};

/// The layout that is wanted of a collection's records.
#[derive(Clone, Copy, Debug)]
struct Wish {
    layout: StoredLayout,
    /// With [`StoredLayout::Auto`], and at the end of an ingest: fewer bytes of records in a segment stay as they are.
    least: u64,
    /// Rows below this one were found unfit for columns.
    stays_rows: Seq,
    /// Rows from here on are trimmed away no more.
    first_live: Seq,
    /// Whether columns become rows where rows are wished.
    unmakes: bool,
}

/// The layouts that are wanted. Collections that are not among them keep what is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    wishes: BTreeMap<CollectionId, Wish>,
    /// Whether the wishes are those of the collections' settings: what is refused then is remembered.
    pub(super) remembers: bool,
}

impl Wanted {
    /// What is asked of a compaction: its layout, or what the settings say.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`.
    pub(super) fn of(committed: &Arc<CommittedState>, options: &CompactOptions) -> Result<Self> {
        let snapshot = Snapshot::new(Arc::clone(committed), None);
        let only = match &options.collection {
            Some(name) => Some(snapshot.named(name)?.id),
            None => None,
        };
        let mut wanted = Self {
            remembers: options.layout.is_none(),
            ..Self::default()
        };
        for collection in committed.catalogue.collections() {
            let wish = match options.layout {
                Some(_) if only.is_some_and(|only| only != collection.id) => None,
                Some(layout) => Some(Wish {
                    layout,
                    least: 0,
                    stays_rows: Seq(0),
                    first_live: collection.first_live,
                    unmakes: true,
                }),
                None => wish(&snapshot, collection.id, false)?,
            };
            wanted.wishes.extend(wish.map(|wish| (collection.id, wish)));
        }
        Ok(wanted)
    }

    /// What is wanted of a collection whose rows were ingested just now. `asked` says that its setting was given for
    /// them: columns are then made of fewer rows, too.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn ingested(
        committed: &Arc<CommittedState>,
        id: CollectionId,
        asked: bool,
    ) -> Result<Self> {
        let snapshot = Snapshot::new(Arc::clone(committed), None);
        let mut wanted = Self {
            remembers: true,
            ..Self::default()
        };
        if let Some(mut wish) = wish(&snapshot, id, true)? {
            wish.unmakes = false;
            if asked && wish.layout == StoredLayout::Columns {
                wish.least = 0;
            }
            wanted.wishes.insert(id, wish);
        }
        Ok(wanted)
    }

    /// Whether a segment is to be written again for its layout.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn differs(&self, files: &SegmentFiles, segment: &Arc<dyn Segment>) -> Result<bool> {
        if self.wishes.is_empty() {
            return Ok(false);
        }
        let parts = collections_of(files, segment.as_ref())?;
        let rows = segment.rows(files)?;
        let here: BTreeSet<CollectionId> = rows.iter().map(|entry| entry.collection).collect();
        let sources = std::slice::from_ref(segment);
        for id in here {
            let has_part = parts.contains(&id);
            if self.layout_of(id, files, sources)?.is_some() != has_part {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The layout of a collection's rows in the segment that is made of these; `None` for rows.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn layout_of(
        &self,
        id: CollectionId,
        files: &SegmentFiles,
        sources: &[Arc<dyn Segment>],
    ) -> Result<Option<StoredLayout>> {
        let mut has_part = false;
        for source in sources {
            has_part |= collections_of(files, source.as_ref())?.contains(&id);
        }
        let kept = has_part.then_some(StoredLayout::Columns);
        let Some(wish) = self.wishes.get(&id) else {
            return Ok(kept);
        };
        match wish.layout {
            StoredLayout::Rows => Ok(kept.filter(|_| !wish.unmakes)),
            _ if has_part => Ok(kept),
            layout => {
                let mut new = None;
                for source in sources {
                    let bytes = wish.bytes(id, files, source.as_ref())?;
                    new = bytes.map(|bytes| bytes + new.unwrap_or(0)).or(new);
                }
                Ok(new
                    .is_some_and(|bytes| bytes >= wish.least)
                    .then_some(layout))
            }
        }
    }
}

impl Wish {
    /// About as many bytes as the collection's live rows in a segment have; `None` where all of them are known to be
    /// unfit for columns, or there are none.
    fn bytes(
        &self,
        id: CollectionId,
        files: &SegmentFiles,
        segment: &dyn Segment,
    ) -> Result<Option<u64>> {
        let first = self.first_live.max(self.stays_rows);
        let (mut own, mut all) = (0_u64, 0_u64);
        let mut is_new = false;
        for entry in segment.rows(files)?.iter() {
            all += entry.rows;
            if entry.collection == id {
                let end = entry.first_seq.0 + entry.rows;
                own += entry.rows.min(end.saturating_sub(self.first_live.0));
                is_new |= end > first.0;
            }
        }
        if !is_new {
            return Ok(None);
        }
        let commits = segment.commits(files)?;
        let raw: u64 = commits.iter().map(|commit| commit.raw_bytes).sum();
        let bytes = u128::from(raw) * u128::from(own) / u128::from(all.max(1));
        Ok(Some(u64::try_from(bytes).unwrap_or(u64::MAX)))
    }
}

/// What the settings of a collection say. Records that were not ingested become columns only where somebody said so.
fn wish(snapshot: &Snapshot, id: CollectionId, after_ingest: bool) -> Result<Option<Wish>> {
    let catalogue = snapshot.catalogue();
    let Some(collection) = catalogue.collection(id) else {
        return Ok(None);
    };
    let settings = match snapshot.settings(&collection.name) {
        // A newer lakebed's, or damaged: whoever reads the rows is told.
        Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(None),
        settings => settings?,
    };
    let layout = settings.layout.unwrap_or(StoredLayout::Auto);
    let ingested = catalogue
        .ingests()
        .iter()
        .any(|entry| entry.collection == id);
    if settings.layout.is_none() && !ingested {
        return Ok(None);
    }
    let waits = after_ingest || layout == StoredLayout::Auto;
    Ok(Some(Wish {
        layout,
        least: if waits {
            snapshot.committed.context.options.columns_bytes
        } else {
            0
        },
        stays_rows: Seq(settings.stays_rows),
        first_live: collection.first_live,
        unmakes: true,
    }))
}

/// The collections that have parts in a segment.
fn collections_of(files: &SegmentFiles, segment: &dyn Segment) -> Result<BTreeSet<CollectionId>> {
    let parts = segment.parts(files)?;
    Ok(parts.iter().map(|part| part.collection).collect())
}
