//! The one writer of a rows segment's bytes: header, frames, row batches, index block and COMMIT of each group, footer.
//!
//! A [`SegmentWriter`] encodes each part for the offset where it will lie, because checksums depend on it. Which bytes
//! go to a file, and when they are synced, is its caller's business: the pending group's, which buffers, and sealing's.

use std::sync::Arc;

use lakebed_codec::Frame;
use lakebed_format::{
    COMMIT_LEN, Commit, CommitEntry, CommitNumber, Fingerprint, FingerprintTable, FooterTrailer,
    FrameEntry, FrameSpec, IdRun, IdSet, IndexBlock, IndexBlockBuilder, Layout, LocatedCommit,
    RowBatchEntry, RunningChecksum, SectionKind, SegmentEntry, SegmentFormat, SegmentHeader,
    SegmentNumber, StoreUuid, TRAILER_LEN, coding::align8, coding::pad8, limits, put_fingerprints,
};

use super::footer_tables::FooterTables;
use super::pending::PendingBatch;
use super::walker::{Block, Walker};
use crate::error::{Error, Result};
use crate::random::random_u64;

/// Index blocks of one level that are merged into one of the next, the new one included.
const MERGE: usize = 16;
/// Levels above this are a footer's.
const TOP_LEVEL: u8 = 254;

/// Encodes the parts of one segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentWriter {
    header: SegmentHeader,
}

/// What an index block says of the groups it covers.
#[derive(Debug)]
pub(crate) struct IndexContents {
    pub(crate) level: u8,
    /// Where the first group that it covers begins.
    pub(crate) first_group: u64,
    pub(crate) frames: Vec<FrameEntry>,
    /// One for each id.
    pub(crate) fingerprints: Vec<Fingerprint>,
    pub(crate) ids: IdSet,
    /// The row directory, encoded.
    pub(crate) rows: Vec<u8>,
    pub(crate) commits: Vec<CommitEntry>,
    /// Catalogue records, encoded.
    pub(crate) records: Vec<u8>,
    /// The list of parts, encoded; empty in the rows layout.
    pub(crate) parts: Vec<u8>,
}

/// An index block, encoded for its place.
#[derive(Debug)]
pub(crate) struct EncodedIndex {
    /// The block, from the group's end so far up to its COMMIT: padding included.
    pub(crate) bytes: Vec<u8>,
    pub(crate) header: IndexBlock,
    /// Where the COMMIT goes.
    pub(crate) commit_offset: u64,
    /// Its tables that an open segment keeps.
    pub(crate) frames: Vec<FrameEntry>,
    pub(crate) ids: IdSet,
}

/// What a COMMIT says besides where its group and index block lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitFacts {
    pub(crate) number: CommitNumber,
    /// Microseconds since 1970 UTC.
    pub(crate) time: i64,
    /// Where the group begins.
    pub(crate) group: u64,
    /// The checksum of the COMMIT before.
    pub(crate) predecessor: u64,
    pub(crate) next_blob: lakebed_format::BlobId,
}

/// Rows and raw bytes of blobs in a segment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SegmentTotals {
    pub(crate) rows: u64,
    pub(crate) raw_bytes: u64,
}

/// A footer, encoded for its place.
#[derive(Debug)]
pub(crate) struct EncodedFooter {
    /// From the end of the last group to the end of the file.
    pub(crate) bytes: Vec<u8>,
    /// What a manifest says of the segment with this footer.
    pub(crate) entry: SegmentEntry,
}

impl SegmentWriter {
    /// The writer of a segment.
    pub(crate) fn new(header: SegmentHeader) -> Self {
        Self { header }
    }

    /// The writer of a segment that does not exist yet.
    ///
    /// # Errors
    /// `Io` when the system has no random salt.
    pub(crate) fn create(
        format: SegmentFormat,
        number: SegmentNumber,
        store: StoreUuid,
        first_blob: lakebed_format::BlobId,
    ) -> Result<Self> {
        Ok(Self::new(SegmentHeader {
            format,
            layout: Layout::Rows,
            number,
            uuid: store,
            salt: random_u64()?,
            first_blob,
        }))
    }

    /// The segment's number.
    pub(crate) fn number(&self) -> SegmentNumber {
        self.header.number
    }

    /// The format of its structures.
    pub(crate) fn format(&self) -> SegmentFormat {
        self.header.format
    }

    /// The salt of its checksums.
    pub(crate) fn salt(&self) -> u64 {
        self.header.salt
    }

    /// The bytes at the start of the file.
    pub(crate) fn header(&self) -> Vec<u8> {
        self.header.encode().clone()
    }

    /// A checksum of a group that begins now.
    pub(crate) fn group_sum(&self) -> RunningChecksum {
        RunningChecksum::new(self.header.salt)
    }

    /// Appends a frame of these blobs that will lie at `offset`; returns its length in bytes.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) fn frame<T>(
        &self,
        runs: &[IdRun],
        frame: &Frame<T>,
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<u64> {
        let from = out.len();
        FrameSpec {
            encoding: frame.encoding,
            raw_len: frame.raw_length,
            runs,
        }
        .encode(&frame.payload, self.header.salt, offset, out)
        .map_err(|e| Error::internal(&format!("a frame cannot be encoded: {e}")))?;
        Ok((out.len() - from) as u64)
    }

    /// Appends a row batch of a commit that will lie at `offset`; returns its entry of the row directory.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) fn row_batch(
        &self,
        batch: &PendingBatch,
        commit: CommitNumber,
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<RowBatchEntry> {
        let len = batch
            .writer
            .clone()
            .encode(self.header.format, commit, self.header.salt, offset, out)
            .map_err(|e| Error::internal(&format!("rows cannot be encoded: {e}")))?;
        Ok(RowBatchEntry {
            offset,
            len,
            ..batch.entry(commit)
        })
    }

    /// The index block of a group whose bytes so far end at `position`. `own` is the entry of the group's commit; its
    /// offset is filled in.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) fn index(
        &self,
        position: u64,
        mut contents: IndexContents,
        mut own: CommitEntry,
    ) -> Result<EncodedIndex> {
        let mut bytes = Vec::new();
        pad8(&mut bytes, 0, position);
        let block_at = position + bytes.len() as u64;
        let mut frames = Vec::with_capacity(contents.frames.len() * FrameEntry::LEN);
        for frame in &contents.frames {
            frame.encode(&mut frames);
        }
        let mut ids = Vec::new();
        contents.ids.encode(&mut ids);
        let mut builder = IndexBlockBuilder::group(contents.level, contents.first_group);
        let fingerprints = std::mem::take(&mut contents.fingerprints);
        if self.header.format.packs_fingerprints() {
            let table = FingerprintTable::encode(fingerprints);
            builder.set(SectionKind::FingerprintTable, true, table);
        } else {
            let mut whole = Vec::with_capacity(fingerprints.len() * 8);
            put_fingerprints(fingerprints, &mut whole);
            builder.set(SectionKind::Fingerprints, true, whole);
        }
        builder
            .set(SectionKind::Frames, false, frames)
            .set(SectionKind::Ids, false, ids)
            .set(SectionKind::Rows, false, contents.rows)
            .set(SectionKind::Records, false, contents.records)
            .set(SectionKind::Parts, false, contents.parts);
        let mut commits = |own: CommitEntry| {
            contents.commits.push(own);
            let encoded = CommitEntry::encode_all(&contents.commits);
            contents.commits.pop();
            encoded
        };
        // The length of the table does not depend on the offset, which is known only with the length.
        own.offset = 0;
        builder.set(SectionKind::Commits, false, commits(own));
        let commit_offset = builder.commit_offset(block_at);
        own.offset = commit_offset;
        builder.set(SectionKind::Commits, false, commits(own));
        let header = builder
            .encode(self.header.salt, block_at, &mut bytes)
            .map_err(|e| Error::internal(&format!("the index block cannot be encoded: {e}")))?;
        pad8(&mut bytes, 0, position);
        if position + bytes.len() as u64 != commit_offset {
            return Err(Error::internal("COMMIT is not where it was expected"));
        }
        Ok(EncodedIndex {
            bytes,
            header,
            commit_offset,
            frames: contents.frames,
            ids: contents.ids,
        })
    }

    /// The COMMIT behind an index block. `group_checksum` is that of the group up to the block's end.
    pub(crate) fn commit(
        &self,
        index: &EncodedIndex,
        facts: CommitFacts,
        group_checksum: u64,
    ) -> (Vec<u8>, LocatedCommit) {
        let commit = Commit {
            number: facts.number,
            time: facts.time,
            group: facts.group,
            index_offset: index.header.offset,
            index_len: index.header.len,
            segment: self.header.number,
            salt: self.header.salt,
            predecessor: facts.predecessor,
            next_blob: facts.next_blob,
            group_checksum,
        };
        let mut bytes = Vec::with_capacity(COMMIT_LEN);
        let commit = commit.encode(index.commit_offset, &mut bytes);
        (bytes, commit)
    }

    /// The footer of a segment that ends with the commit `last`, made from its index blocks. `totals` are those of what
    /// it holds, where its commits do not tell. `catalogue_with` gives the catalogue of the manifest that will name the
    /// segment as this entry says.
    ///
    /// # Errors
    /// `Corrupt` when an index block cannot be read; `Io`, `Internal`.
    pub(crate) fn footer(
        &self,
        walker: Walker<'_>,
        blocks: &[Arc<Block>],
        last: &LocatedCommit,
        totals: Option<SegmentTotals>,
        catalogue_with: impl FnOnce(SegmentEntry) -> Result<Vec<u8>>,
    ) -> Result<EncodedFooter> {
        let tables = FooterTables::of(walker, blocks)?;
        let last_number = last.commit.number;
        let commits = &tables.commits;
        let totals = totals.unwrap_or_else(|| SegmentTotals {
            rows: commits.iter().map(|commit| commit.rows).sum(),
            raw_bytes: commits.iter().map(|commit| commit.raw_bytes).sum(),
        });
        let mut entry = SegmentEntry {
            number: self.header.number,
            layout: self.header.layout,
            len: 0,
            first_blob: self.header.first_blob,
            end_blob: last.commit.next_blob,
            blobs: tables.ids.len(),
            rows: totals.rows,
            first_commit: commits.first().map_or(last_number, |commit| commit.number),
            last_commit: last_number,
            raw_bytes: totals.raw_bytes,
        };
        // The footer's own copy cannot know the length of the file it is in; it says 0.
        let catalogue = catalogue_with(entry)?;
        let end = last.end();
        let at = align8(end);
        let mut bytes = Vec::new();
        pad8(&mut bytes, 0, end);
        let block = tables
            .builder(catalogue)
            .encode(self.header.salt, at, &mut bytes)
            .map_err(|e| Error::internal(&format!("a footer cannot be encoded: {e}")))?;
        entry.len = (block.end() + TRAILER_LEN as u64).next_multiple_of(limits::SEGMENT_ALIGN);
        let tail_at = entry.len - TRAILER_LEN as u64;
        let padded = usize::try_from(tail_at - end)
            .map_err(|_| Error::internal("a footer is larger than memory"))?;
        bytes.resize(padded, 0);
        FooterTrailer {
            block_offset: block.offset,
            block_len: block.len,
            last_commit: last.offset,
            segment: entry.number,
            blobs: entry.blobs,
            header_checksum: block.header_checksum,
        }
        .encode(self.header.salt, tail_at, &mut bytes);
        Ok(EncodedFooter { bytes, entry })
    }
}

impl IndexContents {
    /// Takes in the blocks at the segment's end that the new one is to cover, like a counter that carries. Returns also
    /// how many blocks stay before it.
    ///
    /// # Errors
    /// `Corrupt` when one cannot be read; `Io`.
    pub(crate) fn merged_with(
        self,
        walker: Walker<'_>,
        blocks: &[Arc<Block>],
    ) -> Result<(Self, usize)> {
        let mut level = 0;
        let mut kept = blocks.len();
        while level < TOP_LEVEL {
            let same = blocks
                .iter()
                .take(kept)
                .rev()
                .take_while(|block| block.header.level == level)
                .count();
            if same < MERGE - 1 {
                break;
            }
            kept -= same;
            level += 1;
        }
        let (_, covered) = blocks.split_at(kept);
        let Some(first) = covered.first() else {
            return Ok((self, kept));
        };
        let mut all = Self {
            level,
            first_group: first.start(),
            frames: Vec::new(),
            fingerprints: Vec::new(),
            ids: IdSet::new(),
            rows: Vec::new(),
            commits: Vec::new(),
            records: Vec::new(),
            parts: Vec::new(),
        };
        for block in covered {
            let section = |kind| walker.section(&block.header, kind);
            all.frames.extend(&block.frames);
            let fingerprints = walker.fingerprints(block)?.into_iter();
            all.fingerprints
                .extend(fingerprints.map(|(_, fingerprint)| fingerprint));
            all.ids.extend(&block.ids);
            all.rows.extend_from_slice(&section(SectionKind::Rows)?);
            all.commits.extend(walker.commits(&block.header)?);
            all.records
                .extend_from_slice(&section(SectionKind::Records)?);
        }
        all.frames.extend(self.frames);
        all.fingerprints.extend(self.fingerprints);
        all.ids.extend(&self.ids);
        all.rows.extend(self.rows);
        all.commits.extend(self.commits);
        all.records.extend(self.records);
        Ok((all, kept))
    }
}
