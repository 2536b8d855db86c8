//! The writer's lock: one writer at a time, among all processes and all store objects of one process.
//!
//! The lock is the operating system's, on the file `LOCK`, and is released with the process that held it. The text in
//! the file names the holder and the last commit that is known to be on disk (docs/format.md). Losing the text loses
//! nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lakebed_format::{CommitNumber, LockText, names};
use lakebed_vfs::{File, Lock, Open, Vfs};

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;

/// The text is padded to this many bytes, so that one write replaces all of it.
const TEXT_BYTES: usize = 1024;
/// Longest command kept in the text, in bytes.
const COMMAND_BYTES: usize = 512;
/// First and longest pause between two tries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// The held lock. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: Arc<dyn File>,
    text: LockText,
}

impl WriterLock {
    /// Takes the lock, waiting at most `lock_timeout` for another writer.
    ///
    /// # Errors
    /// `StoreLocked` names the holder; `Io` when the file cannot be opened or written; `InvalidArgument` in a process
    /// forked from the one that opened the store's files; `Interrupted`.
    pub(crate) fn acquire(vfs: &dyn Vfs, options: &Options) -> Result<Self> {
        let timeout = options.lock_timeout;
        let file = vfs
            .open(names::LOCK, Open::Create)
            .map_err(|e| Error::io(&format!("opening the lock of {}", vfs.describe()), e))?;
        let began = Instant::now();
        let mut pause = PAUSE.0;
        loop {
            let taken = file
                .try_lock(Lock::Exclusive)
                .map_err(|e| Error::io(&format!("locking {}", vfs.describe()), e))?;
            if taken {
                break;
            }
            let waited = began.elapsed();
            if waited >= timeout {
                return Err(held_by_another(vfs, &read_text(file.as_ref()), waited));
            }
            if (options.interrupted)() {
                return Err(Error::new(
                    ErrorKind::Interrupted,
                    format!(
                        "Waiting for {} was interrupted; nothing was changed.",
                        vfs.describe()
                    ),
                ));
            }
            std::thread::sleep(pause.min(timeout.saturating_sub(waited)));
            pause = (pause * 2).min(PAUSE.1);
        }
        let text = LockText {
            pid: Some(u64::from(std::process::id())),
            command: Some(shortened(&options.command).to_owned()),
            since: Some(options.clock.now()),
            synced: read_text(file.as_ref()).synced,
        };
        let lock = Self { file, text };
        lock.write_text(vfs)?;
        Ok(lock)
    }

    /// The last commit whose sync returned, as the last writer left it.
    pub(crate) fn synced(&self) -> Option<CommitNumber> {
        self.text.synced
    }

    /// Records that this commit is on disk.
    ///
    /// # Errors
    /// `Io`, `StoreFull`; the commit stands, and the next writer checks it.
    pub(crate) fn set_synced(&mut self, vfs: &dyn Vfs, commit: CommitNumber) -> Result<()> {
        self.text.synced = Some(commit);
        self.write_text(vfs)
    }

    fn write_text(&self, vfs: &dyn Vfs) -> Result<()> {
        let mut bytes = self.text.encode().into_bytes();
        bytes.resize(TEXT_BYTES, b'\n');
        self.file
            .write_all_at(&bytes, 0)
            .map_err(|e| Error::io(&format!("writing the lock of {}", vfs.describe()), e))
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // The system releases the lock when the file closes in any case.
        let _ = self.file.unlock();
    }
}

/// The last commit that is on disk, as the lock file says; `None` when it does not.
pub(crate) fn read_synced(vfs: &dyn Vfs) -> Option<CommitNumber> {
    let file = vfs.open(names::LOCK, Open::Read).ok()?;
    read_text(file.as_ref()).synced
}

/// The text of an open lock file; what cannot be read counts as missing, for it is information only.
pub(crate) fn read_text(file: &dyn File) -> LockText {
    let mut bytes = [0_u8; TEXT_BYTES];
    let mut len = 0;
    while let Some(rest) = bytes.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, len as u64) {
            Ok(0) | Err(_) => break,
            Ok(count) => len += count,
        }
    }
    bytes.get(..len).map(LockText::decode).unwrap_or_default()
}

fn shortened(command: &str) -> &str {
    let mut end = command.len().min(COMMAND_BYTES);
    while !command.is_char_boundary(end) {
        end -= 1;
    }
    command.split_at(end).0
}

fn held_by_another(vfs: &dyn Vfs, text: &LockText, waited: Duration) -> Error {
    let own = text.pid == Some(u64::from(std::process::id()));
    let holder = match (text.pid, text.command.as_deref().filter(|c| !c.is_empty())) {
        _ if own => "another store object of this same process".to_owned(),
        (Some(pid), Some(command)) => format!("process {pid} ({command})"),
        (Some(pid), None) => format!("process {pid}"),
        (None, _) => "another process".to_owned(),
    };
    let advice = if own {
        "commit or close that one first"
    } else {
        "try again when it has committed, or allow a longer lock_timeout"
    };
    Error::new(
        ErrorKind::StoreLocked,
        format!(
            "{} is being written by {holder}, and stayed so for the {:.1} s that were waited; {advice}.",
            vfs.describe(),
            waited.as_secs_f64(),
        ),
    )
}

#[cfg(test)]
mod tests;
