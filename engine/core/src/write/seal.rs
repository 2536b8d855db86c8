//! Finishing the active segment: its footer, then a manifest that names it sealed.
//!
//! The footer is on disk before the manifest that relies on it. A crash in between leaves a footer that nothing relies
//! on: readers pass over it, the next writer cuts it off.

use std::sync::Arc;

use lakebed_format::manifest::{BodyDifference, put_body_difference};
use lakebed_format::{Layout, ManifestBody, SegmentEntry, SegmentNumber};
use lakebed_vfs::File;

use super::commit::Failure;
use super::manifest::{failed_sync, write_manifest};
use crate::catalogue::{Catalogue, ManifestPoint, merge_summaries};
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::rows::footer::repeated;
use crate::snapshot::CommittedState;

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
    let footer = active.file.writer(context.header.uuid).footer(
        active.file.walker(),
        &active.blocks,
        &active.last,
        None,
        |entry| {
            let mut body = Vec::new();
            body_after(committed, entry)?.encode(&mut body);
            Ok(to_repeat(context, committed, body))
        },
    )?;
    let body = body_after(committed, footer.entry)?;
    let undo = |error: Error| {
        // If cutting fails too, the footer stays as what a crash would have left.
        let _ = file.set_len(active.end());
        Failure::Undone(error)
    };
    file.write_all_at(&footer.bytes, active.end())
        .map_err(|e| undo(Error::io(&sealing(&footer.entry), e)))?;
    file.sync_data()
        .map_err(|e| Failure::Unsynced(failed_sync(&sealing(&footer.entry), e)))?;
    let number = committed.manifest.number + 1;
    match write_manifest(context, number, body) {
        Err(Failure::Undone(error)) => Err(undo(error)),
        other => other,
    }
}

fn sealing(entry: &SegmentEntry) -> String {
    format!("sealing segment {}", entry.number)
}

/// What a footer stores of the body of a manifest: the difference from the one that the footer of an earlier segment
/// has, unless the differences since then have become as long as a body. So they cost the square root of what whole
/// bodies would.
fn to_repeat(context: &StoreContext, committed: &CommittedState, body: Vec<u8>) -> Vec<u8> {
    let sealed = &committed.manifest.sealed;
    let numbers = || sealed.iter().map(|sealed| sealed.entry.number);
    // What cannot be read is not relied on.
    let newest = numbers().max();
    let repeated = newest.and_then(|newest| repeated(&context.segments, newest).ok().flatten());
    let Some((number, base)) = repeated.map(|repeated| repeated.base) else {
        return body;
    };
    if !numbers().any(|sealed| sealed == number) {
        return body;
    }
    let mut difference = Vec::new();
    put_body_difference(number, &base, &body, &mut difference);
    let seals = numbers().filter(|sealed| *sealed > number).count() + 1;
    let made = BodyDifference::decode(&difference, 0)
        .and_then(|made| made.map(|made| made.apply(&base)).transpose());
    let pays = difference.len() * (seals + 1) / 2 <= body.len();
    // A body that has parts of the other one many times may be longer than a difference may say.
    if pays && made.is_ok_and(|made| made.as_ref() == Some(&body)) {
        difference
    } else {
        body
    }
}

/// The body of the manifest after this segment is sealed.
fn body_after(committed: &CommittedState, sealed: SegmentEntry) -> Result<ManifestBody> {
    let mut catalogue = committed.catalogue.clone();
    let next = catalogue.next_segment;
    catalogue.next_segment = next.next();
    let mut segments: Vec<SegmentEntry> =
        committed.manifest.sealed.iter().map(|s| s.entry).collect();
    segments.push(sealed);
    body_of(committed, &catalogue, segments, next)
}

/// The body of a manifest as of the last commit with these sealed segments, by their ids; those of large blobs are
/// added.
pub(crate) fn body_of(
    committed: &CommittedState,
    catalogue: &Catalogue,
    mut segments: Vec<SegmentEntry>,
    active: SegmentNumber,
) -> Result<ManifestBody> {
    for large in catalogue.large_blobs() {
        let mut known = committed.manifest.large.iter();
        if let Some(entry) = known.find(|entry| entry.number == large.segment) {
            segments.push(*entry);
            continue;
        }
        // The segment of the group that names it.
        let sealed = segments.iter().find(|sealed| {
            sealed.layout != Layout::Large
                && sealed.first_blob <= large.blob
                && large.blob < sealed.end_blob
        });
        segments.push(SegmentEntry {
            number: large.segment,
            layout: Layout::Large,
            len: crate::segment::large::file_len_of(large),
            first_blob: large.blob,
            end_blob: large.blob.next(),
            blobs: 1,
            rows: 0,
            first_commit: sealed.map_or(committed.commit, |sealed| sealed.first_commit),
            last_commit: sealed.map_or(committed.commit, |sealed| sealed.last_commit),
            raw_bytes: large.len,
        });
    }
    let point = ManifestPoint {
        last_commit: committed.commit,
        last_commit_checksum: committed.checksum,
        next_blob: committed.next_blob,
        active_segment: active,
    };
    let body = catalogue.to_body(&point, segments, merge_summaries)?;
    match body.contradiction() {
        None => Ok(body),
        Some(what) => Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "The store contradicts itself, and no manifest is made of it ({what}); what is stored stays readable, and `lakebed \
                 repair` makes the store whole again."
            ),
        )),
    }
}
