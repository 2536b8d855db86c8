//! The two traits: a directory with files in it, and one open file.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::Mapping;

/// How [`Vfs::open`] opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// For reading; it must be there.
    Read,
    /// For reading and writing; it must be there.
    ReadWrite,
    /// For reading and writing; made when it is not there, kept as it is when it is.
    Create,
    /// For reading and writing; `AlreadyExists` when it is there.
    CreateNew,
}

/// What kind of lock [`File::try_lock`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Together with other shared locks.
    Shared,
    /// Alone.
    Exclusive,
}

/// What tells whether names came to a directory, or went, between two moments that are further apart than its times are fine.
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

/// A directory that holds a store.
///
/// Names are relative, `/`-separated and never contain `.` or `..` parts; anything else is `InvalidInput`.
pub trait Vfs: Send + Sync + Debug {
    /// Opens a file. Missing file, or missing directory of it: `NotFound`.
    fn open(&self, name: &str, how: Open) -> io::Result<Arc<dyn File>>;

    /// The names in a directory, files and directories, sorted; names that are not UTF-8 are left out. Missing: `NotFound`.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// The stamp of a directory, if it has any; where [`Vfs::can_map`] says yes its times are of this machine's clock.
    fn stamp(&self, dir: &str) -> io::Result<Option<DirStamp>> {
        _ = dir;
        Ok(None)
    }

    /// Makes a directory and those above it; fine when it is there. `""` makes the store's own directory and makes its name durable.
    fn create_dir(&self, dir: &str) -> io::Result<()>;

    /// Gives a file another name, atomically; a file that had that name loses it. Durable after [`Vfs::sync_dir`] of both directories.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file's name. Who has it open, or mapped, goes on reading it.
    fn unlink(&self, name: &str) -> io::Result<()>;

    /// Makes the names in a directory durable: files created, renamed, unlinked there, and directories made there.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Bytes that may still be written, or `None` when nobody can tell.
    fn free_bytes(&self) -> io::Result<Option<u64>>;

    /// The directory, for messages.
    fn describe(&self) -> String;

    /// Whether mapping is safe here. Not on network file systems, where a file that another machine truncates, or a lost
    /// connection, is a fatal signal instead of an error: read those without mapping.
    fn can_map(&self) -> bool;

    /// The whole of a file. For small ones.
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.open(name, Open::Read)?;
        let len = usize::try_from(file.len()?)
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

/// An open file. Dropping the last reference closes it and gives up its lock.
#[expect(
    clippy::len_without_is_empty,
    reason = "a file's length is asked for, its emptiness never is"
)]
pub trait File: Send + Sync + Debug {
    /// Reads up to `buf.len()` bytes; fewer at the end of the file and whenever the system pleases, 0 only at or past the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes up to `buf.len()` bytes and says how many; past the end the file grows, with zeros in a gap.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;

    /// Bytes in the file.
    fn len(&self) -> io::Result<u64>;

    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes the file's bytes and length durable. After an error nothing is known about what was written since the last success,
    /// and calling again proves nothing: the system may have marked the lost pages as clean.
    fn sync_data(&self) -> io::Result<()>;

    /// Maps the first `len` bytes read-only. `UnexpectedEof` when the file is shorter. The file must not be cut, and these
    /// bytes must not be written, while the mapping lives.
    fn map(&self, len: u64) -> io::Result<Mapping>;

    /// Tries to lock the file without waiting; `false` when another open file, of this process or of another one, is in the way.
    /// A lock that this open file already holds is given up first, also when the answer is then `false`.
    ///
    /// A file opened before a fork cannot be locked in the child (`Unsupported`): it would share the parent's lock. Open it again.
    fn try_lock(&self, kind: Lock) -> io::Result<bool>;

    /// Gives up the lock, if any. In a child after a fork it does nothing: the lock is the parent's.
    fn unlock(&self) -> io::Result<()>;

    /// Whether the file still has a name.
    fn is_linked(&self) -> io::Result<bool>;

    /// Fills `buf`; `UnexpectedEof` when the file ends first. Retries interrupted and short reads.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let asked = rest.len();
            match self.read_at(rest, advance(offset, done)?) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        format!("the file ends {asked} bytes too early"),
                    ));
                }
                Ok(count) => done += count.min(asked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all of `buf`. Retries interrupted and short writes; a write of nothing is `WriteZero`. After an error a part may
    /// have been written.
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

fn advance(offset: u64, done: usize) -> io::Result<u64> {
    offset
        .checked_add(done as u64)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}
