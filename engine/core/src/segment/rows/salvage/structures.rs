//! Every COMMIT and every index block of a file, wherever they lie.

use lakebed_format::{
    COMMIT_LEN, Commit, HEADER_LEN, IndexBlock, LocatedCommit, SegmentNumber,
    index_block::MAX_BLOCK_HEADER, limits,
};

use crate::error::Result;
use crate::segment::damage::Damage;
use crate::segment::rows::walker::Walker;

/// Bytes read at a time.
const STEP: u64 = 1 << 20;
/// The first bytes of a COMMIT, of a group's index block and of a footer's (docs/format.md).
const COMMIT: &[u8; 8] = b"LKCOMMIT";
const BLOCK: &[u8; 4] = b"LKIX";
const FOOTER: &[u8; 4] = b"LKFT";
/// Where a COMMIT repeats the number of its segment, and the salt.
const NUMBER: usize = 48;
const SALT: usize = 56;

/// The COMMITs and index blocks that are whole, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Structures {
    pub(super) commits: Vec<LocatedCommit>,
    pub(super) blocks: Vec<IndexBlock>,
}

/// Searches a file of `len` bytes for them.
///
/// # Errors
/// `Io`; those of `advance`, which is told the bytes read.
pub(super) fn structures(
    walker: Walker<'_>,
    len: u64,
    advance: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Structures> {
    let mut found = Structures::default();
    each_place(walker, len, advance, &mut |at, bytes| {
        if bytes.starts_with(COMMIT) {
            found
                .commits
                .extend(Commit::decode(bytes, at, walker.segment, walker.salt));
        } else if bytes.starts_with(BLOCK) || bytes.starts_with(FOOTER) {
            let block = IndexBlock::find(bytes, walker.salt, at);
            found.blocks.extend(block.ok().filter(|b| b.end() <= len));
        }
        true
    })?;
    Ok(found)
}

/// The salt that a COMMIT of a file repeats, and the number of its segment, where the header is damaged.
///
/// # Errors
/// As [`structures`].
pub(super) fn find_salt(
    walker: Walker<'_>,
    len: u64,
    advance: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Option<(SegmentNumber, u64)>> {
    let mut found = None;
    each_place(walker, len, advance, &mut |at, bytes| {
        let field = |at: usize| {
            let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>);
            bytes.map(|bytes| u64::from_le_bytes(*bytes))
        };
        if bytes.starts_with(COMMIT)
            && let Some((number, salt)) = field(NUMBER).zip(field(SALT))
            && Commit::decode(bytes, at, SegmentNumber(number), salt).is_ok()
        {
            found = Some((SegmentNumber(number), salt));
        }
        found.is_none()
    })?;
    Ok(found)
}

/// Passes the bytes from each multiple of 8 on that begins like one of the structures, with its place, until `each`
/// returns false.
fn each_place(
    walker: Walker<'_>,
    len: u64,
    advance: &mut dyn FnMut(u64) -> Result<()>,
    each: &mut dyn FnMut(u64, &[u8]) -> bool,
) -> Result<()> {
    const REACH: u64 = if MAX_BLOCK_HEADER > COMMIT_LEN {
        MAX_BLOCK_HEADER as u64
    } else {
        COMMIT_LEN as u64
    };
    let mut start = limits::FIRST_GROUP.min(HEADER_LEN as u64);
    while start < len {
        let read = (STEP + REACH).min(len - start);
        let window = walker.read(start, read, Damage::Commit)?;
        advance(read.min(STEP))?;
        let (words, _) = window.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            let at = index * 8;
            if at as u64 >= STEP {
                break;
            }
            let starts = word == COMMIT || word.starts_with(BLOCK) || word.starts_with(FOOTER);
            if starts && !each(start + at as u64, window.get(at..).unwrap_or_default()) {
                return Ok(());
            }
        }
        start += STEP;
    }
    Ok(())
}
