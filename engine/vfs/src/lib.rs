//! The storage under lakebed: everything the engine asks of files goes through [`Vfs`] and [`File`].
//!
//! A [`Vfs`] is rooted at one directory, the store's own. Names are relative to it, with `/` between their parts
//! (`segments/000000000001.seg`); `""` is the directory itself. [`OsVfs`] is the operating system's, [`MemVfs`] a complete
//! one in memory; a single conformance suite runs on both. Nothing here knows what lakebed writes.
//!
//! Promised: calls do what they say or return an error that keeps its [`std::io::ErrorKind`] and, inside, its errno. No call is
//! retried except where it says so. Not promised: durability without [`File::sync_data`] and [`Vfs::sync_dir`], and
//! atomicity of anything but [`Vfs::rename`].
//!
//! Linux is tested. The branches for macOS and Windows are meant to compile and are untested.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod mapping;
mod mem;
mod name;
mod os;
mod pages;
mod traits;

#[cfg(test)]
mod tests;

pub use error::{errno, named};
#[doc(hidden)]
pub use mapping::force_advice;
pub use mapping::{Advice, Mapping};
pub use mem::MemVfs;
pub use name::{check_dir_name, check_file_name};
pub use os::OsVfs;
#[doc(hidden)]
pub use pages::{PretendedPageSize, pretend_page_size};
pub use pages::{page_size, round_to_pages};
pub use traits::{DirStamp, File, Lock, Open, ReadFile, ReadVfs, Vfs};
