//! Deletes blobs, drops collections, releases rows. Nothing is erased here: compaction frees the space.

use std::collections::BTreeMap;

use lakebed_format::{BlobId, CatalogueRecord, CollectionId, Hash, Seq, names};

use super::Session;
use super::create::make_reserve;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::damaged_rows;
use crate::snapshot::{BatchRef, Snapshot};

/// Deletes a blob and every row that names it; returns how many rows.
///
/// # Errors
/// `BlobNotFound`; `InvalidArgument` for a dictionary, which other blobs need.
pub(crate) fn delete(session: &mut Session<'_>, hash: &Hash) -> Result<u64> {
    let snapshot = session.snapshot();
    let Some((id, _)) = snapshot.find(hash)? else {
        return Err(crate::snapshot::not_found(hash));
    };
    if snapshot.catalogue().is_dictionary(id) {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "Blob {hash} is a compression dictionary that other blobs need, so it cannot be deleted."
            ),
        ));
    }
    let rows = rows_naming(&snapshot, id)?;
    let total = rows.values().sum();
    session.record(CatalogueRecord::Deleted {
        blob: id,
        rows: rows.into_iter().collect(),
    })?;
    Ok(total)
}

/// Live rows of each collection that name a blob.
fn rows_naming(snapshot: &Snapshot, id: BlobId) -> Result<BTreeMap<CollectionId, u64>> {
    snapshot.committed.check_whole()?;
    let mut batches = Vec::new();
    snapshot.each_batch(|entry, source| {
        let live = snapshot
            .catalogue()
            .collection(entry.collection)
            .is_some_and(|c| entry.first_seq.0 + entry.rows > c.first_live.0);
        if live && entry.min_blob <= id && id <= entry.max_blob {
            batches.push(BatchRef {
                entry: *entry,
                source: source(),
            });
        }
    })?;
    let mut rows = BTreeMap::new();
    for batch in batches {
        let first_live = snapshot
            .catalogue()
            .collection(batch.entry.collection)
            .map_or(Seq(0), |c| c.first_live);
        let count = count_rows(snapshot, &batch, first_live..Seq(u64::MAX), |run| {
            run.contains(&id.0).into()
        })?;
        if count > 0 {
            *rows.entry(batch.entry.collection).or_insert(0) += count;
        }
    }
    Ok(rows)
}

/// Sums `of` over the runs of ids in a range of a batch's rows.
fn count_rows(
    snapshot: &Snapshot,
    batch: &BatchRef,
    range: std::ops::Range<Seq>,
    of: impl Fn(std::ops::Range<u64>) -> u64,
) -> Result<u64> {
    snapshot.committed.context.options.check_interrupted()?;
    let bytes = snapshot.read_batch(batch)?;
    let decoded = bytes.decode()?;
    let skip = range.start.0.saturating_sub(decoded.head.first_seq.0);
    let mut count = 0;
    for run in decoded.row_runs_from(skip) {
        let run = run.map_err(|e| damaged_rows(&e))?;
        if run.seq >= range.end {
            break;
        }
        let len = run.len.min(range.end.0 - run.seq.0);
        count += of(run.blob.0..run.blob.0 + len);
    }
    Ok(count)
}

/// Drops a collection; returns how many rows it had.
///
/// # Errors
/// `CollectionNotFound`.
pub(crate) fn drop_collection(session: &mut Session<'_>, name: &str) -> Result<u64> {
    let snapshot = session.snapshot();
    let collection = snapshot.named(name)?;
    session.record(CatalogueRecord::CollectionDropped(collection.id))?;
    Ok(collection.rows())
}

/// Releases the rows before a sequence number; returns how many of them were live.
///
/// # Errors
/// `CollectionNotFound`.
pub(crate) fn trim(session: &mut Session<'_>, name: &str, before: Seq) -> Result<u64> {
    let snapshot = session.snapshot();
    let collection = snapshot.named(name)?;
    let before = before.min(collection.next_seq);
    if before <= collection.first_live {
        return Ok(0);
    }
    let range = collection.first_live..before;
    let deleted = snapshot.catalogue().deleted();
    let mut dead = 0;
    if collection.deleted_rows > 0 {
        // Rows that a repair did not find are in no batch, and count as deleted.
        let mut live = 0;
        for batch in snapshot.batches(collection.id, &range)? {
            live += count_rows(&snapshot, &batch, range.clone(), |run| {
                run.filter(|id| !deleted.contains(BlobId(*id))).count() as u64
            })?;
        }
        dead = (before.0 - collection.first_live.0).saturating_sub(live);
    }
    session.record(CatalogueRecord::Trimmed {
        collection: collection.id,
        first_live: before,
        deleted_rows: dead,
    })?;
    Ok(range.end.0 - range.start.0 - dead)
}

/// Commits a change that adds no blobs. On a full disk the reserve makes room for it.
pub(crate) fn commit_small(
    session: &mut Session<'_>,
    mut again: impl FnMut(&mut Session<'_>) -> Result<u64>,
) -> Result<u64> {
    let mut attempt = |session: &mut Session<'_>| -> Result<u64> {
        let count = again(session)?;
        session.commit()?;
        Ok(count)
    };
    match attempt(session) {
        Err(error) if error.kind() == ErrorKind::StoreFull && !session.is_over() => {
            let vfs = session.vfs();
            // Another error may come although it was removed.
            if let Err(missing) = vfs.unlink(names::RESERVE)
                && missing.kind() == std::io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let result = attempt(session);
            // It fails while the disk is full; until then there is no reserve.
            let _ = make_reserve(vfs.as_ref());
            result
        }
        result => result,
    }
}
