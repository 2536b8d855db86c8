//! The pending group as its own store object reads it: what was put, appended and deleted since the last commit.
//!
//! A clone is what a snapshot holds. It shares the growing parts (bytes, fingerprints) and looks only at what was there
//! when it was made; after a rollback those parts are left to it alone.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use lakebed_format::{
    BlobId, CommitNumber, Fingerprint, Hash, IdSet, RowBatchEntry, RowBatchHeader, RowBatchWriter,
    SegmentFormat, SegmentNumber,
};
use lakebed_vfs::File;
use parking_lot::{Mutex, RwLock};

use super::frame::{self, FramePlace};
use crate::blob::Blob;
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::fingerprints::memory::MemoryIndex;
use crate::segment::files::reading;
use crate::segment::interface::{ReadContext, RowBatchBytes};
use lakebed_codec::{Decoded, Page};

/// A frame of the group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PendingFrame {
    pub(crate) first: BlobId,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// The bytes of the group's frames: what was spilled to the file, then what is still in memory.
#[derive(Debug)]
pub(crate) struct PendingBytes {
    pub(crate) state: RwLock<BytesState>,
    /// The frame decoded last, so that reading blob by blob does not decode it again and again. Not the store's cache:
    /// after a rollback another frame may get the same place.
    last: Mutex<Option<(u64, Arc<Decoded>)>>,
}

#[derive(Debug)]
pub(crate) struct BytesState {
    /// Where the group starts.
    pub(crate) start: u64,
    /// Bytes before this place are in the file.
    pub(crate) written: u64,
    /// Bytes from there on.
    pub(crate) buffer: Vec<u8>,
    /// The file, once something was written to it.
    pub(crate) file: Option<Arc<dyn File>>,
    /// What had been written, where the file no longer has it.
    pub(crate) detached: Option<Vec<u8>>,
}

impl PendingBytes {
    pub(crate) fn new(start: u64, file: Option<Arc<dyn File>>) -> Self {
        Self {
            state: RwLock::new(BytesState {
                start,
                written: start,
                buffer: Vec::new(),
                file,
                detached: None,
            }),
            last: Mutex::new(None),
        }
    }

    fn read(&self, segment: SegmentNumber, offset: u64, len: u64) -> Result<Vec<u8>> {
        let state = self.state.read();
        let lost = || Error::internal("a pending frame is not where it was written");
        let part = |bytes: &[u8], base: u64| -> Option<Vec<u8>> {
            let start = usize::try_from(offset.checked_sub(base)?).ok()?;
            let end = start.checked_add(usize::try_from(len).ok()?)?;
            Some(bytes.get(start..end)?.to_vec())
        };
        if offset >= state.written {
            return part(&state.buffer, state.written).ok_or_else(lost);
        }
        if let Some(detached) = &state.detached {
            return part(detached, state.start).ok_or_else(lost);
        }
        let file = state.file.as_ref().ok_or_else(lost)?;
        let len = usize::try_from(len).map_err(|_| lost())?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, offset)
            .map_err(|e| Error::io(&reading(segment), e))?;
        Ok(bytes)
    }
}

/// Hashes of the group's blobs.
#[derive(Debug, Default)]
pub(crate) struct PendingIndex {
    table: MemoryIndex,
    hashes: Vec<Hash>,
    first: BlobId,
}

impl PendingIndex {
    pub(crate) fn new(first: BlobId) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    /// Adds the next blob.
    pub(crate) fn push(&mut self, hash: Hash) -> BlobId {
        let id = BlobId(self.first.0 + self.hashes.len() as u64);
        self.table.insert(hash.fingerprint(), id);
        self.hashes.push(hash);
        id
    }

    /// The hash of a blob.
    pub(crate) fn hash(&self, id: BlobId) -> Option<&Hash> {
        self.hashes
            .get(usize::try_from(id.0.checked_sub(self.first.0)?).ok()?)
    }

    /// The ids below `end` that have this hash, newest first.
    fn find(&self, hash: &Hash, end: BlobId) -> Option<BlobId> {
        let mut found = Vec::new();
        self.table.find(hash.fingerprint(), &mut found);
        found
            .into_iter()
            .rev()
            .find(|id| *id < end && self.hash(*id) == Some(hash))
    }
}

/// A batch of rows of the group.
#[derive(Clone, Debug)]
pub(crate) struct PendingBatch {
    pub(crate) writer: RowBatchWriter,
    pub(crate) min_blob: BlobId,
    pub(crate) max_blob: BlobId,
}

impl PendingBatch {
    pub(crate) fn new(head: RowBatchHeader) -> Self {
        Self {
            writer: RowBatchWriter::new(head),
            min_blob: BlobId(u64::MAX),
            max_blob: BlobId(0),
        }
    }

    /// Appends a row.
    #[inline]
    pub(crate) fn push(&mut self, line: u64, blob: BlobId) {
        self.writer.push(line, blob);
        self.min_blob = self.min_blob.min(blob);
        self.max_blob = self.max_blob.max(blob);
    }

    /// Appends `len` rows with consecutive lines and ids.
    pub(crate) fn push_run(&mut self, line: u64, blob: BlobId, len: u64) {
        self.writer.push_run(line, blob, len);
        self.min_blob = self.min_blob.min(blob);
        self.max_blob = self.max_blob.max(BlobId(blob.0 + len - 1));
    }

    /// Its entry in the row directory if `commit` adds it, as far as it is known: it has no place yet.
    pub(crate) fn entry(&self, commit: CommitNumber) -> RowBatchEntry {
        let head = self.writer.head();
        RowBatchEntry {
            commit,
            collection: head.collection,
            first_seq: head.first_seq,
            rows: self.writer.rows(),
            file: head.file,
            time: head.time,
            offset: 0,
            len: 0,
            min_blob: self.min_blob,
            max_blob: self.max_blob,
        }
    }

    /// Its bytes in the newest format, as if it were at the start of a segment and `commit` added it.
    ///
    /// # Errors
    /// `Internal`.
    pub(crate) fn encoded(&self, commit: CommitNumber) -> Result<RowBatchBytes> {
        let format = SegmentFormat::NEWEST;
        let mut out = Vec::new();
        self.writer
            .clone()
            .encode(format, commit, 0, 0, &mut out)
            .map_err(|e| Error::internal(&format!("pending rows cannot be encoded: {e}")))?;
        Ok(RowBatchBytes::new(out.into(), format, 0))
    }
}

/// The readable part of the pending group.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) segment: SegmentNumber,
    pub(crate) salt: u64,
    pub(crate) first: BlobId,
    pub(crate) next: BlobId,
    pub(crate) frames: Vec<PendingFrame>,
    /// Pages that are being compressed, oldest first.
    pub(crate) flying: VecDeque<(BlobId, Arc<Page>)>,
    /// The page being filled.
    pub(crate) page: Page,
    pub(crate) page_first: BlobId,
    pub(crate) bytes: Arc<PendingBytes>,
    pub(crate) index: Arc<RwLock<PendingIndex>>,
    /// Row batches in the order in which they will be written; those of one collection ascend.
    pub(crate) batches: Vec<Arc<PendingBatch>>,
    /// Blobs, large ones included.
    pub(crate) new_blobs: u64,
    pub(crate) large_blobs: u64,
    pub(crate) rows: u64,
    pub(crate) raw_bytes: u64,
    /// Committed blobs that nothing reached and that the group's rows or pins reach again.
    pub(crate) revived: IdSet,
    /// The catalogue with what is pending.
    pub(crate) catalogue: Catalogue,
}

impl Pending {
    /// Blobs that are not large.
    pub(crate) fn frame_blobs(&self) -> u64 {
        self.new_blobs - self.large_blobs
    }

    /// The row batches.
    pub(crate) fn batches(&self) -> &[Arc<PendingBatch>] {
        &self.batches
    }

    /// The pending blob of this hash, dead or alive.
    pub(crate) fn find(&self, hash: &Hash) -> Option<BlobId> {
        self.index.read().find(hash, self.next)
    }

    /// Appends the pending ids whose fingerprints lie in the range.
    pub(crate) fn find_range(&self, range: &RangeInclusive<Fingerprint>, found: &mut Vec<BlobId>) {
        let first = found.len();
        self.index.read().table.range(range.clone(), found);
        while found.len() > first && found.last().is_some_and(|id| *id >= self.next) {
            found.pop();
        }
    }

    /// The pending blob of this id, unless it is a large one.
    pub(crate) fn blob(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>> {
        if id < self.first || id >= self.next {
            return Ok(None);
        }
        if !self.page.is_empty() && id >= self.page_first {
            return Ok(place_in(&self.page, self.page_first, id));
        }
        let after = self.flying.partition_point(|(first, _)| *first <= id);
        if let Some((first, page)) = after.checked_sub(1).and_then(|at| self.flying.get(at)) {
            return Ok(place_in(page, *first, id));
        }
        let after = self.frames.partition_point(|frame| frame.first <= id);
        let Some(frame) = after.checked_sub(1).and_then(|at| self.frames.get(at)) else {
            return Ok(None);
        };
        let decoded = self.frame(read, frame)?;
        let place = decoded.place(id);
        Ok(place.and_then(|place| Blob::in_frame(decoded, place)))
    }

    fn frame(&self, read: ReadContext<'_>, at: &PendingFrame) -> Result<Arc<Decoded>> {
        if let Some((offset, frame)) = &*self.bytes.last.lock()
            && *offset == at.offset
        {
            return Ok(Arc::clone(frame));
        }
        let bytes = self.bytes.read(self.segment, at.offset, at.len)?;
        let place = FramePlace {
            segment: self.segment,
            salt: self.salt,
            offset: at.offset,
        };
        let frame = Arc::new(frame::decode(read, place, &bytes)?);
        *self.bytes.last.lock() = Some((at.offset, Arc::clone(&frame)));
        Ok(frame)
    }
}

/// The blob of a page that begins with `first`.
fn place_in(page: &Page, first: BlobId, id: BlobId) -> Option<Blob> {
    let place = usize::try_from(id.0.checked_sub(first.0)?).ok()?;
    page.blob(place).map(Blob::owned)
}
