//! Store-wide runs: which of many sealed segments have a fingerprint, in one sorted file, so that a lookup costs the
//! same however many segments there are.
//!
//! A run is derived. One that is missing, damaged or foreign is an error here, and the caller goes on without it: it
//! searches the footers of the segments. A run says which segments to search: it stores the first bits of each
//! fingerprint alone, so that a segment may turn out to have no blob of a fingerprint.

mod open;
mod policy;
mod run;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use open::{FoundRuns, open_all};
pub(crate) use policy::{Choice, Merge, SegmentOutline, choose, covered, next_merge};
pub(crate) use run::{Entries, Run, RunEntry};
pub(crate) use write::{carry_out, merge_sorted, moved_entries};
