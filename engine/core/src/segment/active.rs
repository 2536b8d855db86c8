//! The segment that is written to, as of one commit: read at positions of its file, never mapped.

use std::sync::{Arc, OnceLock};

use lakebed_format::{
    BlobId, COMMIT_LEN, CommitAt, CommitEntry, Fingerprint, FormatError, HEADER_LEN, Layout,
    RowEntry, SegmentHeader, SegmentNumber, limits,
};
use lakebed_vfs::File;
use parking_lot::RwLock;

use super::chain::{Block, Chain, Walk};
use super::frame::{self, Place};
use super::{Damage, Frames, Reading, in_frame};
use crate::blob::Blob;
use crate::catalogue::Catalogue;
use crate::error::{Error, ErrorKind, Result};
use crate::frame_cache::FrameKey;
use crate::home::Home;
use crate::index::memory::MemoryIndex;
use lakebed_codec::Decoded;

/// The file of the active segment, shared by all its states.
#[derive(Debug)]
pub(crate) struct ActiveFile {
    pub(crate) number: SegmentNumber,
    pub(crate) salt: u64,
    pub(crate) first_blob: BlobId,
    pub(crate) file: Arc<dyn File>,
    index: RwLock<Indexed>,
}

/// Fingerprints of the committed blobs, as far as somebody has looked one up.
#[derive(Debug, Default)]
struct Indexed {
    table: MemoryIndex,
    /// Blobs below it are in the table, but for those of damaged blocks.
    end: BlobId,
    /// Blocks whose fingerprints cannot be read.
    damage: Vec<Damage>,
}

impl Indexed {
    /// An error when something may be missing in what was found.
    fn check_whole(&self) -> Result<()> {
        match self.damage.first() {
            Some(damage) => Err(damage.error()),
            None => Ok(()),
        }
    }
}

/// The active segment as of one commit.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) file: Arc<ActiveFile>,
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Everything unreadable before the last commit.
    pub(crate) damage: Vec<Damage>,
    /// The last commit.
    pub(crate) last: CommitAt,
    rows: OnceLock<Arc<[RowEntry]>>,
}

impl ActiveFile {
    pub(crate) fn new(
        number: SegmentNumber,
        salt: u64,
        first_blob: BlobId,
        file: Arc<dyn File>,
    ) -> Self {
        Self {
            number,
            salt,
            first_blob,
            file,
            index: RwLock::new(Indexed {
                table: MemoryIndex::default(),
                end: first_blob,
                damage: Vec::new(),
            }),
        }
    }

    /// Reads the header of a segment that should be written to. `None` when it does not hold one whole COMMIT behind a header: then
    /// nothing of it was ever acknowledged.
    pub(crate) fn open(
        home: &Home,
        number: SegmentNumber,
        file: Arc<dyn File>,
        len: u64,
    ) -> Result<Option<(Self, Vec<Damage>)>> {
        if len < limits::FIRST_GROUP + COMMIT_LEN as u64 {
            return Ok(None);
        }
        let mut bytes = [0; HEADER_LEN];
        file.read_exact_at(&mut bytes, 0)
            .map_err(|e| Error::io(&super::source::reading(number), e))?;
        match SegmentHeader::decode(&bytes) {
            Ok(header) => {
                if header.uuid != home.header.uuid
                    || header.number != number
                    || header.layout != Layout::Rows
                {
                    let text = "the file is another segment's or another store's";
                    return Err(Error::corrupt(number, 0, text));
                }
                let file = Self::new(number, header.salt, header.first_blob, file);
                Ok(Some((file, Vec::new())))
            }
            Err(error) if error.is_too_new() => Err(Error::of_format(number, &error)),
            Err(error) => Self::without_header(number, file, len, &error),
        }
    }

    /// A COMMIT repeats the salt: with one at the end of the file, a damaged header loses nothing.
    fn without_header(
        number: SegmentNumber,
        file: Arc<dyn File>,
        len: u64,
        error: &FormatError,
    ) -> Result<Option<(Self, Vec<Damage>)>> {
        let mut bytes = [0; COMMIT_LEN];
        let at = len - COMMIT_LEN as u64;
        file.read_exact_at(&mut bytes, at)
            .map_err(|e| Error::io(&super::source::reading(number), e))?;
        let salt = bytes
            .get(56..)
            .and_then(<[u8]>::first_chunk::<8>)
            .map_or(0, |salt| u64::from_le_bytes(*salt));
        let chain = Chain {
            file: file.as_ref(),
            segment: number,
            salt,
        };
        if chain.commit_at(at).is_err() {
            return Ok(None);
        }
        let damage = Damage {
            segment: number,
            offset: 0,
            detail: error.to_string(),
        };
        Ok(Some((
            Self::new(number, salt, BlobId(0), file),
            vec![damage],
        )))
    }

    /// The file as a chain of commits.
    pub(crate) fn chain(&self) -> Chain<'_> {
        Chain {
            file: self.file.as_ref(),
            segment: self.number,
            salt: self.salt,
        }
    }

    /// Adds blobs that were just committed, if everything before them is in the table.
    pub(crate) fn index_new(
        &self,
        from: BlobId,
        blobs: impl Iterator<Item = (BlobId, Fingerprint)>,
        end: BlobId,
    ) {
        let mut index = self.index.write();
        if index.end < from {
            return;
        }
        for (id, fingerprint) in blobs.filter(|(id, _)| *id >= from) {
            index.table.insert(fingerprint, id);
        }
        index.end = index.end.max(end);
    }

    fn key(&self, offset: u64) -> FrameKey {
        FrameKey {
            segment: self.number,
            offset,
        }
    }

    fn decode(
        &self,
        reading: Reading<'_>,
        offset: u64,
        next: Option<u64>,
        limit: u64,
    ) -> Result<Decoded> {
        let place = Place {
            segment: self.number,
            salt: self.salt,
            offset,
        };
        let bytes = frame::read(self.file.as_ref(), place, next, limit)?;
        frame::decode(reading, place, &bytes)
    }
}

impl Active {
    /// The state that a walk over the chain found.
    pub(crate) fn new(
        file: Arc<ActiveFile>,
        walk: Walk,
        mut damage: Vec<Damage>,
        last: CommitAt,
    ) -> Self {
        damage.extend(walk.damage);
        damage.sort_by_key(|damage| damage.offset);
        damage.dedup();
        Self {
            file,
            blocks: walk.blocks,
            damage,
            last,
            rows: OnceLock::new(),
        }
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

    /// Appends the ids that have this fingerprint. `Corrupt` when there may be others: what was found counts all the same.
    pub(crate) fn find(&self, fingerprint: Fingerprint, found: &mut Vec<BlobId>) -> Result<()> {
        let first = found.len();
        let end = self.next_blob();
        {
            let index = self.file.index.read();
            if index.end >= end {
                index.table.find(fingerprint, found);
                keep_below(end, first, found);
                return index.check_whole();
            }
        }
        self.index_all()?;
        let index = self.file.index.read();
        index.table.find(fingerprint, found);
        keep_below(end, first, found);
        index.check_whole()
    }

    /// Appends the ids whose fingerprints lie in the range, as [`Active::find`] does.
    pub(crate) fn find_range(
        &self,
        range: std::ops::RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        self.index_all()?;
        let first = found.len();
        let index = self.file.index.read();
        index.table.range(range, found);
        keep_below(self.next_blob(), first, found);
        index.check_whole()
    }

    /// Brings the table up to this commit.
    fn index_all(&self) -> Result<()> {
        let end = self.next_blob();
        let mut index = self.file.index.write();
        if index.end >= end {
            return Ok(());
        }
        let chain = self.file.chain();
        let done = index.end;
        // Every block first, so that an error leaves the table as it was.
        let mut new = Vec::new();
        let mut damage = Vec::new();
        for block in &self.blocks {
            if block.ids.last().is_none_or(|last| last < done) {
                continue;
            }
            match chain.fingerprints(block) {
                Ok(all) => new.extend(all.into_iter().filter(|(id, _)| *id >= done)),
                Err(error) if error.kind() == ErrorKind::Corrupt => damage.push(Damage {
                    segment: self.file.number,
                    offset: block.header.offset,
                    detail: "the fingerprints of its blobs cannot be read".to_owned(),
                }),
                Err(error) => return Err(error),
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

    /// The row directory.
    pub(crate) fn rows(&self) -> Result<Arc<[RowEntry]>> {
        if let Some(rows) = self.rows.get() {
            return Ok(Arc::clone(rows));
        }
        let chain = self.file.chain();
        let mut rows = Vec::new();
        for block in &self.blocks {
            rows.extend(chain.rows(&block.header)?);
        }
        Ok(Arc::clone(self.rows.get_or_init(|| rows.into())))
    }

    /// The commits, oldest first.
    pub(crate) fn commits(&self) -> Result<Vec<CommitEntry>> {
        let chain = self.file.chain();
        let mut commits = Vec::new();
        for block in &self.blocks {
            commits.extend(chain.commits(&block.header)?);
        }
        Ok(commits)
    }

    /// Where the frame that may hold `id` begins, where the next one does, and where it ends at the latest.
    fn find_frame(&self, id: BlobId) -> Option<(u64, Option<u64>, u64)> {
        let before = self
            .blocks
            .partition_point(|block| block.commit.commit.next_blob <= id);
        let block = self.blocks.get(before)?;
        let after = block.frames.partition_point(|frame| frame.first <= id);
        let frame = block.frames.get(after.checked_sub(1)?)?;
        let next = block.frames.get(after).map(|next| next.offset);
        Some((frame.offset, next, block.header.offset))
    }
}

fn keep_below(end: BlobId, first: usize, found: &mut Vec<BlobId>) {
    while found.len() > first && found.last().is_some_and(|id| *id >= end) {
        found.pop();
    }
}

impl Frames for Active {
    fn blob(&self, reading: Reading<'_>, id: BlobId) -> Result<Option<Blob>> {
        let Some((offset, next, limit)) = self.find_frame(id) else {
            return Ok(None);
        };
        let key = self.file.key(offset);
        if let Some(frame) = reading.home.cache.get(key) {
            return Ok(in_frame(frame, id));
        }
        let frame = Arc::new(self.file.decode(reading, offset, next, limit)?);
        Ok(in_frame(reading.home.cache.insert(key, frame), id))
    }

    fn frame(&self, reading: Reading<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>> {
        let Some((offset, next, limit)) = self.find_frame(id) else {
            return Ok(None);
        };
        let key = self.file.key(offset);
        let frame = if let Some(frame) = reading.home.cache.peek(key) {
            frame
        } else {
            let frame = Arc::new(self.file.decode(reading, offset, next, limit)?);
            reading.home.cache.fill(key, &frame);
            frame
        };
        Ok(frame.place(id).is_some().then_some(frame))
    }
}
