//! An open file of the operating system.

use std::fs;
use std::io;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::directory::{Directory, FileId};
use super::write_lock;
use crate::{Access, File, Holder, Lock, Mapping, Names, ReadFile};

#[derive(Debug)]
pub(super) struct OsFile {
    file: fs::File,
    id: OnceLock<FileId>,
    /// Where it was opened, and by which name.
    directory: Arc<Directory>,
    name: Box<str>,
    /// The process that opened it: after a fork a child shares the open file and its lock.
    process: u32,
    locked: Mutex<Option<Lock>>,
}

impl OsFile {
    pub(super) fn new(file: fs::File, directory: &Arc<Directory>, name: &str) -> Self {
        Self {
            file,
            id: OnceLock::new(),
            directory: Arc::clone(directory),
            name: name.into(),
            process: std::process::id(),
            locked: Mutex::new(None),
        }
    }

    fn release(&self, held: Lock) -> io::Result<()> {
        match held {
            Lock::Shared | Lock::Exclusive => self.file.unlock(),
            Lock::Write => write_lock::release(&self.file),
        }
    }
}

impl ReadFile for OsFile {
    #[cfg(unix)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buf, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn map(&self, len: u64) -> io::Result<Mapping> {
        Mapping::of_file(&self.file, len)
    }

    fn os_file(&self) -> Option<&fs::File> {
        Some(&self.file)
    }

    fn names(&self) -> io::Result<Names> {
        self.directory.names_of(&self.name, &self.file, &self.id)
    }
}

impl File for OsFile {
    #[cfg(unix)]
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.file, buf, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(&self.file, buf, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        // fdatasync; on macOS the standard library uses F_FULLFSYNC, which is what reaches the disk there.
        self.file.sync_data()
    }

    #[cfg(target_os = "linux")]
    fn clone_bytes(&self, from: &dyn ReadFile) -> bool {
        from.os_file()
            .is_some_and(|from| rustix::fs::ioctl_ficlone(&self.file, from).is_ok())
    }

    fn try_lock(&self, kind: Lock) -> io::Result<bool> {
        if std::process::id() != self.process {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the file was opened before this process forked; open it again to lock it",
            ));
        }
        let mut locked = self.locked.lock();
        if let Some(held) = *locked {
            self.release(held)?;
            *locked = None;
        }
        let outcome = match kind {
            Lock::Shared => self.file.try_lock_shared(),
            Lock::Exclusive => self.file.try_lock(),
            Lock::Write => {
                let taken = write_lock::take(&self.file)?;
                *locked = taken.then_some(kind);
                return Ok(taken);
            }
        };
        match outcome {
            Ok(()) => *locked = Some(kind),
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        Ok(locked.is_some())
    }

    #[cfg(unix)]
    fn access(&self) -> io::Result<Option<Access>> {
        use std::os::unix::fs::MetadataExt as _;

        let found = self.file.metadata()?;
        Ok(Some(Access {
            user: found.uid(),
            group: found.gid(),
            mode: found.mode() & 0o7777,
        }))
    }

    #[cfg(unix)]
    fn set_access(&self, access: Access) -> io::Result<()> {
        use std::os::unix::fs::{PermissionsExt as _, fchown};

        if self.access()? == Some(access) {
            return Ok(());
        }
        // Each alone: a user may give a file to another group of theirs, and only root to another user.
        for (user, group) in [(None, Some(access.group)), (Some(access.user), None)] {
            match fchown(&self.file, user, group) {
                Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
                _ => {}
            }
        }
        self.file
            .set_permissions(fs::Permissions::from_mode(access.mode))
    }

    fn holder(&self) -> io::Result<Holder> {
        if self.locked.lock().is_some() {
            return Ok(Holder::Nobody);
        }
        write_lock::holder(&self.file)
    }

    fn unlock(&self) -> io::Result<()> {
        // First of all: another thread may have held the mutex when the parent forked.
        if std::process::id() != self.process {
            return Ok(());
        }
        let mut locked = self.locked.lock();
        if let Some(held) = *locked {
            self.release(held)?;
            *locked = None;
        }
        Ok(())
    }
}

impl Drop for OsFile {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that shares the open file.
        _ = self.unlock();
    }
}
