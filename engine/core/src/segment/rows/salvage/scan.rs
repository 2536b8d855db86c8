//! Finding what is whole of a segment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakebed_format::{
    BlobId, BlockKind, CatalogueRecord, CommitEntry, CommitNumber, FrameHeader, FrameTable,
    IndexBlock, Layout, LocatedCommit, PartList, RowBatch, RowBatchEntry, SectionKind,
    SegmentNumber, coding::take_varint, limits,
};
use lakebed_vfs::ReadFile;

use super::structures::{Structures, find_salt, structures};
use super::{Salvaged, WholeFrame};
use crate::error::{Error, ErrorKind, Result};
use crate::segment::damage::{Damage, ReadFailure, ReadResult};
use crate::segment::files::{SegmentFiles, len_of, reading};
use crate::segment::rows::frame::{self, FramePlace};
use crate::segment::rows::walker::{WalkedBytes, Walker, read_header};

/// No row batch is longer, in bytes: two columns of 65,536 tokens, and what is before them.
const LONGEST_BATCH: u64 = 2 << 20;
/// Bytes of a row batch before its length, and of the longest length.
const BATCH_HEAD: u64 = 8 + 10;

/// What is whole of a file. `named` is the number that the file's name gives. Groups behind the last whole COMMIT count
/// up to `acknowledged`: they were on disk when the last writer said so. `None` when the file is not a segment of rows
/// or columns of this store, or nothing in it is whole.
///
/// # Errors
/// `FormatTooNew`, `Io`; those of `advance`, which is told the bytes read.
pub(crate) fn salvage(
    files: &SegmentFiles,
    file: &Arc<dyn ReadFile>,
    named: SegmentNumber,
    acknowledged: Option<CommitNumber>,
    advance: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Option<Salvaged>> {
    // What is not stored of a file is zeros.
    let stored = file.data_end();
    let stored = stored.map_err(|error| Error::io(&reading(named), error))?;
    let len = len_of(named, file.as_ref())?.min(stored);
    let bytes = WalkedBytes::File(file.as_ref());
    let mut walker = Walker {
        bytes,
        segment: named,
        format: files.format,
        salt: 0,
    };
    match read_header(bytes, named) {
        Ok(header) if header.uuid != files.store || header.layout == Layout::Large => {
            return Ok(None);
        }
        Ok(header) => {
            walker.segment = header.number;
            walker.format = header.format;
            walker.salt = header.salt;
        }
        Err(failure) => {
            failure.into_damage()?;
            let Some((number, salt)) = find_salt(walker, len, advance)? else {
                return Ok(None);
            };
            walker.segment = number;
            walker.salt = salt;
        }
    }
    let mut found = structures(walker, len, advance)?;
    let last = found.commits.last();
    let behind = last.map_or(limits::FIRST_GROUP, LocatedCommit::end);
    let lost = acknowledged.filter(|known| last.is_none_or(|last| last.commit.number < *known));
    let end = if lost.is_some() { len } else { behind };
    found
        .blocks
        .retain(|block| block.kind == BlockKind::Footer || block.offset < end);
    let mut scan = Scan::new(walker, file.as_ref(), len, &found)?;
    scan.walk(end, advance)?;
    if let Some(lost) = lost {
        // Without any COMMIT only an index block tells the records of what was acknowledged.
        scan.found.lost_records |= last.is_none() && scan.told <= behind;
        scan.found.batches.retain(|batch| batch.commit <= lost);
        scan.found.listed.retain(|batch| batch.commit <= lost);
        scan.found.commits.retain(|number, _| *number <= lost);
    }
    scan.finish();
    Ok(Some(scan.found))
}

struct Scan<'a> {
    walker: Walker<'a>,
    file: &'a dyn ReadFile,
    /// Where a frame, a row batch or a group may begin.
    stops: BTreeSet<u64>,
    /// Up to where index blocks tell the records of groups.
    told: u64,
    found: Salvaged,
}

/// The value of a result; `None` for damage.
fn whole<T>(result: ReadResult<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ReadFailure::Damaged(_)) => Ok(None),
        Err(ReadFailure::Other(error)) if error.kind() == ErrorKind::Corrupt => Ok(None),
        Err(ReadFailure::Other(error)) => Err(error),
    }
}

impl<'a> Scan<'a> {
    fn new(
        walker: Walker<'a>,
        file: &'a dyn ReadFile,
        len: u64,
        structures: &Structures,
    ) -> Result<Self> {
        let last = structures.commits.last();
        let first = structures.commits.first();
        // Only the COMMIT of the first group names what is before this segment.
        let first = first.filter(|first| first.commit.group == limits::FIRST_GROUP);
        let mut scan = Self {
            walker,
            file,
            stops: BTreeSet::from([limits::FIRST_GROUP]),
            told: limits::FIRST_GROUP,
            found: Salvaged {
                segment: walker.segment,
                format: walker.format,
                salt: walker.salt,
                frames: Vec::new(),
                batches: Vec::new(),
                listed: Vec::new(),
                commits: BTreeMap::new(),
                predecessor: first.map(|first| first.commit.predecessor),
                checksum: last.map_or(0, |last| last.checksum),
                next_blob: last.map_or(BlobId(0), |last| last.commit.next_blob),
                records: Vec::new(),
                lost_records: false,
                parts: PartList::default(),
                end: last.map_or(limits::FIRST_GROUP, LocatedCommit::end),
                len,
            },
        };
        for commit in &structures.commits {
            scan.stops.extend([commit.commit.group, commit.end()]);
            let commit = CommitEntry {
                number: commit.commit.number,
                time: commit.commit.time,
                offset: commit.offset,
                blobs: 0,
                rows: 0,
                raw_bytes: 0,
            };
            scan.found.commits.insert(commit.number, commit);
        }
        for block in &structures.blocks {
            scan.tables(block)?;
        }
        scan.found.listed.sort_by_key(|entry| entry.offset);
        scan.found.listed.dedup_by_key(|entry| entry.offset);
        scan.records(structures)?;
        Ok(scan)
    }

    /// What the tables of an index block or footer list.
    fn tables(&mut self, block: &IndexBlock) -> Result<()> {
        self.stops.insert(block.first_group);
        if let Some(commits) = whole(self.walker.commits(block))? {
            self.found
                .commits
                .extend(commits.into_iter().map(|commit| (commit.number, commit)));
        }
        if let Some(rows) = whole(self.walker.rows(block))? {
            self.stops.extend(rows.iter().map(|entry| entry.offset));
            self.found.listed.extend(rows);
        }
        if let Some(parts) = whole(self.walker.section(block, SectionKind::Parts))?
            && !parts.is_empty()
            && let Ok(parts) = PartList::decode(&parts, block.offset)
        {
            self.found.parts = parts;
        }
        if let Some(frames) = whole(self.walker.section(block, SectionKind::Frames))?
            && let Ok(frames) = FrameTable::new(&frames)
        {
            self.stops
                .extend(frames.iter_from(0).map(|entry| entry.offset));
        }
        Ok(())
    }

    /// The records of the widest blocks that cover each group once.
    fn records(&mut self, structures: &Structures) -> Result<()> {
        let mut blocks: Vec<&IndexBlock> = structures.blocks.iter().collect();
        blocks.retain(|block| block.kind == BlockKind::Group);
        blocks.sort_by_key(|block| (std::cmp::Reverse(block.level), block.offset));
        let mut used: BTreeMap<u64, (u64, Vec<CatalogueRecord>)> = BTreeMap::new();
        for block in blocks {
            let covered = used
                .range(..=block.offset)
                .next_back()
                .is_some_and(|(_, (end, _))| *end > block.offset);
            if covered {
                continue;
            }
            let Some(bytes) = whole(self.walker.section(block, SectionKind::Records))? else {
                continue;
            };
            let records: std::result::Result<Vec<_>, _> =
                CatalogueRecord::decode_all(&bytes, block.offset).collect();
            if let Ok(records) = records {
                used.insert(block.first_group, (block.end(), records));
            }
        }
        // Each block is followed by its COMMIT, and that by the first group of the next one.
        let mut next = limits::FIRST_GROUP;
        for (start, (end, records)) in used {
            self.found.lost_records |= start != next;
            next = end.next_multiple_of(8) + lakebed_format::COMMIT_LEN as u64;
            self.found.records.extend(records);
        }
        self.found.lost_records |= next < self.found.end;
        self.told = next;
        Ok(())
    }

    /// Takes frames and row batches one after the other; where neither begins, goes on at the next place where one may.
    fn walk(&mut self, end: u64, advance: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
        let mut at = limits::FIRST_GROUP;
        while at < end {
            let step = match self.frame(at, end)? {
                Some(len) => len,
                None => self.batch(at, end)?.unwrap_or(0),
            };
            if step > 0 {
                advance(step)?;
                at += step;
                continue;
            }
            match self.stops.range(at + 1..).next() {
                Some(next) => at = *next,
                None => break,
            }
        }
        Ok(())
    }

    fn frame(&mut self, at: u64, end: u64) -> Result<Option<u64>> {
        let place = FramePlace {
            segment: self.walker.segment,
            salt: self.walker.salt,
            offset: at,
        };
        let next = self.stops.range(at + 1..).next().copied();
        let bytes = match frame::read(self.file, place, next, end) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(None),
            Err(error) => return Err(error),
        };
        let Ok(header) = FrameHeader::decode_checked(&bytes, self.walker.salt, at) else {
            return Ok(None);
        };
        self.found.frames.push(WholeFrame {
            offset: at,
            len: header.frame_len(),
            encoding: header.encoding,
            ids: header.ids.runs().collect(),
        });
        Ok(Some(header.frame_len()))
    }

    fn batch(&mut self, at: u64, end: u64) -> Result<Option<u64>> {
        let room = end - at;
        let head = self.walker.read(at, BATCH_HEAD.min(room), Damage::Index)?;
        let Some((body, rest)) = head.get(8..).and_then(take_varint) else {
            return Ok(None);
        };
        let before = (head.len() - rest.len()) as u64;
        let Some(len) = before
            .checked_add(body)
            .filter(|len| *len <= room.min(LONGEST_BATCH))
        else {
            return Ok(None);
        };
        let bytes = self.walker.read(at, len, Damage::Index)?;
        let (format, salt) = (self.walker.format, self.walker.salt);
        let Ok(batch) = RowBatch::decode(&bytes, format, salt, at) else {
            return Ok(None);
        };
        let (mut min, mut max) = (u64::MAX, 0);
        for run in batch.row_runs() {
            let Ok(run) = run else {
                return Ok(None);
            };
            min = min.min(run.blob.0);
            max = max.max(run.blob.0 + run.len - 1);
        }
        // In format 1 the first COMMIT behind a batch is that of its group.
        let commit = batch.commit.or_else(|| {
            let mut commits = self.found.commits.values();
            commits.find(|commit| commit.offset > at).map(|c| c.number)
        });
        let Some(commit) = commit else {
            return Ok(None);
        };
        self.found.batches.push(RowBatchEntry {
            commit,
            collection: batch.head.collection,
            first_seq: batch.head.first_seq,
            rows: batch.rows,
            file: batch.head.file,
            time: batch.head.time,
            offset: at,
            len,
            min_blob: BlobId(min),
            max_blob: BlobId(max),
        });
        Ok(Some(len))
    }

    /// Puts what was found in order.
    fn finish(&mut self) {
        let found = &mut self.found;
        found
            .frames
            .sort_by_key(|frame| frame.ids.first().map(|run| run.first));
        let last = found.frames.iter().filter_map(|frame| frame.ids.last());
        let behind = last.map(|run| BlobId(run.end())).max();
        found.next_blob = found.next_blob.max(behind.unwrap_or_default());
        // Commits of which there are rows, and nothing else any more.
        for batch in &found.batches {
            found.commits.entry(batch.commit).or_insert(CommitEntry {
                number: batch.commit,
                time: batch.time,
                offset: found.end,
                blobs: 0,
                rows: 0,
                raw_bytes: 0,
            });
        }
    }
}
