//! Commits a group: row batches, catalogue records, the index block, COMMIT, one sync.

use std::collections::HashMap;
use std::sync::Arc;

use lakebed_format::{
    BlobId, CatalogueRecord, CollectionId, CommitEntry, CommitNumber, FrameEntry, IdRun, IdSet,
    RowBatchEntry, names,
};

use super::group::Group;
use crate::catalogue::merge_later_summaries;
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::rows::active::ActiveRows;
use crate::segment::rows::active_file::ActiveFile;
use crate::segment::rows::walker::Block;
use crate::segment::rows::writer::{CommitFacts, IndexContents};
use crate::snapshot::CommittedState;

/// Why a commit did not happen.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The commit was not begun: the group can be rolled back, and writing may go on.
    Undone(Error),
    /// A sync failed: what is on disk is unknown.
    Unsynced(Error),
}

impl Failure {
    /// The error alone.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Failure::Undone(error) | Failure::Unsynced(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Undone(error)
    }
}

/// Makes the group durable and returns the state that shows it.
pub(crate) fn commit(
    context: &Arc<StoreContext>,
    committed: &CommittedState,
    group: &mut Group,
) -> std::result::Result<CommittedState, Failure> {
    group.drain(context)?;
    let number = committed.commit.next();
    let rows = append_rows(group, number)?;
    let records = finish_records(group);
    let time = context.options.clock.now();
    let made = append_trailer(committed, group, number, time, &rows, &records)?;
    group.spill(context)?;

    let file = group.file(context)?;
    let unsynced = |error: std::io::Error| {
        Failure::Unsynced(
            Error::new(
                ErrorKind::Poisoned,
                format!(
                    "Commit {number} could not be made durable ({error}): whether it is on disk is unknown; this store object \
                     writes no more. Open the store again: it checks the last commit before it goes on."
                ),
            )
            .with_source(error),
        )
    };
    file.sync_data().map_err(unsynced)?;
    if group.made_file {
        context.vfs.sync_dir(names::SEGMENTS).map_err(unsynced)?;
    }
    // Whoever took the lock's or the store's place before this moment may not know the commit.
    let kept = group
        .lock
        .check(context)
        .and_then(|()| check_named(&file, group));
    kept.map_err(|error| {
        Failure::Unsynced(
            Error::new(
                ErrorKind::Poisoned,
                format!(
                    "Commit {number} was written to {}, but the store or one of its files was replaced meanwhile, or cannot be looked at: \
                     whether the commit is kept is unknown; this store object writes no more. Open the store again and look.",
                    context.vfs.describe()
                ),
            )
            .with_source(error),
        )
    })?;
    Ok(next_view(context, committed, group, &file, made))
}

/// Checks that the segment's file is still there by its name.
fn check_named(file: &Arc<dyn lakebed_vfs::File>, group: &Group) -> Result<()> {
    let names = file.names().map_err(|e| Error::io(&group.writing(), e))?;
    if names.opened {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Io,
        format!(
            "The file of the segment was replaced while {}.",
            group.writing()
        ),
    ))
}

/// The row batches behind the frames.
fn append_rows(group: &mut Group, commit: CommitNumber) -> Result<Vec<RowBatchEntry>> {
    let batches = group.shared.read().batches.clone();
    let mut entries = Vec::with_capacity(batches.len());
    for batch in batches {
        let offset = group.position();
        let mut bytes = Vec::new();
        entries.push(group.writer.row_batch(&batch, commit, offset, &mut bytes)?);
        group.append(&bytes);
    }
    Ok(entries)
}

/// The group's catalogue records, with pins and next numbers.
fn finish_records(group: &mut Group) -> Vec<CatalogueRecord> {
    let pending = group.shared.read();
    let catalogue = &pending.catalogue;
    let mut records = one_schema_each(&group.records);
    if !group.pins.is_empty() {
        records.push(CatalogueRecord::Pinned(group.pins.clone()));
    }
    let before = &group.before;
    let changed = before.next_collection != catalogue.next_collection
        || before.next_file != catalogue.next_file
        || before.next_dictionary != catalogue.next_dictionary
        || before.next_segment != catalogue.next_segment;
    if changed {
        records.push(CatalogueRecord::Next {
            collection: catalogue.next_collection,
            file: catalogue.next_file,
            dictionary: catalogue.next_dictionary,
            segment: catalogue.next_segment,
        });
    }
    records
}

/// The same records with one summary for each collection in place of several. It takes the place of the first.
fn one_schema_each(records: &[CatalogueRecord]) -> Vec<CatalogueRecord> {
    let mut parts: HashMap<CollectionId, Vec<Arc<[u8]>>> = HashMap::new();
    for record in records {
        if let CatalogueRecord::Schema {
            collection,
            summary,
        } = record
        {
            let summaries = parts.entry(*collection).or_default();
            summaries.push(summary.as_slice().into());
        }
    }
    // Summaries that cannot be merged stay as they are.
    let mut merged: HashMap<CollectionId, Option<Vec<u8>>> = parts
        .into_iter()
        .filter_map(|(collection, parts)| {
            Some((collection, Some(merge_later_summaries(&parts).ok()?)))
        })
        .collect();
    let mut out = Vec::with_capacity(records.len());
    for record in records {
        if let CatalogueRecord::Schema { collection, .. } = record
            && let Some(merged) = merged.get_mut(collection)
        {
            let collection = *collection;
            out.extend(merged.take().map(|summary| CatalogueRecord::Schema {
                collection,
                summary,
            }));
            continue;
        }
        out.push(record.clone());
    }
    out
}

/// The new index block and COMMIT.
struct Trailer {
    block: Block,
    /// Blocks before it that stay; it covers the rest.
    kept: usize,
}

/// Appends the index block and the COMMIT.
fn append_trailer(
    committed: &CommittedState,
    group: &mut Group,
    number: CommitNumber,
    time: i64,
    rows: &[RowBatchEntry],
    records: &[CatalogueRecord],
) -> Result<Trailer> {
    let mut contents = own_contents(group, rows, records)?;
    let mut kept = 0;
    if let Some(active) = &committed.active {
        (contents, kept) = contents.merged_with(active.file.walker(), &active.blocks)?;
        // The summaries of many small commits would be most of the segment.
        if contents.level > 0
            && let Ok(covered) = CatalogueRecord::decode_all(&contents.records, 0)
                .collect::<lakebed_format::Result<Vec<_>>>()
        {
            contents.records.clear();
            for record in one_schema_each(&covered) {
                record.encode(&mut contents.records);
            }
        }
    }
    let (own, next_blob, catalogue) = {
        let pending = group.shared.read();
        let own = CommitEntry {
            number,
            time,
            offset: 0,
            blobs: pending.new_blobs,
            rows: pending.rows,
            raw_bytes: pending.raw_bytes,
        };
        (own, pending.next, pending.catalogue.clone())
    };
    let index = group.writer.index(group.position(), contents, own)?;
    group.append(&index.bytes);
    let facts = CommitFacts {
        number,
        time,
        group: group.start,
        predecessor: committed.checksum,
        next_blob,
    };
    let (bytes, commit) = group.writer.commit(&index, facts, group.sum_so_far());
    group.append(&bytes);
    Ok(Trailer {
        block: Block {
            header: index.header,
            commit,
            frames: index.frames,
            ids: index.ids,
            catalogue,
        },
        kept,
    })
}

/// What the index block of this group alone says.
fn own_contents(
    group: &Group,
    rows: &[RowBatchEntry],
    records: &[CatalogueRecord],
) -> Result<IndexContents> {
    let pending = group.shared.read();
    let index = pending.index.read();
    let mut ids = IdSet::new();
    if pending.next > pending.first {
        ids.insert_run(IdRun {
            first: pending.first,
            len: pending.next.0 - pending.first.0,
        });
    }
    for entry in pending.catalogue.large_blobs() {
        if entry.blob >= pending.first {
            ids.remove(entry.blob);
        }
    }
    let fingerprints: Option<Vec<_>> = ids
        .iter()
        .map(|id| index.hash(id).map(lakebed_format::Hash::fingerprint))
        .collect();
    let fingerprints = fingerprints.ok_or_else(|| Error::internal("a pending blob has no hash"))?;
    let mut row_bytes = Vec::new();
    for row in rows {
        row.encode(group.writer.format(), &mut row_bytes);
    }
    let mut record_bytes = Vec::new();
    for record in records {
        record.encode(&mut record_bytes);
    }
    Ok(IndexContents {
        level: 0,
        first_group: group.start,
        frames: pending
            .frames
            .iter()
            .map(|frame| FrameEntry {
                first: frame.first,
                offset: frame.offset,
            })
            .collect(),
        fingerprints,
        ids,
        rows: row_bytes,
        commits: Vec::new(),
        records: record_bytes,
        parts: Vec::new(),
    })
}

/// The state after the commit.
fn next_view(
    context: &Arc<StoreContext>,
    committed: &CommittedState,
    group: &Group,
    file: &Arc<dyn lakebed_vfs::File>,
    made: Trailer,
) -> CommittedState {
    let pending = group.shared.read();
    let index = pending.index.read();
    let active_file = match &committed.active {
        Some(active) => Arc::clone(&active.file),
        None => Arc::new(ActiveFile::new(
            pending.segment,
            group.writer.format(),
            pending.salt,
            pending.first,
            Arc::<dyn lakebed_vfs::File>::clone(file),
        )),
    };
    let new = made
        .block
        .ids
        .iter()
        .skip_while(|id| *id < pending.first)
        .filter_map(|id: BlobId| Some((id, index.hash(id)?.fingerprint())));
    active_file.index_new(pending.first, new, pending.next);
    let before = committed.active.as_ref();
    let blocks = before.map_or(&[][..], |active| active.blocks.as_slice());
    let blocks = blocks.iter().take(made.kept).cloned();
    let active = ActiveRows::with_block(active_file, blocks, made.block);
    CommittedState::new(
        Arc::clone(context),
        Arc::clone(&committed.manifest),
        Some(Arc::new(active)),
    )
}
