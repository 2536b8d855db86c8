//! What the sections of index blocks and footers hold.

use std::ops::Range;

use crate::block::Pages;
use crate::error::{FormatError, Reason, Result};
use crate::header::SegmentFormat;
use crate::ids::{BlobId, CollectionId, CommitNumber, FileNumber, Fingerprint, Seq};
use crate::limits;
use crate::wire::{Reader, put_u64, put_varint};

fn misfit(what: &'static str) -> FormatError {
    FormatError::new(
        what,
        0,
        Reason::Value("the length is no multiple of an entry's"),
    )
}

/// A frame: the id of its first blob, and where it is in the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameEntry {
    /// Smallest blob id in the frame.
    pub first: BlobId,
    /// Offset of the frame in the segment.
    pub offset: u64,
}

impl FrameEntry {
    /// Bytes of an entry.
    pub const LEN: usize = 16;

    /// Appends the entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.first.0);
        put_u64(out, self.offset);
    }

    fn decode(bytes: &[u8; 16]) -> Self {
        let (first, offset) = bytes.split_at(8);
        let number = |b: &[u8]| b.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        Self {
            first: BlobId(number(first)),
            offset: number(offset),
        }
    }
}

/// The frame table, searched where it lies.
#[derive(Debug, Clone, Copy)]
pub struct FrameTable<'a> {
    entries: &'a [[u8; 16]],
}

impl<'a> FrameTable<'a> {
    /// The table in a section's data.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let (entries, rest) = data.as_chunks::<16>();
        if rest.is_empty() {
            Ok(Self { entries })
        } else {
            Err(misfit("frame table"))
        }
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Frame `index`.
    pub fn entry(&self, index: usize) -> Option<FrameEntry> {
        self.entries.get(index).map(FrameEntry::decode)
    }

    /// All frames from `index` on, in file order.
    pub fn iter_from(
        &self,
        index: usize,
    ) -> impl DoubleEndedIterator<Item = FrameEntry> + ExactSizeIterator + use<'a> {
        self.entries
            .get(index..)
            .unwrap_or_default()
            .iter()
            .map(FrameEntry::decode)
    }

    /// Index of the frame that holds `id`, if any does: the last one whose first id is not above it.
    #[inline]
    pub fn find(&self, id: BlobId) -> Option<usize> {
        self.entries
            .partition_point(|entry| FrameEntry::decode(entry).first <= id)
            .checked_sub(1)
    }

    /// [`FrameTable::find`], which tells `touch` each page of the section (see [`Pages`]) before it trusts it.
    pub fn find_checked<E>(
        &self,
        id: BlobId,
        mut touch: impl FnMut(u64) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<usize>, E> {
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = low + (high - low) / 2;
            touch(Pages::page_of((middle * FrameEntry::LEN) as u64))?;
            if self.entry(middle).is_some_and(|entry| entry.first <= id) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.checked_sub(1))
    }
}

/// Appends fingerprints, 8 bytes each.
pub fn put_fingerprints(fingerprints: impl IntoIterator<Item = Fingerprint>, out: &mut Vec<u8>) {
    for fingerprint in fingerprints {
        put_u64(out, fingerprint.0);
    }
}

/// An array of fingerprints, read where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprints<'a> {
    entries: &'a [[u8; 8]],
}

impl<'a> Fingerprints<'a> {
    /// The array in a section's data.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let (entries, rest) = data.as_chunks::<8>();
        if rest.is_empty() {
            Ok(Self { entries })
        } else {
            Err(misfit("fingerprints"))
        }
    }

    /// Number of fingerprints.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Fingerprint `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Fingerprint> {
        self.entries
            .get(index)
            .map(|b| Fingerprint(u64::from_le_bytes(*b)))
    }

    /// All of them in order.
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = Fingerprint> + ExactSizeIterator + use<'a> {
        self.entries
            .iter()
            .map(|b| Fingerprint(u64::from_le_bytes(*b)))
    }
}

/// One of the arrays that together hold a sealed segment's fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Ordinal (place among the segment's blobs by ascending id) of its first fingerprint.
    pub first_ordinal: u64,
    /// How many fingerprints.
    pub count: u64,
    /// Where they are in the segment.
    pub offset: u64,
    /// Where their page checksums are.
    pub sums_offset: u64,
}

impl Extent {
    /// Bytes of an entry.
    pub const LEN: usize = 32;

    /// The array and its page checksums.
    pub fn pages(&self) -> Pages {
        Pages {
            offset: self.offset,
            len: self.count.saturating_mul(8),
            sums_offset: self.sums_offset,
        }
    }

    /// Appends the entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.first_ordinal);
        put_u64(out, self.count);
        put_u64(out, self.offset);
        put_u64(out, self.sums_offset);
    }

    /// Reads the whole section. The extents follow each other without hole.
    pub fn decode_all(data: &[u8], base: u64) -> Result<Vec<Self>> {
        let mut r = Reader::new("fingerprint extents", data, base);
        let mut extents = Vec::with_capacity(data.len() / Self::LEN);
        let mut next = 0_u64;
        while !r.is_empty() {
            let extent = Self {
                first_ordinal: r.u64()?,
                count: r.u64()?,
                offset: r.u64()?,
                sums_offset: r.u64()?,
            };
            if extent.first_ordinal != next
                || extent.count == 0
                || extent.count >= limits::MAX_NUMBER - next
            {
                return Err(r.value("the extents have holes"));
            }
            next += extent.count;
            extents.push(extent);
        }
        Ok(extents)
    }
}

/// Ordinals of a segment's blobs, ordered by fingerprint, read where they lie.
#[derive(Debug, Clone, Copy)]
pub struct Ordinals<'a> {
    width: usize,
    data: &'a [u8],
}

impl<'a> Ordinals<'a> {
    /// Bytes before the first ordinal.
    pub const START: usize = 8;

    /// The ordinals in a section's data, the first page of which has been checked.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new("ordinals", data, 0);
        let width = usize::from(r.u8()?);
        r.zeros(7)?;
        if !matches!(width, 2..=4) {
            return Err(r.value("the width is not 2, 3 or 4"));
        }
        if !r.remaining().is_multiple_of(width) {
            return Err(misfit("ordinals"));
        }
        Ok(Self { width, data })
    }

    /// Encodes a section's data. The width follows from the number of ordinals, each of which is below it.
    pub fn encode(ordinals: &[u32]) -> Vec<u8> {
        let width: u8 = match ordinals.len() {
            0..=0x1_0000 => 2,
            0x1_0001..=0x100_0000 => 3,
            _ => 4,
        };
        let mut out = Vec::with_capacity(Self::START + ordinals.len() * usize::from(width));
        out.extend_from_slice(&[width, 0, 0, 0, 0, 0, 0, 0]);
        for ordinal in ordinals {
            out.extend(ordinal.to_le_bytes().into_iter().take(usize::from(width)));
        }
        out
    }

    /// Number of ordinals.
    pub fn len(&self) -> usize {
        (self.data.len() - Self::START) / self.width
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where ordinal `index` is within the section's data: which pages to check before it is read.
    pub fn place(&self, index: usize) -> Range<u64> {
        let start = (Self::START + index * self.width) as u64;
        start..start + self.width as u64
    }

    /// The ordinal of the blob whose fingerprint has rank `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<u32> {
        let start = Self::START + index.checked_mul(self.width)?;
        match *self.data.get(start..start + self.width)? {
            [a, b] => Some(u32::from_le_bytes([a, b, 0, 0])),
            [a, b, c] => Some(u32::from_le_bytes([a, b, c, 0])),
            [a, b, c, d] => Some(u32::from_le_bytes([a, b, c, d])),
            _ => None,
        }
    }
}

/// A row batch, as the row directory lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowEntry {
    /// The commit that added the rows.
    pub commit: CommitNumber,
    /// The collection.
    pub collection: CollectionId,
    /// Sequence number of its first row.
    pub first_seq: Seq,
    /// Number of rows, at least 1.
    pub rows: u64,
    /// The file, or none.
    pub file: FileNumber,
    /// Time of ingest, microseconds since 1970 UTC.
    pub time: i64,
    /// Where the batch is in the segment.
    pub offset: u64,
    /// Its whole length in bytes.
    pub len: u64,
    /// Smallest blob id named.
    pub min_blob: BlobId,
    /// Largest blob id named.
    pub max_blob: BlobId,
}

impl RowEntry {
    /// Appends the entry, in a segment of this format.
    pub fn encode(&self, format: SegmentFormat, out: &mut Vec<u8>) {
        put_varint(out, self.collection.0);
        put_varint(out, self.first_seq.0);
        put_varint(out, self.rows);
        put_varint(out, self.file.0);
        out.extend_from_slice(&self.time.to_le_bytes());
        if format >= SegmentFormat::V2 {
            put_varint(out, self.commit.0);
        }
        put_varint(out, self.offset);
        put_varint(out, self.len);
        put_varint(out, self.min_blob.0);
        put_varint(out, self.max_blob.0.saturating_sub(self.min_blob.0));
    }

    fn decode(r: &mut Reader<'_>, format: SegmentFormat, commits: &[CommitEntry]) -> Result<Self> {
        let collection = CollectionId(r.varint()?);
        let first_seq = Seq(r.varint()?);
        let rows = r.varint()?;
        let file = FileNumber(r.varint()?);
        let time = r.i64()?;
        let stored = match format {
            SegmentFormat::V1 => None,
            SegmentFormat::V2 => Some(CommitNumber(r.varint()?)),
        };
        let offset = r.varint()?;
        let ends_it = commits.partition_point(|commit| commit.offset <= offset);
        let Some(commit) = stored.or_else(|| commits.get(ends_it).map(|commit| commit.number))
        else {
            return Err(r.value("no commit ends the row batch"));
        };
        let len = r.varint()?;
        let min_blob = BlobId(r.varint()?);
        let span = r.varint()?;
        let rows_fit =
            rows > 0 && rows <= limits::MAX_BATCH_ROWS && first_seq.0 <= limits::MAX_NUMBER - rows;
        if !rows_fit || min_blob.0 >= limits::MAX_NUMBER || span >= limits::MAX_NUMBER - min_blob.0
        {
            return Err(r.value("rows or blob ids are out of their range"));
        }
        let max_blob = BlobId(min_blob.0 + span);
        Ok(Self {
            commit,
            collection,
            first_seq,
            rows,
            file,
            time,
            offset,
            len,
            min_blob,
            max_blob,
        })
    }

    /// Reads the whole section of a block in a segment of this format, entry by entry; ends after an error. `base` is the section's place
    /// in the file. `commits` are those of the same block: format 1 says nowhere else which commit added a batch, later ones do not need
    /// them.
    pub fn decode_all<'a>(
        data: &'a [u8],
        base: u64,
        format: SegmentFormat,
        commits: &'a [CommitEntry],
    ) -> impl Iterator<Item = Result<Self>> + 'a {
        let mut r = Reader::new("row directory", data, base);
        entries(move || (!r.is_empty()).then(|| Self::decode(&mut r, format, commits)))
    }
}

/// A commit, as the commit table lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitEntry {
    /// Its number.
    pub number: CommitNumber,
    /// When, microseconds since 1970 UTC.
    pub time: i64,
    /// Where its COMMIT is in the segment.
    pub offset: u64,
    /// New blobs.
    pub blobs: u64,
    /// New rows.
    pub rows: u64,
    /// Bytes of the new blobs.
    pub raw_bytes: u64,
}

impl CommitEntry {
    /// Encodes a section's data; the commits ascend. Its length does not depend on the offsets, so that a block can be laid out before
    /// the place of its own COMMIT is known.
    pub fn encode_all(commits: &[Self]) -> Vec<u8> {
        let mut out = Vec::with_capacity(commits.len() * 20);
        let mut last = 0;
        for commit in commits {
            put_varint(&mut out, commit.number.0.saturating_sub(last));
            out.extend_from_slice(&commit.time.to_le_bytes());
            put_u64(&mut out, commit.offset);
            put_varint(&mut out, commit.blobs);
            put_varint(&mut out, commit.rows);
            put_varint(&mut out, commit.raw_bytes);
            last = commit.number.0;
        }
        out
    }

    /// Reads the whole section, entry by entry; ends after an error. `base` is its place in the file.
    pub fn decode_all(data: &[u8], base: u64) -> impl Iterator<Item = Result<Self>> + '_ {
        let mut r = Reader::new("commit table", data, base);
        let mut last = 0_u64;
        entries(move || {
            (!r.is_empty()).then(|| {
                let step = r.varint()?;
                let Some(number) = last.checked_add(step).filter(|_| step > 0) else {
                    return Err(r.value("the commits do not ascend"));
                };
                last = number;
                let (time, offset) = (r.i64()?, r.u64()?);
                Ok(Self {
                    number: CommitNumber(number),
                    time,
                    offset,
                    blobs: r.varint()?,
                    rows: r.varint()?,
                    raw_bytes: r.varint()?,
                })
            })
        })
    }
}

/// An iterator that ends after its first error.
pub(crate) fn entries<T>(
    mut next: impl FnMut() -> Option<Result<T>>,
) -> impl Iterator<Item = Result<T>> {
    let mut failed = false;
    std::iter::from_fn(move || {
        let entry = if failed { None } else { next() };
        failed = matches!(entry, Some(Err(_)));
        entry
    })
}
