//! Storage that fails, loses writes and crashes by a plan.

mod disk;
mod file;
mod images;
mod operation;
mod plan;
mod vfs;

pub use images::{CrashImage, CrashImages, EXHAUSTIVE};
pub use plan::{EIO, ENOSPC, Fault, Op, OpKind, Plan, is_crash};
pub use vfs::FaultVfs;
