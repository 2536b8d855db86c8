//! Checksums a page: a reader checks the pages it touches and no others.

use std::ops::Range;

use crate::checksum::checksum;
use crate::coding::put_u64;
use crate::error::{FormatError, Reason, Result};
use crate::limits::PAGE_SHIFT;

/// Bytes in a file whose pages of 4 KiB have a checksum each. The last page may be short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// Where the bytes are in the file.
    pub offset: u64,
    /// How many they are.
    pub len: u64,
    /// Where the page checksums are in the file: one u64 a page.
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

    /// Where page `n` is within the data.
    pub fn range(&self, n: u64) -> Range<u64> {
        let start = n.saturating_mul(1 << PAGE_SHIFT).min(self.len);
        start..start.saturating_add(1 << PAGE_SHIFT).min(self.len)
    }

    /// The checksum of page `n` as `sums` (all of them) has it.
    pub fn sum_of(&self, n: u64, sums: &[u8]) -> Result<u64> {
        let at = usize::try_from(n).ok().and_then(|n| n.checked_mul(8));
        let bytes = at
            .and_then(|at| sums.get(at..))
            .and_then(<[u8]>::first_chunk::<8>);
        let truncated = || FormatError::new("page checksums", self.sums_offset, Reason::Truncated);
        bytes.map(|b| u64::from_le_bytes(*b)).ok_or_else(truncated)
    }

    /// Checks page `n`, the bytes of which are `page`, against `stored`.
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

    /// Checks all pages.
    pub fn check_all(&self, salt: u64, data: &[u8], sums: &[u8]) -> Result<()> {
        for n in 0..self.count() {
            let range = self.range(n);
            let page = data
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default();
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
