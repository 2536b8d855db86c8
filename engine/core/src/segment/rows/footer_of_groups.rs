//! A footer made again from the groups of a sealed segment, in memory: in the place of one that is damaged.

use std::sync::Arc;

use lakebed_format::{IndexBlock, LocatedCommit, SegmentEntry, limits};

use super::footer_tables::FooterTables;
use super::walker::{Block, Walker};
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::segment::bytes::SegmentBytes;
use crate::segment::damage::{Damage, DamagedPlace, ReadFailure, ReadResult};

/// The bytes of a segment with a whole footer at their end, but for what it repeats of the manifest.
///
/// # Errors
/// `Corrupt` when an index block or a COMMIT of the groups is damaged, too; `Io`.
pub(super) fn with_footer_of_groups(
    walker: Walker<'_>,
    bytes: &SegmentBytes,
    entry: &SegmentEntry,
) -> Result<(SegmentBytes, IndexBlock)> {
    let last = last_commit(walker, bytes.len(), entry)?;
    let tables = FooterTables::of(walker, &blocks(walker, last)?)?;
    let mut footer = Vec::new();
    let block = tables
        .builder(Vec::new())
        .encode(walker.salt, last.end(), &mut footer)
        .map_err(|error| Error::of_format(walker.segment, &error))?;
    Ok((bytes.ending_with(last.end(), footer), block))
}

/// The COMMIT that the footer names; where that cannot be read, the last one in the file, if the manifest knows it.
fn last_commit(walker: Walker<'_>, len: u64, entry: &SegmentEntry) -> Result<LocatedCommit> {
    let named = walker.footer_tail(len);
    if let Ok(last) = named.and_then(|tail| walker.commit_at(tail.last_commit)) {
        return Ok(last);
    }
    let last = walker.last_commit(len, len).map_err(Error::from)?;
    last.filter(|last| last.commit.number == entry.last_commit)
        .ok_or_else(|| {
            let detail = "the footer is damaged, and so is the last COMMIT before it";
            Error::corrupt(walker.segment, len, detail)
        })
}

/// The index blocks that count, in file order.
fn blocks(walker: Walker<'_>, last: LocatedCommit) -> ReadResult<Vec<Arc<Block>>> {
    let mut blocks = Vec::new();
    let mut next = Some(last);
    while let Some(commit) = next {
        let block = walker.load(commit)?;
        let first = block.header.first_group;
        if first < limits::FIRST_GROUP || first > commit.commit.group {
            let detail = "an index block covers what is not before it";
            let place = DamagedPlace::new(walker.segment, block.header.offset, detail);
            return Err(ReadFailure::Damaged(Damage::Index(place)));
        }
        blocks.push(Arc::new(Block {
            header: block.header,
            commit,
            frames: block.frames,
            ids: block.ids,
            // What the records say is in the manifest.
            catalogue: Catalogue::default(),
        }));
        next = walker.commit_before(first)?;
    }
    blocks.reverse();
    Ok(blocks)
}
