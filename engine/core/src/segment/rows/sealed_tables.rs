//! The open file of a sealed segment and the tables of its footer.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use lakebed_format::{
    BlobId, FingerprintExtent, FormatError, FrameEntry, IdRun, IdSet, IndexBlock, Layout, Ordinals,
    Reason, RowBatchEntry, SectionKind, SegmentEntry, SegmentFormat, SegmentNumber, coding::Reader,
};
use parking_lot::Mutex;

use super::paged::PagedTable;
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
    pub(super) ordinals: Option<PagedTable>,
    pub(super) extents: Vec<(FingerprintExtent, PagedTable)>,
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
            || header.layout != Layout::Rows
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
        let ordinals = paged(SectionKind::Ordinals)?;
        let data = walker.section(&footer, SectionKind::Ids)?;
        let set = IdSet::decode(&mut Reader::new("ids", &data, footer.offset)).map_err(refused)?;
        let mut ids = Vec::new();
        let mut ordinal = 0;
        for run in set.runs() {
            ids.push((ordinal, *run));
            ordinal += run.len;
        }
        let data = walker.section(&footer, SectionKind::Extents)?;
        let mut extents = Vec::new();
        for extent in FingerprintExtent::decode_all(&data, footer.offset).map_err(refused)? {
            let table = PagedTable::new(&bytes, entry.number, salt, extent.pages())?;
            extents.push((extent, table));
        }
        Ok(Self {
            bytes,
            format: header.format,
            salt,
            footer,
            frames,
            ids,
            ordinals,
            extents,
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

    /// The fingerprint of this rank, and its blob's ordinal.
    #[inline]
    pub(super) fn fingerprint(
        &self,
        paged: &PagedTable,
        ordinals: &Ordinals<'_>,
        rank: usize,
        entry: &SegmentEntry,
    ) -> Result<(u64, u32)> {
        paged.check_range(ordinals.place(rank))?;
        let found = ordinals.get(rank).and_then(|ordinal| {
            let wanted = u64::from(ordinal);
            let after = self
                .extents
                .partition_point(|(extent, _)| extent.first_ordinal <= wanted);
            let (extent, fingerprints) = self.extents.get(after.checked_sub(1)?)?;
            let at = (wanted - extent.first_ordinal).checked_mul(8)?;
            Some((ordinal, at, fingerprints))
        });
        if let Some((ordinal, at, fingerprints)) = found {
            fingerprints.check_range(at..at + 8)?;
            let bytes = usize::try_from(at)
                .ok()
                .and_then(|at| fingerprints.data().get(at..));
            if let Some(bytes) = bytes.and_then(<[u8]>::first_chunk::<8>) {
                return Ok((u64::from_le_bytes(*bytes), ordinal));
            }
        }
        Err(Error::of_format(
            entry.number,
            &FormatError::new(
                "ordinals",
                self.footer.offset,
                Reason::Value("an ordinal has no fingerprint"),
            ),
        ))
    }

    /// The id with this ordinal.
    pub(super) fn id(&self, ordinal: u64) -> Option<BlobId> {
        let after = self.ids.partition_point(|(first, _)| *first <= ordinal);
        let (first, run) = self.ids.get(after.checked_sub(1)?)?;
        let id = run.first.0 + (ordinal - first);
        (id < run.end()).then_some(BlobId(id))
    }
}

/// The ordinals in their section, of which only touched pages may be used.
pub(super) fn ordinals_in<'a>(
    ordinals: &'a PagedTable,
    entry: &SegmentEntry,
) -> Result<Ordinals<'a>> {
    ordinals.check(0)?;
    Ordinals::new(ordinals.data()).map_err(|e| Error::of_format(entry.number, &e))
}
