//! The open file of a sealed segment and the tables of its footer.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use lakebed_format::{
    BlobId, FormatError, FrameEntry, IdRun, IdSet, IndexBlock, RowBatchEntry, SectionKind,
    SegmentEntry, SegmentFormat, SegmentNumber, coding::Reader,
};
use parking_lot::Mutex;

use super::paged::PagedTable;
use super::sealed_fingerprints::SealedFingerprints;
use super::walker::{WalkedBytes, Walker, read_header};
use crate::error::{Error, Result};
use crate::segment::bytes::{SegmentBytes, if_read};
use crate::segment::files::SegmentFiles;

#[derive(Debug)]
pub(super) struct Opened {
    pub(super) bytes: SegmentBytes,
    pub(super) format: SegmentFormat,
    pub(super) salt: u64,
    pub(super) footer: IndexBlock,
    pub(super) frames: Option<PagedTable>,
    /// Runs of ids with the ordinal of their first.
    pub(super) ids: Vec<(u64, IdRun)>,
    pub(super) fingerprints: SealedFingerprints,
    pub(super) rows: OnceLock<Arc<[RowBatchEntry]>>,
    /// Frames read in place whose checksums passed.
    pub(super) passed: Mutex<HashSet<u64>>,
}

/// A frame and the one behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundFrame {
    pub(super) entry: FrameEntry,
    pub(super) next: Option<FrameEntry>,
}

/// Frames of more stored bytes than this are not fetched in one piece.
const PREFETCH: u64 = 64 << 10;

impl Opened {
    /// Fetches a frame that is about to be decoded. Frames of one blob are left alone: a raw one is read in place,
    /// again and again.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "places in a mapping, whose length is a usize"
    )]
    pub(super) fn prefetch(&self, found: &FoundFrame) {
        let (Some(mapping), Some(next)) = (self.bytes.mapping(), &found.next) else {
            return;
        };
        let entry = &found.entry;
        let len = next.offset.saturating_sub(entry.offset);
        if len <= PREFETCH && next.first.0 > entry.first.0 + 1 {
            mapping.prefetch(entry.offset as usize..next.offset as usize);
        }
    }

    pub(super) fn new(files: &SegmentFiles, entry: &SegmentEntry) -> Result<Self> {
        let bytes = SegmentBytes::open(files, entry.number, entry.len)?;
        let mapping = bytes.mapping().cloned();
        let opened = Self::of_bytes(files, entry, bytes);
        if_read(entry.number, mapping.as_ref(), opened)
    }

    fn of_bytes(files: &SegmentFiles, entry: &SegmentEntry, bytes: SegmentBytes) -> Result<Self> {
        let refused = |error: FormatError| Error::of_format(entry.number, &error);
        let header = read_header(WalkedBytes::Complete(&bytes), entry.number)?;
        if header.uuid != files.store
            || header.number != entry.number
            || header.layout != entry.layout
        {
            return Err(Error::corrupt(
                entry.number,
                0,
                "the file is another segment's or another store's",
            ));
        }
        let salt = header.salt;
        let walker = Walker {
            bytes: WalkedBytes::Complete(&bytes),
            segment: entry.number,
            format: header.format,
            salt,
        };
        let footer = walker.footer(bytes.len())?;
        let paged = |kind| -> Result<Option<PagedTable>> {
            footer
                .section(kind)
                .map(|section| PagedTable::of_section(&bytes, entry.number, salt, section))
                .transpose()
        };
        let frames = paged(SectionKind::Frames)?;
        let data = walker.section(&footer, SectionKind::Ids)?;
        let set = IdSet::decode(&mut Reader::new("ids", &data, footer.offset)).map_err(refused)?;
        let mut ids = Vec::new();
        let mut ordinal = 0;
        for run in set.runs() {
            ids.push((ordinal, *run));
            ordinal += run.len;
        }
        let fingerprints = SealedFingerprints::open(walker, &bytes, &footer, ordinal)?;
        Ok(Self {
            bytes,
            format: header.format,
            salt,
            footer,
            frames,
            ids,
            fingerprints,
            rows: OnceLock::new(),
            passed: Mutex::default(),
        })
    }

    pub(super) fn walker(&self, segment: SegmentNumber) -> Walker<'_> {
        Walker {
            bytes: WalkedBytes::Complete(&self.bytes),
            segment,
            format: self.format,
            salt: self.salt,
        }
    }

    /// The id with this ordinal.
    pub(super) fn id(&self, ordinal: u64) -> Option<BlobId> {
        let after = self.ids.partition_point(|(first, _)| *first <= ordinal);
        let (first, run) = self.ids.get(after.checked_sub(1)?)?;
        let id = run.first.0 + (ordinal - first);
        (id < run.end()).then_some(BlobId(id))
    }
}
