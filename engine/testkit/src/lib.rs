//! Tools for the tests of the engine: storage that fails, loses writes and crashes, a model of a store, and generators
//! of data.
//!
//! - [`FaultVfs`]: a `Vfs` in memory that keeps apart what is only in the system's memory and what is on the disk. A
//!   [`Plan`] makes a chosen operation fail or crash. [`FaultVfs::crash_images`] gives the states a disk may be in
//!   after a power failure, [`FaultVfs::restart`] the state after a process was killed.
//! - [`Model`] and [`State`]: the store as plain maps, with the state of every commit, so that a recovered store can be
//!   compared with what was acknowledged and what was attempted.
//! - [`Unmapped`]: a `Vfs` without mappings over another.
//! - [`Checksums`] and [`Links`]: every checksum of a file or of a whole store made right again after its bytes were
//!   changed.
//! - [`Forge`]: a store changed as arbitrary bytes say, with right checksums; [`files_of`] and [`disk_of`].
//! - [`json`]: JSON texts with blanks, escapes, equal keys and numbers of every form.
//! - [`records`]: NDJSON records by number.
//! - [`Tally`]: what a test tried, for `make trust`.
//! - [`Turns`]: threads that take turns at operations of the storage, in a chosen order.
//! - [`strategies`]: blobs, near-duplicate records and sequences of store operations.
//!
//! Everything is deterministic: the same calls and seeds give the same images. Nothing here depends on the engine's
//! core.

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

mod checksums;
mod disk_files;
mod fault;
pub mod json;
mod model;
mod mutate;
pub mod records;
mod rng;
pub mod strategies;
mod tally;
mod turns;
mod unmapped;

#[cfg(test)]
mod tests;

pub use checksums::{Checksums, Files, Links, Sum};
pub use disk_files::{disk_of, files_of};
pub use fault::{
    CrashImage, CrashImages, EIO, ENOSPC, EXHAUSTIVE, Fault, FaultVfs, Op, OpKind, Plan, is_crash,
};
pub use model::{Collection, Model, State};
pub use mutate::{CHANGE, Forge};
pub use tally::{Tally, Tried};
pub use turns::{Turn, Turns};
pub use unmapped::Unmapped;
