//! The one reader of a rows segment's structures: header, COMMITs and the index blocks that they close, footer.
//!
//! COMMITs chain backwards: each names its group, its index block, and the checksum of its predecessor. Opening walks
//! the chain as far as the index blocks reach, verification walks every group, recovery checks the end of the file, and
//! rebuilding a manifest reads footers: all through a [`Walker`], which tells damage ([`Damage`]) from every other
//! failure.
//!
//! Place decides what damage means. Whatever follows the last whole COMMIT is a torn write or a group that is being
//! written, and counts for nothing. Damage before it is corruption, listed beside what could be read.

use std::sync::Arc;

use lakebed_format::{
    BlobId, COMMIT_LEN, CatalogueRecord, Commit, CommitEntry, Fingerprint, FingerprintTable,
    Fingerprints, FooterTrailer, FormatError, FrameEntry, FrameTable, HEADER_LEN, IdSet,
    IndexBlock, LocatedCommit, RowBatchEntry, RunningChecksum, SectionKind, SegmentFormat,
    SegmentHeader, SegmentNumber, Seq, TRAILER_LEN, coding::Reader, find_last_commit,
    index_block::MAX_BLOCK_HEADER, limits,
};
use lakebed_vfs::ReadFile;

use super::loaded_block::LoadedBlock;
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::segment::bytes::{SegmentBytes, Slice};
use crate::segment::damage::{Damage, DamagedPlace, ReadFailure, ReadResult};
use crate::segment::files::reading;

/// Index blocks up to this size are read whole by one read, in bytes.
const SMALL_BLOCK: u64 = 64 << 10;
/// Bytes of a group read at a time.
const STEP: u64 = 1 << 20;

/// What a walker reads from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WalkedBytes<'a> {
    /// A file that may still grow.
    File(&'a dyn ReadFile),
    /// A complete segment.
    Complete(&'a SegmentBytes),
}

/// Reads the structures of one segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walker<'a> {
    pub(crate) bytes: WalkedBytes<'a>,
    pub(crate) segment: SegmentNumber,
    pub(crate) format: SegmentFormat,
    /// Seeds the checksums of everything behind the header.
    pub(crate) salt: u64,
}

/// An index block and the COMMIT behind it.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) header: IndexBlock,
    pub(crate) commit: LocatedCommit,
    pub(crate) frames: Vec<FrameEntry>,
    pub(crate) ids: IdSet,
    /// The catalogue after it.
    pub(crate) catalogue: Catalogue,
}

impl Block {
    /// Where the next group begins.
    pub(crate) fn end(&self) -> u64 {
        self.commit.end()
    }

    /// Where its first group begins.
    pub(crate) fn start(&self) -> u64 {
        self.header.first_group
    }
}

/// What a walk over the chain found.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) damage: Vec<Damage>,
}

/// The header of the file of a segment, read without a walker: it holds the format and the salt that a walker needs.
///
/// # Errors
/// Damage when it is not whole or is another segment's; `Io`.
pub(crate) fn read_header(
    bytes: WalkedBytes<'_>,
    segment: SegmentNumber,
) -> ReadResult<SegmentHeader> {
    let unsalted = Walker {
        bytes,
        segment,
        format: SegmentFormat::NEWEST,
        salt: 0,
    };
    let head = unsalted.read(0, HEADER_LEN as u64, Damage::Header)?;
    SegmentHeader::decode(&head)
        .map_err(|error| ReadFailure::of_format(segment, &error, Damage::Header))
}

impl Walker<'_> {
    /// Reads a part of the segment; `kind` is the damage of a file that ends too early.
    pub(crate) fn read(
        &self,
        offset: u64,
        len: u64,
        kind: fn(DamagedPlace) -> Damage,
    ) -> ReadResult<Slice> {
        let file = match self.bytes {
            WalkedBytes::Complete(bytes) => return Ok(bytes.slice(offset, len)?),
            WalkedBytes::File(file) => file,
        };
        if len > STEP {
            // A length that is not what was written may be any: nothing is allocated for what no file holds.
            let io = |error| Error::io(&reading(self.segment), error);
            let stored = file.data_end().map_err(io)?;
            if offset.checked_add(len).is_none_or(|end| end > stored) {
                return Err(self.damaged(offset, "the file ends too early", kind));
            }
        }
        let mut bytes = Vec::new();
        usize::try_from(len)
            .ok()
            .and_then(|len| bytes.try_reserve_exact(len).ok().map(|()| len))
            .map(|len| bytes.resize(len, 0))
            .ok_or_else(|| self.damaged(offset, "a length is larger than memory", kind))?;
        file.read_exact_at(&mut bytes, offset).map_err(|error| {
            if error.kind() == std::io::ErrorKind::UnexpectedEof {
                return self.damaged(offset, "the file ends too early", kind);
            }
            Error::io(&reading(self.segment), error).into()
        })?;
        Ok(bytes.into())
    }

    fn damaged(&self, offset: u64, detail: &str, kind: fn(DamagedPlace) -> Damage) -> ReadFailure {
        ReadFailure::Damaged(kind(DamagedPlace::new(self.segment, offset, detail)))
    }

    fn refused(&self, error: &FormatError, kind: fn(DamagedPlace) -> Damage) -> ReadFailure {
        ReadFailure::of_format(self.segment, error, kind)
    }

    /// The segment that is walked.
    pub(crate) fn segment(&self) -> SegmentNumber {
        self.segment
    }

    /// The COMMIT at `offset`.
    pub(crate) fn commit_at(&self, offset: u64) -> ReadResult<LocatedCommit> {
        let bytes = self.read(offset, COMMIT_LEN as u64, Damage::Commit)?;
        Commit::decode(&bytes, offset, self.segment, self.salt)
            .map_err(|error| self.refused(&error, Damage::Commit))
    }

    /// The COMMIT just before the group at `group`; `None` for the first group.
    pub(crate) fn commit_before(&self, group: u64) -> ReadResult<Option<LocatedCommit>> {
        if group <= limits::FIRST_GROUP {
            return Ok(None);
        }
        let at = group.checked_sub(COMMIT_LEN as u64);
        let at =
            at.ok_or_else(|| self.damaged(group, "a group starts too early", Damage::Commit))?;
        self.commit_at(at).map(Some)
    }

    /// The last whole COMMIT that ends at or before `len`; behind `stored` there are only zeros.
    pub(crate) fn last_commit(&self, len: u64, stored: u64) -> ReadResult<Option<LocatedCommit>> {
        if let Some(at) = len.checked_sub(COMMIT_LEN as u64).filter(|at| at % 8 == 0) {
            let end = self.read(at, COMMIT_LEN as u64, Damage::Commit)?;
            if let Ok(commit) = Commit::decode(&end, at, self.segment, self.salt) {
                return Ok(Some(commit));
            }
            // Sealed, and the manifest does not know it yet.
            let sealed = self.footer_tail(len);
            match sealed.and_then(|tail| self.commit_at(tail.last_commit)) {
                Ok(commit) => return Ok(Some(commit)),
                Err(failure) => _ = failure.into_damage()?,
            }
        }
        // A hole begins at a block of the file system, and may begin within a COMMIT.
        self.search_back(len.min(stored.saturating_add(COMMIT_LEN as u64)))
    }

    /// Searches for a COMMIT from `end` backwards.
    fn search_back(&self, mut end: u64) -> ReadResult<Option<LocatedCommit>> {
        let least = limits::FIRST_GROUP + COMMIT_LEN as u64;
        while end >= least {
            let start = end.saturating_sub(STEP).max(limits::FIRST_GROUP);
            let window = self.read(start, end - start, Damage::Commit)?;
            if let Some(found) = find_last_commit(&window, start, self.segment, self.salt) {
                return Ok(Some(found));
            }
            if start == limits::FIRST_GROUP {
                break;
            }
            end = start + COMMIT_LEN as u64 - 8;
        }
        Ok(None)
    }

    /// Whether the bytes of the group that `commit` ends are those that were written.
    pub(crate) fn group_is_whole(&self, commit: &LocatedCommit) -> ReadResult<bool> {
        let mut sum = RunningChecksum::new(self.salt);
        self.each_step(commit.commit.group, commit.offset, |_, bytes| {
            sum.update(bytes);
            Ok(())
        })?;
        Ok(sum.finish() == commit.commit.group_checksum)
    }

    /// Reads the bytes from `start` to `end` in steps of bounded size and passes each with its offset.
    pub(crate) fn each_step(
        &self,
        start: u64,
        end: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> ReadResult<()> {
        let mut at = start;
        while at < end {
            let step = STEP.min(end - at);
            each(at, &self.read(at, step, Damage::Commit)?)?;
            at += step;
        }
        Ok(())
    }

    /// The tail of the footer that ends at `len`.
    pub(crate) fn footer_tail(&self, len: u64) -> ReadResult<FooterTrailer> {
        let at = len
            .checked_sub(TRAILER_LEN as u64)
            .ok_or_else(|| self.damaged(len, "the file is too short", Damage::Footer))?;
        let bytes = self.read(at, TRAILER_LEN as u64, Damage::Footer)?;
        FooterTrailer::decode(&bytes, self.salt, at)
            .map_err(|error| self.refused(&error, Damage::Footer))
    }

    /// The index block of the footer that ends at `len`.
    pub(crate) fn footer(&self, len: u64) -> ReadResult<IndexBlock> {
        let tail = self.footer_tail(len)?;
        let tail_at = len - TRAILER_LEN as u64;
        let end = tail.block_offset.checked_add(tail.block_len);
        if end.is_none_or(|end| end > tail_at) {
            return Err(self.damaged(
                tail_at,
                "the footer does not lie within the file",
                Damage::Footer,
            ));
        }
        let head = tail.block_len.min(MAX_BLOCK_HEADER as u64);
        let bytes = self.read(tail.block_offset, head, Damage::Footer)?;
        let block = IndexBlock::decode(&bytes, self.salt, tail.block_offset, tail.block_len)
            .map_err(|error| self.refused(&error, Damage::Footer))?;
        if block.header_checksum != tail.header_checksum {
            return Err(self.damaged(
                tail_at,
                "the tail belongs to another footer",
                Damage::Footer,
            ));
        }
        Ok(block)
    }

    /// What the footer repeats of the manifest of the seal, as it is stored.
    pub(crate) fn footer_body(&self, len: u64) -> ReadResult<Slice> {
        let footer = self.footer(len)?;
        self.section_of(&footer, SectionKind::ManifestBody, None, Damage::Footer)
    }

    /// Walks back from `last` to what is known already: known blocks that end where a new one begins are kept. `base`
    /// is the catalogue before the first group, and the next blob id.
    ///
    /// # Errors
    /// Anything but damage, which is listed in the result.
    pub(crate) fn walk(
        &self,
        last: LocatedCommit,
        known: &[Arc<Block>],
        base: (&Catalogue, BlobId),
    ) -> Result<Walk> {
        let mut loaded = Vec::new();
        let mut damage = Vec::new();
        let mut current = Some(last);
        let mut kept: &[Arc<Block>] = &[];
        while let Some(commit) = current {
            let group = match self.load(commit) {
                Ok(block) => {
                    let first = block.header.first_group;
                    loaded.push(block);
                    first
                }
                Err(failure) => {
                    damage.push(failure.into_damage()?.of_block(commit.commit.index_offset));
                    commit.commit.group
                }
            };
            let (before, _) = known.split_at(known.partition_point(|block| block.end() <= group));
            if before.last().is_some_and(|block| block.end() == group) {
                kept = before;
                break;
            }
            current = match self.commit_before(group) {
                Ok(before) => before,
                Err(failure) => {
                    damage.push(failure.into_damage()?);
                    self.search_back(group - 8)?
                }
            };
        }
        let mut blocks = kept.to_vec();
        let (mut catalogue, mut next_blob) = blocks.last().map_or_else(
            || (base.0.clone(), base.1),
            |block| (block.catalogue.clone(), block.commit.commit.next_blob),
        );
        for block in loaded.into_iter().rev() {
            if let Err(failure) = self.apply(&block, &mut catalogue) {
                // With a hole before it, a record may well name what is missing.
                damage.push(failure.into_damage()?);
            } else if let Some(what) = block.contradiction(&catalogue, next_blob) {
                damage.push(
                    self.damaged(block.header.offset, what, Damage::Index)
                        .into_damage()?,
                );
            }
            next_blob = block.commit.commit.next_blob;
            blocks.push(Arc::new(Block {
                header: block.header,
                commit: block.commit,
                frames: block.frames,
                ids: block.ids,
                catalogue: catalogue.clone(),
            }));
        }
        damage.sort_by_key(|damage| damage.place().offset);
        Ok(Walk { blocks, damage })
    }

    /// Brings records and rows of a block into the catalogue. A record that does not fit is left out.
    fn apply(&self, block: &LoadedBlock, catalogue: &mut Catalogue) -> ReadResult<()> {
        let at = block.header.offset;
        let mut result = Ok(());
        for record in CatalogueRecord::decode_all(&block.records, at) {
            let record = record.map_err(|error| self.refused(&error, Damage::Index))?;
            if let Err(reason) = catalogue.apply(&record) {
                result = Err(self.damaged(at, &reason, Damage::Record));
            }
        }
        for entry in &block.rows {
            catalogue.add_rows(entry.collection, Seq(entry.first_seq.0 + entry.rows));
        }
        result
    }

    /// Reads what an open store needs of an index block: everything but the fingerprints, which wait until one is
    /// looked up.
    pub(super) fn load(&self, commit: LocatedCommit) -> ReadResult<LoadedBlock> {
        let (offset, len) = (commit.commit.index_offset, commit.commit.index_len);
        let head = if len <= SMALL_BLOCK {
            len
        } else {
            MAX_BLOCK_HEADER as u64
        };
        let bytes = self.read(offset, head.min(len), Damage::Index)?;
        let header = IndexBlock::decode(&bytes, self.salt, offset, len)
            .map_err(|error| self.refused(&error, Damage::Index))?;
        let section = |kind| self.section_of(&header, kind, Some(&bytes), Damage::Index);
        let frames = section(SectionKind::Frames)?;
        let frames = FrameTable::new(&frames)
            .map_err(|error| self.refused(&error, Damage::Index))?
            .iter_from(0)
            .collect();
        let ids = section(SectionKind::Ids)?;
        let ids = IdSet::decode(&mut Reader::new("ids", &ids, offset))
            .map_err(|error| self.refused(&error, Damage::Index))?;
        let rows = self.rows_of(&header, Some(&bytes))?;
        let records = section(SectionKind::Records)?;
        Ok(LoadedBlock {
            header,
            commit,
            frames,
            ids,
            rows,
            records,
        })
    }

    /// The index block that a COMMIT closes.
    pub(crate) fn block_of(&self, commit: &LocatedCommit) -> ReadResult<IndexBlock> {
        let (offset, len) = (commit.commit.index_offset, commit.commit.index_len);
        let head = self.read(offset, len.min(MAX_BLOCK_HEADER as u64), Damage::Index)?;
        IndexBlock::decode(&head, self.salt, offset, len)
            .map_err(|error| self.refused(&error, Damage::Index))
    }

    /// A section's data, checked; from the first bytes of the block if they reach that far. Empty when the block has
    /// none.
    fn section_of(
        &self,
        block: &IndexBlock,
        kind: SectionKind,
        head: Option<&[u8]>,
        damage: fn(DamagedPlace) -> Damage,
    ) -> ReadResult<Slice> {
        let Some(section) = block.section(kind) else {
            return Ok(Vec::new().into());
        };
        let refused = |error| self.refused(&error, damage);
        if let Some(head) = head
            && section.end() <= block.offset + head.len() as u64
        {
            let data = section
                .check_whole(self.salt, head, block.offset)
                .map_err(refused)?;
            return Ok(data.to_vec().into());
        }
        let bytes = self.read(section.offset, section.end() - section.offset, damage)?;
        let len = section
            .check_whole(self.salt, &bytes, section.offset)
            .map_err(refused)?
            .len();
        Ok(bytes.truncated(len))
    }

    /// A section of an index block, checked; empty when the block has none.
    pub(crate) fn section(&self, block: &IndexBlock, kind: SectionKind) -> ReadResult<Slice> {
        self.section_of(block, kind, None, Damage::Index)
    }

    /// The row directory of an index block or footer.
    pub(crate) fn rows(&self, block: &IndexBlock) -> ReadResult<Vec<RowBatchEntry>> {
        self.rows_of(block, None)
    }

    fn rows_of(&self, block: &IndexBlock, head: Option<&[u8]>) -> ReadResult<Vec<RowBatchEntry>> {
        let rows = self.section_of(block, SectionKind::Rows, head, Damage::Index)?;
        let commits = match self.format {
            SegmentFormat::V1 if !rows.is_empty() => self.commits_of(block, head)?,
            _ => Vec::new(),
        };
        RowBatchEntry::decode_all(&rows, block.offset, self.format, &commits)
            .collect::<Result<_, _>>()
            .map_err(|error| self.refused(&error, Damage::Index))
    }

    /// The commits of an index block or footer.
    pub(crate) fn commits(&self, block: &IndexBlock) -> ReadResult<Vec<CommitEntry>> {
        self.commits_of(block, None)
    }

    fn commits_of(&self, block: &IndexBlock, head: Option<&[u8]>) -> ReadResult<Vec<CommitEntry>> {
        let commits = self.section_of(block, SectionKind::Commits, head, Damage::Index)?;
        CommitEntry::decode_all(&commits, block.offset)
            .collect::<Result<_, _>>()
            .map_err(|error| self.refused(&error, Damage::Index))
    }

    /// The fingerprints of an index block, each with its id. Bits that are not stored are zero.
    pub(crate) fn fingerprints(&self, block: &Block) -> ReadResult<Vec<(BlobId, Fingerprint)>> {
        let found = if self.format.packs_fingerprints() {
            self.packed_fingerprints(&block.header)?
        } else {
            let data = self.section(&block.header, SectionKind::Fingerprints)?;
            let found = Fingerprints::new(&data);
            let found = found.map_err(|error| self.refused(&error, Damage::Index))?;
            found.iter().collect()
        };
        if found.len() as u64 != block.ids.len() {
            return Err(self.damaged(
                block.header.offset,
                "there are not as many fingerprints as ids",
                Damage::Index,
            ));
        }
        Ok(block.ids.iter().zip(found).collect())
    }

    /// The fingerprints in the table of an index block, by ascending ids.
    pub(crate) fn packed_fingerprints(&self, block: &IndexBlock) -> ReadResult<Vec<Fingerprint>> {
        let data = self.section(block, SectionKind::FingerprintTable)?;
        if data.is_empty() {
            return Ok(Vec::new());
        }
        FingerprintTable::new(&data)
            .and_then(|table| table.by_ordinal())
            .map_err(|error| self.refused(&error, Damage::Index))
    }
}
