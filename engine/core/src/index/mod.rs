//! From fingerprints to blob ids: in memory, in the footers of sealed segments, in store-wide runs.
//!
//! A fingerprint finds candidates and proves nothing; callers compare the bytes.

pub(crate) mod compare;
pub(crate) mod lookup;
pub(crate) mod runs;
