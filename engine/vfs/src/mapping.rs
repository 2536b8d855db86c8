//! Read-only mappings of files.

use std::fmt;
use std::fs;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use memmap2::{Mmap, MmapOptions};

use crate::count;
use crate::guard::Guard;
use crate::pages::{page_size, round_to_pages};

/// How bytes of a [`Mapping`] will be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Advice {
    /// Unknown; the system reads ahead a little.
    Normal = 1,
    /// In random places: no reading ahead.
    Random,
    /// From front to back: read far ahead.
    Sequential,
    /// Soon: start reading now.
    WillNeed,
}

/// The advice that replaces all other; 0 for none.
static FORCED: AtomicU8 = AtomicU8::new(0);

/// Makes every [`Mapping::advise`] of this process give this advice instead of its own; `None` ends that. For measuring
/// what each piece of advice does to the engine (`bench/pages`).
#[doc(hidden)]
pub fn force_advice(advice: Option<Advice>) {
    FORCED.store(advice.map_or(0, |advice| advice as u8), Ordering::Relaxed);
}

/// The advice that replaces this one.
fn forced(advice: Advice) -> Advice {
    let number = FORCED.load(Ordering::Relaxed);
    [
        Advice::Normal,
        Advice::Random,
        Advice::Sequential,
        Advice::WillNeed,
    ]
    .into_iter()
    .find(|known| *known as u8 == number)
    .unwrap_or(advice)
}

/// The bytes of a file in memory. Clones share one mapping, which lives as long as the last of them, independently of
/// the file, its name and the [`crate::Vfs`]. The address does not change.
#[derive(Clone)]
pub struct Mapping {
    bytes: Arc<Bytes>,
}

enum Bytes {
    Mapped(Counted),
    Owned(Arc<[u8]>),
}

/// A mapping of the operating system, which counts.
struct Counted {
    /// Dropped before the mapping.
    guard: Guard,
    map: Mmap,
    _count: Count,
}

/// One of the mappings that the process may have.
struct Count;

impl Drop for Count {
    fn drop(&mut self) {
        count::drop_one();
    }
}

impl Mapping {
    /// Maps the first `len` bytes of an open file after checking that it has them.
    pub(crate) fn of_file(file: &fs::File, len: u64) -> io::Result<Self> {
        check_len(file.metadata()?.len(), len)?;
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        if len == 0 {
            return Ok(Self::from(Vec::new()));
        }
        count::take_one()?;
        let count = Count;
        #[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
        // SAFETY: the mapping is private to this type, read-only, and inside the file's length as just checked. What
        // remains is what `ReadFile::map` demands of its caller: these bytes are not written and the file is not
        // shortened while the mapping lives. The engine maps only files that are complete (sealed segments, runs),
        // never writes to those again and never shortens them; removing one leaves its bytes in place. Where others
        // could break that, on network file systems, `Vfs::can_map` says no.
        let map = unsafe { MmapOptions::new().len(len).map(file)? };
        let guard = Guard::new(map.as_ptr() as usize, map.len())?;
        Ok(Self {
            bytes: Arc::new(Bytes::Mapped(Counted {
                guard,
                map,
                _count: count,
            })),
        })
    }

    /// Tells the system how a range of the mapping will be read. The range is rounded outwards to pages and ends with
    /// the mapping. A hint: it has no effect on systems without advice and on bytes that are not mapped from a file.
    ///
    /// # Errors
    /// The system's.
    pub fn advise(&self, advice: Advice, range: Range<usize>) -> io::Result<()> {
        match &*self.bytes {
            Bytes::Mapped(Counted { map, .. }) => {
                let pages = round_to_pages(range, map.len(), page_size());
                advise(map, forced(advice), pages)
            }
            Bytes::Owned(_) => Ok(()),
        }
    }

    /// Whether a page could not be read: the disk reported an error, or the file was cut. Then bytes that were read
    /// from it, at any time and anywhere, may be zeros, and are not to be used. To be asked after reading.
    #[inline]
    pub fn has_failed(&self) -> bool {
        match &*self.bytes {
            Bytes::Mapped(Counted { guard, .. }) => guard.has_failed(),
            Bytes::Owned(_) => false,
        }
    }

    /// Says that its bytes go to somebody who does not ask [`Mapping::has_failed`]: a page that cannot be read then
    /// ends the process, as zeros would be taken for what was stored.
    ///
    /// # Errors
    /// It has failed already.
    pub fn give(&self) -> io::Result<()> {
        if let Bytes::Mapped(Counted { guard, .. }) = &*self.bytes {
            guard.give();
        }
        if self.has_failed() {
            return Err(io::Error::other("a part of the file could not be read"));
        }
        Ok(())
    }

    /// Fetches a range that is about to be read, if it lies on more than one page: all pages together, where a mapping
    /// with [`Advice::Random`] fetches each when it is touched. A hint, like [`Mapping::advise`]; it costs a system
    /// call, so it is for ranges that are rarely read.
    pub fn prefetch(&self, range: Range<usize>) {
        if let Bytes::Mapped(Counted { map, .. }) = &*self.bytes
            && FORCED.load(Ordering::Relaxed) == 0
        {
            let page = page_size();
            let pages = round_to_pages(range, map.len(), page);
            if pages.len() > page {
                let _ = advise(map, Advice::WillNeed, pages);
            }
        }
    }
}

/// Checks that a file of `has` bytes can be mapped for `wanted`.
pub(crate) fn check_len(has: u64, wanted: u64) -> io::Result<()> {
    if has >= wanted {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the file has {has} bytes and should have {wanted}"),
    ))
}

#[cfg(unix)]
fn advise(map: &Mmap, advice: Advice, range: Range<usize>) -> io::Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    let advice = match advice {
        Advice::Normal => memmap2::Advice::Normal,
        Advice::Random => memmap2::Advice::Random,
        Advice::Sequential => memmap2::Advice::Sequential,
        Advice::WillNeed => memmap2::Advice::WillNeed,
    };
    map.advise_range(advice, range.start, range.len())
}

#[cfg(not(unix))]
fn advise(_: &Mmap, _: Advice, _: Range<usize>) -> io::Result<()> {
    Ok(())
}

impl Deref for Mapping {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &*self.bytes {
            Bytes::Mapped(Counted { map, .. }) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Bytes that are in memory, for storage that cannot be mapped.
impl From<Arc<[u8]>> for Mapping {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self {
            bytes: Arc::new(Bytes::Owned(bytes)),
        }
    }
}

impl From<Vec<u8>> for Mapping {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Arc::<[u8]>::from(bytes))
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &*self.bytes {
            Bytes::Mapped(_) => "mapped",
            Bytes::Owned(_) => "owned",
        };
        write!(f, "Mapping({kind}, {} bytes)", self.len())
    }
}
