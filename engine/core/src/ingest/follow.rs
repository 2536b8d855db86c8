//! Following a file that grows: its reader waits at the end for more, and ends where the file was replaced, renamed or
//! cut.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The time between two looks at a file that did not grow.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);

/// A file that may grow. It is the file that was opened, whatever its path names later.
pub(super) struct FollowedFile {
    path: PathBuf,
    file: File,
    /// Whether its readers wait at the end of the file.
    waits: Arc<AtomicBool>,
    /// Nobody wants to read any more.
    over: Arc<AtomicBool>,
}

impl FollowedFile {
    pub(super) fn new(path: PathBuf, file: File) -> Self {
        Self {
            path,
            file,
            waits: Arc::default(),
            over: Arc::default(),
        }
    }

    /// A reader from the first byte on.
    pub(super) fn reader(&self) -> io::Result<FollowingReader> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(FollowingReader {
            path: self.path.clone(),
            file,
            position: 0,
            waits: Arc::clone(&self.waits),
            over: Arc::clone(&self.over),
        })
    }

    /// From now on readers wait at the end of the file.
    pub(super) fn wait_at_end(&self) {
        self.waits.store(true, Ordering::Relaxed);
    }
}

impl Drop for FollowedFile {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Reads a file that may grow.
pub(super) struct FollowingReader {
    path: PathBuf,
    file: File,
    /// Bytes read.
    position: u64,
    waits: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Read for FollowingReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // What is written between the last read and the renaming is read by one more round.
        let mut replaced = false;
        loop {
            let read = self.file.read(into)?;
            self.position += read as u64;
            if read > 0 || replaced || into.is_empty() || !self.waits.load(Ordering::Relaxed) {
                return Ok(read);
            }
            if self.over.load(Ordering::Relaxed) {
                return Ok(0);
            }
            let own = self.file.metadata()?;
            if own.len() < self.position {
                return Ok(0);
            }
            // While nothing is under the name the file may still be written to.
            replaced = is_another(&self.path, &own);
            if !replaced {
                std::thread::sleep(INTERVAL);
            }
        }
    }
}

/// Whether the path names another file than the one that `own` describes.
fn is_another(path: &Path, own: &Metadata) -> bool {
    let Ok(there) = std::fs::metadata(path) else {
        return false;
    };
    identity(&there) != identity(own)
}

#[cfg(unix)]
fn identity(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

#[cfg(not(unix))]
fn identity(file: &Metadata) -> Option<std::time::SystemTime> {
    file.created().ok()
}
