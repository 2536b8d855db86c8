//! The storage under lakebed: the engine reads and writes files only through these traits.
//!
//! A [`Vfs`] is rooted at one directory, the store's own. Names are relative to it, with `/` between their parts
//! (`segments/000000000001.seg`); `""` is the directory itself. Reading and changing are apart: complete files are read
//! through [`ReadVfs`] and [`ReadFile`], which another place than a local directory can implement too; [`Vfs`] and
//! [`File`] add what a store's changes need. [`Subdirectory`] is a directory inside
//! another one. [`OsVfs`] is the operating system's directory, [`MemVfs`] a complete one
//! in memory; one conformance suite runs on both. Nothing here knows what lakebed writes.
//!
//! Guaranteed: a call does what its documentation says or returns an error that keeps its [`std::io::ErrorKind`] and,
//! inside, its errno. No call is retried except where it says so. Not guaranteed: durability without
//! [`File::sync_data`] and [`Vfs::sync_dir`], and atomicity of anything but [`Vfs::rename`]. A call that changes
//! something and fails may have done it all the same: whoever must know looks.
//!
//! Linux is tested. The branches for macOS and Windows are compile-checked and untested.

#![warn(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "tests"
    )
)]

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod forks;
mod mapping;
mod mem;
mod name;
mod os;
mod pages;
mod subdirectory;
mod traits;

#[cfg(test)]
mod tests;

pub use error::{errno, named};
pub use forks::forks;
#[doc(hidden)]
pub use mapping::force_advice;
pub use mapping::{Advice, Mapping};
pub use mem::MemVfs;
pub use name::{check_dir_name, check_file_name};
pub use os::{OsVfs, dangling_link};
#[doc(hidden)]
pub use pages::{PretendedPageSize, pretend_page_size};
pub use pages::{page_size, round_to_pages};
pub use subdirectory::Subdirectory;
pub use traits::{Access, DirStamp, File, Holder, Lock, Names, Open, ReadFile, ReadVfs, Vfs};
