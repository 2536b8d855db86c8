//! The *rows* layout: frames of whole blobs in groups, each with its row batches and an index block and ended by a
//! COMMIT; a footer once the segment is sealed (docs/format.md).
//!
//! [`walker`] reads the structures and [`writer`] writes them; nothing else does.

pub(crate) mod active;
pub(crate) mod active_file;
mod agreement;
pub(crate) mod footer;
mod footer_of_groups;
mod footer_tables;
pub(crate) mod frame;
pub(crate) mod keep;
mod loaded_block;
mod paged;
pub(crate) mod pending;
pub(crate) mod rewrite;
pub(crate) mod salvage;
pub(crate) mod sealed;
mod sealed_fingerprints;
mod sealed_tables;
mod verify;
mod verify_sealed;
pub(crate) mod walker;
pub(crate) mod writer;
