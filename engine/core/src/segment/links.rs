//! Commits follow each other from segment to segment. One that compaction or repair wrote is linked to none.

use lakebed_format::{CommitNumber, SegmentNumber};

use super::verify::Ends;

/// A segment, and the first and the last COMMIT that are in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linked {
    pub(crate) number: SegmentNumber,
    /// Of the manifest; `None` for the active one.
    pub(crate) last_commit: Option<CommitNumber>,
    /// `None` when they cannot be read.
    pub(crate) ends: Option<Ends>,
}

/// A segment whose commits do not follow.
#[derive(Clone, Debug)]
pub(crate) struct BrokenLink {
    pub(crate) segment: SegmentNumber,
    /// Where the COMMIT lies.
    pub(crate) offset: Option<u64>,
    pub(crate) message: String,
}

/// The segments whose commits do not follow those of the one before. `last` is the last commit of the manifest and its
/// checksum.
pub(crate) fn broken_links(
    segments: impl Iterator<Item = Linked>,
    last: (CommitNumber, u64),
) -> Vec<BrokenLink> {
    let mut broken = Vec::new();
    // The last COMMIT of the segment before: its number, and its checksum if the next one repeats it.
    let mut before: Option<(CommitNumber, Option<u64>)> = Some((CommitNumber(0), Some(0)));
    // The active segment is the last one. A segment without new blobs may be listed in front of earlier ones.
    let mut in_order: Vec<Linked> = segments.collect();
    in_order.sort_by_key(|one| one.last_commit.map_or(u64::MAX, |last| last.0));
    for one in in_order {
        let number = one.number;
        if one.last_commit.is_none() && before.is_some() {
            before = Some((last.0, Some(last.1)));
        }
        let Some(ends) = &one.ends else {
            before = None;
            continue;
        };
        let first = &ends.first.commit;
        let follows = match before {
            Some((last, Some(checksum))) if !ends.rewritten && first.number == last.next() => {
                first.predecessor == checksum
            }
            // A repair leaves out commits that are lost.
            Some((last, _)) => ends.last.commit.number > last,
            None => true,
        };
        if !follows {
            broken.push(BrokenLink {
                segment: number,
                offset: Some(ends.first.offset),
                message: format!(
                    "commit {} in segment {number} does not follow the last one of the segment before: files of two copies of the \
                     store were mixed",
                    first.number
                ),
            });
        }
        let checksum = (!ends.rewritten).then_some(ends.last.checksum);
        before = Some((ends.last.commit.number, checksum));
        let is_last = ends.last.commit.number == last.0;
        if one.last_commit.is_some() && is_last && !ends.rewritten && ends.last.checksum != last.1 {
            broken.push(BrokenLink {
                segment: number,
                offset: None,
                message: format!(
                    "the last commit of segment {number} is another one than that of the manifest: the file is that of another copy of \
                     the store"
                ),
            });
        }
    }
    broken
}
