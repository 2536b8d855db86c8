//! Whether the footer of a sealed segment says what its groups say, and the manifest what the footer says.

use lakebed_format::{
    CommitEntry, FrameEntry, FrameTable, IdSet, IndexBlock, ManifestBody, RowBatchEntry,
    SectionKind, SegmentEntry, SegmentNumber, coding::Reader,
};

use super::footer::whole;
use super::sealed_tables::Opened;
use super::walker::Walker;
use crate::error::{Error, Result};
use crate::problem::ProblemKind;
use crate::segment::files::SegmentFiles;
use crate::segment::verify::Verification;

/// What index blocks or a footer list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tables {
    frames: Vec<FrameEntry>,
    ids: IdSet,
    rows: Vec<RowBatchEntry>,
    commits: Vec<CommitEntry>,
}

impl Tables {
    fn add(&mut self, walker: Walker<'_>, block: &IndexBlock) -> Result<()> {
        let refused = |error| Error::of_format(walker.segment, &error);
        let frames = walker.section(block, SectionKind::Frames)?;
        let frames = FrameTable::new(&frames).map_err(refused)?;
        self.frames.extend(frames.iter_from(0));
        let ids = walker.section(block, SectionKind::Ids)?;
        let ids = IdSet::decode(&mut Reader::new("ids", &ids, block.offset)).map_err(refused)?;
        self.ids.extend(&ids);
        self.rows.extend(walker.rows(block)?);
        self.commits.extend(walker.commits(block)?);
        Ok(())
    }
}

/// Compares the footer with the index blocks of the groups, and the manifest's entry with the footer, or with the
/// groups where the footer is damaged.
pub(super) fn verify_footer(
    files: &SegmentFiles,
    opened: &Opened,
    entry: &SegmentEntry,
    blocks: &[IndexBlock],
    verification: &mut dyn Verification,
) -> Result<()> {
    let number = entry.number;
    let at = Some(opened.footer.offset);
    let walker = opened.walker();
    let mut footer = Tables::default();
    let read = footer.add(walker, &opened.footer);
    if verification
        .keep(ProblemKind::Footer, number, at, read)?
        .is_none()
    {
        return Ok(());
    }
    let (mut groups, mut fingerprints) = (Tables::default(), Vec::new());
    for block in blocks {
        let mut read = groups.add(walker, block);
        if opened.fingerprints.are_merged() && read.is_ok() {
            let found = walker.packed_fingerprints(block).map_err(Error::from);
            read = found.map(|found| fingerprints.extend(found));
        }
        let kept = verification.keep(ProblemKind::Index, number, Some(block.offset), read)?;
        if kept.is_none() {
            return Ok(());
        }
    }
    for (same, what) in [
        (footer.frames == groups.frames, "frames"),
        (footer.ids == groups.ids, "ids"),
        (footer.rows == groups.rows, "rows"),
        (footer.commits == groups.commits, "commits"),
        (
            opened.fingerprints.agrees(blocks, &fingerprints)?,
            "fingerprints",
        ),
    ] {
        if !same {
            let text = format!("the footer lists other {what} than the groups");
            verification.problem(ProblemKind::Footer, number, at, text);
        }
    }
    let counted = counted(opened, entry, &footer);
    if counted != *entry {
        let text = format!(
            "the manifest says of the segment what its footer does not: {}",
            difference(entry, &counted)
        );
        verification.problem(ProblemKind::Manifest, number, None, text);
        return Ok(());
    }
    if opened.damage.is_some() {
        return Ok(());
    }
    let body = walker
        .section(&opened.footer, SectionKind::ManifestBody)
        .map_err(Error::from);
    let body = body.and_then(|data| {
        let Some(whole) = whole(files, number, data.to_vec())? else {
            return Ok(None);
        };
        let body = ManifestBody::decode(&whole.bytes, opened.footer.offset);
        body.map(Some).map_err(|e| Error::of_format(number, &e))
    });
    if let Some(Some(body)) = verification.keep(ProblemKind::Footer, number, at, body)? {
        repeated(&body, entry, number, at, verification);
    }
    Ok(())
}

/// A footer repeats the manifest that names its segment; after a repair, the one before, which does not.
fn repeated(
    body: &ManifestBody,
    entry: &SegmentEntry,
    number: SegmentNumber,
    at: Option<u64>,
    verification: &mut dyn Verification,
) {
    let own = body.segments.iter().find(|own| own.number == number);
    let unknown = SegmentEntry { len: 0, ..*entry };
    if own.is_some_and(|own| *own != unknown) {
        let text = "the manifest in the footer says of the segment what the newest does not";
        verification.problem(ProblemKind::Footer, number, at, text.to_owned());
    }
}

/// What a manifest should say of the segment.
fn counted(opened: &Opened, entry: &SegmentEntry, footer: &Tables) -> SegmentEntry {
    let rewritten = opened.header.format.is_rewritten();
    let commits = &footer.commits;
    SegmentEntry {
        blobs: footer.ids.len(),
        rows: footer.rows.iter().map(|batch| batch.rows).sum(),
        first_commit: commits.first().map_or(entry.first_commit, |one| one.number),
        last_commit: commits.last().map_or(entry.last_commit, |one| one.number),
        // A compaction keeps the counts that commits had, and not all of their blobs.
        raw_bytes: if rewritten {
            entry.raw_bytes
        } else {
            commits.iter().map(|one| one.raw_bytes).sum()
        },
        first_blob: footer
            .ids
            .first()
            .map_or(entry.first_blob, |first| first.min(entry.first_blob)),
        end_blob: footer
            .ids
            .last()
            .map_or(entry.end_blob, |last| last.next().max(entry.end_blob)),
        ..*entry
    }
}

fn difference(said: &SegmentEntry, found: &SegmentEntry) -> String {
    let fields = [
        ("blobs", said.blobs, found.blobs),
        ("rows", said.rows, found.rows),
        ("first commit", said.first_commit.0, found.first_commit.0),
        ("last commit", said.last_commit.0, found.last_commit.0),
        ("bytes of blobs", said.raw_bytes, found.raw_bytes),
        ("first blob id", said.first_blob.0, found.first_blob.0),
        ("end of blob ids", said.end_blob.0, found.end_blob.0),
    ];
    let wrong = fields.iter().filter(|(_, said, found)| said != found);
    let wrong: Vec<String> = wrong
        .map(|(what, said, found)| format!("{what} {said}, and there are {found}"))
        .collect();
    wrong.join("; ")
}

/// Whether the order of the fingerprints is that of all blobs.
pub(super) fn verify_ordinals(
    opened: &Opened,
    entry: &SegmentEntry,
    verification: &mut dyn Verification,
) -> Result<()> {
    let at = Some(opened.footer.offset);
    let listed: u64 = opened.ids.iter().map(|(_, run)| run.len).sum();
    let checked = opened.fingerprints.are_in_order(listed);
    if verification.keep(ProblemKind::Ordinals, entry.number, at, checked)? == Some(false) {
        let text = "the ordinals are not those of the blobs by their fingerprints".to_owned();
        verification.problem(ProblemKind::Ordinals, entry.number, at, text);
    }
    Ok(())
}
