//! Caches what was found in a directory, validated by the directory's modification time: looking again takes one system
//! call.
//!
//! The times of a directory change with each name that is added or removed. They are only as fine as the file system
//! keeps them, and a name added right after a look may get the same time: a result is kept only if the times were old
//! when the look began. Times are compared with this machine's clock, so directories of network file systems are never
//! cached.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lakebed_vfs::{DirStamp, ReadVfs};
use parking_lot::Mutex;

/// Longer than the resolution of any file system's times, FAT's two seconds included, and a tick of the clock.
const COARSEST: Duration = Duration::from_secs(3);

/// The last result of looking into a directory.
#[derive(Debug)]
pub(crate) struct DirectoryCache<T> {
    found: Mutex<Option<(DirStamp, T)>>,
}

impl<T> Default for DirectoryCache<T> {
    fn default() -> Self {
        Self {
            found: Mutex::default(),
        }
    }
}

/// The state of a directory before looking into it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DirectoryState {
    stamp: Option<DirStamp>,
    /// The time before the stamp was read, since 1970.
    at: Duration,
}

impl DirectoryState {
    /// Reads the state; to be called before looking.
    pub(crate) fn of(vfs: &dyn ReadVfs, can_map: bool, dir: &str) -> Self {
        // The time first: whatever happens after the stamp was taken has a later one.
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        // Where files are not mapped, times may be another machine's.
        let stamp = if can_map {
            vfs.stamp(dir).ok().flatten()
        } else {
            None
        };
        Self {
            stamp,
            // Before 1970 nothing is old enough to be kept.
            at: at.unwrap_or(Duration::ZERO),
        }
    }
}

impl<T: PartialEq> DirectoryCache<T> {
    /// Whether looking would find `what`.
    pub(crate) fn is_current(&self, now: DirectoryState, what: &T) -> bool {
        let found = self.found.lock();
        let (Some(stamp), Some((then, found))) = (now.stamp, found.as_ref()) else {
            return false;
        };
        stamp == *then && found == what
    }

    /// Keeps what was found by looking after `before`.
    pub(crate) fn store(&self, before: DirectoryState, what: T) {
        let old = before
            .stamp
            .filter(|stamp| stamp.latest() + COARSEST < before.at);
        *self.found.lock() = old.map(|stamp| (stamp, what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(latest: u64, at: u64) -> DirectoryState {
        DirectoryState {
            stamp: Some(DirStamp {
                id: [1, 2],
                written: Duration::from_secs(latest),
                changed: Duration::from_secs(latest - 1),
            }),
            at: Duration::from_secs(at),
        }
    }

    #[test]
    fn what_was_found_long_after_the_last_change_holds_until_the_next() {
        let cache = DirectoryCache::default();
        assert!(!cache.is_current(before(100, 200), &7));
        cache.store(before(100, 200), 7);
        assert!(cache.is_current(before(100, 201), &7));
        assert!(!cache.is_current(before(100, 201), &8));
        assert!(!cache.is_current(before(201, 201), &7));
    }

    #[test]
    fn what_was_found_right_after_a_change_is_looked_for_again() {
        let cache = DirectoryCache::default();
        cache.store(before(100, 200), 7);
        // Another name may come within the same tick of a coarse clock.
        for at in [100, 101, 103] {
            cache.store(before(100, at), 8);
            assert!(!cache.is_current(before(100, 300), &8), "{at}");
            assert!(!cache.is_current(before(100, 300), &7), "{at}");
        }
        cache.store(before(100, 104), 8);
        assert!(cache.is_current(before(100, 300), &8));
        // A time to come, as after a clock was set back.
        cache.store(before(500, 200), 8);
        assert!(!cache.is_current(before(500, 200), &8));
    }

    #[test]
    fn directories_that_tell_nothing_are_looked_into() {
        let cache = DirectoryCache::default();
        let unknown = DirectoryState {
            stamp: None,
            at: Duration::from_secs(100),
        };
        cache.store(unknown, 7);
        assert!(!cache.is_current(unknown, &7));
    }
}
