//! Directories in which nothing happened since they were looked into, so that looking again takes one call of the system.
//!
//! The times of a directory change with each name that comes or goes. But they are no finer than the file system keeps them, and a name
//! that comes right after a look may have come at the same time: what was found is believed later only if the times were old when the
//! look began. They are compared with this machine's clock, so network file systems are looked into each time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lakebed_vfs::DirStamp;
use parking_lot::Mutex;

use crate::context::StoreContext;

/// Longer than any file system's times are apart, FAT's two seconds included, and a clock's tick.
const COARSEST: Duration = Duration::from_secs(3);

/// What was found in a directory when it was looked into last.
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

/// The state of a directory before a look into it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DirectoryState {
    stamp: Option<DirStamp>,
    /// When it was asked for, since 1970.
    at: Duration,
}

impl DirectoryState {
    /// To be asked for before looking.
    pub(crate) fn of(context: &StoreContext, dir: &str) -> Self {
        // The time first: whatever happens after the stamp was taken has a later one.
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        let stamp = if context.can_map {
            context.vfs.stamp(dir).ok().flatten()
        } else {
            None
        };
        Self {
            stamp,
            at: at.unwrap_or_default(),
        }
    }
}

impl<T: PartialEq> DirectoryCache<T> {
    /// Whether this is what a look would find.
    pub(crate) fn still(&self, before: DirectoryState, what: &T) -> bool {
        let found = self.found.lock();
        let (Some(stamp), Some((then, found))) = (before.stamp, found.as_ref()) else {
            return false;
        };
        stamp == *then && found == what
    }

    /// Keeps what a look found.
    pub(crate) fn keep(&self, before: DirectoryState, what: T) {
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
        let quiet = DirectoryCache::default();
        assert!(!quiet.still(before(100, 200), &7));
        quiet.keep(before(100, 200), 7);
        assert!(quiet.still(before(100, 201), &7));
        assert!(!quiet.still(before(100, 201), &8));
        assert!(!quiet.still(before(201, 201), &7));
    }

    #[test]
    fn what_was_found_right_after_a_change_is_looked_for_again() {
        let quiet = DirectoryCache::default();
        quiet.keep(before(100, 200), 7);
        // Another name may come within the same tick of a coarse clock.
        for at in [100, 101, 103] {
            quiet.keep(before(100, at), 8);
            assert!(!quiet.still(before(100, 300), &8), "{at}");
            assert!(!quiet.still(before(100, 300), &7), "{at}");
        }
        quiet.keep(before(100, 104), 8);
        assert!(quiet.still(before(100, 300), &8));
        // A time to come, as after a clock was set back.
        quiet.keep(before(500, 200), 8);
        assert!(!quiet.still(before(500, 200), &8));
    }

    #[test]
    fn directories_that_tell_nothing_are_looked_into() {
        let quiet = DirectoryCache::default();
        let unknown = DirectoryState {
            stamp: None,
            at: Duration::from_secs(100),
        };
        quiet.keep(unknown, 7);
        assert!(!quiet.still(unknown, &7));
    }
}
