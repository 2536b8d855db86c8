//! Frames between memory and the bytes of a file: compression with zstd, with and without dictionaries, and its
//! inverse.
//!
//! | module | what it does |
//! |---|---|
//! | [`Page`], [`Compressor`], [`Frame`] | blobs into pages, pages into frames, on several threads and in order |
//! | [`Encoder`], [`decode()`] | the payload of one frame |
//! | [`Decoded`] | a decoded frame: its blobs, and which of their hashes were verified |
//! | [`Dictionary`], [`Dictionaries`] | a dictionary ready for use, and those in use |
//! | [`Workers`], [`Ordered`] | worker threads, and results in the order of the jobs |
//! | [`StreamCompressor`], [`StreamDecompressor`] | whole zstd files, for exports and archives |
//! | [`training`] | dictionaries from samples |
//!
//! Decoding never yields more or fewer bytes than the frame's header states and never allocates more than
//! [`RAW_LIMIT`]; hostile input gives an error, not a panic. A [`Compressor`] returns frames in the order they were
//! submitted.
//!
//! Nothing here reads or writes files, verifies checksums or knows where a frame lies: the caller adds segment and
//! offset to an error. The crate uses `lakebed-format` for the terms that both share: encodings, numbers of
//! dictionaries, the table of lengths.

#![warn(
    missing_docs,
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
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::indexing_slicing,
        reason = "tests"
    )
)]

mod compressor;
mod context;
mod decode;
mod decoded;
mod dictionaries;
mod dictionary;
mod encode;
mod error;
mod ordered;
mod page;
mod payload;
mod stream;
pub mod training;
mod window;
mod workers;

#[cfg(test)]
mod tests;

pub use compressor::{Compressor, Frame};
pub use decode::decode;
pub use decoded::Decoded;
pub use dictionaries::{Dictionaries, HOT_DICTIONARIES};
pub use dictionary::Dictionary;
pub use encode::{Encoder, LEVELS};
pub use error::{FrameError, RAW_LIMIT};
pub use ordered::Ordered;
pub use page::Page;
pub use stream::{StreamCompressor, StreamDecompressor};
pub use workers::{Promise, WorkerState, Workers};
