//! Errors of frames.

use lakebed_format::FormatError;

/// The most raw bytes that a frame may state.
pub const RAW_LIMIT: u64 = lakebed_format::limits::MAX_FRAME;

/// Why a frame cannot be encoded or decoded. The messages are half sentences: the caller knows the segment and the
/// offset.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The bytes are not what the frame's header states. Their checksum was correct, so they were written so.
    #[error("the frame does not decode: {0}")]
    Damaged(&'static str),
    /// The table of lengths is malformed.
    #[error("the frame does not decode: {0}")]
    Malformed(#[from] FormatError),
    /// The header states more raw bytes than any frame may hold.
    #[error("the frame states {0} raw bytes, more than the limit of {RAW_LIMIT}")]
    TooLarge(u64),
    /// zstd failed to compress or to create a context; in practice only without memory.
    #[error("zstd failed: {0}")]
    Zstd(&'static str),
    /// There is no memory for the frame's raw bytes.
    #[error("there is no memory for the frame's {0} raw bytes")]
    NoMemory(u64),
    /// A job on a worker thread panicked with this message.
    #[error("a worker thread panicked: {0}")]
    Panicked(String),
    /// The operating system could not start a thread.
    #[error("a worker thread could not be started: {0}")]
    Threads(std::io::Error),
    /// The pool of workers is shutting down.
    #[error("the worker threads have stopped")]
    Stopped,
}

/// The error of a zstd function.
pub(crate) fn zstd(code: usize) -> FrameError {
    FrameError::Zstd(zstd_safe::get_error_name(code))
}
