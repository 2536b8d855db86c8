//! lakebed's file format: bytes to types and back.
//!
//! `docs/format.md` describes every byte; the modules follow its order. Nothing here opens a file, asks a clock, draws a random number
//! or compresses. Decoders accept any bytes: what is not whole and not as described is a [`FormatError`], never a panic, and nothing is
//! allocated that the bytes at hand could not fill. What is accepted is what an encoder could have written.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

pub mod checksum;
mod error;
pub mod header;
mod id_set;
mod ids;
pub mod limits;
pub mod lock;
pub mod names;
pub mod wire;

pub use checksum::{Summer, sum};
pub use error::{FormatError, Reason, Result};
pub use header::{Layout, SegmentHeader, StoreHeader};
pub use id_set::{IdRun, IdSet};
pub use ids::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Fingerprint, Hash,
    HashParseError, SegmentNumber, Seq, StoreUuid,
};
pub use lock::LockText;
