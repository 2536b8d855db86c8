//! The system's page size, read at run time: 4, 16 or 64 KiB on common machines.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};

/// The page size that tests pretend; 0 for none.
static PRETENDED: AtomicUsize = AtomicUsize::new(0);
static PRETENDING: Mutex<()> = Mutex::new(());

/// Bytes of a page of memory; a power of two.
pub fn page_size() -> usize {
    match PRETENDED.load(Ordering::Relaxed) {
        0 => system_page_size(),
        pretended => pretended,
    }
}

#[cfg(unix)]
fn system_page_size() -> usize {
    rustix::param::page_size()
}

#[cfg(not(unix))]
fn system_page_size() -> usize {
    // Mappings start at the allocation granularity there, and advice is not given.
    65_536
}

/// The smallest range of whole pages around `range`, but none of it past `len`.
pub fn round_to_pages(range: Range<usize>, len: usize, page: usize) -> Range<usize> {
    let mask = page.max(1).next_power_of_two() - 1;
    let end = range.end.min(len);
    let start = range.start.min(end);
    if start == end {
        return start..end;
    }
    (start & !mask)
        ..end
            .checked_add(mask)
            .map_or(len, |up| (up & !mask).min(len))
}

/// Makes [`page_size`] return `bytes`, a power of two, until the guard is dropped. For tests of layouts; one at a time,
/// others wait.
///
/// # Panics
/// If `bytes` is not a power of two.
#[doc(hidden)]
pub fn pretend_page_size(bytes: usize) -> PretendedPageSize {
    assert!(bytes.is_power_of_two(), "pages are powers of two");
    let turn = PRETENDING.lock();
    PRETENDED.store(bytes, Ordering::Relaxed);
    PretendedPageSize { _turn: turn }
}

/// See [`pretend_page_size`].
#[doc(hidden)]
#[derive(Debug)]
#[must_use]
pub struct PretendedPageSize {
    _turn: MutexGuard<'static, ()>,
}

impl Drop for PretendedPageSize {
    fn drop(&mut self) {
        PRETENDED.store(0, Ordering::Relaxed);
    }
}
