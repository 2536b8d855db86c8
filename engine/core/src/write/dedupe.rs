//! Finds blobs of a batch that the store already has: fingerprints find candidates, bytes decide.

use lakebed_format::{BlobId, Hash};

use crate::error::{Error, ErrorKind, Result};
use crate::segment::rows::pending::Pending;
use crate::snapshot::{Cursor, Snapshot};

/// A blob to be stored, which may be known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewBlob<'a> {
    pub(crate) hash: Hash,
    pub(crate) bytes: &'a [u8],
}

/// Fewer candidates than this are compared one by one on this thread, through the cache.
const FEW: usize = 512;

/// A blob that may equal one of the batch.
type Candidate = (BlobId, usize);

/// For each blob of a batch the id of a live equal one in the committed store, if there is any.
///
/// Candidates are compared in the order of their frames, so that each frame is decoded once for a batch; many of them
/// on all cores.
///
/// # Errors
/// `Io`.
pub(crate) fn known(
    committed: &Snapshot,
    pending: &Pending,
    batch: &[NewBlob<'_>],
    threads: usize,
) -> Result<Vec<Option<BlobId>>> {
    let mut known = vec![None; batch.len()];
    let mut candidates: Vec<Candidate> = Vec::new();
    let alive = |id: &BlobId| !pending.catalogue.is_deleted(*id);
    for (index, blob) in batch.iter().enumerate() {
        find(committed, &blob.hash, &mut |ids| {
            candidates.extend(ids.iter().filter(|id| alive(id)).map(|id| (*id, index)));
        })?;
    }
    candidates.sort_unstable();
    let equal = if candidates.len() < FEW || threads < 2 {
        compare(committed, batch, &candidates)?
    } else {
        compare_on(threads, committed, batch, &candidates)?
    };
    for (id, index) in equal {
        if let Some(place) = known.get_mut(index) {
            place.get_or_insert(id);
        }
    }
    Ok(known)
}

/// How many of these hashes the committed store may have, judged by their fingerprints alone.
///
/// # Errors
/// `Io`.
pub(crate) fn guess<'a>(
    committed: &Snapshot,
    hashes: impl Iterator<Item = &'a Hash>,
) -> Result<usize> {
    let mut count = 0;
    for hash in hashes {
        let mut found = false;
        find(committed, hash, &mut |ids| found |= !ids.is_empty())?;
        count += usize::from(found);
    }
    Ok(count)
}

fn find(committed: &Snapshot, hash: &Hash, each: &mut dyn FnMut(&[BlobId])) -> Result<()> {
    let fingerprint = hash.fingerprint();
    let result = committed
        .committed
        .search(&(fingerprint..=fingerprint), &mut |ids| {
            each(ids);
            Ok(true)
        });
    match result {
        // What cannot be searched counts as unknown: the blob is stored again.
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(()),
        other => other,
    }
}

/// The candidates that equal their blobs.
fn compare(
    committed: &Snapshot,
    batch: &[NewBlob<'_>],
    candidates: &[Candidate],
) -> Result<Vec<Candidate>> {
    let mut cursor = if candidates.len() < FEW {
        Cursor::anywhere(committed)
    } else {
        Cursor::ascending(committed)
    };
    let mut equal = Vec::with_capacity(candidates.len());
    for (id, index) in candidates {
        let Some(blob) = batch.get(*index) else {
            continue;
        };
        match cursor.bytes(*id) {
            Ok(bytes) if bytes == blob.bytes => equal.push((*id, *index)),
            Ok(_) => {}
            // A blob that cannot be read does not stand for these bytes: they are stored again.
            Err(error) if error.kind() == ErrorKind::Corrupt => {}
            Err(error) => return Err(error),
        }
    }
    Ok(equal)
}

fn compare_on(
    threads: usize,
    committed: &Snapshot,
    batch: &[NewBlob<'_>],
    candidates: &[Candidate],
) -> Result<Vec<Candidate>> {
    let part = candidates.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let others: Vec<_> = candidates
            .chunks(part)
            .map(|part| scope.spawn(move || compare(committed, batch, part)))
            .collect();
        let mut equal = Vec::with_capacity(candidates.len());
        for other in others {
            let found = other
                .join()
                .map_err(|_| Error::internal("a thread that compared blobs panicked"))?;
            equal.extend(found?);
        }
        Ok(equal)
    })
}
