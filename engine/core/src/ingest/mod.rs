//! NDJSON into a collection: from any input, on all cores, in order.
//!
//! ```text
//! reading thread   read, decompress, hash the content, cut it at line ends into chunks of about 1 MiB
//! worker threads   find lines, validate, observe the schema, hash each line; later compress frames
//! the caller       in order: dedupe and frame (the sink), rows, a commit at least every 64 MiB
//! ```
//!
//! A line is stored without its end: neither `\n` nor the `\r` of a CRLF. Blank lines (nothing but spaces, tabs, `\r`) and
//! a byte-order mark at the beginning are passed over; blank lines count as lines. What is committed is always a prefix of the
//! input's lines, and the record committed with it says how far, so that an interrupted ingest can be resumed.
//!
//! A collection without a dictionary gets one first, if it pays. A plain file is sampled all over while its first chunks
//! are already parsed; of anything else at most [`Sizes::look_ahead`] bytes are held in memory and sampled.
//!
//! Not here: bytes of the format, locks, what a commit does.

mod chunks;
mod history;
mod input;
mod lines;
mod name;
mod quarantine;
mod reader;
mod report;
mod run;
mod sample;
mod session;
mod sink;
#[cfg(test)]
mod tests;
mod training;
mod unzstd;

pub use name::collection_name;
pub(crate) use session::ingest;
use sink::Sink;

/// How much of everything. Tests make it small.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// Content of a chunk, about: small enough that all cores get some of any file, large enough that handing over costs nothing.
    chunk: usize,
    /// The longest line; what is beyond is read past and not held.
    longest_line: u64,
    /// Content of a group at most, but for a single chunk that is larger.
    commit_bytes: u64,
    /// Rows of a group: very small rows cost more memory than their bytes until they are committed.
    commit_rows: u64,
    /// Memory for what was parsed and waits for a dictionary.
    look_ahead: usize,
}

const SIZES: Sizes = Sizes {
    chunk: 1 << 20,
    longest_line: lakebed_format::limits::MAX_LINE,
    commit_bytes: 64 << 20,
    commit_rows: 1 << 20,
    look_ahead: 64 << 20,
};

/// An input below this size gets no dictionary: it could not save its own cost.
const LEAST_TRAINED: u64 = 96 << 10;
