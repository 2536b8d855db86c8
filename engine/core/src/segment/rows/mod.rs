//! The *rows* layout: frames of whole blobs in groups, each ended by a COMMIT; a footer once the segment is sealed.

pub(crate) mod active;
pub(crate) mod frame;
pub(crate) mod paged;
pub(crate) mod pending;
pub(crate) mod sealed;
pub(crate) mod walker;
