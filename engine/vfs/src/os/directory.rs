//! An open directory: names are looked up in it, wherever its path leads by now.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::retry_on_intr;

use crate::{DirStamp, Names, Open};

/// Access to files that are made, less what the process's mask takes away.
const FILE_MODE: u32 = 0o666;
const DIR_MODE: u32 = 0o777;

/// Device and inode.
pub(super) type FileId = [u64; 2];

/// A directory by its descriptor.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
    id: FileId,
}

impl Directory {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let fd = retry_on_intr(|| rustix::fs::open(path, directory_flags(), Mode::empty()))?;
        let id = id_of(&rustix::fs::fstat(&fd)?);
        Ok(Self { fd, id })
    }

    /// Whether the path leads to this directory; `true` where one may not look.
    pub(super) fn is_at(&self, path: &Path) -> io::Result<bool> {
        match rustix::fs::stat(path) {
            Ok(found) => Ok(id_of(&found) == self.id),
            Err(error) => match io::Error::from(error) {
                error if is_missing(&error) => Ok(false),
                error if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
                error => Err(error),
            },
        }
    }

    pub(super) fn open_file(&self, name: &str, how: Open) -> io::Result<fs::File> {
        let flags = match how {
            Open::Read => OFlags::RDONLY,
            Open::ReadWrite => OFlags::RDWR,
            Open::Create => OFlags::RDWR | OFlags::CREATE,
            Open::CreateNew => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        let flags = flags | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(FILE_MODE as _);
        let file = retry_on_intr(|| rustix::fs::openat(&self.fd, name, flags, mode))?;
        Ok(fs::File::from(file))
    }

    /// Whether the name leads to the open file, and how many names the file has. `id` is the file's, kept for the next
    /// call.
    pub(super) fn names_of(
        &self,
        name: &str,
        file: &fs::File,
        id: &OnceLock<FileId>,
    ) -> io::Result<Names> {
        let own = if let Some(known) = id.get() {
            *known
        } else {
            let found = id_of(&rustix::fs::fstat(file)?);
            *id.get_or_init(|| found)
        };
        match rustix::fs::statat(&self.fd, name, AtFlags::empty()) {
            Ok(found) if id_of(&found) == own => {
                return Ok(Names {
                    opened: true,
                    count: count_of(&found),
                });
            }
            Ok(_) => {}
            Err(error) => match io::Error::from(error) {
                error if is_missing(&error) => {}
                error => return Err(error),
            },
        }
        Ok(Names {
            opened: false,
            count: count_of(&rustix::fs::fstat(file)?),
        })
    }

    /// The names in a directory that are UTF-8, in no order.
    pub(super) fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        names_in(self.subdirectory(dir)?)
    }

    pub(super) fn stamp(&self, dir: &str) -> io::Result<Option<DirStamp>> {
        let found = if dir.is_empty() {
            rustix::fs::fstat(&self.fd)?
        } else {
            rustix::fs::statat(&self.fd, dir, AtFlags::empty())?
        };
        #[expect(
            clippy::useless_conversion,
            reason = "the types of the fields depend on the system"
        )]
        let (written, changed) = (
            time(found.st_mtime.into(), found.st_mtime_nsec.try_into().ok()),
            time(found.st_ctime.into(), found.st_ctime_nsec.try_into().ok()),
        );
        Ok(written.zip(changed).map(|(written, changed)| DirStamp {
            id: id_of(&found),
            written,
            changed,
        }))
    }

    /// Makes a directory and those above it, unless they exist.
    pub(super) fn create_dir(&self, dir: &str) -> io::Result<()> {
        if self.is_dir(dir) {
            return Ok(());
        }
        let ends = dir.match_indices('/').map(|(at, _)| at).chain([dir.len()]);
        for made in ends.filter_map(|end| dir.get(..end)) {
            match rustix::fs::mkdirat(&self.fd, made, Mode::from_raw_mode(DIR_MODE as _)) {
                // If it is a file, the next one tells.
                Err(rustix::io::Errno::EXIST) if made != dir || self.is_dir(made) => {}
                made => made?,
            }
        }
        Ok(())
    }

    fn is_dir(&self, dir: &str) -> bool {
        rustix::fs::statat(&self.fd, dir, AtFlags::empty()).is_ok_and(|found| {
            rustix::fs::FileType::from_raw_mode(found.st_mode) == rustix::fs::FileType::Directory
        })
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    pub(super) fn unlink(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    pub(super) fn link(&self, file: &str, name: &str) -> io::Result<()> {
        let flags = AtFlags::empty();
        Ok(rustix::fs::linkat(&self.fd, file, &self.fd, name, flags)?)
    }

    pub(super) fn remove_dir(&self, dir: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, dir, AtFlags::REMOVEDIR)?)
    }

    pub(super) fn sync(&self, dir: &str) -> io::Result<()> {
        fs::File::from(self.subdirectory(dir)?).sync_all()
    }

    pub(super) fn free_bytes(&self) -> io::Result<Option<u64>> {
        let stat = rustix::fs::fstatvfs(&self.fd)?;
        Ok(Some(stat.f_bavail.saturating_mul(stat.f_frsize)))
    }

    pub(super) fn is_local(&self) -> bool {
        super::local::is_local(self.fd.as_fd())
    }

    /// Another open file of a directory in this one: each has a position of its own for listing.
    fn subdirectory(&self, dir: &str) -> io::Result<OwnedFd> {
        let dir = if dir.is_empty() { "." } else { dir };
        let open = || rustix::fs::openat(&self.fd, dir, directory_flags(), Mode::empty());
        Ok(retry_on_intr(open)?)
    }
}

#[expect(clippy::useless_conversion, reason = "its width depends on the system")]
fn count_of(found: &Stat) -> u64 {
    u64::from(found.st_nlink)
}

fn directory_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[expect(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the types of the fields depend on the system"
)]
fn id_of(found: &Stat) -> FileId {
    [found.st_dev as u64, u64::from(found.st_ino)]
}

/// Times before 1970 do not count.
fn time(seconds: i64, nanoseconds: Option<u32>) -> Option<Duration> {
    Some(Duration::new(u64::try_from(seconds).ok()?, nanoseconds?))
}

/// `std::fs::read_dir` allocates 32 KiB each time, before which glibc coalesces all small free chunks; readers may list
/// a small directory for each query.
#[cfg(target_os = "linux")]
fn names_in(dir: OwnedFd) -> io::Result<Vec<String>> {
    use std::mem::MaybeUninit;

    let mut room = [MaybeUninit::uninit(); 2048];
    let mut entries = rustix::fs::RawDir::new(dir, &mut room);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        add_name(&mut names, entry?.file_name());
    }
    Ok(names)
}

#[cfg(not(target_os = "linux"))]
fn names_in(dir: OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::new(dir)? {
        add_name(&mut names, entry?.file_name());
    }
    Ok(names)
}

fn add_name(names: &mut Vec<String>, name: &std::ffi::CStr) {
    let name = name.to_str().ok();
    names.extend(
        name.filter(|name| !matches!(*name, "." | ".."))
            .map(str::to_owned),
    );
}
