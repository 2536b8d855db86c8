//! The files of segments that others have replaced: which there are, and when they go.

use std::collections::BTreeSet;

use lakebed_format::{CollectionId, SegmentNumber, names};

use crate::context::StoreContext;
use crate::error::Result;
use crate::segment::unnamed::{is_large, may_hold_commits, sealed_commits};
use crate::snapshot::CommittedState;

/// The segments that others replaced and whose files are still there, with the bytes of each. Their numbers were given
/// before the manifest was written, and it does not name them.
pub(crate) fn replaced(
    context: &StoreContext,
    committed: &CommittedState,
) -> Result<Vec<(SegmentNumber, u64)>> {
    let manifest = &committed.manifest;
    let mut named: BTreeSet<SegmentNumber> = BTreeSet::from([manifest.active]);
    named.extend(manifest.sealed.iter().map(|sealed| sealed.entry.number));
    named.extend(manifest.large.iter().map(|entry| entry.number));
    named.extend(committed.catalogue.large_blobs().map(|large| large.segment));
    let mut found = Vec::new();
    for number in context.segments.numbers()? {
        if number < manifest.catalogue.next_segment && !named.contains(&number) {
            let file = context.segments.open_if_there(number)?;
            let len = file.and_then(|file| file.len().ok());
            found.extend(len.map(|len| (number, len + part_bytes(context, number))));
        }
    }
    Ok(found)
}

/// Removes the files of replaced segments, unless a reader may still need them: one that holds an older manifest.
pub(crate) fn remove_replaced(context: &StoreContext, committed: &CommittedState) {
    let Ok(listed) = context.vfs.list(names::MANIFESTS) else {
        return;
    };
    let newest = committed.manifest.number;
    let mut manifests = listed.iter().filter_map(|name| names::parse_manifest(name));
    if committed.manifest.rebuilt.is_some() || !manifests.all(|number| number == newest) {
        return;
    }
    for (number, _) in replaced(context, committed).unwrap_or_default() {
        // A file that holds commits which no other one has is never removed, whatever a manifest says.
        let needed = may_hold_commits(&context.segments, number).unwrap_or(true)
            && !is_large(&context.segments, number).unwrap_or(false)
            && !is_covered(context, committed, number).unwrap_or(false);
        if !needed {
            // What stays is removed later.
            remove_files(context, number);
        }
    }
    let orphans = orphans(context, committed).unwrap_or_default();
    for (number, collection) in orphans {
        let _ = context.vfs.unlink(&names::part(number, collection));
    }
}

/// Removes the files of a segment, as far as that is possible; what stays is removed later.
pub(super) fn remove_files(context: &StoreContext, number: SegmentNumber) {
    // The parts of a segment whose own file is gone belong to nobody.
    let removed = context.vfs.unlink(&names::segment(number));
    if removed.is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound) {
        return;
    }
    for (segment, collection) in context.segments.parts().unwrap_or_default() {
        if segment == number {
            let _ = context.vfs.unlink(&names::part(number, collection));
        }
    }
}

/// Bytes of the parts of a segment, as far as they are there.
fn part_bytes(context: &StoreContext, number: SegmentNumber) -> u64 {
    let parts = context.segments.parts().unwrap_or_default().into_iter();
    let own = parts.filter(|(segment, _)| *segment == number);
    own.filter_map(|(segment, collection)| {
        let file = context.segments.open_part(segment, collection).ok()?;
        file.len().ok()
    })
    .sum()
}

/// The parts of segments that the manifest does not name and whose own file is not there.
///
/// # Errors
/// `Io`.
pub(super) fn orphans(
    context: &StoreContext,
    committed: &CommittedState,
) -> Result<Vec<(SegmentNumber, CollectionId)>> {
    let mut parts = context.segments.parts()?;
    if parts.is_empty() {
        return Ok(parts);
    }
    let files: BTreeSet<SegmentNumber> = context.segments.numbers()?.into_iter().collect();
    let sealed = &committed.manifest.sealed;
    parts.retain(|(number, _)| {
        !files.contains(number) && !sealed.iter().any(|sealed| sealed.entry.number == *number)
    });
    Ok(parts)
}

/// Whether all commits of a segment file are listed by segments that the manifest names and whose files are there.
///
/// # Errors
/// `Io`.
pub(crate) fn is_covered(
    context: &StoreContext,
    committed: &CommittedState,
    number: SegmentNumber,
) -> Result<bool> {
    let Some((mut next, last)) = sealed_commits(&context.segments, number)? else {
        return Ok(false);
    };
    for sealed in &committed.manifest.sealed {
        let entry = &sealed.entry;
        if entry.first_commit > next || entry.last_commit < next {
            continue;
        }
        let file = context.segments.open_if_there(entry.number)?;
        if file.is_none_or(|file| file.len().is_ok_and(|len| len < entry.len)) {
            return Ok(false);
        }
        next = entry.last_commit.next();
    }
    Ok(next > last)
}
