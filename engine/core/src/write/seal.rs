//! Finishing the active segment: its footer, then a manifest that names it sealed.
//!
//! The footer is on disk before the manifest that relies on it. A crash in between leaves a footer that nobody relies on: readers pass
//! over it, the next writer cuts it off.

use std::sync::Arc;

use lakebed_format::{
    CommitEntry, FingerprintExtent, FooterTrailer, IdSet, IndexBlockBuilder, Layout, Manifest,
    ManifestBody, Ordinals, SectionKind, SegmentEntry, TRAILER_LEN, coding::align8, limits, names,
};
use lakebed_vfs::{File, Lock, Open};

use super::commit::Failure;
use super::group::random;
use crate::catalogue::ManifestPoint;
use crate::catalogue::merge_summaries;
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::Active;
use crate::snapshot::CommittedState;

/// A footer ready to be written, and what the manifest will say of its segment.
struct Footer {
    bytes: Vec<u8>,
    entry: SegmentEntry,
    body: ManifestBody,
}

/// Seals the active segment, which `file` is. A manifest names it sealed afterwards.
///
/// An error leaves the segment active, as it was.
pub(crate) fn seal(
    context: &Arc<StoreContext>,
    committed: &CommittedState,
    file: &dyn File,
) -> std::result::Result<(), Failure> {
    let Some(active) = &committed.active else {
        return Ok(());
    };
    committed.check_whole()?;
    let footer = make_footer(committed, active)?;
    let undo = |error: Error| {
        // If cutting fails too, the footer stays as what a crash would have left.
        let _ = file.set_len(active.end());
        Failure::Undone(error)
    };
    file.write_all_at(&footer.bytes, active.end())
        .map_err(|e| undo(Error::io(&sealing(&footer.entry), e)))?;
    file.sync_data()
        .map_err(|e| Failure::Unsynced(poison(&sealing(&footer.entry), e)))?;
    let number = committed.manifest.number + 1;
    match write_manifest(context, number, footer.body) {
        Err(Failure::Undone(error)) => Err(undo(error)),
        other => other,
    }
}

fn sealing(entry: &SegmentEntry) -> String {
    format!("sealing segment {}", entry.number)
}

fn poison(what: &str, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Poisoned,
        format!(
            "A sync failed while {what} ({error}); what was committed is kept, this store object writes no more. Open the \
             store again to go on."
        ),
    )
    .with_source(error)
}

fn make_footer(committed: &CommittedState, active: &Active) -> Result<Footer> {
    let chain = active.file.chain();
    let salt = active.file.salt;
    let mut frames = Vec::new();
    let mut ids = IdSet::new();
    let mut rows = Vec::new();
    let mut commits = Vec::new();
    let mut extents = Vec::new();
    let mut fingerprints: Vec<(u64, u32)> = Vec::new();
    for block in &active.blocks {
        for frame in &block.frames {
            frame.encode(&mut frames);
        }
        if let Some(section) = block.header.section(SectionKind::Fingerprints) {
            let pages = section.pages();
            FingerprintExtent {
                first_ordinal: ids.len(),
                count: pages.len / 8,
                offset: pages.offset,
                sums_offset: pages.sums_offset,
            }
            .encode(&mut extents);
        }
        for (_, fingerprint) in chain.fingerprints(block)? {
            fingerprints.push((fingerprint.0, fingerprints.len() as u32));
        }
        ids.extend(&block.ids);
        rows.extend(chain.section(&block.header, SectionKind::Rows)?);
        commits.extend(chain.commits(&block.header)?);
    }
    fingerprints.sort_unstable();
    let ordinals: Vec<u32> = fingerprints.iter().map(|(_, ordinal)| *ordinal).collect();
    let mut id_bytes = Vec::new();
    ids.encode(&mut id_bytes);

    let mut entry = SegmentEntry {
        number: active.file.number,
        layout: Layout::Rows,
        len: 0,
        first_blob: active.file.first_blob,
        end_blob: active.next_blob(),
        blobs: ids.len(),
        rows: commits.iter().map(|commit| commit.rows).sum(),
        first_commit: commits
            .first()
            .map_or(committed.commit, |commit| commit.number),
        last_commit: committed.commit,
        raw_bytes: commits.iter().map(|commit| commit.raw_bytes).sum(),
    };
    // The footer's own copy cannot know the length of the file it is in; it says 0.
    let body = body_after(committed, entry)?;
    let mut catalogue = Vec::new();
    body.encode(&mut catalogue);

    let mut builder = IndexBlockBuilder::footer();
    let ordinals = if ids.is_empty() {
        Vec::new()
    } else {
        Ordinals::encode(&ordinals)
    };
    builder
        .set(SectionKind::Frames, true, frames)
        .set(SectionKind::Ids, false, id_bytes)
        .set(SectionKind::Rows, false, rows)
        .set(
            SectionKind::Commits,
            false,
            CommitEntry::encode_all(&commits),
        )
        .set(SectionKind::Extents, false, extents)
        .set(SectionKind::Ordinals, true, ordinals)
        .set(SectionKind::ManifestBody, false, catalogue);
    let at = align8(active.end());
    let mut bytes = vec![0; (at - active.end()) as usize];
    let block = builder
        .encode(salt, at, &mut bytes)
        .map_err(|e| Error::internal(&format!("a footer cannot be encoded: {e}")))?;
    entry.len = (block.end() + TRAILER_LEN as u64).next_multiple_of(limits::SEGMENT_ALIGN);
    let tail_at = entry.len - TRAILER_LEN as u64;
    bytes.resize((tail_at - active.end()) as usize, 0);
    FooterTrailer {
        block_offset: block.offset,
        block_len: block.len,
        last_commit: active.last.offset,
        segment: entry.number,
        blobs: entry.blobs,
        header_checksum: block.header_checksum,
    }
    .encode(salt, tail_at, &mut bytes);
    Ok(Footer {
        bytes,
        entry,
        body: body_after(committed, entry)?,
    })
}

/// The body of the manifest after this segment is sealed.
fn body_after(committed: &CommittedState, sealed: SegmentEntry) -> Result<ManifestBody> {
    let mut catalogue = committed.catalogue.clone();
    let next = catalogue.next_segment;
    catalogue.next_segment = next.next();
    let mut segments: Vec<SegmentEntry> =
        committed.manifest.sealed.iter().map(|s| s.entry).collect();
    segments.push(sealed);
    for large in catalogue.large_blobs() {
        segments.push(SegmentEntry {
            number: large.segment,
            layout: Layout::Large,
            len: crate::segment::large::len_of(large),
            first_blob: large.blob,
            end_blob: large.blob.next(),
            blobs: 1,
            rows: 0,
            first_commit: sealed.first_commit,
            last_commit: sealed.last_commit,
            raw_bytes: large.len,
        });
    }
    let point = ManifestPoint {
        last_commit: committed.commit,
        last_commit_checksum: committed.checksum,
        next_blob: committed.next_blob,
        active_segment: next,
    };
    catalogue.to_body(&point, segments, merge_summaries)
}

/// Makes a manifest durable. An error before its name is there leaves none.
pub(crate) fn write_manifest(
    context: &StoreContext,
    number: u64,
    body: ManifestBody,
) -> std::result::Result<(), Failure> {
    let manifest = Manifest {
        number,
        uuid: context.header.uuid,
        salt: random()?,
        catalogue: body,
    };
    put_file(
        context,
        names::MANIFESTS,
        &names::manifest_temporary(number),
        &names::manifest(number),
        &manifest.encode(),
    )
}

/// Writes a whole file under a temporary name, syncs it, and gives it its name.
pub(crate) fn put_file(
    context: &StoreContext,
    dir: &str,
    temporary: &str,
    name: &str,
    bytes: &[u8],
) -> std::result::Result<(), Failure> {
    put_file_on(context.vfs.as_ref(), dir, temporary, name, bytes)
}

/// [`put_file`] before there is a context.
pub(crate) fn put_file_on(
    vfs: &dyn lakebed_vfs::Vfs,
    dir: &str,
    temporary: &str,
    name: &str,
    bytes: &[u8],
) -> std::result::Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        match vfs.unlink(temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = vfs.open(temporary, Open::CreateNew)?;
        file.write_all_at(bytes, 0)?;
        file.sync_data()?;
        vfs.rename(temporary, name)
    };
    write().map_err(|error| {
        let _ = vfs.unlink(temporary);
        Failure::Undone(Error::io(&format!("writing {name}"), error))
    })?;
    vfs.sync_dir(dir)
        .map_err(|error| Failure::Unsynced(poison(&format!("writing {name}"), error)))
}

/// Removes manifests that a newer one has replaced and that nobody reads by.
pub(crate) fn remove_old_manifests(context: &StoreContext, newest: u64) {
    let Ok(names) = context.vfs.list(names::MANIFESTS) else {
        return;
    };
    for number in names.iter().filter_map(|name| names::parse_manifest(name)) {
        if number >= newest {
            continue;
        }
        let name = names::manifest(number);
        // Whoever opens it in between finds that it has no name any more, and looks for the newest again.
        if let Ok(file) = context.vfs.open(&name, Open::Read)
            && let Ok(true) = file.try_lock(Lock::Exclusive)
        {
            let _ = context.vfs.unlink(&name);
        }
    }
}
