//! A streaming client of Ollama: requests as bytes in, typed events of the response's stream out.
//!
//! It promises that a stream ends after its last event (`done: true`) or with an [`Error`]; that no line and no body
//! grows beyond a limit; that every wait has a time-out; that dropping a stream closes its connection, which stops the
//! model; and that redirects are not followed. It knows nothing of rows, of the store, or of Python. It keeps no state
//! between calls but idle connections, and leaves retries to the caller: an error reports what happened and nothing
//! else.
//!
//! Calls block the calling thread. [`EventStream::step`] and [`PendingCall::step`] wait for a given time at most, so
//! that the caller can do other work in between, such as checking for signals.

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
        reason = "tests"
    )
)]

mod call;
mod client;
mod connection;
mod error;
mod events;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lines;
mod reuse;
mod stream;

pub use call::{PendingCall, Step};
pub use client::Client;
pub use connection::{Config, Method};
pub use error::{Error, FailureKind, Result};
pub use events::{Event, PullProgress, ReplyChunk, ReplyStatistics};
pub use stream::EventStream;
