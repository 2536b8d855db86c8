//! The file of the active segment, and what all states of it share.

use std::sync::Arc;

use lakebed_codec::Decoded;
use lakebed_format::{
    BlobId, COMMIT_LEN, Fingerprint, Layout, SegmentFormat, SegmentHeader, SegmentNumber,
    StoreUuid, limits,
};
use lakebed_vfs::ReadFile;
use parking_lot::RwLock;

use super::frame::{self, FramePlace};
use super::walker::{WalkedBytes, Walker, read_header};
use super::writer::SegmentWriter;
use crate::error::{Error, Result};
use crate::fingerprints::memory::MemoryIndex;
use crate::segment::damage::{Damage, ReadFailure};
use crate::segment::files::SegmentFiles;
use crate::segment::frame_cache::FrameKey;
use crate::segment::interface::ReadContext;

/// Where a COMMIT repeats the salt of its segment (docs/format.md).
const SALT_IN_COMMIT: usize = 56;

/// The file of the active segment, shared by all its states.
#[derive(Debug)]
pub(crate) struct ActiveFile {
    pub(crate) number: SegmentNumber,
    pub(crate) format: SegmentFormat,
    pub(crate) salt: u64,
    pub(crate) first_blob: BlobId,
    pub(crate) file: Arc<dyn ReadFile>,
    pub(super) index: RwLock<Indexed>,
}

/// Fingerprints of the committed blobs, as far as they were searched.
#[derive(Debug, Default)]
pub(super) struct Indexed {
    pub(super) table: MemoryIndex,
    /// Blobs below this id are in the table, except those of damaged index blocks.
    pub(super) end: BlobId,
    /// Index blocks whose fingerprints cannot be read.
    pub(super) damage: Vec<Damage>,
}

impl Indexed {
    /// # Errors
    /// `Corrupt` when blobs may be missing in the table.
    pub(super) fn check_whole(&self) -> Result<()> {
        match self.damage.first() {
            Some(damage) => Err(damage.error()),
            None => Ok(()),
        }
    }
}

impl ActiveFile {
    pub(crate) fn new(
        number: SegmentNumber,
        format: SegmentFormat,
        salt: u64,
        first_blob: BlobId,
        file: Arc<dyn ReadFile>,
    ) -> Self {
        Self {
            number,
            format,
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

    /// Opens a segment that should be written to, by its header. `None` when it does not hold one whole COMMIT behind a
    /// header: then nothing of it was ever acknowledged.
    ///
    /// # Errors
    /// `Corrupt` when the file is another segment's or another store's; `FormatTooNew`, `Io`.
    pub(in crate::segment) fn open(
        files: &SegmentFiles,
        number: SegmentNumber,
        file: Arc<dyn ReadFile>,
        len: u64,
    ) -> Result<Option<(Self, Vec<Damage>)>> {
        if len < limits::FIRST_GROUP + COMMIT_LEN as u64 {
            return Ok(None);
        }
        match read_header(WalkedBytes::File(file.as_ref()), number) {
            Ok(header) => {
                if header.uuid != files.store
                    || header.number != number
                    || header.layout != Layout::Rows
                {
                    let text = "the file is another segment's or another store's";
                    return Err(Error::corrupt(number, 0, text));
                }
                let file = Self::new(number, header.format, header.salt, header.first_blob, file);
                Ok(Some((file, Vec::new())))
            }
            Err(ReadFailure::Damaged(damage)) => {
                Self::without_header(number, files.format, file, len, damage)
            }
            Err(ReadFailure::Other(error)) => Err(error),
        }
    }

    /// A COMMIT repeats the salt, and the header of the store says the format: with a COMMIT at the end of the file, a
    /// damaged header loses nothing.
    fn without_header(
        number: SegmentNumber,
        format: SegmentFormat,
        file: Arc<dyn ReadFile>,
        len: u64,
        damage: Damage,
    ) -> Result<Option<(Self, Vec<Damage>)>> {
        let at = len - COMMIT_LEN as u64;
        let mut walker = Walker {
            bytes: WalkedBytes::File(file.as_ref()),
            segment: number,
            format,
            salt: 0,
        };
        let bytes = walker.read(at, COMMIT_LEN as u64, Damage::Commit)?;
        let Some(salt) = bytes
            .get(SALT_IN_COMMIT..)
            .and_then(<[u8]>::first_chunk::<8>)
        else {
            return Ok(None);
        };
        let salt = u64::from_le_bytes(*salt);
        walker.salt = salt;
        if let Err(failure) = walker.commit_at(at) {
            failure.into_damage()?;
            return Ok(None);
        }
        Ok(Some((
            Self::new(number, format, salt, BlobId(0), file),
            vec![damage],
        )))
    }

    /// Encodes further parts of the segment.
    pub(crate) fn writer(&self, store: StoreUuid) -> SegmentWriter {
        SegmentWriter::new(SegmentHeader {
            format: self.format,
            layout: Layout::Rows,
            number: self.number,
            uuid: store,
            salt: self.salt,
            first_blob: self.first_blob,
        })
    }

    /// Reads the structures of the file.
    pub(crate) fn walker(&self) -> Walker<'_> {
        Walker {
            bytes: WalkedBytes::File(self.file.as_ref()),
            segment: self.number,
            format: self.format,
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
            index
                .table
                .insert(self.format.stored_fingerprint(fingerprint), id);
        }
        index.end = index.end.max(end);
    }

    pub(super) fn key(&self, offset: u64) -> FrameKey {
        FrameKey {
            segment: self.number,
            offset,
        }
    }

    pub(super) fn place(&self, offset: u64) -> FramePlace {
        FramePlace {
            segment: self.number,
            salt: self.salt,
            offset,
        }
    }

    pub(super) fn decode(&self, read: ReadContext<'_>, frame: FoundFrame) -> Result<Decoded> {
        let place = self.place(frame.offset);
        let bytes = frame::read(self.file.as_ref(), place, frame.next, frame.limit)?;
        frame::decode(read, place, &bytes)
    }
}

/// Where a frame begins, where the next one does, and where it ends at the latest.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundFrame {
    pub(super) offset: u64,
    pub(super) next: Option<u64>,
    pub(super) limit: u64,
}
