//! The traits: a directory with files in it and one open file, each as what reading needs and what changing adds.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::Mapping;

/// How [`Vfs::open`] opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// For reading; the file must exist.
    Read,
    /// For reading and writing; the file must exist.
    ReadWrite,
    /// For reading and writing; created if it does not exist, otherwise kept as it is.
    Create,
    /// For reading and writing; `AlreadyExists` if it exists.
    CreateNew,
}

/// What kind of lock [`File::try_lock`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Compatible with other shared locks.
    Shared,
    /// Excludes every other lock; [`Lock::Write`] perhaps not.
    Exclusive,
    /// Excludes other locks of this kind, and takes a file that is open for writing. Shared locks are not in its way,
    /// except where the system has no such lock: there it is [`Lock::Exclusive`].
    Write,
}

/// Who keeps an open file from [`Lock::Write`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// Another open file that has the lock.
    Writer,
    /// A program that has a shared lock of the same kind, with its process where the system knows it.
    Reader(Option<u32>),
}

/// The names of an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// Whether the name it was opened by still leads to it: not once it was removed, renamed or replaced.
    pub opened: bool,
    /// How many it has: 0 once removed, more than 1 when hard links were made.
    pub count: u64,
}

/// Who may open a file: owner, group and mode of Unix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The user it belongs to.
    pub user: u32,
    /// The group it belongs to.
    pub group: u32,
    /// The permission bits.
    pub mode: u32,
}

/// Identity and times of a directory. Equal stamps mean that no name was added or removed in between, provided that the
/// two moments are further apart than the resolution of the file system's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirStamp {
    /// Which directory it is.
    pub id: [u64; 2],
    /// When its names changed last, since 1970.
    pub written: Duration,
    /// When anything about it changed last, since 1970.
    pub changed: Duration,
}

impl DirStamp {
    /// The later of its times.
    pub fn latest(&self) -> Duration {
        self.written.max(self.changed)
    }
}

/// An open file, for reading. This is all that reading a complete file takes, so that it may come from elsewhere than a
/// local disk.
#[expect(
    clippy::len_without_is_empty,
    reason = "readers need a file's length, never whether it is empty"
)]
pub trait ReadFile: Send + Sync + Debug {
    /// Reads up to `buf.len()` bytes and returns how many; possibly fewer than that anywhere, 0 only at or past the
    /// end.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Bytes in the file.
    ///
    /// # Errors
    /// The system's.
    fn len(&self) -> io::Result<u64>;

    /// Maps the first `len` bytes read-only. The file must not be shortened, and these bytes must not be written, while
    /// the mapping lives.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file is shorter than `len`.
    fn map(&self, len: u64) -> io::Result<Mapping>;

    /// Its names. Files that come from elsewhere than a directory have the one they were opened by.
    ///
    /// # Errors
    /// The system's.
    fn names(&self) -> io::Result<Names> {
        Ok(Names {
            opened: true,
            count: 1,
        })
    }

    /// The operating system's open file, where it is one: what [`File::clone_bytes`] needs of the other file.
    fn os_file(&self) -> Option<&std::fs::File> {
        None
    }

    /// Fills `buf`. Retries interrupted and short reads.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends first.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let wanted = rest.len();
            match self.read_at(rest, advance(offset, done)?) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        format!("the file ends {wanted} bytes too early"),
                    ));
                }
                Ok(count) => done += count.min(wanted),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// An open file that may be changed and locked. Dropping the last reference closes it and releases its lock.
pub trait File: ReadFile {
    /// Writes up to `buf.len()` bytes and returns how many. Writing past the end extends the file, with zeros in a gap.
    ///
    /// # Errors
    /// The system's; `PermissionDenied` or the like if the file is open for reading.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;

    /// Shortens the file, or extends it with zeros.
    ///
    /// # Errors
    /// As [`File::write_at`].
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes the file's bytes and length durable.
    ///
    /// # Errors
    /// The system's. After an error nothing is known about what was written since the last success, and calling again
    /// proves nothing: the system may have marked the lost pages as clean.
    fn sync_data(&self) -> io::Result<()>;

    /// Who may open it; `None` where that has no meaning.
    ///
    /// # Errors
    /// The system's.
    fn access(&self) -> io::Result<Option<Access>> {
        Ok(None)
    }

    /// Sets who may open it, for a copy that takes the place of another file. Owner and group stay as they are where
    /// this process may not change them.
    ///
    /// # Errors
    /// The system's.
    fn set_access(&self, access: Access) -> io::Result<()> {
        _ = access;
        Ok(())
    }

    /// Makes this file have the bytes of another one by sharing its blocks, which the file system then copies when
    /// either file is written to. `false` where the file system cannot, or did not: then copy the bytes.
    fn clone_bytes(&self, from: &dyn ReadFile) -> bool {
        _ = from;
        false
    }

    /// Tries to lock the file without waiting; `false` if another open file, of this process or of another one, holds a
    /// conflicting lock. A lock that this open file already holds is released first, also if the answer is then
    /// `false`.
    ///
    /// # Errors
    /// `Unsupported` in a child process if the file was opened before the fork: it would share the parent's lock. Open
    /// it again.
    fn try_lock(&self, kind: Lock) -> io::Result<bool>;

    /// Who keeps this open file from [`Lock::Write`] at this moment. On Linux it takes nothing; elsewhere it takes a
    /// shared lock for a moment.
    ///
    /// # Errors
    /// The system's.
    fn holder(&self) -> io::Result<Holder>;

    /// Releases the lock, if any. In a child process after a fork it does nothing: the lock is the parent's.
    ///
    /// # Errors
    /// The system's.
    fn unlock(&self) -> io::Result<()>;

    /// Writes all of `buf`. Retries interrupted and short writes.
    ///
    /// # Errors
    /// `WriteZero` if the system writes nothing; otherwise as [`File::write_at`]. A part may have been written.
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while let Some(rest) = buf.get(done..).filter(|rest| !rest.is_empty()) {
            match self.write_at(rest, advance(offset, done)?) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::WriteZero,
                        format!("the system wrote none of {} bytes", rest.len()),
                    ));
                }
                Ok(count) => done += count.min(rest.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A directory to read from. This is all that reading complete files takes.
///
/// Names are relative, separated by `/`, and never contain `.` or `..` parts; anything else is `InvalidInput`.
pub trait ReadVfs: Send + Sync + Debug {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// `NotFound` if the file, or its directory, does not exist.
    fn open_read(&self, name: &str) -> io::Result<Arc<dyn ReadFile>>;

    /// The names in a directory, files and directories, sorted; names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// `NotFound` if the directory does not exist.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// The stamp of a directory, if it has one. Where [`ReadVfs::can_map`] is true its times are of this machine's
    /// clock.
    ///
    /// # Errors
    /// The system's.
    fn stamp(&self, dir: &str) -> io::Result<Option<DirStamp>> {
        _ = dir;
        Ok(None)
    }

    /// The directory, for messages.
    fn describe(&self) -> String;

    /// Whether the directory is still where it was when it was opened: not once it was moved or removed, or another one
    /// took its place.
    ///
    /// # Errors
    /// The system's.
    fn is_in_place(&self) -> io::Result<bool> {
        Ok(true)
    }

    /// Whether mapping is safe here. It is not on network file systems, where a file that another machine truncates, or
    /// a lost connection, is a fatal signal instead of an error: those are read without mapping.
    fn can_map(&self) -> bool;

    /// The whole of a file. For small ones.
    ///
    /// # Errors
    /// As [`ReadVfs::open_read`]; `FileTooLarge` if it does not fit the address space.
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.open_read(name)?;
        let len = usize::try_from(file.len()?)
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

/// A directory that holds a store: what [`ReadVfs`] reads, and the changes.
pub trait Vfs: ReadVfs {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound` if the file, or its directory, does not exist and is not to be created; `AlreadyExists` for
    /// [`Open::CreateNew`].
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn File>>;

    /// Creates a directory and its parents, unless they exist. `""` creates the store's own directory and makes its
    /// name durable.
    ///
    /// # Errors
    /// `AlreadyExists` or `NotADirectory` if a file is in the way.
    fn create_dir(&self, dir: &str) -> io::Result<()>;

    /// Renames a file atomically, replacing a file of that name. Durable after [`Vfs::sync_dir`] of both directories.
    ///
    /// # Errors
    /// `NotFound`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file's name. Open files and mappings of it stay readable.
    ///
    /// # Errors
    /// `NotFound`.
    fn unlink(&self, name: &str) -> io::Result<()>;

    /// Gives a file a further name, a hard link. Durable after [`Vfs::sync_dir`] of the new name's directory.
    ///
    /// # Errors
    /// `NotFound`; `AlreadyExists`; the system's where the file system has no hard links.
    fn link(&self, file: &str, name: &str) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`, `DirectoryNotEmpty`.
    fn remove_dir(&self, dir: &str) -> io::Result<()>;

    /// Makes the names in a directory durable: files created, linked, renamed and unlinked there, and directories
    /// created and removed there.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Bytes that may still be written; `None` where the system does not say.
    ///
    /// # Errors
    /// The system's.
    fn free_bytes(&self) -> io::Result<Option<u64>>;
}

fn advance(offset: u64, done: usize) -> io::Result<u64> {
    offset
        .checked_add(done as u64)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}
