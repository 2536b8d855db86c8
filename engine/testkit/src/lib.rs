//! What tests of the engine lean on: storage that fails, forgets and crashes, a model of what a store should hold, and strategies.
//!
//! - [`FaultVfs`]: a `Vfs` in memory that knows, of every file and directory, what is only in the system's memory and what is on the
//!   disk. A [`Plan`] makes a chosen operation fail or crash; [`FaultVfs::crash_images`] gives the states a disk may be in after
//!   the power went, [`FaultVfs::restart`] what a killed process leaves behind.
//! - [`Model`] and [`State`]: the store as plain maps, with every commit's state kept, so that a recovered store can be held
//!   against what was acknowledged and what was attempted.
//! - [`Unmapped`]: another `Vfs` without mappings.
//! - [`json`]: JSON texts with blanks, escapes, equal keys and numbers of every form.
//! - [`strategies`]: JSON documents, near-duplicate records and sequences of store operations for proptest.
//!
//! Everything is deterministic: the same calls and seeds give the same images. Nothing here depends on the engine's core.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

mod fault;
pub mod json;
mod model;
mod rng;
pub mod strategies;
mod unmapped;

#[cfg(test)]
mod tests;

pub use fault::{
    CrashImage, CrashImages, EIO, ENOSPC, EXHAUSTIVE, Fault, FaultVfs, Op, OpKind, Plan, is_crash,
};
pub use model::{Collection, Model, State};
pub use unmapped::Unmapped;
