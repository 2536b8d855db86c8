//! How many mappings and open files the process may have.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What Linux allows by default.
const USUAL_MAPPINGS: usize = 65_530;
/// Where the system does not say.
#[cfg(not(unix))]
const USUAL_FILES: u64 = 256;

static MAPPED: AtomicUsize = AtomicUsize::new(0);
/// A limit that a test has set; 0 for none.
static FORCED: AtomicUsize = AtomicUsize::new(0);

/// The most mappings: half of what the system allows a process, whose other parts need some, too.
fn most_mappings() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();

    let forced = FORCED.load(Ordering::Relaxed);
    if forced > 0 {
        return forced;
    }
    *MOST.get_or_init(|| {
        let allowed = std::fs::read_to_string("/proc/sys/vm/max_map_count");
        let allowed = allowed.ok().and_then(|text| text.trim().parse().ok());
        allowed.unwrap_or(USUAL_MAPPINGS) / 2
    })
}

/// Whether so many mappings exist that no file should have two of them.
pub fn mappings_are_scarce() -> bool {
    MAPPED.load(Ordering::Relaxed) >= most_mappings() / 2
}

/// Lets this process have at most so many mappings, for tests; 0 ends that.
#[doc(hidden)]
pub fn force_most_mappings(most: usize) {
    FORCED.store(most, Ordering::Relaxed);
}

/// How many mappings exist, for tests.
#[doc(hidden)]
pub fn mappings() -> usize {
    MAPPED.load(Ordering::Relaxed)
}

/// Counts a mapping that is about to be made.
///
/// # Errors
/// `OutOfMemory`, as the system's, when there are too many.
pub(crate) fn take_one() -> io::Result<()> {
    let most = most_mappings();
    let taken = MAPPED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |mapped| {
        (mapped < most).then_some(mapped + 1)
    });
    taken
        .map(drop)
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))
}

/// A mapping is gone.
pub(crate) fn drop_one() {
    MAPPED.fetch_sub(1, Ordering::Relaxed);
}

/// How many files the process may have open at a time.
pub fn open_file_limit() -> u64 {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        limit.current.unwrap_or(u64::MAX)
    }
    #[cfg(not(unix))]
    {
        USUAL_FILES
    }
}

/// Whether an error says that the process, or the system, has too many open files.
pub fn is_out_of_files(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        let codes = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
        let code = crate::errno(error);
        code.is_some_and(|code| codes.iter().any(|known| known.raw_os_error() == code))
    }
    #[cfg(not(unix))]
    {
        _ = error;
        false
    }
}
