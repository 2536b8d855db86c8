//! Storage that fails, forgets and crashes as told.

mod disk;
mod images;
mod plan;
mod vfs;

pub use images::{CrashImage, CrashImages, EXHAUSTIVE};
pub use plan::{EIO, ENOSPC, Fault, Op, OpKind, Plan, is_crash};
pub use vfs::FaultVfs;
