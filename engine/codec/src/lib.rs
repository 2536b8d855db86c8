//! Frames between memory and the file's bytes: zstd with and without dictionaries, decoded frames, their cache, and the
//! worker threads that compress in parallel and hand back in order.
//!
//! What it promises: decoding never yields more or fewer bytes than the frame's header states, never allocates more than
//! [`RAW_LIMIT`], and hostile input gives an error, not a panic. A compressor returns frames in the order they were
//! submitted, whatever finished first. What it does not do: read or write files, check checksums, or know where a frame lies;
//! whoever calls adds the segment and the offset to the error.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

mod compressor;
mod decoded;
mod dictionary;
mod frame;
mod payload;
mod pinned;
pub mod training;
mod window;
mod workers;

#[cfg(test)]
mod tests;

pub use compressor::{Compressor, Frame, Page};
pub use decoded::Decoded;
pub use dictionary::{Dictionaries, Dictionary};
pub use frame::{Encoder, decode};
pub use workers::{Desk, Ordered, Promise, Workers};

use lakebed_format::FormatError;

/// The most raw bytes one frame may state.
pub const RAW_LIMIT: u64 = lakebed_format::limits::MAX_FRAME;

/// A thread's space to compress in that is larger than this is given back after use, in bytes.
const KEPT: usize = 1 << 20;

/// zstd's levels that may be configured.
pub const LEVELS: std::ops::RangeInclusive<i32> = 1..=19;

/// Dictionaries kept ready for use at the same time; measured, a random get slows from 2.5 us at 16 to 9 us at 256.
pub const HOT_DICTIONARIES: usize = 16;

/// What can go wrong with a frame. The messages are half sentences: the caller knows which frame of which segment it was.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The bytes are not what the header says. Checksums passed before, so this is a bug or forged.
    #[error("the frame does not decode: {0}")]
    Damaged(&'static str),
    /// The table of lengths is not what the format says.
    #[error("the frame does not decode: {0}")]
    Malformed(#[from] FormatError),
    /// The header asks for more than any frame may hold.
    #[error("the frame states {0} raw bytes, more than the limit of {RAW_LIMIT}")]
    TooLarge(u64),
    /// zstd refused to compress or to set up; practically only for want of memory.
    #[error("zstd failed: {0}")]
    Zstd(&'static str),
    /// There was no memory for the frame's raw bytes.
    #[error("there is no memory for the frame's {0} raw bytes")]
    NoMemory(u64),
    /// A job on a worker thread panicked; the message is the panic's.
    #[error("a worker thread panicked: {0}")]
    Panicked(String),
    /// The operating system gave no thread.
    #[error("a worker thread could not be started: {0}")]
    Threads(std::io::Error),
    /// The workers are gone, because the pool is shutting down.
    #[error("the worker threads have stopped")]
    Stopped,
}
