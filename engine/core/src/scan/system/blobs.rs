//! The table of blobs. Blobs that are stored together are decoded only if sizes, hashes or bytes are selected; for
//! previews only the first block of a large blob is read.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use lakebed_format::{BlobId, Encoding, Hash, LargeEntry};

use super::cells::{BLOBS, Cell, int, text};
use crate::error::{Error, ErrorKind, Result};
use crate::segment::Segment;
use crate::snapshot::Snapshot;

/// Blobs of a batch at least, but for the last one.
const BATCH_BLOBS: usize = 2048;
/// A batch ends also when its data column has this many bytes.
const BATCH_BYTES: usize = 32 << 20;
/// A batch of previews ends also when this many bytes of large blobs were read, so that the first ones show soon.
const PREVIEW_READ_BYTES: usize = 4 << 20;
/// Bytes of a large blob that are read for a preview: its first block.
const READ_FOR_PREVIEW: usize = 1 << 20;
const _: () = assert!(READ_FOR_PREVIEW as u64 == lakebed_format::limits::LARGE_BLOCK);
/// Bytes of a blob that a preview shows.
const PREVIEW_BYTES: usize = 32;

/// Reads the table batch by batch.
pub(super) struct Blobs {
    snapshot: Snapshot,
    /// Segments whose blobs are still to come, and the place in the first of them.
    segments: VecDeque<Arc<dyn Segment>>,
    place: usize,
    large: VecDeque<LargeEntry>,
    /// Sizes, hashes or bytes are selected, so that blobs are decoded.
    bytes: bool,
    hash: bool,
    data: bool,
    /// Whether `data` is a preview.
    preview: bool,
}

impl Blobs {
    pub(super) fn new(snapshot: &Snapshot, places: &[usize], preview: bool) -> Result<Self> {
        let committed = &snapshot.committed;
        committed.check_whole()?;
        let selects = |name: &str| {
            BLOBS
                .iter()
                .position(|(known, _)| *known == name)
                .is_some_and(|place| places.contains(&place))
        };
        let (hash, data) = (selects("hash"), selects("data"));
        Ok(Self {
            snapshot: snapshot.clone(),
            segments: committed.segments().collect(),
            place: 0,
            large: committed.catalogue.large_blobs().copied().collect(),
            bytes: hash || data || selects("size") || selects("stored_size"),
            hash,
            data,
            preview,
        })
    }

    pub(super) fn rows(&mut self) -> Result<VecDeque<Vec<Cell>>> {
        let mut rows = VecDeque::new();
        let mut bytes = 0;
        let limit = if self.preview {
            PREVIEW_READ_BYTES
        } else {
            BATCH_BYTES
        };
        while rows.len() < BATCH_BLOBS && bytes < limit {
            if let Some(segment) = self.segments.front().map(Arc::clone) {
                if let Some(data) = self.stored_together(segment.as_ref(), &mut rows)? {
                    self.place += 1;
                    bytes += data;
                } else {
                    self.place = 0;
                    self.segments.pop_front();
                }
            } else if let Some(entry) = self.large.pop_front() {
                if self.data && !self.preview && !rows.is_empty() {
                    // An Arrow column holds less than 2 GiB: a large blob is handed over alone.
                    self.large.push_front(entry);
                    break;
                }
                bytes += self.large(&entry, &mut rows)?;
            } else {
                break;
            }
        }
        Ok(rows)
    }

    /// The blobs that are stored together at the current place of a segment; returns the bytes of data, `None` behind
    /// the last.
    fn stored_together(
        &self,
        segment: &dyn Segment,
        rows: &mut VecDeque<Vec<Cell>>,
    ) -> Result<Option<usize>> {
        let stored = segment.stored(self.snapshot.reader(), self.place, self.bytes)?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let (encoding, dictionary) = match stored.encoding {
            Encoding::Raw => ("raw", None),
            Encoding::Zstd => ("zstd", None),
            Encoding::ZstdDictionary(number) => ("zstd+dictionary", Some(number.0)),
        };
        let mut data = 0;
        for (index, id) in stored.ids.iter().enumerate() {
            if !self.snapshot.is_reached(*id)? {
                continue;
            }
            let bytes = stored.blobs.get(index).map(crate::blob::Blob::as_slice);
            let size = bytes.map(|bytes| bytes.len() as u64);
            // The stored bytes, shared out by size.
            let share = size.map(|size| {
                let share = u128::from(stored.stored_len) * u128::from(size)
                    / u128::from(stored.raw_len.max(1));
                u64::try_from(share).unwrap_or(u64::MAX)
            });
            rows.push_back(vec![
                int(id.0),
                self.hash(bytes),
                text(self.kind(*id)),
                Cell::Int(size),
                Cell::Int(share),
                text(encoding),
                Cell::Int(dictionary),
                int(segment.number().0),
                Cell::Int(stored.offset),
                self.bytes_of(bytes),
            ]);
            data += bytes.filter(|_| self.data).map_or(0, <[u8]>::len);
        }
        Ok(Some(data))
    }

    /// Returns the bytes that were read.
    fn large(&self, entry: &LargeEntry, rows: &mut VecDeque<Vec<Cell>>) -> Result<usize> {
        if !self.snapshot.is_reached(entry.blob)? {
            return Ok(0);
        }
        let context = &self.snapshot.committed.context;
        let (files, segment) = (&context.segments, context.large.get(entry));
        let (hash, data, bytes) = if self.preview {
            let start = if self.data {
                segment.beginning(files, PREVIEW_BYTES)?
            } else {
                Vec::new()
            };
            let bytes = if self.data { READ_FOR_PREVIEW } else { 0 };
            (
                text(format!("{:016x}…", entry.fingerprint.0)),
                preview(entry.len, &start),
                bytes,
            )
        } else if self.hash || self.data {
            let blob = segment.whole(files)?;
            if self.data && blob.len() > i32::MAX as usize {
                return Err(too_large(entry));
            }
            (
                self.hash(Some(&blob)),
                self.bytes_of(Some(&blob)),
                blob.len(),
            )
        } else {
            (Cell::Text(None), self.bytes_of(None), 0)
        };
        let encoding = if entry.stored_len == entry.len {
            "raw"
        } else {
            "zstd"
        };
        rows.push_back(vec![
            int(entry.blob.0),
            hash,
            text(self.kind(entry.blob)),
            int(entry.len),
            int(entry.stored_len),
            text(encoding),
            Cell::Int(None),
            int(entry.segment.0),
            Cell::Int(None),
            data,
        ]);
        Ok(bytes)
    }

    fn hash(&self, bytes: Option<&[u8]>) -> Cell {
        Cell::Text(
            bytes
                .filter(|_| self.hash)
                .map(|bytes| Hash::of(bytes).to_string()),
        )
    }

    fn bytes_of(&self, bytes: Option<&[u8]>) -> Cell {
        // Without the column `data`, or for a blob that was not read, the cell is empty: it is not shown.
        let bytes = bytes.filter(|_| self.data).unwrap_or(&[]);
        if self.preview {
            return preview(bytes.len() as u64, bytes);
        }
        Cell::Bytes(bytes.to_vec())
    }

    fn kind(&self, id: BlobId) -> &'static str {
        let catalogue = self.snapshot.catalogue();
        if catalogue.is_dictionary(id) {
            "dictionary"
        } else if catalogue.pinned().contains(id) {
            "pinned"
        } else {
            "record"
        }
    }
}

/// The number of bytes, and the first of them in hex.
fn preview(len: u64, bytes: &[u8]) -> Cell {
    let mut shown = format!("{len} ");
    for byte in bytes.iter().take(PREVIEW_BYTES) {
        // Writing to a string cannot fail.
        let _ = write!(shown, "{byte:02x}");
    }
    text(shown)
}

fn too_large(entry: &LargeEntry) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "Blob {} has {} bytes, and SQL takes less than 2 GiB of one: leave its data out of the query, or read it with get.",
            entry.blob, entry.len
        ),
    )
}
