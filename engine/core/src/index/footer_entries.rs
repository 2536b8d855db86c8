//! The entries of a run as the footer of a segment has them.

use std::vec::IntoIter;

use lakebed_format::Fingerprint;

use super::runs::{Entries, RunEntry};
use crate::error::Result;
use crate::segment::SealedSegment;
use crate::segment::files::SegmentFiles;

/// Blobs of a segment that are listed at a time.
const CHUNK: u64 = 4096;

/// The blobs of a segment, with so many bits of each fingerprint, and with this place of the segment. Memory does not
/// grow with the segment.
pub(crate) fn entries_of<'a>(
    files: &'a SegmentFiles,
    sealed: &'a SealedSegment,
    bits: u32,
    place: u64,
) -> Entries<'a> {
    // Fingerprints are spread evenly, so that equal ranges of them have as many blobs each. What is equal when it is
    // shortened lies in one range.
    let rest = u64::MAX >> bits;
    let step = (u64::MAX / (sealed.entry.blobs / CHUNK + 1)) | rest;
    let mut next = Some(0_u64);
    let mut listed: IntoIter<RunEntry> = Vec::new().into_iter();
    let mut list = move || -> Result<Option<RunEntry>> {
        loop {
            if let Some(entry) = listed.next() {
                return Ok(Some(entry));
            }
            let Some(from) = next.take() else {
                return Ok(None);
            };
            let to = from.saturating_add(step);
            let mut found = Vec::new();
            let range = Fingerprint(from)..=Fingerprint(to);
            sealed.segment.find_pairs(files, range, &mut found)?;
            let mut entries: Vec<RunEntry> = found
                .into_iter()
                .map(|(fingerprint, _)| (fingerprint.shortened(bits), place))
                .collect();
            entries.sort_unstable();
            listed = entries.into_iter();
            next = to.checked_add(1);
        }
    };
    Box::new(std::iter::from_fn(move || list().transpose()))
}
