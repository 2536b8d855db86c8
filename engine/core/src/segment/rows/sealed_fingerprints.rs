//! The fingerprints of a sealed segment: whole ones and their order in segments of format 1 to 4, packed tables in
//! newer ones.

use std::ops::RangeInclusive;

use lakebed_format::{
    Fingerprint, FingerprintExtent, FingerprintTable, FormatError, IndexBlock, Ordinals, Reason,
    Section, SectionKind, SegmentNumber, TableExtent,
};

use super::paged::PagedTable;
use super::walker::Walker;
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprints::search;
use crate::segment::bytes::SegmentBytes;

/// Where a footer finds fingerprints.
#[derive(Debug)]
pub(super) enum SealedFingerprints {
    /// Whole fingerprints in the order of the ids, in the index blocks of the groups, and their order.
    Ordered {
        segment: SegmentNumber,
        ordinals: Option<PagedTable>,
        extents: Vec<(FingerprintExtent, PagedTable)>,
    },
    /// Packed tables.
    Packed {
        segment: SegmentNumber,
        tables: Vec<PackedTable>,
        /// Whether the one table is the footer's own.
        merged: bool,
    },
}

/// A packed table of neighbouring blobs.
#[derive(Debug)]
pub(super) struct PackedTable {
    /// Ordinal in the segment of its first blob.
    first: u64,
    count: u64,
    paged: PagedTable,
}

impl PackedTable {
    /// The table, of which only touched pages may be used.
    fn table(&self, segment: SegmentNumber) -> Result<FingerprintTable<'_>> {
        let refused = |error: FormatError| Error::of_format(segment, &error);
        self.paged.check_range(FingerprintTable::HEAD)?;
        let table = FingerprintTable::new(self.paged.data()).map_err(refused)?;
        if table.len() != self.count {
            let text = "it has another number of entries than the footer says";
            return Err(refused(FormatError::new(
                "table of fingerprints",
                0,
                Reason::Value(text),
            )));
        }
        Ok(table)
    }
}

impl SealedFingerprints {
    /// What a footer says of them. `blobs`: as many ids it lists.
    pub(super) fn open(
        walker: Walker<'_>,
        bytes: &SegmentBytes,
        footer: &IndexBlock,
        blobs: u64,
    ) -> Result<Self> {
        let (segment, salt) = (walker.segment, walker.salt);
        let refused = |error: FormatError| Error::of_format(segment, &error);
        let paged = |kind| -> Result<Option<PagedTable>> {
            footer
                .section(kind)
                .map(|section| PagedTable::of_section(bytes, segment, salt, section))
                .transpose()
        };
        let extents = walker.section(footer, SectionKind::Extents)?;
        if !walker.format.packs_fingerprints() {
            let ordinals = paged(SectionKind::Ordinals)?;
            let extents = FingerprintExtent::decode_all(&extents, footer.offset);
            let extents = extents.map_err(refused)?.into_iter().map(|extent| {
                let table = PagedTable::new(bytes, segment, salt, extent.pages())?;
                Ok((extent, table))
            });
            return Ok(Self::Ordered {
                segment,
                ordinals,
                extents: extents.collect::<Result<_>>()?,
            });
        }
        if let Some(paged) = paged(SectionKind::FingerprintTable)? {
            return Ok(Self::Packed {
                segment,
                merged: true,
                tables: vec![PackedTable {
                    first: 0,
                    count: blobs,
                    paged,
                }],
            });
        }
        let mut first = 0;
        let mut tables = Vec::new();
        for extent in TableExtent::decode_all(&extents, footer.offset).map_err(refused)? {
            let paged = PagedTable::new(bytes, segment, salt, extent.pages)?;
            let count = extent.count;
            tables.push(PackedTable {
                first,
                count,
                paged,
            });
            first += count;
        }
        Ok(Self::Packed {
            segment,
            tables,
            merged: false,
        })
    }

    /// Passes the fingerprints in the range with the ordinals of their blobs, table by table in order. Bits of a
    /// fingerprint that are not stored are zero, and do not decide whether it is in the range.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn search(
        &self,
        range: &RangeInclusive<Fingerprint>,
        mut each: impl FnMut(Fingerprint, u64),
    ) -> Result<()> {
        match self {
            Self::Packed {
                segment, tables, ..
            } => {
                for packed in tables {
                    packed.table(*segment)?.find(
                        range,
                        |range| packed.paged.check_range(range),
                        |error| Error::of_format(*segment, &error),
                        |fingerprint, ordinal| each(fingerprint, packed.first + ordinal),
                    )?;
                }
                Ok(())
            }
            Self::Ordered {
                segment,
                ordinals,
                extents,
            } => {
                let Some(paged) = ordinals else {
                    return Ok(());
                };
                let table = ordinals_in(paged, *segment)?;
                let fingerprint = |rank| ordered(*segment, paged, &table, extents, rank);
                let mut rank = search::lower_bound(table.len(), range.start().0, |rank| {
                    fingerprint(rank).map(|(fingerprint, _)| fingerprint)
                })?;
                while rank < table.len() {
                    let (found, ordinal) = fingerprint(rank)?;
                    if found > range.end().0 {
                        break;
                    }
                    each(Fingerprint(found), u64::from(ordinal));
                    rank += 1;
                }
                Ok(())
            }
        }
    }

    /// Passes all fingerprints by ascending ids of their blobs.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn all(&self, mut each: impl FnMut(Fingerprint)) -> Result<()> {
        match self {
            Self::Packed {
                segment, tables, ..
            } => {
                for packed in tables {
                    packed.paged.check_all()?;
                    let table = packed.table(*segment)?;
                    let found = table.by_ordinal();
                    let found = found.map_err(|error| Error::of_format(*segment, &error))?;
                    found.into_iter().for_each(&mut each);
                }
            }
            Self::Ordered { extents, .. } => {
                for (_, table) in extents {
                    table.check_all()?;
                    let (entries, _) = table.data().as_chunks::<8>();
                    for entry in entries {
                        each(Fingerprint(u64::from_le_bytes(*entry)));
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks all pages that are in the footer.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn check_footer(&self) -> Result<()> {
        match self {
            Self::Packed { merged: false, .. } => Ok(()),
            Self::Packed { tables, .. } => {
                tables.iter().try_for_each(|table| table.paged.check_all())
            }
            Self::Ordered { ordinals, .. } => ordinals.iter().try_for_each(PagedTable::check_all),
        }
    }

    /// Whether the footer has a table in the place of those of its groups.
    pub(super) fn are_merged(&self) -> bool {
        matches!(self, Self::Packed { merged: true, .. })
    }

    /// Whether it leads to the fingerprints of these index blocks, or repeats them: then `listed` are those of all.
    /// Fingerprints that cannot be read agree.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn agrees(&self, blocks: &[IndexBlock], listed: &[Fingerprint]) -> Result<bool> {
        let sections = |kind| blocks.iter().filter_map(move |block| block.section(kind));
        match self {
            Self::Ordered { extents, .. } => {
                let found = extents.iter().map(|(extent, _)| {
                    let pages = extent.pages();
                    (pages.offset, pages.len, pages.sums_offset)
                });
                let wanted = sections(SectionKind::Fingerprints).map(|section| {
                    let pages = section.pages();
                    (pages.offset, pages.len, pages.sums_offset)
                });
                Ok(found.eq(wanted))
            }
            Self::Packed {
                tables,
                merged: false,
                ..
            } => {
                let found = tables.iter().map(|table| *table.paged.pages());
                let wanted = sections(SectionKind::FingerprintTable).map(Section::pages);
                Ok(found.eq(wanted))
            }
            Self::Packed { merged: true, .. } => {
                let mut found = Vec::with_capacity(listed.len());
                match self.all(|fingerprint| found.push(fingerprint)) {
                    Err(error) if error.kind() == ErrorKind::Corrupt => Ok(true),
                    all => all.map(|()| found == listed),
                }
            }
        }
    }

    /// Whether they are those of so many blobs, in order.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn are_in_order(&self, blobs: u64) -> Result<bool> {
        match self {
            Self::Packed { .. } => {
                let mut count = 0;
                self.all(|_| count += 1)?;
                Ok(count == blobs)
            }
            Self::Ordered {
                segment,
                ordinals,
                extents,
            } => {
                let Some(paged) = ordinals else {
                    return Ok(blobs == 0);
                };
                let table = ordinals_in(paged, *segment)?;
                let mut before = None;
                for rank in 0..table.len() {
                    let found = ordered(*segment, paged, &table, extents, rank)?;
                    if u64::from(found.1) >= blobs || before.is_some_and(|before| before >= found) {
                        return Ok(false);
                    }
                    before = Some(found);
                }
                Ok(table.len() as u64 == blobs)
            }
        }
    }
}

/// The ordinals in their section, of which only touched pages may be used.
fn ordinals_in(paged: &PagedTable, segment: SegmentNumber) -> Result<Ordinals<'_>> {
    paged.check(0)?;
    Ordinals::new(paged.data()).map_err(|error| Error::of_format(segment, &error))
}

/// The fingerprint of this rank, and its blob's ordinal.
#[inline]
fn ordered(
    segment: SegmentNumber,
    paged: &PagedTable,
    ordinals: &Ordinals<'_>,
    extents: &[(FingerprintExtent, PagedTable)],
    rank: usize,
) -> Result<(u64, u32)> {
    paged.check_range(ordinals.place(rank))?;
    let found = ordinals.get(rank).and_then(|ordinal| {
        let wanted = u64::from(ordinal);
        let after = extents.partition_point(|(extent, _)| extent.first_ordinal <= wanted);
        let (extent, fingerprints) = extents.get(after.checked_sub(1)?)?;
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
    let reason = Reason::Value("an ordinal has no fingerprint");
    let error = FormatError::new("ordinals", paged.pages().offset, reason);
    Err(Error::of_format(segment, &error))
}
