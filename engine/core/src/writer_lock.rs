//! The writer's lock: one writer at a time, among all processes and all store objects of one process.
//!
//! The lock is the operating system's, on the file `LOCK`, and is released with the process that held it. The text in
//! the file names the holder and the last commit that is known to be on disk (docs/format.md). Losing the text loses
//! nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lakebed_format::{CommitNumber, LockText, names};
use lakebed_vfs::{File, Holder, Lock, Names, Open, Vfs};
use parking_lot::Mutex;

use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::place::Place;

/// The text is padded to this many bytes, so that one write replaces all of it.
const TEXT_BYTES: usize = 1024;
/// The name of a lock file that is being made.
const TEMPORARY: &str = ".LOCK.tmp";
/// Longest command kept in the text, in bytes.
const COMMAND_BYTES: usize = 512;
/// First and longest pause between two tries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// The held lock. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct WriterLock {
    /// The open file that is locked.
    file: Arc<dyn File>,
    held: HeldLock,
    text: LockText,
}

/// The lock, for those who write under it and do not own it.
#[derive(Clone, Debug)]
pub(crate) struct HeldLock {
    /// The file `LOCK`, opened by that name.
    named: Arc<Mutex<Arc<dyn File>>>,
}

impl HeldLock {
    /// Checks that what is written now is written to the store that was opened, and by nobody else: its directory, its
    /// file `FORMAT` and the lock are still there.
    ///
    /// # Errors
    /// `StoreNotFound` when the store was moved, removed or replaced; `StoreLocked` when the lock was; `Io`.
    pub(crate) fn check(&self, context: &StoreContext) -> Result<()> {
        self.check_place(context.vfs.as_ref(), &context.place)
    }

    /// As [`HeldLock::check`], for a store at this place.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn check_place(&self, vfs: &dyn Vfs, place: &Place) -> Result<()> {
        place.check(vfs)?;
        let names = self.named.lock().names();
        if names.map_err(|e| locking(vfs, e))?.opened {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::StoreLocked,
            format!(
                "The file LOCK of {} was removed or replaced while this object was writing, so that another program may have written, \
                 too. What was pending is undone; do it again.",
                vfs.describe()
            ),
        ))
    }
}

impl WriterLock {
    /// Takes the lock, waiting at most `lock_timeout` for another writer.
    ///
    /// # Errors
    /// `StoreLocked` names the holder; `Io` when the file cannot be opened or written; `InvalidArgument` in a process
    /// forked from the one that opened the store's files; `Interrupted`.
    pub(crate) fn acquire(vfs: &dyn Vfs, options: &Options) -> Result<Self> {
        let timeout = options.lock_timeout;
        let mut file = open(vfs, Open::Create)?;
        let began = Instant::now();
        let mut pause = PAUSE.0;
        let names = loop {
            if file.try_lock(Lock::Write).map_err(|e| locking(vfs, e))? {
                // The file may have been replaced before it was locked: then another one is the lock.
                let names = file.names().map_err(|e| locking(vfs, e))?;
                if names.opened {
                    break names;
                }
                file = open(vfs, Open::Create)?;
                continue;
            }
            // What reads needs no lock on this file, and whoever may only read must not keep writers away.
            if matches!(file.holder(), Ok(Holder::Reader(_)))
                && let Ok(Some(_)) = replace(vfs, file.as_ref(), &padded(&read_text(file.as_ref())))
            {
                file = open(vfs, Open::Create)?;
                continue;
            }
            let waited = began.elapsed();
            if waited >= timeout {
                return Err(held_by_another(vfs, file.as_ref(), waited));
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
        };
        let text = LockText {
            pid: Some(u64::from(std::process::id())),
            command: Some(shortened(&options.command).to_owned()),
            since: Some(options.clock.now()),
            synced: read_text(file.as_ref()).synced,
        };
        let mut lock = Self {
            held: HeldLock {
                named: Arc::new(Mutex::new(Arc::clone(&file))),
            },
            file,
            text,
        };
        lock.write_text(vfs, names)?;
        Ok(lock)
    }

    /// The lock, for those who write under it.
    pub(crate) fn held(&self) -> HeldLock {
        self.held.clone()
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
        let names = self.file.names().map_err(|e| locking(vfs, e))?;
        self.write_text(vfs, names)
    }

    fn write_text(&mut self, vfs: &dyn Vfs, names: Names) -> Result<()> {
        let writing = |e| Error::io(&format!("writing the lock of {}", vfs.describe()), e);
        let bytes = padded(&self.text);
        if names.count <= 1 {
            return self.file.write_all_at(&bytes, 0).map_err(writing);
        }
        // A hard link, which is the lock of another store, too: of a copy made with links. The lock is held throughout.
        let replaced = replace(vfs, self.file.as_ref(), &bytes).map_err(writing)?;
        let own = replaced.ok_or_else(|| writing(std::io::ErrorKind::WouldBlock.into()))?;
        *self.held.named.lock() = open(vfs, Open::Read)?;
        self.file = own;
        Ok(())
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

/// Puts a new file with this text in the place of `LOCK`, which `old` is, and returns it locked. `None` when another
/// program is doing so.
fn replace(vfs: &dyn Vfs, old: &dyn File, text: &[u8]) -> std::io::Result<Option<Arc<dyn File>>> {
    let file = match vfs.open(TEMPORARY, Open::CreateNew) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            // What a program left that was stopped here is not locked, and is made again by the next try.
            if vfs
                .open(TEMPORARY, Open::ReadWrite)?
                .try_lock(Lock::Write)?
            {
                vfs.unlink(TEMPORARY)?;
            }
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if !file.try_lock(Lock::Write)? {
        return Ok(None);
    }
    let fill = || -> std::io::Result<bool> {
        if let Some(access) = old.access()? {
            file.set_access(access)?;
        }
        file.write_all_at(text, 0)?;
        file.sync_data()?;
        // A writer may have got the lock meanwhile: then it stays.
        if !old.names()?.opened || old.holder()? == Holder::Writer {
            return Ok(false);
        }
        // A rename that reports an error may have happened.
        match vfs.rename(TEMPORARY, names::LOCK) {
            Err(error) if file.names()?.opened => Err(error),
            _ => Ok(true),
        }
    };
    let filled = fill();
    if !matches!(filled, Ok(true)) {
        let _ = vfs.unlink(TEMPORARY);
    }
    Ok(filled?.then_some(file))
}

fn padded(text: &LockText) -> Vec<u8> {
    let mut bytes = text.encode().into_bytes();
    bytes.resize(TEXT_BYTES, b'\n');
    bytes
}

fn open(vfs: &dyn Vfs, how: Open) -> Result<Arc<dyn File>> {
    vfs.open(names::LOCK, how)
        .map_err(|e| Error::io(&format!("opening the lock of {}", vfs.describe()), e))
}

fn locking(vfs: &dyn Vfs, error: std::io::Error) -> Error {
    Error::io(&format!("locking {}", vfs.describe()), error)
}

/// Who has the lock that could not be taken.
fn held_by_another(vfs: &dyn Vfs, file: &dyn File, waited: Duration) -> Error {
    let text = read_text(file);
    let own = text.pid == Some(u64::from(std::process::id()));
    let (doing, holder, advice) = match file.holder() {
        // It has gone meanwhile, and who it was is not known.
        Ok(Holder::Nobody) => (
            "being written",
            "another program".to_owned(),
            "try again, or allow a longer lock_timeout",
        ),
        // Not a writer: the text says who wrote last, and not who this is.
        Ok(Holder::Reader(process)) => (
            "kept from writers",
            process.map_or_else(
                || "a program that has a shared lock on its file LOCK".to_owned(),
                |process| format!("process {process}, which has a shared lock on its file LOCK"),
            ),
            "end that program, which is no writer",
        ),
        _ if own => (
            "being written",
            "another store object of this same process".to_owned(),
            "commit or close that one first",
        ),
        _ => (
            "being written",
            match (text.pid, text.command.as_deref().filter(|c| !c.is_empty())) {
                (Some(pid), Some(command)) => format!("process {pid} ({command})"),
                (Some(pid), None) => format!("process {pid}"),
                (None, _) => "another process".to_owned(),
            },
            "try again when it has committed, or allow a longer lock_timeout",
        ),
    };
    Error::new(
        ErrorKind::StoreLocked,
        format!(
            "{} is {doing} by {holder}, and stayed so for the {:.1} s that were waited; {advice}.",
            vfs.describe(),
            waited.as_secs_f64(),
        ),
    )
}

#[cfg(test)]
mod tests;
