//! The table of blobs. It is made frame by frame, and decodes a frame only when sizes, hashes or bytes are asked for; at a glance it reads
//! the first block of a large blob alone.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use lakebed_format::limits::LARGE_BLOCK;
use lakebed_format::{BlobId, Encoding, FrameHeader, Hash, LargeEntry, SegmentNumber, names};
use lakebed_vfs::{File, Open};

use super::{BLOBS, Cell, int, text};
use crate::error::{Error, ErrorKind, Result};
use crate::segment::bytes::missing;
use crate::segment::rows::frame::{self, Place};
use crate::snapshot::Snapshot;

/// Blobs of a batch at least, but for the last one.
const BATCH_BLOBS: usize = 2048;
/// A batch ends also when its data column has this many bytes.
const BATCH_BYTES: usize = 32 << 20;
/// A batch of glances ends also when this many bytes of large blobs were read: somebody waits to see the first of them.
const GLANCED_BYTES: usize = 4 << 20;
/// Bytes of a blob that a glance shows.
const GLANCE: usize = 32;

/// Where frames of one segment are.
struct Frames {
    segment: SegmentNumber,
    salt: u64,
    /// Offset of each frame, and the end of the last one at the latest.
    offsets: VecDeque<u64>,
    limit: u64,
    file: Option<Arc<dyn File>>,
}

/// All blobs, frame by frame.
pub(super) struct Blobs {
    snapshot: Snapshot,
    frames: VecDeque<Frames>,
    large: VecDeque<LargeEntry>,
    /// Sizes, hashes or bytes are asked for, so that frames are decoded.
    bytes: bool,
    hash: bool,
    data: bool,
    /// Rows are those of the table of glances.
    glance: bool,
}

impl Blobs {
    pub(super) fn new(snapshot: &Snapshot, places: &[usize], glance: bool) -> Result<Self> {
        let committed = &snapshot.committed;
        committed.check_whole()?;
        let mut frames = VecDeque::new();
        for sealed in &committed.manifest.sealed {
            let commits = sealed.commits(&committed.context)?;
            frames.push_back(Frames {
                segment: sealed.entry.number,
                salt: sealed.salt(&committed.context)?,
                offsets: sealed.frame_offsets(&committed.context)?.into(),
                limit: commits.last().map_or(0, |commit| commit.offset),
                file: None,
            });
        }
        if let Some(active) = &committed.active {
            frames.push_back(Frames {
                segment: active.file.number,
                salt: active.file.salt,
                offsets: active
                    .blocks
                    .iter()
                    .flat_map(|block| &block.frames)
                    .map(|frame| frame.offset)
                    .collect(),
                limit: active.end(),
                file: Some(Arc::clone(&active.file.file)),
            });
        }
        let asks = |name: &str| {
            BLOBS
                .iter()
                .position(|(known, _)| *known == name)
                .is_some_and(|place| places.contains(&place))
        };
        let (hash, data) = (asks("hash"), asks("data"));
        Ok(Self {
            snapshot: snapshot.clone(),
            frames,
            large: committed.catalogue.large_blobs().copied().collect(),
            bytes: hash || data || asks("size") || asks("stored_size"),
            hash,
            data,
            glance,
        })
    }

    pub(super) fn rows(&mut self) -> Result<VecDeque<Vec<Cell>>> {
        let mut rows = VecDeque::new();
        let mut bytes = 0;
        let limit = if self.glance {
            GLANCED_BYTES
        } else {
            BATCH_BYTES
        };
        while rows.len() < BATCH_BLOBS && bytes < limit {
            if let Some(frames) = self.frames.front_mut() {
                let Some(offset) = frames.offsets.pop_front() else {
                    self.frames.pop_front();
                    continue;
                };
                bytes += self.frame(offset, &mut rows)?;
            } else if let Some(entry) = self.large.pop_front() {
                if self.data && !self.glance && !rows.is_empty() {
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

    /// The blobs of the frame at `offset` of the segment in front; returns the bytes of data.
    fn frame(&mut self, offset: u64, rows: &mut VecDeque<Vec<Cell>>) -> Result<usize> {
        let context = Arc::clone(&self.snapshot.committed.context);
        let Some(frames) = self.frames.front_mut() else {
            return Ok(0);
        };
        let file = if let Some(file) = &frames.file {
            Arc::clone(file)
        } else {
            let name = names::segment(frames.segment);
            let file = context
                .vfs
                .open(&name, Open::Read)
                .map_err(|e| missing(frames.segment, &name, e))?;
            frames.file = Some(Arc::clone(&file));
            file
        };
        let place = Place {
            segment: frames.segment,
            salt: frames.salt,
            offset,
        };
        let next = frames.offsets.front().copied();
        let stored = frame::read(file.as_ref(), place, next, frames.limit)?;
        let header = FrameHeader::decode(&stored, offset).map_err(|e| place.error(&e))?;
        let decoded = if self.bytes {
            Some(frame::decode(self.snapshot.reading(), place, &stored)?)
        } else {
            None
        };
        let (encoding, dictionary) = match header.encoding {
            Encoding::Raw => ("raw", None),
            Encoding::Zstd => ("zstd", None),
            Encoding::ZstdDictionary(number) => ("zstd+dictionary", Some(number.0)),
        };
        let mut data = 0;
        for (index, id) in header.ids.iter().enumerate() {
            if self.snapshot.catalogue().is_deleted(id) {
                continue;
            }
            let bytes = decoded.as_ref().and_then(|decoded| decoded.blob(index));
            let size = bytes.map(|bytes| bytes.len() as u64);
            // A frame's stored bytes, shared out by size.
            let share = size.map(|size| {
                (u128::from(header.stored_len) * u128::from(size)
                    / u128::from(header.raw_len.max(1))) as u64
            });
            rows.push_back(vec![
                int(id.0),
                self.hash(bytes),
                text(self.kind(id)),
                Cell::Int(size),
                Cell::Int(share),
                text(encoding),
                Cell::Int(dictionary),
                int(place.segment.0),
                int(offset),
                self.bytes_of(bytes),
            ]);
            data += bytes.filter(|_| self.data).map_or(0, <[u8]>::len);
        }
        Ok(data)
    }

    /// Returns the bytes that were read.
    fn large(&self, entry: &LargeEntry, rows: &mut VecDeque<Vec<Cell>>) -> Result<usize> {
        if self.snapshot.catalogue().is_deleted(entry.blob) {
            return Ok(0);
        }
        let context = &self.snapshot.committed.context;
        let (hash, data, bytes) = if self.glance {
            let start = if self.data {
                context.large_beginning(entry, GLANCE)?
            } else {
                Vec::new()
            };
            let bytes = if self.data { LARGE_BLOCK as usize } else { 0 };
            (
                text(format!("{:016x}…", entry.fingerprint.0)),
                glance(entry.len, &start),
                bytes,
            )
        } else if self.hash || self.data {
            let blob = context.large(entry)?;
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
        let bytes = bytes.filter(|_| self.data).unwrap_or_default();
        if self.glance {
            return glance(bytes.len() as u64, bytes);
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

/// How many bytes there are, and the first of them.
fn glance(len: u64, bytes: &[u8]) -> Cell {
    let mut shown = format!("{len} ");
    for byte in bytes.iter().take(GLANCE) {
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
