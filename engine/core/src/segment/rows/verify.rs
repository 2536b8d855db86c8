//! Verification of a rows segment: every group, frame and blob.

use lakebed_format::{
    BlobId, CommitEntry, Fingerprint, FrameEntry, FrameHeader, Hash, IdSet, IndexBlock,
    LocatedCommit,
};
use lakebed_vfs::ReadFile;

use super::frame::{self, FramePlace};
use super::walker::{WalkedBytes, Walker};
use crate::error::{Error, Result};
use crate::problem::ProblemKind;
use crate::random::random_u64;
use crate::segment::interface::ReadContext;
use crate::segment::verify::{Ends, Verification};

/// Of the frames of a segment, one in so many is sampled, and at least so many.
const SAMPLE: usize = 64;
const LEAST: usize = 8;

/// What a segment's tables say of its blobs.
#[derive(Debug, Default)]
pub(super) struct RowsTables {
    /// By ascending ids.
    pub(super) fingerprints: Vec<(BlobId, Fingerprint)>,
    /// Blobs whose fingerprints cannot be read.
    pub(super) unread: IdSet,
    /// In file order.
    pub(super) frames: Vec<FrameEntry>,
    /// The commit table.
    pub(super) commits: Vec<CommitEntry>,
    /// Whether all of the blobs are in frames.
    pub(super) only_frames: bool,
    /// Where the tables begin that are behind all groups.
    pub(super) end: u64,
}

/// What the groups of a segment are, by their COMMITs.
#[derive(Debug, Default)]
pub(super) struct WalkedGroups {
    /// The index blocks that count, in file order.
    pub(super) blocks: Vec<IndexBlock>,
    /// Whether all could be read.
    pub(super) whole: bool,
}

/// Walks back over the groups of a segment from its last COMMIT, at offset `last`, and checks each, and the frames.
/// Bytes are read from the file as it is on disk now, not through a mapping.
pub(super) fn verify_rows(
    read: ReadContext<'_>,
    walker: Walker<'_>,
    last: u64,
    tables: &RowsTables,
    verification: &mut dyn Verification,
) -> Result<WalkedGroups> {
    let segment = walker.segment;
    let file = read.files.open(segment);
    let Some(file) = verification.keep(ProblemKind::Segment, segment, None, file)? else {
        return Ok(WalkedGroups::default());
    };
    let groups = Groups {
        walker: Walker {
            bytes: WalkedBytes::File(file.as_ref()),
            ..walker
        },
        file: file.as_ref(),
        read,
        tables,
    };
    let scope = verification.scope();
    let (walked, start) = if scope.has_structures() || scope.since.0 > 0 {
        groups.walk(last, verification)?
    } else {
        (WalkedGroups::default(), 0)
    };
    groups.frames(start, verification)?;
    Ok(walked)
}

struct Groups<'a> {
    walker: Walker<'a>,
    file: &'a dyn ReadFile,
    read: ReadContext<'a>,
    tables: &'a RowsTables,
}

impl Groups<'_> {
    /// Goes from COMMIT to COMMIT. Also returns where what is to be checked begins.
    fn walk(&self, last: u64, verification: &mut dyn Verification) -> Result<(WalkedGroups, u64)> {
        let segment = self.walker.segment;
        let scope = verification.scope();
        let rewritten = self.walker.format.is_rewritten();
        let mut walked = WalkedGroups::default();
        let mut start = u64::MAX;
        // Where the blocks that count begin.
        let mut reach = u64::MAX;
        let mut seen = Vec::new();
        let commit = self.walker.commit_at(last).map_err(Error::from);
        let mut next = verification.keep(ProblemKind::Commit, segment, Some(last), commit)?;
        walked.whole = next.is_some();
        while let Some(commit) = next {
            let group = commit.commit.group;
            seen.push(commit);
            if commit.commit.number > scope.since {
                start = group;
                if scope.has_structures() {
                    verification.commit();
                    if !scope.sampled {
                        self.group(&commit, verification)?;
                    }
                }
            }
            if scope.has_structures() && commit.offset < reach {
                let block = self.walker.block_of(&commit).map_err(Error::from);
                let at = Some(commit.commit.index_offset);
                match verification.keep(ProblemKind::Index, segment, at, block)? {
                    Some(block) => {
                        reach = block.first_group;
                        walked.blocks.push(block);
                    }
                    None => walked.whole = false,
                }
            }
            let before = self.walker.commit_before(group).map_err(Error::from);
            let kept = verification.keep(ProblemKind::Commit, segment, Some(group), before)?;
            walked.whole &= kept.is_some();
            next = kept.flatten();
            let linked = next.as_ref().is_none_or(|before| {
                before.checksum == commit.commit.predecessor
                    && before.commit.number.next() == commit.commit.number
            });
            if !linked && scope.has_structures() {
                let text = format!(
                    "commit {} does not follow the one before it",
                    commit.commit.number
                );
                verification.problem(ProblemKind::Link, segment, Some(commit.offset), text);
            }
        }
        walked.blocks.reverse();
        if !scope.has_structures() {
            return Ok((walked, start));
        }
        if let (true, Some(first), Some(last)) = (walked.whole, seen.last(), seen.first()) {
            verification.ends(Ends {
                first: *first,
                last: *last,
                rewritten,
            });
        }
        seen.reverse();
        self.commit_table(&seen, rewritten, verification);
        Ok((walked, start))
    }

    /// Whether the commit table lists the COMMITs that are there.
    fn commit_table(
        &self,
        seen: &[LocatedCommit],
        rewritten: bool,
        verification: &mut dyn Verification,
    ) {
        let listed = &self.tables.commits;
        let same = if rewritten {
            let last = listed.last().zip(seen.last());
            last.is_some_and(|(entry, commit)| {
                entry.number == commit.commit.number && entry.time == commit.commit.time
            }) && listed.is_sorted_by(|a, b| a.number < b.number)
        } else {
            listed.len() == seen.len()
                && listed.iter().zip(seen).all(|(entry, commit)| {
                    (entry.number, entry.time, entry.offset)
                        == (commit.commit.number, commit.commit.time, commit.offset)
                })
        };
        // A COMMIT that could not be read was reported.
        let complete = seen
            .first()
            .is_some_and(|first| first.commit.group <= lakebed_format::limits::FIRST_GROUP);
        if !same && complete {
            let text = "the commit table lists other commits than there are".to_owned();
            verification.problem(ProblemKind::Commit, self.walker.segment, None, text);
        }
    }

    fn group(&self, commit: &LocatedCommit, verification: &mut dyn Verification) -> Result<()> {
        let (segment, start) = (self.walker.segment, commit.commit.group);
        let whole = self.walker.group_is_whole(commit).map_err(Error::from);
        if verification.keep(ProblemKind::Group, segment, Some(start), whole)? == Some(false) {
            let text = format!(
                "the group of commit {} does not have its checksum",
                commit.commit.number
            );
            verification.problem(ProblemKind::Group, segment, Some(start), text);
        }
        Ok(())
    }

    /// The frames of the scope that begin at `start` or behind it.
    fn frames(&self, start: u64, verification: &mut dyn Verification) -> Result<()> {
        let scope = verification.scope();
        let frames = &self.tables.frames;
        let part = scope.part(frames.len());
        let mut step = 1;
        let mut skip = 0;
        if scope.sampled {
            step = part.len() / (part.len() / SAMPLE).max(LEAST).min(part.len().max(1));
            step = step.max(1);
            skip = usize::try_from(random_u64()? % step as u64).unwrap_or(0);
        }
        for at in part.skip(skip).step_by(step) {
            let Some(entry) = frames.get(at) else {
                break;
            };
            if entry.offset < start {
                continue;
            }
            let result = self.frame(entry, frames.get(at + 1), verification);
            verification.keep(
                ProblemKind::Frame,
                self.walker.segment,
                Some(entry.offset),
                result,
            )?;
        }
        Ok(())
    }

    fn frame(
        &self,
        entry: &FrameEntry,
        next: Option<&FrameEntry>,
        verification: &mut dyn Verification,
    ) -> Result<()> {
        let (segment, offset) = (self.walker.segment, entry.offset);
        let place = FramePlace {
            segment,
            salt: self.walker.salt,
            offset,
        };
        let behind = next.map(|next| next.offset);
        let bytes = frame::read(self.file, place, behind, self.tables.end)?;
        let header =
            FrameHeader::decode_checked(&bytes, place.salt, offset).map_err(|e| place.error(&e))?;
        if let Some(number) = header.encoding.dictionary() {
            let known = self.read.dictionaries.dictionary(number);
            let kind = ProblemKind::Dictionary;
            if verification
                .keep(kind, segment, Some(offset), known)?
                .is_none()
            {
                return Ok(());
            }
        }
        let decoded = frame::decode_checked(self.read, place, &header, &bytes)?;
        verification.frame();
        if self.tables.unread.contains(entry.first) {
            // Reported; the blobs have nothing to be compared with.
            for _ in header.ids.iter() {
                verification.blob();
            }
            return verification.advance(header.frame_len());
        }
        let listed = &self.tables.fingerprints;
        let from = listed.partition_point(|(id, _)| *id < entry.first);
        let to = next.map_or(listed.len(), |next| {
            listed.partition_point(|(id, _)| *id < next.first)
        });
        let same = header.ids.first() == entry.first
            && (!self.tables.only_frames
                || (to - from.min(to)) as u64 == u64::from(header.ids.len()));
        if !same {
            let text = "the tables list other blobs than the frame holds".to_owned();
            verification.problem(ProblemKind::Index, segment, Some(offset), text);
        }
        for (index, id) in header.ids.iter().enumerate() {
            verification.blob();
            let found = decoded
                .blob(index)
                .map(|bytes| Hash::of(bytes).fingerprint());
            let found = found.map(|found| self.walker.format.stored_fingerprint(found));
            let known = listed.binary_search_by_key(&id, |(id, _)| *id).ok();
            let known = known.and_then(|at| listed.get(at));
            let known = known.map(|(_, fingerprint)| *fingerprint);
            if found.is_none() || found != known {
                let text = format!("blob {id} does not have the hash it was stored under");
                verification.problem(ProblemKind::Blob, segment, Some(offset), text);
            }
        }
        verification.advance(header.frame_len())
    }
}
