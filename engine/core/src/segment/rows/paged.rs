//! Tables of a sealed segment whose pages are checked when they are first touched.

use std::sync::atomic::{AtomicU64, Ordering};

use lakebed_format::{Pages, Section, SegmentNumber};

use crate::error::{Error, Result};
use crate::segment::bytes::{Slice, Source};

/// Bytes with a checksum a page, and which pages passed.
#[derive(Debug)]
pub(crate) struct Paged {
    segment: SegmentNumber,
    salt: u64,
    pages: Pages,
    data: Slice,
    sums: Slice,
    passed: Box<[AtomicU64]>,
}

impl Paged {
    /// A paged section of a footer; checks the page checksums themselves.
    pub(crate) fn of_section(
        source: &Source,
        segment: SegmentNumber,
        salt: u64,
        section: &Section,
    ) -> Result<Self> {
        let paged = Self::new(source, segment, salt, section.pages())?;
        section
            .check_sums(salt, &paged.sums)
            .map_err(|e| Error::of_format(segment, &e))?;
        Ok(paged)
    }

    /// Bytes somewhere in the segment, and their page checksums.
    pub(crate) fn new(
        source: &Source,
        segment: SegmentNumber,
        salt: u64,
        pages: Pages,
    ) -> Result<Self> {
        let words = pages.count().div_ceil(64);
        Ok(Self {
            segment,
            salt,
            pages,
            data: source.slice(pages.offset, pages.len)?,
            sums: source.slice(pages.sums_offset, pages.sums_len())?,
            passed: (0..words).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    /// The bytes, of which only touched pages may be used.
    #[inline]
    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Checks a page, once.
    #[inline]
    pub(crate) fn touch(&self, page: u64) -> Result<()> {
        let passed = self
            .passed
            .get((page / 64) as usize)
            .is_some_and(|word| word.load(Ordering::Relaxed) >> (page % 64) & 1 == 1);
        if passed { Ok(()) } else { self.check(page) }
    }

    /// Checks the pages that hold this range of the data.
    #[inline]
    pub(crate) fn touch_range(&self, range: std::ops::Range<u64>) -> Result<()> {
        let last = Pages::page_of(range.end.saturating_sub(1).max(range.start));
        for page in Pages::page_of(range.start)..=last {
            self.touch(page)?;
        }
        Ok(())
    }

    /// Checks everything.
    pub(crate) fn touch_all(&self) -> Result<()> {
        (0..self.pages.count()).try_for_each(|page| self.touch(page))
    }

    #[cold]
    fn check(&self, page: u64) -> Result<()> {
        let range = self.pages.range(page);
        let range = range.start as usize..range.end as usize;
        // These pages do not begin where the system's do, so that most lie on two of them.
        self.data.prefetch(range.clone());
        let bytes = self.data.get(range).unwrap_or_default();
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
