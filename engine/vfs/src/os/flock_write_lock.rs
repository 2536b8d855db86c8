//! The lock of writers where open files have no record locks: flock's, which any program that may read the file can
//! take.

use std::fs::{File, TryLockError};
use std::io;

use crate::Holder;

pub(super) fn take(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

pub(super) fn release(file: &File) -> io::Result<()> {
    file.unlock()
}

/// Takes a shared lock for a moment.
pub(super) fn holder(file: &File) -> io::Result<Holder> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| Holder::Nobody),
        Err(TryLockError::WouldBlock) => Ok(Holder::Writer),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
