//! Writes the pending group: blobs into pages, pages into frames, frames into the file.
//!
//! Memory is bounded: bytes beyond [`SPILL`] go to the active segment's file behind the last commit, where they are
//! invisible until the group's COMMIT follows, and a rollback cuts them off.

use std::sync::Arc;

use lakebed_format::{
    BlobId, CatalogueRecord, CollectionId, Hash, IdRun, IdSet, LargeEntry, RunningChecksum,
    SegmentNumber, limits, names,
};
use lakebed_vfs::File;
use parking_lot::RwLock;

use super::column_names::KnownKeys;
use crate::catalogue::Catalogue;
use crate::context::StoreContext;
use crate::error::{Error, Result};
use crate::segment::create::create_file;
use crate::segment::rows::pending::{
    Pending, PendingBatch, PendingBytes, PendingFrame, PendingIndex,
};
use crate::segment::rows::writer::SegmentWriter;
use crate::snapshot::CommittedState;
use crate::writer_lock::HeldLock;
use lakebed_codec::{Compressor, Dictionary, Frame, Page, Workers};

/// Bytes of finished frames held in memory before they go to the file.
const SPILL: usize = 8 << 20;
/// The file that the group is written to.
#[derive(Debug)]
pub(crate) enum Output {
    /// The active segment, open for writing.
    File(Arc<dyn File>),
    /// A new segment without a file.
    New,
}

/// A state of the group that its rows and records can be rolled back to.
#[derive(Debug)]
pub(crate) struct Mark {
    batches: Vec<Arc<PendingBatch>>,
    open: Vec<(CollectionId, usize)>,
    catalogue: Catalogue,
    records: usize,
    rows: u64,
    next: BlobId,
    revived: IdSet,
}

/// The pending group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) shared: Arc<RwLock<Pending>>,
    /// The lock under which it is written.
    pub(crate) lock: HeldLock,
    pub(crate) start: u64,
    pub(crate) output: Output,
    pub(crate) writer: SegmentWriter,
    /// Whether this group created the file, whose name is not durable then.
    pub(crate) made_file: bool,
    /// Whether anything was written to it.
    touched: bool,
    /// The checksum of what was spilled.
    sum: RunningChecksum,
    pub(crate) records: Vec<CatalogueRecord>,
    pub(super) known_keys: KnownKeys,
    pub(crate) pins: IdSet,
    /// Segments of large blobs this group wrote.
    pub(crate) large: Vec<SegmentNumber>,
    /// The catalogue before the group.
    pub(crate) before: Catalogue,
    /// For each collection the place of the batch that takes further rows.
    pub(super) open: Vec<(CollectionId, usize)>,
    compressor: Compressor<IdRun>,
    dictionary: Option<Arc<Dictionary>>,
    pub(super) page_bytes: usize,
}

/// A page ends also at this many blobs, however small they are.
const PAGE_BLOBS: usize = 4096;

impl Group {
    /// A group after the last commit of `committed`. `output` is the active segment's file, if it has one.
    pub(crate) fn new(
        context: &StoreContext,
        committed: &CommittedState,
        lock: HeldLock,
        output: Option<Arc<dyn File>>,
        workers: Arc<Workers>,
    ) -> Result<Self> {
        let store = context.header.uuid;
        let (start, writer, output) = match (&committed.active, output) {
            (Some(active), Some(file)) => {
                (active.end(), active.file.writer(store), Output::File(file))
            }
            // Creating the file would remove what is in it.
            (Some(_), None) => return Err(Error::internal("the active segment is not open")),
            (None, _) => {
                let number = committed.manifest.active;
                let format = context.header.segment_format();
                let writer = SegmentWriter::create(format, number, store, committed.next_blob)?;
                (limits::FIRST_GROUP, writer, Output::New)
            }
        };
        let file = match &output {
            Output::File(file) => Some(Arc::clone(file)),
            Output::New => None,
        };
        let pending = Pending {
            segment: committed.manifest.active,
            salt: writer.salt(),
            first: committed.next_blob,
            next: committed.next_blob,
            frames: Vec::new(),
            flying: std::collections::VecDeque::new(),
            page: Page::default(),
            page_first: committed.next_blob,
            bytes: Arc::new(PendingBytes::new(start, file)),
            index: Arc::new(RwLock::new(PendingIndex::new(committed.next_blob))),
            batches: Vec::new(),
            new_blobs: 0,
            large_blobs: 0,
            rows: 0,
            raw_bytes: 0,
            revived: IdSet::new(),
            catalogue: committed.catalogue.clone(),
        };
        Ok(Self {
            shared: Arc::new(RwLock::new(pending)),
            lock,
            start,
            output,
            writer,
            made_file: false,
            touched: false,
            sum: writer.group_sum(),
            records: Vec::new(),
            known_keys: KnownKeys::default(),
            pins: IdSet::new(),
            large: Vec::new(),
            before: committed.catalogue.clone(),
            open: Vec::new(),
            compressor: Compressor::new(workers),
            dictionary: None,
            page_bytes: context
                .options
                .page_bytes
                .clamp(1, (limits::MAX_FRAME / 2) as usize),
        })
    }

    /// Whether committing it would change nothing.
    pub(crate) fn is_empty(&self) -> bool {
        let pending = self.shared.read();
        pending.new_blobs == 0
            && pending.rows == 0
            && self.records.is_empty()
            && self.pins.is_empty()
    }

    /// Compresses on these threads from now on. No frame may be in progress.
    pub(crate) fn compress_on(&mut self, workers: Arc<Workers>) {
        self.compressor = Compressor::new(workers);
    }

    /// Frames from now on use this dictionary.
    pub(crate) fn use_dictionary(
        &mut self,
        context: &StoreContext,
        dictionary: Option<Arc<Dictionary>>,
    ) -> Result<()> {
        let number = |dictionary: &Option<Arc<Dictionary>>| dictionary.as_ref().map(|d| d.number());
        if number(&dictionary) != number(&self.dictionary) {
            self.cut_page(context)?;
            self.dictionary = dictionary;
        }
        Ok(())
    }

    /// Adds a blob that the store does not have and that is not large.
    pub(crate) fn add_blob(
        &mut self,
        context: &StoreContext,
        hash: Hash,
        bytes: &[u8],
    ) -> Result<BlobId> {
        let fits_page = bytes.len() < self.page_bytes;
        if !fits_page {
            // A frame of its own, so that it can be read in place if it does not shrink.
            self.cut_page(context)?;
        }
        let (id, full) = {
            let mut pending = self.shared.write();
            let id = pending.index.write().push(hash);
            if pending.page.is_empty() {
                pending.page_first = id;
            }
            pending.page.push(bytes);
            pending.next = id.next();
            pending.new_blobs += 1;
            pending.raw_bytes += bytes.len() as u64;
            (
                id,
                pending.page.bytes() >= self.page_bytes || pending.page.blobs() >= PAGE_BLOBS,
            )
        };
        if full {
            self.cut_page(context)?;
        }
        Ok(id)
    }

    /// Gives an id to a blob that has a segment of its own.
    pub(crate) fn add_large(
        &mut self,
        context: &StoreContext,
        hash: Hash,
        len: u64,
    ) -> Result<BlobId> {
        // Ids of a frame stay consecutive.
        self.cut_page(context)?;
        let mut pending = self.shared.write();
        let id = pending.index.write().push(hash);
        pending.next = id.next();
        pending.new_blobs += 1;
        pending.large_blobs += 1;
        pending.raw_bytes += len;
        Ok(id)
    }

    /// Adds a catalogue record and applies it.
    pub(crate) fn add_record(&mut self, record: CatalogueRecord) -> Result<()> {
        if let CatalogueRecord::Deleted { blob, .. } = &record {
            self.pins.remove(*blob);
        }
        self.shared
            .write()
            .catalogue
            .apply(&record)
            .map_err(|reason| Error::internal(&reason))?;
        self.records.push(record);
        Ok(())
    }

    /// Pins a blob.
    pub(crate) fn pin(&mut self, id: BlobId) -> Result<()> {
        let mut pending = self.shared.write();
        if pending.catalogue.pinned().contains(id) {
            return Ok(());
        }
        let mut one = IdSet::new();
        one.insert(id);
        self.pins.insert(id);
        pending
            .catalogue
            .apply(&CatalogueRecord::Pinned(one))
            .map_err(|reason| Error::internal(&reason))
    }

    /// The state of rows and records now.
    pub(crate) fn mark(&self) -> Mark {
        let pending = self.shared.read();
        Mark {
            batches: pending.batches.clone(),
            open: self.open.clone(),
            catalogue: pending.catalogue.clone(),
            records: self.records.len(),
            rows: pending.rows,
            next: pending.next,
            revived: pending.revived.clone(),
        }
    }

    /// Rolls rows and records back to a mark. Blobs that were added since stay in the file and count as deleted.
    pub(crate) fn go_back(&mut self, mark: Mark) -> Result<()> {
        let added = {
            let mut pending = self.shared.write();
            pending.batches = mark.batches;
            // Segments of large blobs and their numbers stay.
            let (large, next_segment) = (pending.catalogue.clone(), pending.catalogue.next_segment);
            pending.catalogue = mark.catalogue;
            pending.catalogue.next_segment = next_segment;
            pending.rows = mark.rows;
            pending.revived = mark.revived;
            self.open = mark.open;
            self.records.truncate(mark.records);
            self.known_keys.clear();
            let large: Vec<LargeEntry> = large
                .large_blobs()
                .filter(|entry| entry.blob >= mark.next)
                .copied()
                .collect();
            (large, mark.next.0..pending.next.0)
        };
        let (large, ids) = added;
        for entry in large {
            self.add_record(CatalogueRecord::Large(entry))?;
        }
        for id in ids {
            self.add_record(CatalogueRecord::Deleted {
                blob: BlobId(id),
                rows: Vec::new(),
            })?;
        }
        Ok(())
    }

    /// Ends the page being filled.
    fn cut_page(&mut self, context: &StoreContext) -> Result<()> {
        let (run, page) = {
            let mut pending = self.shared.write();
            if pending.page.is_empty() {
                return Ok(());
            }
            let empty = pending.page.like();
            let page = Arc::new(std::mem::replace(&mut pending.page, empty));
            let run = IdRun {
                first: pending.page_first,
                len: page.blobs() as u64,
            };
            pending.flying.push_back((run.first, Arc::clone(&page)));
            (run, page)
        };
        self.compressor
            .submit(run, page, self.dictionary.clone())
            .map_err(|e| Error::compressing(&e))?;
        while let Some(frame) = self
            .compressor
            .ready()
            .map_err(|e| Error::compressing(&e))?
        {
            self.write_frame(context, frame)?;
        }
        Ok(())
    }

    /// Ends the page and waits for all frames.
    pub(crate) fn drain(&mut self, context: &StoreContext) -> Result<()> {
        self.cut_page(context)?;
        self.settle(context)
    }

    /// Waits for the frames in progress; the page stays open.
    pub(crate) fn settle(&mut self, context: &StoreContext) -> Result<()> {
        while let Some(frame) = self.compressor.next().map_err(|e| Error::compressing(&e))? {
            self.write_frame(context, frame)?;
        }
        Ok(())
    }

    fn write_frame(&mut self, context: &StoreContext, frame: Frame<IdRun>) -> Result<()> {
        let full = {
            let mut pending = self.shared.write();
            let bytes = Arc::clone(&pending.bytes);
            let mut state = bytes.state.write();
            let offset = state.written + state.buffer.len() as u64;
            let len = self
                .writer
                .frame(&[frame.tag], &frame, offset, &mut state.buffer)?;
            pending.frames.push(PendingFrame {
                first: frame.tag.first,
                offset,
                len,
            });
            if pending
                .flying
                .front()
                .is_some_and(|(first, _)| *first == frame.tag.first)
            {
                pending.flying.pop_front();
            }
            state.buffer.len() >= SPILL
        };
        if full { self.spill(context) } else { Ok(()) }
    }

    /// Where the next byte of the group goes.
    pub(crate) fn position(&self) -> u64 {
        let pending = self.shared.read();
        let state = pending.bytes.state.read();
        state.written + state.buffer.len() as u64
    }

    /// Appends bytes of row batches, index block or COMMIT.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let pending = self.shared.read();
        pending.bytes.state.write().buffer.extend_from_slice(bytes);
    }

    /// The checksum of the group so far.
    pub(crate) fn sum_so_far(&self) -> u64 {
        let mut sum = self.sum.clone();
        sum.update(&self.shared.read().bytes.state.read().buffer);
        sum.finish()
    }

    /// Writes the bytes in memory to the file.
    pub(crate) fn spill(&mut self, context: &StoreContext) -> Result<()> {
        self.lock.check(context)?;
        let file = self.file(context)?;
        self.touched = true;
        let bytes = Arc::clone(&self.shared.read().bytes);
        let mut state = bytes.state.write();
        file.write_all_at(&state.buffer, state.written)
            .map_err(|e| Error::io(&self.writing(), e))?;
        self.sum.update(&state.buffer);
        state.written += state.buffer.len() as u64;
        state.buffer.clear();
        state.file = Some(file);
        Ok(())
    }

    /// "writing segment 3"
    pub(crate) fn writing(&self) -> String {
        format!("writing segment {}", self.shared.read().segment)
    }

    /// The file; created if there is none yet.
    pub(crate) fn file(&mut self, context: &StoreContext) -> Result<Arc<dyn File>> {
        if let Output::File(file) = &self.output {
            return Ok(Arc::clone(file));
        }
        let file = create_file(context.vfs.as_ref(), self.writer.number())?;
        self.made_file = true;
        self.touched = true;
        self.output = Output::File(Arc::clone(&file));
        file.write_all_at(&self.writer.header(), 0)
            .map_err(|e| Error::io(&self.writing(), e))?;
        Ok(file)
    }

    /// Undoes everything: cuts the file back, removes files that were created. Returns whether the file is as it was
    /// before the group. Files that may be another writer's by now are left alone.
    pub(crate) fn roll_back(mut self, context: &StoreContext) -> bool {
        self.compressor.clear();
        let pending = self.shared.read();
        // A snapshot may still read the group's bytes, which are about to be cut off.
        let kept = Arc::strong_count(&pending.bytes) > 1;
        if kept {
            detach(&pending.bytes);
        }
        let touched = self.touched || !self.large.is_empty();
        let mine = !touched || self.lock.check(context).is_ok();
        let mut clean = mine;
        if let Output::File(file) = &self.output
            && self.touched
            && mine
        {
            clean = if self.made_file {
                context.vfs.unlink(&names::segment(pending.segment)).is_ok()
            } else {
                file.set_len(self.start).is_ok()
            };
        }
        for number in self.large.iter().filter(|_| mine) {
            // The next writer removes what stays.
            let _ = context.vfs.unlink(&names::segment(*number));
        }
        context.forget(pending.first);
        context.dictionaries.clear();
        clean
    }
}

fn detach(bytes: &PendingBytes) {
    let mut state = bytes.state.write();
    // Of more than memory can hold nothing is kept: then reading fails, too.
    let len = usize::try_from(state.written - state.start).unwrap_or(0);
    let mut copy = vec![0; len];
    if let Some(file) = &state.file
        && file.read_exact_at(&mut copy, state.start).is_err()
    {
        // Then reading the snapshot's pending part fails with a checksum, as reading the file would have.
        copy.clear();
    }
    state.detached = Some(copy);
    state.file = None;
}
