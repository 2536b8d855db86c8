//! Ending a group: row batches, records, the index block, COMMIT, one sync.

use std::sync::Arc;

use lakebed_format::{
    BlobId, COMMIT_LEN, CatalogueRecord, Commit, CommitEntry, CommitNumber, FrameEntry, IdRun,
    IdSet, IndexBlock, IndexBlockBuilder, LocatedCommit, RowBatchEntry, SectionKind, coding::pad8,
    names, put_fingerprints,
};

use super::group::Group;
use crate::catalogue::merge_summaries;
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::rows::walker::{Block, Walk};
use crate::segment::{Active, ActiveFile};
use crate::snapshot::CommittedState;

/// Blocks of one level that are merged into one of the next, the new one included.
const MERGE: usize = 16;
/// Levels above this are a footer's.
const TOP_LEVEL: u8 = 254;

/// Why a commit did not happen.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing reached the point of no return: the group can be rolled back and the store written on.
    Undone(Error),
    /// A sync failed: nobody knows what is on disk.
    Unsynced(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Undone(error)
    }
}

/// Sections of the new index block.
struct Sections {
    level: u8,
    first_group: u64,
    kept: usize,
    frames: Vec<FrameEntry>,
    fingerprints: Vec<u8>,
    ids: IdSet,
    rows: Vec<u8>,
    commits: Vec<CommitEntry>,
    records: Vec<u8>,
}

/// Makes the group durable. The new committed shows it.
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
    let made = write_trailer(committed, group, number, time, &rows, &records)?;
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
    Ok(next_view(context, committed, group, &file, made))
}

/// The row batches behind the frames.
fn append_rows(group: &mut Group, commit: CommitNumber) -> Result<Vec<RowBatchEntry>> {
    let (batches, format, salt) = {
        let pending = group.shared.read();
        (pending.batches.clone(), pending.format, pending.salt)
    };
    let mut entries = Vec::with_capacity(batches.len());
    for batch in batches {
        let offset = group.position();
        let mut bytes = Vec::new();
        let len = batch
            .writer
            .clone()
            .encode(format, commit, salt, offset, &mut bytes)
            .map_err(|e| Error::internal(&format!("rows cannot be encoded: {e}")))?;
        group.append(&bytes);
        entries.push(RowBatchEntry {
            offset,
            len,
            ..batch.entry(commit)
        });
    }
    Ok(entries)
}

/// The group's records, with pins and next numbers.
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

/// The same records with one summary a collection in place of several.
fn one_schema_each(records: &[CatalogueRecord]) -> Vec<CatalogueRecord> {
    let mut out: Vec<CatalogueRecord> = Vec::with_capacity(records.len());
    for record in records {
        if let CatalogueRecord::Schema {
            collection: new,
            summary: more,
        } = record
        {
            let known = out.iter_mut().find_map(|record| match record {
                CatalogueRecord::Schema {
                    collection,
                    summary,
                } if collection == new => Some(summary),
                _ => None,
            });
            let merged = known.as_ref().and_then(|summary| {
                merge_summaries(&[summary.as_slice().into(), more.as_slice().into()]).ok()
            });
            if let (Some(summary), Some(merged)) = (known, merged) {
                *summary = merged;
                continue;
            }
        }
        out.push(record.clone());
    }
    out
}

/// What the end of the group added.
struct Trailer {
    header: IndexBlock,
    commit: LocatedCommit,
    frames: Vec<FrameEntry>,
    ids: IdSet,
    kept: usize,
}

fn write_trailer(
    committed: &CommittedState,
    group: &mut Group,
    number: CommitNumber,
    time: i64,
    rows: &[RowBatchEntry],
    records: &[CatalogueRecord],
) -> Result<Trailer> {
    let mut sections = own_sections(group, rows, records);
    if let Some(active) = &committed.active {
        sections = merged(active, sections)?;
    }
    let (salt, new_blobs, new_rows, raw_bytes, segment, next_blob) = {
        let pending = group.shared.read();
        (
            pending.salt,
            pending.new_blobs,
            pending.rows,
            pending.raw_bytes,
            pending.segment,
            pending.next,
        )
    };
    let mut bytes = Vec::new();
    let start = group.position();
    pad8(&mut bytes, 0, start);
    let block_at = start + bytes.len() as u64;
    let mut builder = IndexBlockBuilder::group(sections.level, sections.first_group);
    let mut frames = Vec::with_capacity(sections.frames.len() * FrameEntry::LEN);
    for frame in &sections.frames {
        frame.encode(&mut frames);
    }
    let mut ids = Vec::new();
    sections.ids.encode(&mut ids);
    builder
        .set(SectionKind::Frames, false, frames)
        .set(SectionKind::Fingerprints, true, sections.fingerprints)
        .set(SectionKind::Ids, false, ids)
        .set(SectionKind::Rows, false, sections.rows)
        .set(SectionKind::Records, false, sections.records);
    sections.commits.push(CommitEntry {
        number,
        time,
        offset: 0,
        blobs: new_blobs,
        rows: new_rows,
        raw_bytes,
    });
    // The length of the table does not depend on the offset, which is known only with the length.
    builder.set(
        SectionKind::Commits,
        false,
        CommitEntry::encode_all(&sections.commits),
    );
    let commit_at = builder.commit_offset(block_at);
    if let Some(own) = sections.commits.last_mut() {
        own.offset = commit_at;
    }
    builder.set(
        SectionKind::Commits,
        false,
        CommitEntry::encode_all(&sections.commits),
    );
    let header = builder
        .encode(salt, block_at, &mut bytes)
        .map_err(|e| Error::internal(&format!("the index block cannot be encoded: {e}")))?;
    pad8(&mut bytes, 0, start);
    group.append(&bytes);
    if group.position() != commit_at {
        return Err(Error::internal("COMMIT is not where it was expected"));
    }
    let commit = Commit {
        number,
        time,
        group: group.start,
        index_offset: block_at,
        index_len: header.len,
        segment,
        salt,
        predecessor: committed.checksum,
        next_blob,
        group_checksum: group.sum_so_far(),
    };
    let mut bytes = Vec::with_capacity(COMMIT_LEN);
    let commit = commit.encode(commit_at, &mut bytes);
    group.append(&bytes);
    Ok(Trailer {
        header,
        commit,
        frames: sections.frames,
        ids: sections.ids,
        kept: sections.kept,
    })
}

/// What describes the group alone.
fn own_sections(group: &Group, rows: &[RowBatchEntry], records: &[CatalogueRecord]) -> Sections {
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
    let mut fingerprints = Vec::with_capacity(ids.len() as usize * 8);
    put_fingerprints(
        ids.iter()
            .filter_map(|id| index.hash(id))
            .map(lakebed_format::Hash::fingerprint),
        &mut fingerprints,
    );
    let mut row_bytes = Vec::new();
    for row in rows {
        row.encode(pending.format, &mut row_bytes);
    }
    let mut record_bytes = Vec::new();
    for record in records {
        record.encode(&mut record_bytes);
    }
    Sections {
        level: 0,
        first_group: group.start,
        kept: usize::MAX,
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
    }
}

/// Takes in the blocks at the segment's end that the new one is to cover, like a counter that carries.
fn merged(active: &Active, own: Sections) -> Result<Sections> {
    let blocks = &active.blocks;
    let mut level = 0;
    let mut kept = blocks.len();
    while level < TOP_LEVEL {
        let same = blocks
            .get(..kept)
            .unwrap_or_default()
            .iter()
            .rev()
            .take_while(|block| block.header.level == level)
            .count();
        if same < MERGE - 1 {
            break;
        }
        kept -= same;
        level += 1;
    }
    let covered = blocks.get(kept..).unwrap_or_default();
    let Some(first) = covered.first() else {
        return Ok(Sections { kept, ..own });
    };
    let chain = active.file.chain();
    let mut all = Sections {
        level,
        first_group: first.start(),
        kept,
        frames: Vec::new(),
        fingerprints: Vec::new(),
        ids: IdSet::new(),
        rows: Vec::new(),
        commits: Vec::new(),
        records: Vec::new(),
    };
    for block in covered {
        let section = |kind| chain.section(&block.header, kind);
        all.frames.extend(&block.frames);
        all.fingerprints.extend(section(SectionKind::Fingerprints)?);
        all.ids.extend(&block.ids);
        all.rows.extend(section(SectionKind::Rows)?);
        all.commits.extend(chain.commits(&block.header)?);
        all.records.extend(section(SectionKind::Records)?);
    }
    all.frames.extend(own.frames);
    all.fingerprints.extend(own.fingerprints);
    all.ids.extend(&own.ids);
    all.rows.extend(own.rows);
    all.commits.extend(own.commits);
    all.records.extend(own.records);
    Ok(all)
}

/// What is to be seen now.
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
            pending.format,
            pending.salt,
            pending.first,
            Arc::clone(file),
        )),
    };
    let new = made
        .ids
        .iter()
        .skip_while(|id| *id < pending.first)
        .filter_map(|id: BlobId| Some((id, index.hash(id)?.fingerprint())));
    active_file.index_new(pending.first, new, pending.next);
    let mut blocks = committed
        .active
        .as_ref()
        .and_then(|active| active.blocks.get(..made.kept))
        .unwrap_or_default()
        .to_vec();
    blocks.push(Arc::new(Block {
        header: made.header,
        commit: made.commit,
        frames: made.frames,
        ids: made.ids,
        catalogue: pending.catalogue.clone(),
    }));
    let walk = Walk {
        blocks,
        damage: Vec::new(),
    };
    let active = Active::new(active_file, walk, Vec::new(), made.commit);
    CommittedState::new(
        Arc::clone(context),
        Arc::clone(&committed.manifest),
        Some(Arc::new(active)),
    )
}
