//! The segment that is written to, as of one commit: read at positions of its file, never mapped.

use std::cmp::Ordering;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use lakebed_codec::Decoded;
use lakebed_format::{
    BlobId, CommitEntry, CommitNumber, Fingerprint, LocatedCommit, RowBatchEntry, SegmentNumber,
    limits,
};

use super::active_file::{ActiveFile, FoundFrame};
use super::frame;
use super::verify::{RowsTables, verify_rows};
use super::walker::{Block, Walk, Walker};
use crate::blob::Blob;
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::problem::ProblemKind;
use crate::segment::damage::{Damage, DamagedPlace};
use crate::segment::files::{SegmentFiles, len_of, reading};
use crate::segment::interface::{
    Contents, ReadContext, RowBatchBytes, Segment, StoredBlobs, StoredFrame, blob_in,
};
use crate::segment::verify::Verification;

/// The active segment as of one commit.
#[derive(Debug)]
pub(crate) struct ActiveRows {
    pub(crate) file: Arc<ActiveFile>,
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Everything unreadable before the last commit.
    pub(crate) damage: Vec<Damage>,
    /// The last commit.
    pub(crate) last: LocatedCommit,
    rows: OnceLock<Arc<[RowBatchEntry]>>,
}

/// What the manifest says before the first group of the active segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) next_blob: BlobId,
    pub(crate) last_commit: CommitNumber,
}

/// What is known of the sync of a commit that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncState {
    /// It returned: the commit is on disk.
    Done,
    /// The writer has not heard of it yet.
    Running,
    /// There is no writer, and nothing says whether it returned: the commit counts if its group is whole.
    Unknown,
}

impl ActiveRows {
    /// The state that a walk over the chain found.
    fn new(
        file: Arc<ActiveFile>,
        walk: Walk,
        mut damage: Vec<Damage>,
        last: LocatedCommit,
    ) -> Self {
        damage.extend(walk.damage);
        damage.sort_by_key(|damage| damage.place().offset);
        damage.dedup();
        Self {
            file,
            blocks: walk.blocks,
            damage,
            last,
            rows: OnceLock::new(),
        }
    }

    /// The segment after a group was written: the blocks that stay, and the new one.
    pub(crate) fn with_block(
        file: Arc<ActiveFile>,
        kept: impl Iterator<Item = Arc<Block>>,
        new: Block,
    ) -> Self {
        let last = new.commit;
        let walk = Walk {
            blocks: kept.chain([Arc::new(new)]).collect(),
            damage: Vec::new(),
        };
        Self::new(file, walk, Vec::new(), last)
    }

    /// Where the next group begins.
    pub(crate) fn end(&self) -> u64 {
        self.last.end()
    }

    /// The next blob id after it.
    pub(crate) fn next_blob(&self) -> BlobId {
        self.last.commit.next_blob
    }

    /// The catalogue after it.
    pub(crate) fn catalogue(&self) -> Option<&Catalogue> {
        self.blocks.last().map(|block| &block.catalogue)
    }

    /// Blobs in its frames.
    pub(crate) fn blobs(&self) -> u64 {
        self.blocks.iter().map(|block| block.ids.len()).sum()
    }

    /// The segment as of the newest commit that may be shown, given the manifest before it and what this store object
    /// saw of it last. `sync` says of a commit's number and time what is known of its
    /// sync. `None` when it has no such commit.
    ///
    /// # Errors
    /// `Corrupt`, `FormatTooNew`, `Io`.
    pub(crate) fn newest(
        files: &SegmentFiles,
        number: SegmentNumber,
        known: Option<&Arc<Self>>,
        base: Base<'_>,
        sync: impl FnOnce(CommitNumber, i64) -> SyncState,
    ) -> Result<Newest> {
        let (file, mut damage) = if let Some(known) = known {
            (Arc::clone(&known.file), known.damage.clone())
        } else {
            let Some(file) = files.open_if_there(number)? else {
                return Ok(Newest::NoFile);
            };
            let len = len_of(number, file.as_ref())?;
            match ActiveFile::open(files, number, file, len)? {
                Some((file, mut damage)) => {
                    if damage.is_empty() && file.first_blob != base.next_blob {
                        let text = "its blobs do not follow those of the manifest";
                        damage.push(Damage::Header(DamagedPlace::new(number, 0, text)));
                    }
                    (Arc::new(file), damage)
                }
                None => return Ok(Newest::NoCommit),
            }
        };
        let len = len_of(number, file.file.as_ref())?;
        let walker = file.walker();
        // No writer cuts off a commit that was shown.
        if known.is_some_and(|known| len < known.end()) {
            return Ok(Newest::Other);
        }
        let io = |error| Error::io(&reading(number), error);
        let stored = file.file.data_end().map_err(io)?;
        let Some(found) = walker.last_commit(len, stored.min(len))? else {
            return Ok(known.map_or(Newest::NoCommit, |known| Newest::Commit(Arc::clone(known))));
        };
        if let Some(known) = known {
            let same = match found.offset.cmp(&known.last.offset) {
                Ordering::Less => return Ok(Newest::Commit(Arc::clone(known))),
                Ordering::Equal => found.checksum == known.last.checksum,
                Ordering::Greater => known.is_in(walker)?,
            };
            if !same {
                return Ok(Newest::Other);
            }
            if found.offset == known.last.offset {
                return Ok(Newest::Commit(Arc::clone(known)));
            }
        }
        let state = sync(found.commit.number, found.commit.time);
        let Some(last) = settled(walker, found, !damage.is_empty(), state)? else {
            return Ok(Newest::NoCommit);
        };
        if let Some(known) = known.filter(|known| known.last.offset >= last.offset) {
            return Ok(Newest::Commit(Arc::clone(known)));
        }
        let blocks = known.map_or(&[][..], |known| known.blocks.as_slice());
        if last.commit.number <= base.last_commit {
            let text = "its commits do not follow those of the manifest";
            damage.push(Damage::Commit(DamagedPlace::new(number, last.offset, text)));
        }
        let walk = walker.walk(last, blocks, (base.catalogue, base.next_blob))?;
        Ok(Newest::Commit(Arc::new(Self::new(
            file, walk, damage, last,
        ))))
    }

    /// Whether its last commit is where it was found, read by this walker.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn is_in(&self, walker: Walker<'_>) -> Result<bool> {
        match walker.commit_at(self.last.offset) {
            Ok(found) => Ok(found.checksum == self.last.checksum),
            Err(failure) => failure.into_damage().map(|_| false),
        }
    }

    /// Brings the table up to this commit.
    fn index_all(&self) -> Result<()> {
        let end = self.next_blob();
        let mut index = self.file.index.write();
        if index.end >= end {
            return Ok(());
        }
        let walker = self.file.walker();
        let done = index.end;
        // Every block first, so that an error leaves the table as it was.
        let mut new = Vec::new();
        let mut damage = Vec::new();
        for block in &self.blocks {
            if block.ids.last().is_none_or(|last| last < done) {
                continue;
            }
            match walker.fingerprints(block) {
                Ok(all) => new.extend(all.into_iter().filter(|(id, _)| *id >= done)),
                Err(failure) => {
                    failure.into_damage()?;
                    damage.push(Damage::Index(DamagedPlace::new(
                        self.file.number,
                        block.header.offset,
                        "the fingerprints of its blobs cannot be read",
                    )));
                }
            }
        }
        index.damage.extend(damage);
        index.table.reserve(new.len());
        for (id, fingerprint) in new {
            index.table.insert(fingerprint, id);
        }
        index.end = end;
        Ok(())
    }

    /// The frame that may hold `id`.
    fn find_frame(&self, id: BlobId) -> Option<FoundFrame> {
        let before = self
            .blocks
            .partition_point(|block| block.commit.commit.next_blob <= id);
        let block = self.blocks.get(before)?;
        let after = block.frames.partition_point(|frame| frame.first <= id);
        let frame = block.frames.get(after.checked_sub(1)?)?;
        Some(FoundFrame {
            offset: frame.offset,
            next: block.frames.get(after).map(|next| next.offset),
            limit: block.header.offset,
        })
    }

    /// The frame at this place in the segment's order.
    fn frame_at(&self, mut place: usize) -> Option<FoundFrame> {
        for block in &self.blocks {
            if let Some(frame) = block.frames.get(place) {
                return Some(FoundFrame {
                    offset: frame.offset,
                    next: block.frames.get(place + 1).map(|next| next.offset),
                    limit: block.header.offset,
                });
            }
            place -= block.frames.len();
        }
        None
    }
}

/// The commit that may be shown, given the last one found: that one, or the one before. `headless`: the segment's
/// header is damaged.
fn settled(
    walker: Walker<'_>,
    found: LocatedCommit,
    headless: bool,
    sync: SyncState,
) -> Result<Option<LocatedCommit>> {
    // The header is written with the first group and is on disk when that one is.
    let torn = headless && found.commit.group == limits::FIRST_GROUP;
    let shown = match sync {
        SyncState::Done => true,
        SyncState::Running => false,
        SyncState::Unknown => !torn && walker.group_is_whole(&found)?,
    };
    if shown {
        return Ok(Some(found));
    }
    Ok(walker.commit_before(found.commit.group)?)
}

fn keep_below(end: BlobId, first: usize, found: &mut Vec<BlobId>) {
    while found.len() > first && found.last().is_some_and(|id| *id >= end) {
        found.pop();
    }
}

impl Segment for ActiveRows {
    fn number(&self) -> SegmentNumber {
        self.file.number
    }

    fn blob(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>> {
        let Some(found) = self.find_frame(id) else {
            return Ok(None);
        };
        let key = self.file.key(found.offset);
        if let Some(frame) = read.cache.get(key) {
            return Ok(blob_in(frame, id));
        }
        let frame = Arc::new(self.file.decode(read, found)?);
        Ok(blob_in(read.cache.insert(key, frame), id))
    }

    fn blobs_from(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>> {
        let Some(found) = self.find_frame(id) else {
            return Ok(None);
        };
        let key = self.file.key(found.offset);
        let frame = if let Some(frame) = read.cache.peek(key) {
            frame
        } else {
            let frame = Arc::new(self.file.decode(read, found)?);
            read.cache.fill(key, &frame);
            frame
        };
        Ok(frame.place(id).is_some().then_some(frame))
    }

    fn find(
        &self,
        _: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        let first = found.len();
        let end = self.next_blob();
        let stored = |fingerprint: &Fingerprint| self.file.format.stored_fingerprint(*fingerprint);
        let start = stored(range.start());
        let mut index = self.file.index.read();
        if index.end < end {
            drop(index);
            self.index_all()?;
            index = self.file.index.read();
        }
        if start == stored(range.end()) {
            index.table.find(start, found);
        } else {
            index.table.range(start..=*range.end(), found);
        }
        keep_below(end, first, found);
        index.check_whole()
    }

    fn fingerprints(
        &self,
        _: &SegmentFiles,
        each: &mut dyn FnMut(BlobId, Fingerprint),
    ) -> Result<()> {
        let walker = self.file.walker();
        for block in &self.blocks {
            for (id, fingerprint) in walker.fingerprints(block)? {
                each(id, fingerprint);
            }
        }
        Ok(())
    }

    fn rows(&self, _: &SegmentFiles) -> Result<Arc<[RowBatchEntry]>> {
        if let Some(rows) = self.rows.get() {
            return Ok(Arc::clone(rows));
        }
        let walker = self.file.walker();
        let mut rows = Vec::new();
        for block in &self.blocks {
            rows.extend(walker.rows(&block.header)?);
        }
        Ok(Arc::clone(self.rows.get_or_init(|| rows.into())))
    }

    fn rows_since(&self, _: &SegmentFiles, since: CommitNumber) -> Result<Arc<[RowBatchEntry]>> {
        let walker = self.file.walker();
        let newer = self
            .blocks
            .partition_point(|block| block.commit.commit.number <= since);
        let mut rows = Vec::new();
        for block in self.blocks.iter().skip(newer) {
            let entries = walker.rows(&block.header)?;
            rows.extend(entries.into_iter().filter(|entry| entry.commit > since));
        }
        Ok(rows.into())
    }

    fn row_batch(&self, _: &SegmentFiles, entry: &RowBatchEntry) -> Result<RowBatchBytes> {
        let bytes = self
            .file
            .walker()
            .read(entry.offset, entry.len, Damage::Index)?;
        RowBatchBytes::checked(
            self.file.number,
            self.file.format,
            self.file.salt,
            entry,
            bytes,
        )
    }

    fn commits(&self, _: &SegmentFiles) -> Result<Vec<CommitEntry>> {
        let walker = self.file.walker();
        let mut commits = Vec::new();
        for block in &self.blocks {
            commits.extend(walker.commits(&block.header)?);
        }
        Ok(commits)
    }

    fn stored(
        &self,
        read: ReadContext<'_>,
        place: usize,
        decode: bool,
    ) -> Result<Option<StoredBlobs>> {
        let Some(found) = self.frame_at(place) else {
            return Ok(None);
        };
        let place = self.file.place(found.offset);
        let bytes = frame::read(self.file.file.as_ref(), place, found.next, found.limit)?;
        frame::stored(read, place, &bytes, decode).map(Some)
    }

    fn contents(&self, _: &SegmentFiles) -> Result<Contents> {
        let mut contents = Contents::default();
        for block in &self.blocks {
            contents.ids.extend(&block.ids);
            contents.add_frames(&block.frames, block.header.offset);
        }
        Ok(contents)
    }

    fn frame(
        &self,
        _: &SegmentFiles,
        place: usize,
        pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool> {
        let Some(found) = self.frame_at(place) else {
            return Ok(false);
        };
        let place = self.file.place(found.offset);
        let bytes = frame::read(self.file.file.as_ref(), place, found.next, found.limit)?;
        frame::pass(place, &bytes, pass)?;
        Ok(true)
    }

    fn verify(&self, read: ReadContext<'_>, verification: &mut dyn Verification) -> Result<()> {
        let walker = self.file.walker();
        let mut tables = RowsTables {
            only_frames: true,
            end: self.end(),
            ..RowsTables::default()
        };
        for block in &self.blocks {
            let listed = walker.fingerprints(block).map_err(Error::from);
            let commits = walker.commits(&block.header).map_err(Error::from);
            let at = Some(block.header.offset);
            let kind = ProblemKind::Index;
            let listed = verification.keep(kind, self.file.number, at, listed)?;
            let commits = verification.keep(kind, self.file.number, at, commits)?;
            match listed {
                Some(listed) => tables.fingerprints.extend(listed),
                None => tables.unread.extend(&block.ids),
            }
            tables.commits.extend(commits.into_iter().flatten());
            tables.frames.extend(block.frames.iter().copied());
        }
        verify_rows(read, walker, self.last.offset, &tables, verification)?;
        Ok(())
    }
}

/// What [`ActiveRows::newest`] found.
#[derive(Debug)]
pub(crate) enum Newest {
    /// Not what this store object saw of it: the file holds another state.
    Other,
    /// No file of that number.
    NoFile,
    /// A file without a commit that may be shown.
    NoCommit,
    /// The segment as of its newest commit that may be shown.
    Commit(Arc<ActiveRows>),
}
