//! Whether a run lists what the segments list that it covers.

use std::sync::Arc;

use super::footer_entries::entries_of;
use super::runs::{Run, merge_sorted};
use crate::error::{ErrorKind, Result};
use crate::segment::SealedSegment;
use crate::segment::files::SegmentFiles;

/// Entries compared at a time.
const CHUNK: usize = 1 << 16;

/// What is wrong with a run that covers these segments, as half a sentence after its name; `None` when it lists what
/// they list, or when a segment cannot be read, which is damage of the segment. `advance` is told how many entries were
/// compared.
///
/// # Errors
/// Those of `advance`; `Io` of the segments.
pub(crate) fn difference(
    run: &Arc<Run>,
    covered: &[SealedSegment],
    files: &SegmentFiles,
    advance: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Option<&'static str>> {
    let bits = run.header().fingerprint_bits;
    let footers = covered
        .iter()
        .zip(0..)
        .map(|(sealed, place)| entries_of(files, sealed, bits, place));
    let mut listed = merge_sorted(footers.collect());
    let mut entries = run.entries();
    loop {
        let mut count = 0;
        let mut pairs = std::iter::from_fn(|| Some((listed.next()?, entries.next())));
        let differing = pairs.by_ref().take(CHUNK).find(|(listed, entry)| {
            count += 1;
            !matches!((listed, entry), (Ok(listed), Some(Ok(entry))) if listed == entry)
        });
        advance(count)?;
        return Ok(match differing {
            None if count == CHUNK as u64 => continue,
            // Behind the last entry nothing may follow.
            None => entries
                .next()
                .map(|_| "lists other blobs than the segments"),
            // Damage of the segment.
            Some((Err(error), _)) if error.kind().is_of_one_segment() => None,
            Some((Err(error), _)) => return Err(error),
            Some((_, Some(Err(error)))) if error.kind() == ErrorKind::Interrupted => {
                return Err(error);
            }
            Some((_, Some(Err(_)))) => Some("is damaged"),
            Some(_) => Some("lists other blobs than the segments"),
        });
    }
}
