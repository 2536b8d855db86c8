//! The lock of writers on Linux: a record lock of the open file (`F_OFD_SETLK`) over all of it.
//!
//! Unlike flock's, it takes a file open for writing, so that whoever may only read cannot take it, and who holds it can
//! be asked without taking anything. Kernels and sandboxes that do not know it get flock's.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

use super::flock_write_lock;
use crate::Holder;

/// A lock over the whole file.
fn whole(kind: libc::c_int) -> libc::flock {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the constants are small; their type is wider than the field's"
    )]
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn call(file: &File, command: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
    loop {
        // SAFETY: the descriptor is open for as long as `file` is borrowed, the command takes a pointer to this
        // structure, and the structure outlives the call.
        #[expect(unsafe_code, reason = "no safe interface has these locks")]
        let result = unsafe { libc::fcntl(file.as_raw_fd(), command, std::ptr::from_mut(lock)) };
        if result != -1 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Tries to take the lock.
pub(super) fn take(file: &File) -> io::Result<bool> {
    match call(file, libc::F_OFD_SETLK, &mut whole(libc::F_WRLCK)) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
            Ok(false)
        }
        Err(error) if is_unknown(&error) => flock_write_lock::take(file),
        Err(error) => Err(error),
    }
}

/// Whether the system does not know these locks.
fn is_unknown(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINVAL)
}

/// Releases the lock.
pub(super) fn release(file: &File) -> io::Result<()> {
    match call(file, libc::F_OFD_SETLK, &mut whole(libc::F_UNLCK)) {
        Err(error) if is_unknown(&error) => flock_write_lock::release(file),
        released => released,
    }
}

/// Who holds a lock on the file that excludes this open file's.
pub(super) fn holder(file: &File) -> io::Result<Holder> {
    // A shared lock meets only those of writers.
    match found(file, libc::F_RDLCK) {
        Ok(None) => {}
        Ok(Some(_)) => return Ok(Holder::Writer),
        Err(error) if is_unknown(&error) => return flock_write_lock::holder(file),
        Err(error) => return Err(error),
    }
    Ok(match found(file, libc::F_WRLCK)? {
        None => Holder::Nobody,
        Some(lock) if libc::c_int::from(lock.l_type) == libc::F_WRLCK => Holder::Writer,
        // Locks of open files have no process.
        Some(lock) => Holder::Reader(u32::try_from(lock.l_pid).ok()),
    })
}

/// A lock in the way of one of this kind.
fn found(file: &File, kind: libc::c_int) -> io::Result<Option<libc::flock>> {
    let mut lock = whole(kind);
    call(file, libc::F_OFD_GETLK, &mut lock)?;
    Ok((libc::c_int::from(lock.l_type) != libc::F_UNLCK).then_some(lock))
}
