//! The pending group while it is being written: blobs into pages, pages into frames, frames into the file.
//!
//! Memory is bounded: bytes beyond [`SPILL`] go to the active segment's file behind the last commit, where nobody sees them until the
//! group's COMMIT follows, and a rollback cuts them off.

use std::sync::Arc;

use lakebed_format::{
    BatchHead, BlobId, CollectionId, FileNumber, FrameSpec, Hash, IdRun, IdSet, Layout, Record,
    SegmentHeader, SegmentNumber, Seq, Summer, limits, names,
};
use lakebed_vfs::{File, Open};
use parking_lot::RwLock;

use super::pending::{Pending, PendingBatch, PendingBytes, PendingFrame, PendingIndex};
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::home::Home;
use crate::snapshot::View;
use lakebed_codec::{Compressor, Dictionary, Frame, FrameError, Page, Workers};

/// Bytes of finished frames held in memory before they go to the file.
const SPILL: usize = 8 << 20;
/// Rows of one batch are stamped with its time; a batch is not older than this when rows join it, in microseconds.
const SAME_TIME: i64 = 1_000_000;

/// Line numbers of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lines<'a> {
    /// The rows come from no file.
    None,
    /// One after the other from this one on.
    From(u64),
    /// One for each row.
    Each(&'a [u64]),
}

/// The file the group goes to.
#[derive(Debug)]
pub(crate) enum Output {
    /// The active segment, open for writing.
    There(Arc<dyn File>),
    /// A segment that has no commit yet.
    New(SegmentHeader),
}

/// A state of the group to which its rows and records can go back.
#[derive(Debug)]
pub(crate) struct Mark {
    batches: Vec<Arc<PendingBatch>>,
    open: Vec<(CollectionId, usize)>,
    catalogue: Catalogue,
    records: usize,
    rows: u64,
}

/// The pending group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) shared: Arc<RwLock<Pending>>,
    pub(crate) start: u64,
    pub(crate) output: Output,
    /// Whether the file was made by this group, so that its name is not durable yet.
    pub(crate) made_file: bool,
    /// Over what was spilled.
    sum: Summer,
    pub(crate) records: Vec<Record>,
    pub(crate) pins: IdSet,
    /// Segments of large blobs this group wrote.
    pub(crate) large: Vec<SegmentNumber>,
    /// The catalogue before the group.
    pub(crate) before: Catalogue,
    /// The batch of each collection that takes further rows.
    open: Vec<(CollectionId, usize)>,
    compressor: Compressor<IdRun>,
    dictionary: Option<Arc<Dictionary>>,
    page_bytes: usize,
}

/// A page is cut also at this many blobs, however small they are.
const PAGE_BLOBS: usize = 4096;

impl Group {
    /// A group after the last commit of `view`. `output` is the active segment's file, if it has one.
    pub(crate) fn new(
        home: &Home,
        view: &View,
        output: Option<Arc<dyn File>>,
        workers: Arc<Workers>,
    ) -> Result<Self> {
        let (start, salt, output) = match (&view.active, output) {
            (Some(active), Some(file)) => (active.end(), active.file.salt, Output::There(file)),
            // Making the segment's file would remove what is in it.
            (Some(_), None) => return Err(Error::internal("the active segment is not open")),
            (None, _) => {
                let header = SegmentHeader {
                    layout: Layout::Rows,
                    number: view.base.active,
                    uuid: home.header.uuid,
                    salt: random()?,
                    first_blob: view.next_blob,
                };
                (limits::FIRST_GROUP, header.salt, Output::New(header))
            }
        };
        let file = match &output {
            Output::There(file) => Some(Arc::clone(file)),
            Output::New(_) => None,
        };
        let pending = Pending {
            segment: view.base.active,
            salt,
            first: view.next_blob,
            next: view.next_blob,
            frames: Vec::new(),
            flying: std::collections::VecDeque::new(),
            page: Page::default(),
            page_first: view.next_blob,
            bytes: Arc::new(PendingBytes::new(start, file)),
            index: Arc::new(RwLock::new(PendingIndex::new(view.next_blob))),
            batches: Vec::new(),
            new_blobs: 0,
            large_blobs: 0,
            rows: 0,
            raw_bytes: 0,
            catalogue: view.catalogue.clone(),
        };
        Ok(Self {
            shared: Arc::new(RwLock::new(pending)),
            start,
            output,
            made_file: false,
            sum: Summer::new(salt),
            records: Vec::new(),
            pins: IdSet::new(),
            large: Vec::new(),
            before: view.catalogue.clone(),
            open: Vec::new(),
            compressor: Compressor::new(workers),
            dictionary: None,
            page_bytes: home
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

    /// Compresses on these threads from now on. Nothing may be under way.
    pub(crate) fn compress_on(&mut self, workers: Arc<Workers>) {
        self.compressor = Compressor::new(workers);
    }

    /// Frames from now on use this dictionary.
    pub(crate) fn use_dictionary(
        &mut self,
        home: &Home,
        dictionary: Option<Arc<Dictionary>>,
    ) -> Result<()> {
        let number = |dictionary: &Option<Arc<Dictionary>>| dictionary.as_ref().map(|d| d.number());
        if number(&dictionary) != number(&self.dictionary) {
            self.cut_page(home)?;
            self.dictionary = dictionary;
        }
        Ok(())
    }

    /// Adds a blob that is not there, and is no large one.
    pub(crate) fn add_blob(&mut self, home: &Home, hash: Hash, bytes: &[u8]) -> Result<BlobId> {
        let fits_page = bytes.len() < self.page_bytes;
        if !fits_page {
            // A frame of its own, so that it can be handed out where it lies if it does not shrink.
            self.cut_page(home)?;
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
            self.cut_page(home)?;
        }
        Ok(id)
    }

    /// Gives a number to a blob that has a segment of its own.
    pub(crate) fn add_large(&mut self, home: &Home, hash: Hash, len: u64) -> Result<BlobId> {
        // Ids of a frame stay consecutive.
        self.cut_page(home)?;
        let mut pending = self.shared.write();
        let id = pending.index.write().push(hash);
        pending.next = id.next();
        pending.new_blobs += 1;
        pending.large_blobs += 1;
        pending.raw_bytes += len;
        Ok(id)
    }

    /// Appends rows.
    pub(crate) fn add_rows(
        &mut self,
        now: i64,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut pending = shared.write();
        let Some(mut seq) = pending
            .catalogue
            .collection(collection)
            .map(|c| c.next_seq.0)
        else {
            return Err(Error::internal(
                "rows are added to a collection that is gone",
            ));
        };
        let mut done = 0;
        while let Some(rest) = ids.get(done..).filter(|rest| !rest.is_empty()) {
            let at = self.open_batch(
                &mut pending,
                BatchHead {
                    collection,
                    first_seq: Seq(seq),
                    file,
                    time: now,
                },
            );
            let Some(batch) = pending.batches.get_mut(at) else {
                return Err(Error::internal("an open batch of rows is gone"));
            };
            let batch = Arc::make_mut(batch);
            let room = (limits::MAX_BATCH_ROWS - batch.writer.rows()) as usize;
            for (index, id) in rest.iter().take(room).enumerate() {
                let line = match lines {
                    Lines::None => 0,
                    Lines::From(first) => first + (done + index) as u64,
                    Lines::Each(each) => each.get(done + index).copied().unwrap_or(0),
                };
                batch.push(line, *id);
            }
            let taken = rest.len().min(room);
            done += taken;
            seq += taken as u64;
        }
        pending.rows += ids.len() as u64;
        pending.catalogue.add_rows(collection, Seq(seq));
        Ok(())
    }

    /// The index of the batch that rows with this head go to.
    fn open_batch(&mut self, pending: &mut Pending, head: BatchHead) -> usize {
        let known = self
            .open
            .iter_mut()
            .find(|(collection, _)| *collection == head.collection);
        if let Some((_, at)) = &known
            && let Some(batch) = pending.batches.get(*at)
            && batch.writer.head().file == head.file
            && (head.time - batch.writer.head().time).abs() <= SAME_TIME
            && !batch.writer.is_full()
        {
            return *at;
        }
        let new = pending.batches.len();
        match known {
            Some((_, at)) => *at = new,
            None => self.open.push((head.collection, new)),
        }
        pending.batches.push(Arc::new(PendingBatch::new(head)));
        new
    }

    /// Adds a record and what it means.
    pub(crate) fn add_record(&mut self, record: Record) -> Result<()> {
        if let Record::Deleted { blob, .. } = &record {
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
            .apply(&Record::Pinned(one))
            .map_err(|reason| Error::internal(&reason))
    }

    /// Where rows and records stand now.
    pub(crate) fn mark(&self) -> Mark {
        let pending = self.shared.read();
        Mark {
            batches: pending.batches.clone(),
            open: self.open.clone(),
            catalogue: pending.catalogue.clone(),
            records: self.records.len(),
            rows: pending.rows,
        }
    }

    /// Goes back to a mark; blobs that were added since stay, and nothing names them.
    pub(crate) fn go_back(&mut self, mark: Mark) {
        let mut pending = self.shared.write();
        pending.batches = mark.batches;
        pending.catalogue = mark.catalogue;
        pending.rows = mark.rows;
        self.open = mark.open;
        self.records.truncate(mark.records);
    }

    /// Ends the page being filled.
    fn cut_page(&mut self, home: &Home) -> Result<()> {
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
            .map_err(|e| of_frames(&e))?;
        while let Some(frame) = self.compressor.ready().map_err(|e| of_frames(&e))? {
            self.write_frame(home, frame)?;
        }
        Ok(())
    }

    /// Ends the page and waits for all frames.
    pub(crate) fn drain(&mut self, home: &Home) -> Result<()> {
        self.cut_page(home)?;
        self.settle(home)
    }

    /// Waits for the frames under way; the page stays open.
    pub(crate) fn settle(&mut self, home: &Home) -> Result<()> {
        while let Some(frame) = self.compressor.next().map_err(|e| of_frames(&e))? {
            self.write_frame(home, frame)?;
        }
        Ok(())
    }

    fn write_frame(&mut self, home: &Home, frame: Frame<IdRun>) -> Result<()> {
        let full = {
            let mut pending = self.shared.write();
            let bytes = Arc::clone(&pending.bytes);
            let mut state = bytes.state.write();
            let from = state.buffer.len();
            let offset = state.written + from as u64;
            FrameSpec {
                encoding: frame.encoding,
                raw_len: frame.raw_length,
                runs: &[frame.tag],
            }
            .encode(&frame.payload, pending.salt, offset, &mut state.buffer)
            .map_err(|e| Error::internal(&format!("a frame cannot be encoded: {e}")))?;
            let len = (state.buffer.len() - from) as u64;
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
        if full { self.spill(home) } else { Ok(()) }
    }

    /// Where the next byte of the group goes.
    pub(crate) fn position(&self) -> u64 {
        let pending = self.shared.read();
        let state = pending.bytes.state.read();
        state.written + state.buffer.len() as u64
    }

    /// Appends bytes that are no frame.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let pending = self.shared.read();
        pending.bytes.state.write().buffer.extend_from_slice(bytes);
    }

    /// The checksum of the group as far as it goes.
    pub(crate) fn sum_so_far(&self) -> u64 {
        let mut sum = self.sum.clone();
        sum.update(&self.shared.read().bytes.state.read().buffer);
        sum.finish()
    }

    /// Writes what is in memory to the file.
    pub(crate) fn spill(&mut self, home: &Home) -> Result<()> {
        let file = self.file(home)?;
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

    /// The file, made if there is none yet.
    pub(crate) fn file(&mut self, home: &Home) -> Result<Arc<dyn File>> {
        let header = match &self.output {
            Output::There(file) => return Ok(Arc::clone(file)),
            Output::New(header) => *header,
        };
        let file = create_segment(home, header.number)?;
        self.made_file = true;
        self.output = Output::There(Arc::clone(&file));
        file.write_all_at(&header.encode(), 0)
            .map_err(|e| Error::io(&self.writing(), e))?;
        Ok(file)
    }

    /// Undoes everything: cuts the file back, removes what was made. Returns whether the file is as it was before the group.
    pub(crate) fn roll_back(mut self, home: &Home) -> bool {
        self.compressor.clear();
        let pending = self.shared.read();
        // A snapshot may still read the group's bytes, which are about to be cut off.
        let kept = Arc::strong_count(&pending.bytes) > 1;
        if kept {
            detach(&pending.bytes);
        }
        let mut clean = true;
        if let Output::There(file) = &self.output {
            clean = if self.made_file {
                home.vfs.unlink(&names::segment(pending.segment)).is_ok()
            } else {
                file.set_len(self.start).is_ok()
            };
        }
        for number in &self.large {
            // A leftover is removed by the next writer that looks.
            let _ = home.vfs.unlink(&names::segment(*number));
        }
        home.forget(pending.first);
        home.dictionaries.clear();
        clean
    }
}

fn detach(bytes: &PendingBytes) {
    let mut state = bytes.state.write();
    let len = (state.written - state.start) as usize;
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

/// A new segment file in the place of whatever a crash left there.
pub(crate) fn create_segment(home: &Home, number: SegmentNumber) -> Result<Arc<dyn File>> {
    let name = names::segment(number);
    let making = |error| Error::io(&format!("making segment {number}"), error);
    match home.vfs.unlink(&name) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(making(error)),
    }
    home.vfs.open(&name, Open::CreateNew).map_err(making)
}

/// Eight random bytes.
pub(crate) fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = format!("The operating system gave no random bytes: {error}.");
        Error::new(crate::ErrorKind::Io, message)
    })?;
    Ok(u64::from_le_bytes(bytes))
}

/// An error of the room `frames` while writing.
pub(crate) fn of_frames(error: &FrameError) -> Error {
    Error::new(
        crate::ErrorKind::Io,
        format!("Compressing failed: {error}; nothing uncommitted was kept."),
    )
}
