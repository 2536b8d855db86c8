//! Store-wide runs: the fingerprints of many sealed segments in one sorted file, so that a lookup costs the same
//! however many segments there are.
//!
//! A run is derived. One that is missing, damaged or foreign is an error here, and the caller goes on without it: the
//! footers hold the same. Ids from a run are candidates: they may be deleted, or newer than the caller's snapshot, and
//! a run stores the first bits of each fingerprint alone.

mod open;
mod policy;
mod run;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use open::{FoundRuns, open_all};
pub(crate) use policy::{Choice, Merge, SegmentOutline, choose, covered, next_merge};
pub(crate) use run::{Entries, Run, RunEntry};
pub(crate) use write::{carry_out, merge_sorted, shortened, shortened_entries};
