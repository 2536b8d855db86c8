//! The open file of a sealed segment and the tables of its footer.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use lakebed_format::{
    BlobId, COMMIT_LEN, FormatError, FrameEntry, IdRun, IdSet, IndexBlock, RowBatchEntry,
    SectionKind, SegmentEntry, SegmentHeader, coding::Reader,
};
use parking_lot::Mutex;

use super::footer_of_groups::with_footer_of_groups;
use super::paged::PagedTable;
use super::sealed_fingerprints::SealedFingerprints;
use super::walker::{WalkedBytes, Walker, read_header};
use crate::error::{Error, ErrorKind, Result};
use crate::segment::bytes::{SegmentBytes, if_read};
use crate::segment::damage::ReadResult;
use crate::segment::files::SegmentFiles;

#[derive(Debug)]
pub(super) struct Opened {
    pub(super) bytes: SegmentBytes,
    pub(super) header: SegmentHeader,
    pub(super) footer: IndexBlock,
    pub(super) frames: Option<PagedTable>,
    /// Runs of ids with the ordinal of their first.
    pub(super) ids: Vec<(u64, IdRun)>,
    pub(super) fingerprints: SealedFingerprints,
    pub(super) rows: OnceLock<Arc<[RowBatchEntry]>>,
    /// Frames read in place whose checksums passed.
    pub(super) passed: Mutex<HashSet<u64>>,
    /// That of the footer in the file, if `footer` was made from the groups.
    pub(super) damage: Option<Error>,
}

/// What a footer says.
struct Tables {
    footer: IndexBlock,
    frames: Option<PagedTable>,
    ids: Vec<(u64, IdRun)>,
    fingerprints: SealedFingerprints,
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
        let walker = walker_of(&bytes, &header);
        let tables = walker.footer(bytes.len()).map_err(Error::from);
        let tables = tables.and_then(|footer| {
            let (tail, at) = (walker.footer_tail(bytes.len())?, footer.offset);
            let tables = Tables::of(&bytes, walker, footer)?;
            if tables.blobs() != tail.blobs {
                let detail = "the footer lists another number of blobs than its tail";
                return Err(Error::corrupt(entry.number, at, detail));
            }
            Ok(tables)
        });
        match tables {
            Ok(tables) => Ok(tables.of_segment(bytes, &header, None)),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                Self::of_groups(&bytes, &header, entry, error)
            }
            Err(error) => Err(error),
        }
    }

    /// The same segment with a footer made from its groups, if its own is damaged.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn by_its_groups(&self, entry: &SegmentEntry) -> Result<Option<Self>> {
        let damage = match self.check_tables() {
            Err(error) if error.kind() == ErrorKind::Corrupt => error,
            checked => return checked.map(|()| None),
        };
        match Self::of_groups(&self.bytes, &self.header, entry, damage) {
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            made => made.map(Some),
        }
    }

    /// The segment with a footer made from its groups; its own has this damage, which is the error where the groups
    /// are damaged, too.
    fn of_groups(
        bytes: &SegmentBytes,
        header: &SegmentHeader,
        entry: &SegmentEntry,
        damage: Error,
    ) -> Result<Self> {
        let made = with_footer_of_groups(walker_of(bytes, header), bytes, entry);
        let made = made.and_then(|(bytes, footer)| {
            let tables = Tables::of(&bytes, walker_of(&bytes, header), footer)?;
            Ok((bytes, tables))
        });
        match made {
            Ok((bytes, tables)) => Ok(tables.of_segment(bytes, header, Some(damage))),
            Err(error) if error.kind() == ErrorKind::Corrupt => Err(damage),
            Err(error) => Err(error),
        }
    }

    /// Checks everything in the footer.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn check_tables(&self) -> Result<()> {
        self.frames.iter().try_for_each(PagedTable::check_all)?;
        self.fingerprints.check_footer()?;
        for kind in [
            SectionKind::Ids,
            SectionKind::Rows,
            SectionKind::Commits,
            SectionKind::ManifestBody,
            SectionKind::Parts,
        ] {
            self.walker().section(&self.footer, kind)?;
        }
        Ok(())
    }

    pub(super) fn walker(&self) -> Walker<'_> {
        walker_of(&self.bytes, &self.header)
    }

    /// Where the last COMMIT is.
    ///
    /// # Errors
    /// Damage of the footer's tail; `Io`.
    pub(super) fn last_commit(&self) -> ReadResult<u64> {
        if self.damage.is_some() {
            // A footer made from the groups begins behind it.
            return Ok(self.footer.offset - COMMIT_LEN as u64);
        }
        Ok(self.walker().footer_tail(self.bytes.len())?.last_commit)
    }

    /// The id with this ordinal.
    pub(super) fn id(&self, ordinal: u64) -> Option<BlobId> {
        let after = self.ids.partition_point(|(first, _)| *first <= ordinal);
        let (first, run) = self.ids.get(after.checked_sub(1)?)?;
        let id = run.first.0 + (ordinal - first);
        (id < run.end()).then_some(BlobId(id))
    }
}

impl Tables {
    fn of(bytes: &SegmentBytes, walker: Walker<'_>, footer: IndexBlock) -> Result<Self> {
        let (segment, salt) = (walker.segment, walker.salt);
        let refused = |error: FormatError| Error::of_format(segment, &error);
        let paged = |kind| -> Result<Option<PagedTable>> {
            footer
                .section(kind)
                .map(|section| PagedTable::of_section(bytes, segment, salt, section))
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
        let fingerprints = SealedFingerprints::open(walker, bytes, &footer, ordinal)?;
        Ok(Self {
            footer,
            frames,
            ids,
            fingerprints,
        })
    }

    fn blobs(&self) -> u64 {
        self.ids.iter().map(|(_, run)| run.len).sum()
    }

    fn of_segment(
        self,
        bytes: SegmentBytes,
        header: &SegmentHeader,
        damage: Option<Error>,
    ) -> Opened {
        Opened {
            bytes,
            header: *header,
            footer: self.footer,
            frames: self.frames,
            ids: self.ids,
            fingerprints: self.fingerprints,
            rows: OnceLock::new(),
            passed: Mutex::default(),
            damage,
        }
    }
}

fn walker_of<'a>(bytes: &'a SegmentBytes, header: &SegmentHeader) -> Walker<'a> {
    Walker {
        bytes: WalkedBytes::Complete(bytes),
        segment: header.number,
        format: header.format,
        salt: header.salt,
    }
}
