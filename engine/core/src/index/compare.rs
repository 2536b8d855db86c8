//! Whether a run lists what the segments list that it covers.

use std::sync::Arc;

use lakebed_format::{BlobId, Fingerprint};

use super::runs::Run;
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
    let mut entries = run.entries();
    let mut lowest = Some(0);
    while let Some(from) = lowest {
        let mut chunk: Vec<(Fingerprint, BlobId)> = Vec::new();
        for entry in entries.by_ref().take(CHUNK) {
            match entry {
                Ok(entry) => chunk.push(entry),
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(_) => return Ok(Some("is damaged")),
            }
        }
        // Behind the last entry nothing may follow.
        let to = if chunk.len() < CHUNK {
            u64::MAX
        } else {
            chunk.last().map_or(u64::MAX, |(last, _)| last.0)
        };
        // Equal fingerprints may go on in the next chunk.
        let mut listed = Vec::new();
        for sealed in covered {
            let range = Fingerprint(from)..=Fingerprint(to);
            match sealed.segment.find_pairs(files, range, &mut listed) {
                Ok(()) => {}
                Err(error) if error.kind().is_of_stored_bytes() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        listed.sort_unstable();
        while to < u64::MAX && listed.len() > chunk.len() {
            match entries.next() {
                Some(Ok(entry)) => chunk.push(entry),
                _ => break,
            }
        }
        if listed != chunk {
            return Ok(Some("lists other blobs than the segments"));
        }
        advance(chunk.len() as u64)?;
        lowest = to.checked_add(1);
    }
    Ok(None)
}
