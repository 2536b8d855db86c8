//! Searching fingerprints, the first 8 bytes of hashes: in memory, in sorted tables, and filters that spare a search.

pub(crate) mod filter;
pub(crate) mod memory;
pub(crate) mod search;
