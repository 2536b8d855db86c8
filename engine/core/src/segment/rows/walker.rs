//! The chain of commits in a segment that is not sealed yet: finding its end, walking back over its index blocks.
//!
//! Damage is told apart by place. Whatever follows the last whole COMMIT is a torn write or a group under way: it is as if it were not
//! there. Damage before it is corruption, kept as a list beside what could be read.

use std::sync::Arc;

use lakebed_format::{
    BlobId, COMMIT_LEN, CatalogueRecord, Commit, CommitEntry, FooterTrailer, FrameEntry,
    FrameTable, IdSet, IndexBlock, LocatedCommit, RowBatchEntry, RunningChecksum, SectionKind,
    SegmentFormat, SegmentNumber, TRAILER_LEN, coding::Reader, find_last_commit,
    index_block::MAX_BLOCK_HEADER, limits,
};
use lakebed_vfs::File;

use crate::catalogue::Catalogue;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::Damage;
use crate::segment::bytes::reading;

/// Blocks up to this size are read whole, in one go.
const SMALL_BLOCK: u64 = 64 << 10;
/// Bytes of a group read at a time.
const STEP: u64 = 1 << 20;

/// A segment file by what its checksums need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain<'a> {
    pub(crate) file: &'a dyn File,
    pub(crate) segment: SegmentNumber,
    pub(crate) format: SegmentFormat,
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

/// A block as it is read, before the catalogue is known.
struct Loaded {
    header: IndexBlock,
    commit: LocatedCommit,
    frames: Vec<FrameEntry>,
    ids: IdSet,
    rows: Vec<RowBatchEntry>,
    records: Vec<u8>,
}

/// What a walk over the chain found.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) damage: Vec<Damage>,
}

impl Chain<'_> {
    /// Reads a part of the file.
    pub(crate) fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len as usize];
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(|error| {
                if error.kind() == std::io::ErrorKind::UnexpectedEof {
                    return Error::corrupt(self.segment, offset, "the file ends too early");
                }
                Error::io(&reading(self.segment), error)
            })?;
        Ok(bytes)
    }

    fn refuse(&self, error: &lakebed_format::FormatError) -> Error {
        Error::of_format(self.segment, error)
    }

    /// The COMMIT at `offset`, if there is a whole one.
    pub(crate) fn commit_at(&self, offset: u64) -> Result<LocatedCommit> {
        let bytes = self.read(offset, COMMIT_LEN as u64)?;
        Commit::decode(&bytes, offset, self.segment, self.salt).map_err(|e| self.refuse(&e))
    }

    /// The COMMIT just before the group at `group`; `None` for the first group.
    pub(crate) fn before(&self, group: u64) -> Result<Option<LocatedCommit>> {
        if group <= limits::FIRST_GROUP {
            return Ok(None);
        }
        let at = group.checked_sub(COMMIT_LEN as u64);
        let at =
            at.ok_or_else(|| Error::corrupt(self.segment, group, "a group starts too early"))?;
        self.commit_at(at).map(Some)
    }

    /// The last whole COMMIT that ends at or before `len`.
    pub(crate) fn last_commit(&self, len: u64) -> Result<Option<LocatedCommit>> {
        if let Some(at) = len.checked_sub(COMMIT_LEN as u64).filter(|at| at % 8 == 0) {
            let tail = self.read(at, COMMIT_LEN as u64)?;
            if let Ok(commit) = Commit::decode(&tail, at, self.segment, self.salt) {
                return Ok(Some(commit));
            }
            // Sealed, and the manifest does not know it yet.
            let tail_at = len - TRAILER_LEN as u64;
            let tail = tail.get(COMMIT_LEN - TRAILER_LEN..).unwrap_or_default();
            if let Ok(footer) = FooterTrailer::decode(tail, self.salt, tail_at)
                && let Ok(commit) = self.commit_at(footer.last_commit)
            {
                return Ok(Some(commit));
            }
        }
        self.scan_back(len)
    }

    /// Looks for a COMMIT from `end` backwards.
    fn scan_back(&self, mut end: u64) -> Result<Option<LocatedCommit>> {
        let least = limits::FIRST_GROUP + COMMIT_LEN as u64;
        while end >= least {
            let start = end.saturating_sub(STEP).max(limits::FIRST_GROUP);
            let window = self.read(start, end - start)?;
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
    pub(crate) fn group_is_whole(&self, commit: &LocatedCommit) -> Result<bool> {
        let mut sum = RunningChecksum::new(self.salt);
        let mut at = commit.commit.group;
        while at < commit.offset {
            let step = STEP.min(commit.offset - at);
            sum.update(&self.read(at, step)?);
            at += step;
        }
        Ok(sum.finish() == commit.commit.group_checksum)
    }

    /// Walks back from `last` to what is known already: blocks that end where a new one begins are kept. `base` is the catalogue
    /// before the first group.
    pub(crate) fn walk(
        &self,
        last: LocatedCommit,
        known: &[Arc<Block>],
        base: &Catalogue,
    ) -> Result<Walk> {
        let mut loaded = Vec::new();
        let mut damage = Vec::new();
        let mut current = Some(last);
        let mut kept = 0;
        while let Some(commit) = current {
            let group = match self.load(commit) {
                Ok(block) => {
                    let first = block.header.first_group;
                    loaded.push(block);
                    first
                }
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    damage.push(self.damage(commit.commit.index_offset, &error));
                    commit.commit.group
                }
                Err(error) => return Err(error),
            };
            kept = known.partition_point(|block| block.end() <= group);
            if known
                .get(..kept)
                .and_then(<[_]>::last)
                .is_some_and(|block| block.end() == group)
            {
                break;
            }
            kept = 0;
            current = match self.before(group) {
                Ok(before) => before,
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    damage.push(self.damage(group - COMMIT_LEN as u64, &error));
                    self.scan_back(group - 8)?
                }
                Err(error) => return Err(error),
            };
        }
        let mut blocks = known.get(..kept).unwrap_or_default().to_vec();
        let mut catalogue = blocks
            .last()
            .map_or_else(|| base.clone(), |block| block.catalogue.clone());
        for block in loaded.into_iter().rev() {
            if let Err(error) = self.apply(&block, &mut catalogue) {
                // With a hole before it, a record may well name what is missing.
                damage.push(self.damage(block.header.offset, &error));
            }
            blocks.push(Arc::new(Block {
                header: block.header,
                commit: block.commit,
                frames: block.frames,
                ids: block.ids,
                catalogue: catalogue.clone(),
            }));
        }
        damage.sort_by_key(|damage| damage.offset);
        Ok(Walk { blocks, damage })
    }

    fn damage(&self, offset: u64, error: &Error) -> Damage {
        Damage {
            segment: self.segment,
            offset,
            detail: error.message().to_owned(),
        }
    }

    /// Brings records and rows of a block into the catalogue.
    fn apply(&self, block: &Loaded, catalogue: &mut Catalogue) -> Result<()> {
        let at = block.header.offset;
        let mut result = Ok(());
        for record in CatalogueRecord::decode_all(&block.records, at) {
            let record = record.map_err(|e| self.refuse(&e))?;
            if let Err(reason) = catalogue.apply(&record) {
                result = Err(Error::corrupt(self.segment, at, reason));
            }
        }
        for entry in &block.rows {
            catalogue.add_rows(
                entry.collection,
                lakebed_format::Seq(entry.first_seq.0 + entry.rows),
            );
        }
        result
    }

    /// Reads what an open store needs of a block: everything but the fingerprints, which wait until somebody looks one up.
    fn load(&self, commit: LocatedCommit) -> Result<Loaded> {
        let (offset, len) = (commit.commit.index_offset, commit.commit.index_len);
        let head = if len <= SMALL_BLOCK {
            len
        } else {
            MAX_BLOCK_HEADER as u64
        };
        let bytes = self.read(offset, head.min(len))?;
        let header =
            IndexBlock::decode(&bytes, self.salt, offset, len).map_err(|e| self.refuse(&e))?;
        let section = |kind| self.section_of(&header, kind, &bytes);
        let frames = section(SectionKind::Frames)?;
        let frames = FrameTable::new(&frames)
            .map_err(|e| self.refuse(&e))?
            .iter_from(0)
            .collect();
        let ids = section(SectionKind::Ids)?;
        let ids =
            IdSet::decode(&mut Reader::new("ids", &ids, offset)).map_err(|e| self.refuse(&e))?;
        let rows = self.rows_of(&header, &bytes)?;
        let records = section(SectionKind::Records)?;
        Ok(Loaded {
            header,
            commit,
            frames,
            ids,
            rows,
            records,
        })
    }

    /// A section's data, checked; out of the bytes at hand if they reach that far.
    fn section_of(
        &self,
        header: &IndexBlock,
        kind: SectionKind,
        at_hand: &[u8],
    ) -> Result<Vec<u8>> {
        let Some(section) = header.section(kind) else {
            return Ok(Vec::new());
        };
        if section.end() <= header.offset + at_hand.len() as u64 {
            let data = section
                .check_whole(self.salt, at_hand, header.offset)
                .map_err(|e| self.refuse(&e))?;
            return Ok(data.to_vec());
        }
        let bytes = self.read(section.offset, section.end() - section.offset)?;
        section
            .check_whole(self.salt, &bytes, section.offset)
            .map(<[u8]>::to_vec)
            .map_err(|e| self.refuse(&e))
    }

    /// A section of a block that was walked over; empty when the block has none.
    pub(crate) fn section(&self, header: &IndexBlock, kind: SectionKind) -> Result<Vec<u8>> {
        self.section_of(header, kind, &[])
    }

    /// The row directory of a block.
    pub(crate) fn rows(&self, header: &IndexBlock) -> Result<Vec<RowBatchEntry>> {
        self.rows_of(header, &[])
    }

    fn rows_of(&self, header: &IndexBlock, at_hand: &[u8]) -> Result<Vec<RowBatchEntry>> {
        let rows = self.section_of(header, SectionKind::Rows, at_hand)?;
        let commits = if self.format == SegmentFormat::V1 && !rows.is_empty() {
            self.commits_of(header, at_hand)?
        } else {
            Vec::new()
        };
        RowBatchEntry::decode_all(&rows, header.offset, self.format, &commits)
            .collect::<Result<_, _>>()
            .map_err(|e| self.refuse(&e))
    }

    /// The commits of a block.
    pub(crate) fn commits(&self, header: &IndexBlock) -> Result<Vec<CommitEntry>> {
        self.commits_of(header, &[])
    }

    fn commits_of(&self, header: &IndexBlock, at_hand: &[u8]) -> Result<Vec<CommitEntry>> {
        let commits = self.section_of(header, SectionKind::Commits, at_hand)?;
        CommitEntry::decode_all(&commits, header.offset)
            .collect::<Result<_, _>>()
            .map_err(|e| self.refuse(&e))
    }

    /// The fingerprints of a block, each with its id.
    pub(crate) fn fingerprints(
        &self,
        block: &Block,
    ) -> Result<Vec<(BlobId, lakebed_format::Fingerprint)>> {
        let data = self.section(&block.header, SectionKind::Fingerprints)?;
        let (entries, rest) = data.as_chunks::<8>();
        if entries.len() as u64 != block.ids.len() || !rest.is_empty() {
            return Err(Error::corrupt(
                self.segment,
                block.header.offset,
                "there are not as many fingerprints as ids",
            ));
        }
        Ok(block
            .ids
            .iter()
            .zip(entries)
            .map(|(id, entry)| (id, lakebed_format::Fingerprint(u64::from_le_bytes(*entry))))
            .collect())
    }
}
