//! Paged data: each page has a checksum, so that a reader checks only the pages it reads.

use std::ops::Range;

use crate::checksum::checksum;
use crate::coding::put_u64;
use crate::error::{FormatError, Reason, Result};
use crate::limits::PAGE_SHIFT;

/// Bytes in a file of which each page of 4 KiB has a checksum. The last page may be short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// Offset of the bytes in the file.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
    /// Offset of the page checksums in the file: a u64 for each page.
    pub sums_offset: u64,
}

impl Pages {
    /// Number of pages.
    pub const fn count(&self) -> u64 {
        self.len.div_ceil(1 << PAGE_SHIFT)
    }

    /// Bytes of the checksums.
    pub const fn sums_len(&self) -> u64 {
        self.count().saturating_mul(8)
    }

    /// One after the last byte of the checksums in the file.
    pub const fn end(&self) -> u64 {
        self.sums_offset.saturating_add(self.sums_len())
    }

    /// The page that holds byte `at` of the data.
    pub const fn page_of(at: u64) -> u64 {
        at >> PAGE_SHIFT
    }

    /// The range of page `n` in the data.
    pub fn range(&self, n: u64) -> Range<u64> {
        let start = n.saturating_mul(1 << PAGE_SHIFT).min(self.len);
        start..start.saturating_add(1 << PAGE_SHIFT).min(self.len)
    }

    /// The checksum of page `n` in `sums`, which are all page checksums.
    ///
    /// # Errors
    /// `sums` ends before it.
    pub fn sum_of(&self, n: u64, sums: &[u8]) -> Result<u64> {
        let at = usize::try_from(n).ok().and_then(|n| n.checked_mul(8));
        let bytes = at
            .and_then(|at| sums.get(at..))
            .and_then(<[u8]>::first_chunk::<8>);
        let truncated = || FormatError::new("page checksums", self.sums_offset, Reason::Truncated);
        bytes.map(|b| u64::from_le_bytes(*b)).ok_or_else(truncated)
    }

    /// Checks page `n`, whose bytes are `page`, against the checksum `stored`.
    ///
    /// # Errors
    /// The page has another length or checksum.
    pub fn check(&self, salt: u64, n: u64, page: &[u8], stored: u64) -> Result<()> {
        let range = self.range(n);
        let at = self.offset.wrapping_add(range.start);
        if page.len() as u64 != range.end - range.start || page.is_empty() {
            return Err(FormatError::new("page", at, Reason::Truncated));
        }
        if checksum(salt, at, page) != stored {
            return Err(FormatError::new("page", at, Reason::Checksum));
        }
        Ok(())
    }

    /// Checks all pages: the data, against all page checksums.
    ///
    /// # Errors
    /// The data has another length, a page has another checksum, or `sums` is too short.
    pub fn check_all(&self, salt: u64, data: &[u8], sums: &[u8]) -> Result<()> {
        if data.len() as u64 != self.len {
            return Err(FormatError::new("page", self.offset, Reason::Truncated));
        }
        for (n, page) in (0..).zip(data.chunks(1 << PAGE_SHIFT)) {
            self.check(salt, n, page, self.sum_of(n, sums)?)?;
        }
        Ok(())
    }
}

/// Appends the checksums of the pages of `data`, which is at `offset` in a file with `salt`.
pub fn put_page_sums(salt: u64, offset: u64, data: &[u8], out: &mut Vec<u8>) {
    let mut at = offset;
    for page in data.chunks(1 << PAGE_SHIFT) {
        put_u64(out, checksum(salt, at, page));
        at = at.wrapping_add(page.len() as u64);
    }
}
