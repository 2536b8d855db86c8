//! Whether the process was forked: a child has the memory of its parent, and none of its threads, so that a lock which
//! another thread held stays locked there for ever.

#[cfg(unix)]
mod count {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static COUNT: AtomicU64 = AtomicU64::new(0);
    static COUNTED: OnceLock<bool> = OnceLock::new();

    extern "C" fn in_child() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn forks() -> u64 {
        // SAFETY: the handler is a function of this library that only adds to an atomic number, which a child may do.
        #[expect(unsafe_code, reason = "nothing safe registers a handler")]
        let counted = COUNTED
            .get_or_init(|| unsafe { libc::pthread_atfork(None, None, Some(in_child)) } == 0);
        if *counted {
            COUNT.load(Ordering::Relaxed)
        } else {
            // Without the handler: slower, and as good.
            u64::from(std::process::id())
        }
    }
}

/// A number that is another one in a process forked from this one. It costs no system call.
pub fn forks() -> u64 {
    #[cfg(unix)]
    {
        count::forks()
    }
    #[cfg(not(unix))]
    {
        0
    }
}
