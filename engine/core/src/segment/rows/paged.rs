//! Tables of a sealed segment whose pages are checked when they are first used.

use std::sync::atomic::{AtomicU64, Ordering};

use lakebed_format::{Pages, Section, SegmentNumber};

use crate::error::{Error, Result};
use crate::segment::bytes::{SegmentBytes, Slice};

/// Bytes with a checksum a page, and which pages passed.
#[derive(Debug)]
pub(super) struct PagedTable {
    segment: SegmentNumber,
    salt: u64,
    pages: Pages,
    data: Slice,
    sums: Slice,
    passed: Box<[AtomicU64]>,
}

impl PagedTable {
    /// A paged section of a footer; checks the page checksums themselves.
    pub(super) fn of_section(
        bytes: &SegmentBytes,
        segment: SegmentNumber,
        salt: u64,
        section: &Section,
    ) -> Result<Self> {
        let paged = Self::new(bytes, segment, salt, section.pages())?;
        section
            .check_sums(salt, &paged.sums)
            .map_err(|e| Error::of_format(segment, &e))?;
        Ok(paged)
    }

    /// Bytes somewhere in the segment, and their page checksums.
    pub(super) fn new(
        bytes: &SegmentBytes,
        segment: SegmentNumber,
        salt: u64,
        pages: Pages,
    ) -> Result<Self> {
        let words = pages.count().div_ceil(64);
        Ok(Self {
            segment,
            salt,
            pages,
            data: bytes.slice(pages.offset, pages.len)?,
            sums: bytes.slice(pages.sums_offset, pages.sums_len())?,
            passed: (0..words).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    /// Where it is in the file.
    pub(super) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// The bytes, of which only checked pages may be used.
    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Checks a page, unless it passed before.
    #[inline]
    pub(super) fn check(&self, page: u64) -> Result<()> {
        let passed = self
            .passed
            .get((page / 64) as usize)
            .is_some_and(|word| word.load(Ordering::Relaxed) >> (page % 64) & 1 == 1);
        if passed { Ok(()) } else { self.check_now(page) }
    }

    /// Checks the pages that hold this range of the data.
    #[inline]
    pub(super) fn check_range(&self, range: std::ops::Range<u64>) -> Result<()> {
        let last = Pages::page_of(range.end.saturating_sub(1).max(range.start));
        for page in Pages::page_of(range.start)..=last {
            self.check(page)?;
        }
        Ok(())
    }

    /// Checks all pages.
    pub(super) fn check_all(&self) -> Result<()> {
        (0..self.pages.count()).try_for_each(|page| self.check(page))
    }

    #[cold]
    fn check_now(&self, page: u64) -> Result<()> {
        let range = self.pages.range(page);
        let range = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok());
        let range = range.map(|(start, end)| start..end);
        // These pages do not begin where the system's do, so that most lie on two of them.
        if let Some(range) = &range {
            self.data.prefetch(range.clone());
        }
        let bytes = range
            .and_then(|range| self.data.get(range))
            .ok_or_else(|| {
                let detail = "a page does not lie within its table";
                Error::corrupt(self.segment, self.pages.offset, detail)
            })?;
        self.pages
            .sum_of(page, &self.sums)
            .and_then(|stored| self.pages.check(self.salt, page, bytes, stored))
            .map_err(|e| Error::of_format(self.segment, &e))?;
        if let Some(word) = self.passed.get((page / 64) as usize) {
            word.fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
        Ok(())
    }
}
