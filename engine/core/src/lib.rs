//! The lakebed store: write, recover, read, index, ingest, scan.
//!
//! `docs/architecture.md` says which room holds what and which way data flows; `docs/format.md` gives the bytes.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

pub mod extract;
pub mod json;
pub mod schema;

#[allow(
    dead_code,
    unused_imports,
    reason = "the rooms that use it are being built"
)]
pub(crate) mod frames;
