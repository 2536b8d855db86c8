//! Bounds that several files share.

/// The most bytes that a page may decode to.
pub(crate) const RAW_LIMIT: usize = 1 << 30;
/// Bytes of a dictionary.
pub(crate) const DICTIONARY_BYTES: usize = 256 << 10;
