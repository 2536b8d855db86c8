//! The operating system's files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::name::{check_dir_name, check_file_name};
use crate::{DirStamp, File, Lock, Mapping, Open, ReadFile, ReadVfs, Vfs};

/// A directory of the operating system. Creating this value touches nothing: [`Vfs::create_dir`] of `""` creates the
/// directory.
///
/// Locks are flock's on Unix: they belong to the open file, so that two opens in one process exclude each other, and
/// they are released with the process. Files are closed on exec.
#[derive(Debug, Clone)]
pub struct OsVfs {
    root: PathBuf,
}

impl OsVfs {
    /// The directory at `path`, whether it exists or not.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { root: path.into() }
    }

    /// The directory's path, as it was given.
    pub fn path(&self) -> &Path {
        &self.root
    }

    fn file_path(&self, name: &str) -> io::Result<PathBuf> {
        check_file_name(name)?;
        Ok(self.join(name))
    }

    fn dir_path(&self, dir: &str) -> io::Result<PathBuf> {
        check_dir_name(dir)?;
        Ok(self.join(dir))
    }

    fn join(&self, name: &str) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(name.split('/').filter(|part| !part.is_empty()));
        path
    }
}

/// What a symbolic link names that leads nowhere; `None` for any other path.
pub fn dangling_link(path: &Path) -> Option<PathBuf> {
    let target = fs::read_link(path).ok()?;
    let missing = fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    missing.then_some(target)
}

/// The names in a directory that are UTF-8, in no order.
///
/// `std::fs::read_dir` allocates 32 KiB each time, before which glibc coalesces all small free chunks; readers may list
/// a small directory for each query.
#[cfg(target_os = "linux")]
fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    use rustix::fs::{Mode, OFlags, RawDir};
    use std::mem::MaybeUninit;

    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(dir, flags, Mode::empty())?;
    let mut room = [MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(dir, &mut room);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_str();
        names.extend(
            name.ok()
                .filter(|name| !matches!(*name, "." | ".."))
                .map(str::to_owned),
        );
    }
    Ok(names)
}

/// The names in a directory that are UTF-8, in no order.
#[cfg(not(target_os = "linux"))]
fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}

impl ReadVfs for OsVfs {
    fn open_read(&self, name: &str) -> io::Result<Arc<dyn ReadFile>> {
        Ok(self.open(name, Open::Read)?)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = names_in(&self.dir_path(dir)?)?;
        names.sort_unstable();
        Ok(names)
    }

    #[cfg(unix)]
    fn stamp(&self, dir: &str) -> io::Result<Option<DirStamp>> {
        use std::os::unix::fs::MetadataExt as _;

        let found = fs::metadata(self.dir_path(dir)?)?;
        // Times before 1970 do not count.
        let time = |seconds: i64, nanoseconds: i64| {
            let seconds = u64::try_from(seconds).ok()?;
            Some(Duration::new(seconds, u32::try_from(nanoseconds).ok()?))
        };
        let written = time(found.mtime(), found.mtime_nsec());
        let changed = time(found.ctime(), found.ctime_nsec());
        Ok(written.zip(changed).map(|(written, changed)| DirStamp {
            id: [found.dev(), found.ino()],
            written,
            changed,
        }))
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn can_map(&self) -> bool {
        is_local(existing(&self.root))
    }
}

impl Vfs for OsVfs {
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn File>> {
        let path = self.file_path(name)?;
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match how {
            Open::Read => {}
            Open::ReadWrite => _ = options.write(true),
            Open::Create => _ = options.write(true).create(true).truncate(false),
            Open::CreateNew => _ = options.write(true).create_new(true),
        }
        let file = options.open(&path)?;
        // Opening a directory for reading works on Unix; only files are wanted here.
        if how == Open::Read && file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Arc::new(OsFile {
            file,
            #[cfg(not(unix))]
            path,
            process: std::process::id(),
            locked: Mutex::new(false),
        }))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        let path = self.dir_path(dir)?;
        if path.is_dir() {
            return Ok(());
        }
        if !dir.is_empty() {
            return fs::create_dir_all(path);
        }
        // The store's own directory lies in one that nothing else syncs, and so may those above it.
        let mut missing = vec![path.as_path()];
        let mut above = path.parent();
        while let Some(dir) = above.filter(|dir| !dir.as_os_str().is_empty() && !dir.exists()) {
            missing.push(dir);
            above = dir.parent();
        }
        fs::create_dir_all(&path)?;
        for made in missing {
            let holder = match made.parent() {
                Some(holder) if !holder.as_os_str().is_empty() => holder,
                _ => Path::new("."),
            };
            sync_directory(holder)?;
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.file_path(from)?, self.file_path(to)?)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.file_path(name)?)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        sync_directory(&self.dir_path(dir)?)
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        free_bytes(existing(&self.root))
    }
}

/// The directory itself, or its nearest parent that exists.
fn existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|path| !path.as_os_str().is_empty() && path.exists())
        .unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let dir = fs::File::open(path)?;
    if !dir.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    dir.sync_all()
}

/// Untested: directories cannot be flushed there; NTFS journals names itself.
#[cfg(not(unix))]
fn sync_directory(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        Ok(())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

#[cfg(unix)]
fn free_bytes(path: &Path) -> io::Result<Option<u64>> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(Some(stat.f_bavail.saturating_mul(stat.f_frsize)))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature everywhere")]
fn free_bytes(_: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

/// File systems whose files other machines, or a process that serves them, may change or remove.
#[cfg(any(target_os = "linux", target_os = "android"))]
const REMOTE: &[u32] = &[
    0x6969,      // NFS
    0x517B,      // SMB
    0xFE53_4D42, // SMB2
    0xFF53_4D42, // CIFS
    0x564C,      // NCP
    0x5346_414F, // AFS
    0x6B41_4653, // kAFS
    0x7375_7245, // Coda
    0x0102_1997, // 9P, also WSL's
    0x00C3_6400, // Ceph
    0x0BD0_0BD0, // Lustre
    0x4750_4653, // GPFS
    0xAAD7_AAEA, // PanFS
    0x6573_5546, // FUSE: sshfs, gcsfuse, virtiofs ... and local ones, which look the same
    0x786F_4256, // VirtualBox shared folders
    0x7C7C_6673, // Parallels shared folders
];

#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of file systems have 32 bits in a field whose width and sign depend on the architecture"
)]
fn is_local(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|stat| !REMOTE.contains(&(stat.f_type as u32)))
}

/// Untested.
#[cfg(target_vendor = "apple")]
fn is_local(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|stat| stat.f_flags & libc::MNT_LOCAL as u32 != 0)
}

/// Untested: a path to a share is recognised, a drive letter given to one is not.
#[cfg(windows)]
fn is_local(path: &Path) -> bool {
    use std::path::{Component, Prefix};
    let path = fs::canonicalize(path);
    path.is_ok_and(|path| {
        !matches!(path.components().next(), Some(Component::Prefix(prefix))
            if matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..)))
    })
}

/// Other systems: no mapping.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    windows
)))]
fn is_local(_: &Path) -> bool {
    false
}

#[derive(Debug)]
struct OsFile {
    file: fs::File,
    #[cfg(not(unix))]
    path: PathBuf,
    /// The process that opened it: after a fork a child shares the open file and its lock.
    process: u32,
    locked: Mutex<bool>,
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

    fn try_lock(&self, kind: Lock) -> io::Result<bool> {
        if std::process::id() != self.process {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the file was opened before this process forked; open it again to lock it",
            ));
        }
        let mut locked = self.locked.lock();
        if *locked {
            self.file.unlock()?;
            *locked = false;
        }
        let outcome = match kind {
            Lock::Shared => self.file.try_lock_shared(),
            Lock::Exclusive => self.file.try_lock(),
        };
        match outcome {
            Ok(()) => *locked = true,
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        Ok(*locked)
    }

    fn unlock(&self) -> io::Result<()> {
        // First of all: another thread may have held the mutex when the parent forked.
        if std::process::id() != self.process {
            return Ok(());
        }
        let mut locked = self.locked.lock();
        if *locked {
            self.file.unlock()?;
            *locked = false;
        }
        Ok(())
    }

    #[cfg(unix)]
    fn is_linked(&self) -> io::Result<bool> {
        Ok(std::os::unix::fs::MetadataExt::nlink(&self.file.metadata()?) > 0)
    }

    #[cfg(not(unix))]
    fn is_linked(&self) -> io::Result<bool> {
        self.path.try_exists()
    }
}

impl Drop for OsFile {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that shares the open file.
        _ = self.unlock();
    }
}
