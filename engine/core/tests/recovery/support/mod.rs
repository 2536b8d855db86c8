//! What all these tests share: steps on a store and its model at once, what a store shows, and what an image must show.

pub(crate) mod image;
pub(crate) mod look;
pub(crate) mod runner;
pub(crate) mod through;
pub(crate) mod unpacked;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lakebed_core::{Clock, Mode, Options};

/// Whether the bounds are those of the long run.
pub(crate) fn long() -> bool {
    std::env::var_os("LAKEBED_LONG").is_some_and(|value| !value.is_empty() && value != "0")
}

/// One number for the default run, another for the long one.
pub(crate) fn bound(default: usize, long_run: usize) -> usize {
    if long() { long_run } else { default }
}

/// Runs the cases on both cores.
pub(crate) fn on_both_cores<T: Sync>(cases: &[T], test: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    test(case);
                }
            });
        }
    });
}

/// Options for small stores: pages and segments so small that few records fill several.
pub(crate) fn options() -> Options {
    Options {
        page_bytes: 512,
        lock_timeout: Duration::from_millis(50),
        cache_bytes: 1 << 20,
        threads: 1,
        command: "recovery test".to_owned(),
        clock: Clock(|| 1_700_000_000_000_000),
        ..Options::default()
    }
}

/// The same for reading.
pub(crate) fn reading() -> Options {
    Options {
        mode: Mode::Read,
        create: false,
        ..options()
    }
}
