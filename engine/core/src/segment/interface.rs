//! What every segment offers, and what reading one takes.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use lakebed_codec::{Decoded, Dictionary};
use lakebed_format::{
    BlobId, CollectionId, CommitEntry, CommitNumber, DictionaryNumber, Encoding, Fingerprint,
    FrameEntry, IdRun, IdSet, PartEntry, RowBatch, RowBatchEntry, SegmentFormat, SegmentNumber,
    Seq,
};

use super::bytes::Slice;
use super::columns::part::OpenPart;
use super::files::SegmentFiles;
use super::frame_cache::FrameCache;
use super::verify::Verification;
use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};

/// Finds the dictionaries that frames are decoded with.
pub(crate) trait FindDictionary {
    /// The dictionary of this number.
    ///
    /// # Errors
    /// `Corrupt` when the store does not know it or cannot read it; `Io`.
    fn dictionary(&self, number: DictionaryNumber) -> Result<Arc<Dictionary>>;
}

/// What reading blobs needs besides the segment.
#[derive(Clone, Copy)]
pub(crate) struct ReadContext<'a> {
    pub(crate) files: &'a SegmentFiles,
    pub(crate) cache: &'a FrameCache,
    pub(crate) dictionaries: &'a dyn FindDictionary,
}

/// One segment as of one commit, of whatever layout.
///
/// # Errors
/// Every method: `Corrupt` names segment and offset; `Io`.
pub(crate) trait Segment: Send + Sync + std::fmt::Debug {
    /// Its number.
    fn number(&self) -> SegmentNumber;

    /// The blob of this id, for random access: what had to be decoded is kept in the cache. `None` when the segment
    /// does not hold it.
    fn blob(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>>;

    /// The decoded blobs around this id, for reading on from there in order: taken from the cache, and kept only where
    /// there is room. `None` when the segment does not hold the id.
    fn blobs_from(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>>;

    /// Appends the ids whose fingerprints lie in the range. After `Corrupt` there may be others: those that were found
    /// count.
    fn find(
        &self,
        files: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) -> Result<()>;

    /// Appends the fingerprints in a range with the ids that have them, in any order.
    fn find_pairs(
        &self,
        files: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<(Fingerprint, BlobId)>,
    ) -> Result<()> {
        self.fingerprints(files, &mut |id, fingerprint| {
            if range.contains(&fingerprint) {
                found.push((fingerprint, id));
            }
        })
    }

    /// Passes every fingerprint with its id, by ascending id.
    fn fingerprints(
        &self,
        files: &SegmentFiles,
        each: &mut dyn FnMut(BlobId, Fingerprint),
    ) -> Result<()>;

    /// The row directory: an entry for each batch of rows, in the order they were written.
    fn rows(&self, files: &SegmentFiles) -> Result<Arc<[RowBatchEntry]>>;

    /// The entries of the row directory for rows that commits after `since` added.
    fn rows_since(
        &self,
        files: &SegmentFiles,
        since: CommitNumber,
    ) -> Result<Arc<[RowBatchEntry]>> {
        let all = self.rows(files)?;
        if since == CommitNumber(0) {
            return Ok(all);
        }
        let newer = all.iter().filter(|entry| entry.commit > since);
        Ok(newer.copied().collect())
    }

    /// The batch of rows that an entry of the row directory stands for.
    fn row_batch(&self, files: &SegmentFiles, entry: &RowBatchEntry) -> Result<RowBatchBytes>;

    /// Passes the rows of a batch within a range of sequence numbers to a scan.
    fn scan(
        &self,
        files: &SegmentFiles,
        entry: &RowBatchEntry,
        range: &Range<Seq>,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        let batch = self.row_batch(files, entry)?;
        sink.records(&batch.decode()?, range)
    }

    /// The commits, oldest first.
    fn commits(&self, files: &SegmentFiles) -> Result<Vec<CommitEntry>>;

    /// The blobs that are stored together at a place in the segment's order, counted from 0; `None` past the last. With
    /// their bytes if `decode` is set.
    fn stored(
        &self,
        read: ReadContext<'_>,
        place: usize,
        decode: bool,
    ) -> Result<Option<StoredBlobs>>;

    /// The ids of its blobs, and the frames they lie in.
    fn contents(&self, files: &SegmentFiles) -> Result<Contents>;

    /// Its files besides the one with its number.
    fn parts(&self, _: &SegmentFiles) -> Result<Vec<PartEntry>> {
        Ok(Vec::new())
    }

    /// The part with the rows of a collection, if there is one.
    fn part(&self, _: &SegmentFiles, _: CollectionId) -> Result<Option<&OpenPart>> {
        Ok(None)
    }

    /// Passes the frame at a place in the segment's order, counted from 0, as it is stored; false past the last.
    ///
    /// # Errors
    /// Those of `pass`, too.
    fn frame(
        &self,
        files: &SegmentFiles,
        place: usize,
        pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool>;

    /// As [`Segment::frame`]; blobs that do not lie in frames are passed in frames that are made for them. All are in
    /// the order of their ids.
    ///
    /// # Errors
    /// Those of `pass`, too.
    fn frame_by_ids(
        &self,
        read: ReadContext<'_>,
        place: usize,
        pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool> {
        self.frame(read.files, place, pass)
    }

    /// Reads everything and checks it. Damage goes to `verification`; an error means that checking could not go on.
    fn verify(&self, read: ReadContext<'_>, verification: &mut dyn Verification) -> Result<()>;
}

/// The blobs of a segment.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) ids: IdSet,
    /// By ascending ids: the smallest id of each, and about how many bytes it takes in the file.
    pub(crate) frames: Vec<(BlobId, u64)>,
}

impl Contents {
    /// Adds frames that end before `end`, by their entries of the frame table.
    pub(crate) fn add_frames(&mut self, entries: &[FrameEntry], end: u64) {
        let ends = entries.iter().skip(1).map(|next| next.offset).chain([end]);
        let frames = entries.iter().zip(ends);
        self.frames
            .extend(frames.map(|(frame, end)| (frame.first, end.saturating_sub(frame.offset))));
    }
}

/// A frame as it is stored; its checksum was checked.
#[derive(Debug)]
pub(crate) struct StoredFrame<'a> {
    pub(crate) segment: SegmentNumber,
    pub(crate) offset: u64,
    pub(crate) encoding: Encoding,
    pub(crate) raw_len: u64,
    pub(crate) ids: Vec<IdRun>,
    pub(crate) payload: &'a [u8],
    /// Whether it was made for blobs that do not lie in frames.
    pub(crate) is_made: bool,
}

impl StoredFrame<'_> {
    /// The decoded frame; `dictionary` is the one that its encoding names.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decode(&self, dictionary: Option<&Dictionary>) -> Result<Decoded> {
        let damaged = |error: lakebed_codec::FrameError| self.damaged(&error.to_string());
        let raw = lakebed_codec::decode(self.encoding, dictionary, self.payload, self.raw_len)
            .map_err(damaged)?;
        let blobs: u64 = self.ids.iter().map(|run| run.len).sum();
        let blobs = u32::try_from(blobs).map_err(|_| self.damaged("it has too many blobs"))?;
        let decoded = Decoded::new(raw, blobs).map_err(damaged)?;
        Ok(decoded.with_ids(self.ids.iter().copied()))
    }

    /// The frame is not what was written.
    pub(crate) fn damaged(&self, detail: &str) -> Error {
        Error::corrupt(self.segment, self.offset, detail)
    }
}

/// Takes the rows of a scan; it knows which columns are projected.
pub(crate) trait RowSink {
    /// Rows whose records are blobs, which the sink reads by their ids and extracts: the part of `batch` within
    /// `range`.
    ///
    /// # Errors
    /// `Corrupt`.
    fn records(&mut self, batch: &RowBatch<'_>, range: &Range<Seq>) -> Result<()>;
}

/// Blobs that are stored together, and how.
#[derive(Debug)]
pub(crate) struct StoredBlobs {
    pub(crate) ids: Vec<BlobId>,
    pub(crate) encoding: Encoding,
    /// Where they lie in the segment, if it holds others besides.
    pub(crate) offset: Option<u64>,
    /// Bytes as they are stored, and before they were encoded; of columns only where they were decoded, else 0.
    pub(crate) stored_len: u64,
    pub(crate) raw_len: u64,
    /// The blobs in the order of `ids`; empty unless they were to be decoded.
    pub(crate) blobs: Vec<Blob>,
}

/// The bytes of a batch of rows, whose checksum was checked.
#[derive(Debug)]
pub(crate) struct RowBatchBytes {
    bytes: Slice,
    format: SegmentFormat,
    /// Where the batch begins in its segment.
    offset: u64,
}

impl RowBatchBytes {
    /// The bytes of a batch that begins at `offset`; its checksum was checked.
    pub(crate) fn new(bytes: Slice, format: SegmentFormat, offset: u64) -> Self {
        Self {
            bytes,
            format,
            offset,
        }
    }

    /// The bytes of a batch as they were read, checked against their checksum and the entry of the row directory.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn checked(
        segment: SegmentNumber,
        format: SegmentFormat,
        salt: u64,
        entry: &RowBatchEntry,
        bytes: Slice,
    ) -> Result<Self> {
        let batch = RowBatch::decode(&bytes, format, salt, entry.offset)
            .map_err(|e| Error::of_format(segment, &e))?;
        let agrees = batch.head.collection == entry.collection
            && batch.head.first_seq == entry.first_seq
            && batch.rows == entry.rows
            && batch.commit.is_none_or(|commit| commit == entry.commit);
        if !agrees {
            return Err(Error::corrupt(
                segment,
                entry.offset,
                "a row batch is another one than the row directory says",
            ));
        }
        Ok(Self::new(bytes, format, entry.offset))
    }

    /// The batch.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decode(&self) -> Result<RowBatch<'_>> {
        RowBatch::decode_unchecked(&self.bytes, self.format, self.offset)
            .map_err(|e| damaged_rows(&e))
    }
}

/// What the format crate refused within a batch whose checksum was right.
pub(crate) fn damaged_rows(error: &lakebed_format::FormatError) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("A row batch is damaged: {error}."),
    )
}

/// A blob of a decoded frame that should hold it.
pub(super) fn blob_in(decoded: Arc<Decoded>, id: BlobId) -> Option<Blob> {
    let place = decoded.place(id)?;
    Blob::in_frame(decoded, place)
}
