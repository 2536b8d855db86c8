//! Read errors under a mapping.
//!
//! When a page of a mapping cannot be read, because the disk reports an error or the file was cut, the system sends
//! SIGBUS to the thread that touches it, which ends the process. The handler here turns the whole mapping into zeros
//! and marks it as failed, and the thread goes on. Whoever reads from a mapping asks afterwards whether it failed, and
//! then throws away what it read. A mapping whose bytes were handed out to somebody who cannot ask is left alone, as
//! are faults of others: the handler that was there before gets them.
//!
//! The handler is installed once, when the first file is mapped. One that is installed later goes first.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};

use parking_lot::Mutex;

/// A range of addresses. Ranges are never freed, since the handler may be looking at them, but used again.
struct Range {
    /// Odd while the others change.
    version: AtomicUsize,
    start: AtomicUsize,
    /// 0 when it is free.
    len: AtomicUsize,
    failed: AtomicBool,
    given: AtomicBool,
    next: AtomicPtr<Range>,
}

static RANGES: AtomicPtr<Range> = AtomicPtr::new(ptr::null_mut());
static FREE: Mutex<Vec<&'static Range>> = Mutex::new(Vec::new());
/// The handler that was there before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();
static INSTALLING: Mutex<()> = Mutex::new(());

/// A mapping that is watched.
pub(crate) struct Guard {
    range: &'static Range,
}

impl Guard {
    /// Watches a mapping of whole pages at this address. It must stay mapped until the guard is dropped.
    ///
    /// # Errors
    /// The system's, when no handler can be installed.
    pub(crate) fn new(start: usize, len: usize) -> io::Result<Self> {
        install()?;
        let free = FREE.lock().pop();
        let range = free.unwrap_or_else(|| {
            Box::leak(Box::new(Range {
                version: AtomicUsize::new(0),
                start: AtomicUsize::new(0),
                len: AtomicUsize::new(0),
                failed: AtomicBool::new(false),
                given: AtomicBool::new(false),
                next: AtomicPtr::new(ptr::null_mut()),
            }))
        });
        range.set(start, len);
        if free.is_none() {
            let new = ptr::from_ref(range).cast_mut();
            let linked = RANGES.fetch_update(Ordering::AcqRel, Ordering::Acquire, |first| {
                range.next.store(first, Ordering::Relaxed);
                Some(new)
            });
            debug_assert!(linked.is_ok(), "the update never refuses");
        }
        Ok(Self { range })
    }

    /// Whether a page could not be read. Everything that was read may be zeros then.
    pub(crate) fn has_failed(&self) -> bool {
        self.range.failed.load(Ordering::SeqCst)
    }

    /// Bytes go to somebody who cannot ask whether reading failed: from now on it ends the process.
    pub(crate) fn give(&self) {
        self.range.given.store(true, Ordering::SeqCst);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.range.set(0, 0);
        FREE.lock().push(self.range);
    }
}

impl Range {
    fn set(&self, start: usize, len: usize) {
        self.version.fetch_add(1, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        self.start.store(start, Ordering::Relaxed);
        self.len.store(len, Ordering::Relaxed);
        self.failed.store(false, Ordering::Relaxed);
        self.given.store(false, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Start and length, if the address is inside.
    fn holds(&self, address: usize) -> Option<(usize, usize)> {
        let before = self.version.load(Ordering::SeqCst);
        let start = self.start.load(Ordering::Relaxed);
        let len = self.len.load(Ordering::Relaxed);
        fence(Ordering::SeqCst);
        // A range that changes now is not one that a thread is reading from.
        let stable = before.is_multiple_of(2) && self.version.load(Ordering::SeqCst) == before;
        (stable && address.wrapping_sub(start) < len).then_some((start, len))
    }
}

fn install() -> io::Result<()> {
    if BEFORE.get().is_some() {
        return Ok(());
    }
    let _one = INSTALLING.lock();
    if BEFORE.get().is_some() {
        return Ok(());
    }
    #[expect(unsafe_code, reason = "a signal handler is unsafe by nature")]
    // SAFETY: both calls get valid pointers. The handler has the signature that SA_SIGINFO asks for. It is async-signal
    // safe: it reads atomics of memory that is never freed, and calls mmap, sigaction and the handler before it. What
    // was there before is known before the first fault can reach the handler.
    unsafe {
        let mut before = MaybeUninit::<libc::sigaction>::zeroed();
        if libc::sigaction(libc::SIGBUS, ptr::null(), before.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let _ = BEFORE.set(before.assume_init());
        let mut own = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        own.sa_sigaction = handler as *const () as usize;
        own.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        libc::sigemptyset(&raw mut own.sa_mask);
        if libc::sigaction(libc::SIGBUS, &raw const own, ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    #[expect(unsafe_code, reason = "a signal handler is unsafe by nature")]
    // SAFETY: the system passes a valid `info` with SA_SIGINFO; ranges are never freed; a range that holds the address
    // is mapped from its start for its length, by `Guard::new`, and stays so while a thread reads from it, so that the
    // mapping that replaces it replaces nothing else. Its bytes change under readers, as those of a file's mapping may
    // at any time: they read plain bytes, check them, and ask whether the mapping failed before they use them.
    unsafe {
        // Codes above 0 are the system's own: a fault and not a signal that somebody sent.
        if (*info).si_code > 0 && survive((*info).si_addr() as usize) {
            return;
        }
        let before = BEFORE.get().copied();
        match before.map_or(libc::SIG_DFL, |before| before.sa_sigaction) {
            libc::SIG_DFL | libc::SIG_IGN => {
                // The same instruction faults again, without a handler.
                let mut default = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &raw const default, ptr::null_mut());
            }
            address => {
                let flags = before.map_or(0, |before| before.sa_flags);
                if flags & libc::SA_SIGINFO == 0 {
                    let call: extern "C" fn(libc::c_int) = std::mem::transmute(address);
                    call(signal);
                } else {
                    let call: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                        std::mem::transmute(address);
                    call(signal, info, context);
                }
            }
        }
    }
}

/// Turns the mapping that holds this address into zeros; false when there is none, or its bytes were handed out.
fn survive(address: usize) -> bool {
    let mut next = RANGES.load(Ordering::Acquire);
    #[expect(unsafe_code, reason = "a signal handler is unsafe by nature")]
    // SAFETY: see `handler`. errno, which the interrupted code may be about to read, is put back.
    unsafe {
        while let Some(range) = next.as_ref() {
            if let Some((start, len)) = range.holds(address) {
                range.failed.store(true, Ordering::SeqCst);
                if range.given.load(Ordering::SeqCst) {
                    return false;
                }
                let errno = *libc::__errno_location();
                let flags =
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
                let zeros = libc::mmap(start as *mut _, len, libc::PROT_READ, flags, -1, 0);
                *libc::__errno_location() = errno;
                return zeros != libc::MAP_FAILED;
            }
            next = range.next.load(Ordering::Acquire);
        }
    }
    false
}
