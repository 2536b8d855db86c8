//! Which blobs of a batch the store has already: fingerprints find candidates, bytes decide.

use lakebed_format::{BlobId, Hash};

use super::pending::Pending;
use crate::error::{ErrorKind, Result};
use crate::snapshot::{Cursor, Snapshot};

/// A blob that may be new.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewBlob<'a> {
    pub(crate) hash: Hash,
    pub(crate) bytes: &'a [u8],
}

/// For each blob of a batch the id of a live equal one, if there is any in the group or in the committed store.
///
/// Candidates are looked at in the order of their frames, so that each frame is decoded once.
pub(crate) fn known(
    committed: &Snapshot,
    pending: &Pending,
    batch: &[NewBlob<'_>],
) -> Result<Vec<Option<BlobId>>> {
    let mut known = Vec::with_capacity(batch.len());
    let mut candidates: Vec<(BlobId, usize)> = Vec::new();
    let mut found = Vec::new();
    for (index, blob) in batch.iter().enumerate() {
        let own = pending
            .find(&blob.hash)
            .filter(|id| !pending.catalogue.is_deleted(*id));
        known.push(own);
        if own.is_none() {
            found.clear();
            committed
                .view
                .candidates(blob.hash.fingerprint(), &mut found)?;
            candidates.extend(
                found
                    .iter()
                    .filter(|id| !pending.catalogue.is_deleted(**id))
                    .map(|id| (*id, index)),
            );
        }
    }
    candidates.sort_unstable();
    let mut cursor = Cursor::new(committed);
    for (id, index) in candidates {
        let (Some(place), Some(blob)) = (known.get_mut(index), batch.get(index)) else {
            continue;
        };
        if place.is_some() {
            continue;
        }
        match cursor.bytes(id) {
            Ok(bytes) if bytes == blob.bytes => *place = Some(id),
            Ok(_) => {}
            // What cannot be read cannot stand for these bytes: they are stored anew.
            Err(error) if error.kind() == ErrorKind::Corrupt => {}
            Err(error) => return Err(error),
        }
    }
    Ok(known)
}
