//! The pending group: blobs, rows and records on their way into the active segment, before their COMMIT.
//!
//! Blobs go into the open page; a full page is compressed, on the pool when there is one, and its frame joins the write buffer, which is
//! written to the file piece by piece, so that memory stays bounded however much one commit holds. Nothing of it counts before
//! [`Group::finish`] (in `tail.rs`) has written the COMMIT; [`Group::abandon`] cuts the file back to where the group began.
//!
//! The group knows neither what older groups hold nor what records mean: that is the session's business.

use std::sync::Arc;

use lakebed_format::{
    BatchHead, BatchWriter, BlobId, CollectionId, Encoding, FileNumber, FrameEntry, FrameHeader,
    FrameSpec, Hash, IdSet, LargeEntry, Record, SegmentHeader, SegmentNumber, Seq, Summer, limits,
    names,
};
use lakebed_vfs::{File, Open};

use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use crate::frames::{
    self, Compressor, Decoded, Dictionary, Frame, FrameError, FrameKey, Page, Workers,
};
use crate::home::Home;
use crate::index::memory::MemoryIndex;

/// The write buffer goes to the file when it holds this much.
const WRITE_BYTES: usize = 1 << 20;
/// A page is cut also when it holds this many blobs, so that the ids of a frame always fit its header.
const PAGE_BLOBS: usize = 4096;

/// Where in the active segment the next group goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The active segment.
    pub(crate) segment: SegmentNumber,
    /// Its salt, once it has a header.
    pub(crate) salt: Option<u64>,
    /// Where the group starts: the end of the last COMMIT, or of the header.
    pub(crate) start: u64,
    /// The first blob id the group may give.
    pub(crate) next_blob: BlobId,
}

/// Rows of one batch, and what the directory says about them.
#[derive(Debug)]
pub(super) struct OpenBatch {
    pub(super) writer: BatchWriter,
    pub(super) smallest: BlobId,
    pub(super) largest: BlobId,
}

/// Rows that follow each other in a file: line numbers of rows to come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lines<'a> {
    /// They come from no file.
    None,
    /// Each row's line, as many as there are rows.
    Each(&'a [u64]),
}

/// A group that is being written.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) home: Arc<Home>,
    pub(super) file: Arc<dyn File>,
    pub(super) place: Place,
    pub(super) salt: u64,
    /// The segment's file was made for this group: its name is not durable yet.
    pub(super) fresh: bool,
    /// When the group began, microseconds since 1970 UTC: the time of ingest of its rows.
    pub(super) time: i64,
    /// Bytes not yet in the file, and where the first of them goes.
    pub(super) buffer: Vec<u8>,
    pub(super) buffer_at: u64,
    pub(super) summer: Summer,
    page: Page,
    page_ids: IdSet,
    compressor: Compressor<IdSet>,
    dictionary: Option<Arc<Dictionary>>,
    pub(super) frames: Vec<FrameEntry>,
    /// Ids of the blobs in frames.
    pub(super) ids: IdSet,
    /// Hashes of all new blobs, large ones too, from `place.next_blob` on.
    pub(super) hashes: Vec<Hash>,
    index: MemoryIndex,
    pub(super) batches: Vec<OpenBatch>,
    pub(super) records: Vec<Record>,
    raw_bytes: u64,
}

impl Group {
    /// Begins a group. Makes the segment's file when there is none yet.
    ///
    /// # Errors
    /// `Io`, `StoreFull`.
    pub(crate) fn begin(home: Arc<Home>, place: Place, workers: Arc<Workers>) -> Result<Self> {
        let name = names::segment(place.segment);
        let file = home
            .vfs
            .open(&name, Open::Create)
            .map_err(|e| Error::io(&format!("opening {name} for writing"), e))?;
        let (salt, fresh) = match place.salt {
            Some(salt) => (salt, false),
            None => (new_header(&home, &place, file.as_ref())?, true),
        };
        let time = home.options.clock.now();
        Ok(Self {
            file,
            salt,
            fresh,
            time,
            buffer: Vec::new(),
            buffer_at: place.start,
            summer: Summer::new(salt),
            page: Page::default(),
            page_ids: IdSet::default(),
            compressor: Compressor::new(workers),
            dictionary: None,
            frames: Vec::new(),
            ids: IdSet::default(),
            hashes: Vec::new(),
            index: MemoryIndex::default(),
            batches: Vec::new(),
            records: Vec::new(),
            raw_bytes: 0,
            place,
            home,
        })
    }

    /// Where it goes.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty() && self.batches.is_empty() && self.records.is_empty()
    }

    /// The next blob id it would give.
    pub(crate) fn next_blob(&self) -> BlobId {
        BlobId(self.place.next_blob.0 + self.hashes.len() as u64)
    }

    /// New blobs in it.
    pub(crate) fn blobs(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Raw bytes of its new blobs.
    pub(crate) fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }

    /// Bytes it has so far in the file and in the buffer.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.buffer_at + self.buffer.len() as u64 - self.place.start
    }

    /// When it began: the time of ingest of its rows.
    pub(crate) fn time(&self) -> i64 {
        self.time
    }

    /// The new blob of this hash. Both hashes were computed from the bytes at hand, so that they prove equality.
    pub(crate) fn find(&self, hash: &Hash) -> Option<BlobId> {
        if self.hashes.is_empty() {
            return None;
        }
        let mut candidates = Vec::new();
        self.index.find(hash.fingerprint(), &mut candidates);
        candidates
            .into_iter()
            .find(|&id| self.hash(id) == Some(hash))
    }

    /// Appends the new blobs whose fingerprints are within the range.
    pub(crate) fn range(
        &self,
        range: std::ops::RangeInclusive<lakebed_format::Fingerprint>,
        found: &mut Vec<BlobId>,
    ) {
        self.index.range(range, found);
    }

    /// The hash of a new blob.
    pub(crate) fn hash(&self, id: BlobId) -> Option<&Hash> {
        self.hashes
            .get(usize::try_from(id.0.checked_sub(self.place.next_blob.0)?).ok()?)
    }

    /// Frames from now on are compressed with this dictionary, or with none.
    pub(crate) fn encode_with(&mut self, dictionary: Option<Arc<Dictionary>>) -> Result<()> {
        let number = |dictionary: &Option<Arc<Dictionary>>| dictionary.as_ref().map(|d| d.number());
        if number(&self.dictionary) != number(&dictionary) {
            self.cut_page()?;
            self.dictionary = dictionary;
        }
        Ok(())
    }

    /// Adds a blob that is not there yet, of at most [`limits::LARGE_BLOB`] bytes, and gives it its number.
    pub(crate) fn push_blob(&mut self, hash: &Hash, bytes: &[u8]) -> Result<BlobId> {
        let id = self.register(hash, bytes.len() as u64)?;
        // A large blob alone in its frame can be handed out from the mapping, and small ones beside it cost no decoding of it.
        if bytes.len() >= self.home.options.page_bytes && !self.page.is_empty() {
            self.cut_page()?;
        }
        self.page.push(bytes);
        self.page_ids.insert(id);
        self.ids.insert(id);
        if self.page.bytes() >= self.home.options.page_bytes || self.page.blobs() >= PAGE_BLOBS {
            self.cut_page()?;
        }
        Ok(id)
    }

    /// Gives a number to a blob that was written to a segment of its own; `entry` is told the number.
    pub(crate) fn push_large(
        &mut self,
        hash: &Hash,
        len: u64,
        entry: impl FnOnce(BlobId) -> Result<LargeEntry>,
    ) -> Result<BlobId> {
        let entry = entry(self.next_blob())?;
        let id = self.register(hash, len)?;
        self.records.push(Record::Large(entry));
        Ok(id)
    }

    fn register(&mut self, hash: &Hash, len: u64) -> Result<BlobId> {
        let id = self.next_blob();
        if id.0 >= limits::MAX_NUMBER {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "The store has given out all blob numbers there are.",
            ));
        }
        self.hashes.push(*hash);
        self.index.insert(hash.fingerprint(), id);
        self.raw_bytes += len;
        Ok(id)
    }

    /// Appends rows of one collection, whose sequence numbers begin at `first`.
    pub(crate) fn push_rows(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        first: Seq,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) {
        for (index, &id) in ids.iter().enumerate() {
            let seq = Seq(first.0 + index as u64);
            let line = match lines {
                Lines::None => 0,
                Lines::Each(lines) => lines.get(index).copied().unwrap_or_default(),
            };
            let batch = self.batch_for(collection, file, seq, id);
            batch.writer.push(line, id);
            batch.smallest = batch.smallest.min(id);
            batch.largest = batch.largest.max(id);
        }
    }

    fn batch_for(
        &mut self,
        collection: CollectionId,
        file: FileNumber,
        seq: Seq,
        id: BlobId,
    ) -> &mut OpenBatch {
        let goes_on = self.batches.last().is_some_and(|batch| {
            let head = batch.writer.head();
            head.collection == collection
                && head.file == file
                && head.first_seq.0 + batch.writer.rows() == seq.0
                && !batch.writer.is_full()
        });
        if !goes_on {
            let head = BatchHead {
                collection,
                first_seq: seq,
                file,
                time: self.time,
            };
            self.batches.push(OpenBatch {
                writer: BatchWriter::new(head),
                smallest: id,
                largest: id,
            });
        }
        let last = self.batches.len() - 1;
        &mut self.batches[last]
    }

    /// Adds a catalogue record.
    pub(crate) fn push_record(&mut self, record: Record) {
        self.records.push(record);
    }

    /// The records so far.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// The bytes of a new blob; `None` when the number is not of this group or is a large blob's.
    pub(crate) fn blob(&mut self, id: BlobId) -> Result<Option<Blob>> {
        if !self.ids.contains(id) {
            return Ok(None);
        }
        if self.page_ids.contains(id) {
            let index = self.page_ids.rank(id) as usize;
            return Ok(self.page.blob(index).map(Blob::own));
        }
        self.drain()?;
        let after = self.frames.partition_point(|frame| frame.first <= id);
        let Some(entry) = after.checked_sub(1).and_then(|at| self.frames.get(at)) else {
            return Ok(None);
        };
        let offset = entry.offset;
        let key = FrameKey {
            segment: self.place.segment,
            offset,
        };
        let frame = match self.home.cache.get(key) {
            Some(frame) => frame,
            None => self.home.cache.insert(key, Arc::new(self.decode(offset)?)),
        };
        let Some(place) = frame.place(id) else {
            return Ok(None);
        };
        Ok(Blob::in_frame(frame, place))
    }

    /// Decodes a frame of this group, out of the buffer or of the file.
    fn decode(&self, offset: u64) -> Result<Decoded> {
        let next = self.frames.partition_point(|frame| frame.offset <= offset);
        let end = self
            .frames
            .get(next)
            .map_or(self.buffer_at + self.buffer.len() as u64, |frame| {
                frame.offset
            });
        let mut bytes = vec![0; (end - offset) as usize];
        self.read_back(&mut bytes, offset)?;
        let what = || {
            format!(
                "reading back frame {offset} of segment {}",
                self.place.segment
            )
        };
        let broken = |e: &dyn std::fmt::Display| {
            Error::new(
                ErrorKind::Corrupt,
                format!("{} failed: {e}; roll back and try again.", what()),
            )
        };
        let header =
            FrameHeader::decode_checked(&bytes, self.salt, offset).map_err(|e| broken(&e))?;
        let payload = header.payload(&bytes, offset).map_err(|e| broken(&e))?;
        let dictionary = match header.encoding {
            Encoding::Raw | Encoding::Zstd => None,
            Encoding::ZstdDictionary(number) => {
                let own = self.dictionary.clone().filter(|d| d.number() == number);
                Some(match own {
                    Some(own) => own,
                    // Frames of one group use at most a few dictionaries, which stay among the hot ones.
                    None => self
                        .home
                        .dictionaries
                        .get(number, || {
                            Err(FrameError::Damaged("its dictionary is not at hand"))
                        })
                        .map_err(|e| broken(&e))?,
                })
            }
        };
        let raw = frames::decode(
            header.encoding,
            dictionary.as_deref(),
            payload,
            header.raw_len,
        )
        .map_err(|e| broken(&e))?;
        Ok(Decoded::new(raw, header.ids.len())
            .map_err(|e| broken(&e))?
            .with_ids(header.ids.runs()))
    }

    /// Bytes of the group, of which the first ones may be in the file already.
    fn read_back(&self, bytes: &mut [u8], offset: u64) -> Result<()> {
        let in_file = (self.buffer_at.saturating_sub(offset) as usize).min(bytes.len());
        let (from_file, from_buffer) = bytes.split_at_mut(in_file);
        self.file
            .read_exact_at(from_file, offset)
            .map_err(|e| Error::io(&format!("reading segment {}", self.place.segment), e))?;
        let start = (offset.max(self.buffer_at) - self.buffer_at) as usize;
        match self.buffer.get(start..start + from_buffer.len()) {
            Some(there) => from_buffer.copy_from_slice(there),
            None => {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!(
                        "The write buffer of segment {} has no bytes at {offset}.",
                        self.place.segment
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Closes the open page; its frame will be written in turn.
    pub(super) fn cut_page(&mut self) -> Result<()> {
        if self.page.is_empty() {
            return Ok(());
        }
        let capacity = self.home.options.page_bytes + self.home.options.page_bytes / 4;
        let page = std::mem::replace(&mut self.page, Page::with_capacity(capacity));
        let ids = std::mem::take(&mut self.page_ids);
        self.compressor
            .submit(ids, page, self.dictionary.clone())
            .map_err(compression)?;
        while let Some(frame) = self.compressor.ready().map_err(compression)? {
            self.write_frame(&frame)?;
        }
        Ok(())
    }

    /// Waits for all frames that are being compressed.
    pub(super) fn drain(&mut self) -> Result<()> {
        while let Some(frame) = self.compressor.next().map_err(compression)? {
            self.write_frame(&frame)?;
        }
        Ok(())
    }

    fn write_frame(&mut self, frame: &Frame<IdSet>) -> Result<()> {
        let offset = self.buffer_at + self.buffer.len() as u64;
        let spec = FrameSpec {
            encoding: frame.encoding,
            raw_len: frame.raw_length,
            runs: frame.tag.runs(),
        };
        spec.encode(&frame.payload, self.salt, offset, &mut self.buffer)
            .map_err(|e| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    format!("A frame cannot be stored: {e}."),
                )
            })?;
        let first = frame.tag.first().unwrap_or_default();
        self.frames.push(FrameEntry { first, offset });
        if self.buffer.len() >= WRITE_BYTES {
            self.write_buffer()?;
        }
        Ok(())
    }

    /// Moves the buffer into the file.
    pub(super) fn write_buffer(&mut self) -> Result<()> {
        self.file
            .write_all_at(&self.buffer, self.buffer_at)
            .map_err(|e| Error::io(&format!("writing segment {}", self.place.segment), e))?;
        self.summer.update(&self.buffer);
        self.buffer_at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Forgets the group: what is in the file is cut off, what is cached of it dropped.
    ///
    /// # Errors
    /// `Io`, when the file cannot be cut; the bytes are then a torn tail that the next writer cuts.
    pub(crate) fn abandon(mut self) -> Result<()> {
        self.compressor.clear();
        self.home.cache.forget(self.place.segment, self.place.start);
        self.home.unprove(self.place.next_blob);
        self.file
            .set_len(self.place.start)
            .map_err(|e| Error::io(&format!("rolling back segment {}", self.place.segment), e))
    }
}

/// Writes the header of a new segment file, over whatever an earlier attempt left, and returns its salt.
fn new_header(home: &Home, place: &Place, file: &dyn File) -> Result<u64> {
    let io = |e| Error::io(&format!("beginning segment {}", place.segment), e);
    let salt = super::random()?;
    let header = SegmentHeader {
        layout: lakebed_format::Layout::Rows,
        number: place.segment,
        uuid: home.header.uuid,
        salt,
        first_blob: place.next_blob,
    };
    file.set_len(0).map_err(io)?;
    file.write_all_at(&header.encode(), 0).map_err(io)?;
    Ok(salt)
}

fn compression(error: FrameError) -> Error {
    Error::new(
        ErrorKind::Io,
        format!("Compressing a frame failed: {error}; the group was not committed."),
    )
}
