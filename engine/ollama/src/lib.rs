//! A streaming client of Ollama: requests as bytes in, typed pieces of replies out.
//!
//! It promises that a stream ends after its last frame (`done: true`) or with an [`Error`]; that no frame and no body grows beyond a
//! limit; that nothing waits longer than its time-out; that dropping a stream closes its connection, which stops the model; and that
//! no redirect is followed. It knows nothing of rows, of the store, or of Python, keeps nothing, and decides nothing about retries:
//! an error is what was seen.
//!
//! Calls block the calling thread; [`Stream::step`] and [`Call::step`] wait no longer than they are told, so that a caller can look
//! at other things between.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

mod client;
mod error;
mod events;
mod lines;
mod stream;

pub use client::{Client, Config, Method};
pub use error::{Error, Fact, Result};
pub use events::{Chunk, Frame, Pulled, Stats};
pub use stream::{Call, Step, Stream};
