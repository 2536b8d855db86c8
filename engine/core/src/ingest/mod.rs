//! NDJSON into a collection: from any input, on all cores, in order.
//!
//! ```text
//! reader thread    read, decompress, hash the content, cut it at line ends into chunks of about 1 MiB
//! worker threads   find lines, validate, observe the schema, hash each line; later compress frames
//! caller's thread  in order: dedupe, frame, append rows; a commit at least every 64 MiB
//! ```
//!
//! A line is stored without its end: neither `\n` nor the `\r` of a CRLF. Blank lines (only spaces, tabs, `\r`) and a
//! byte-order mark at the beginning are not stored; blank lines count as lines. What is committed is always a prefix of
//! the input's lines, and a record in the same commit holds the position in the input, so that an interrupted ingest
//! can go on, and a file that has grown too. Content that is a JSON array, or values over several lines, is read as one
//! value a line.
//!
//! What gives its lines over time (a pipe, a file that is followed) is read ahead by one more thread, is committed by
//! time too, and lets others write between commits.
//!
//! A collection without a dictionary gets one first, if it pays. A plain file is sampled in all its parts while its
//! first chunks are parsed; of any other input at most [`Sizes::look_ahead`] bytes are held in memory and sampled.
//!
//! Not here: bytes of the format, locks, what a commit does.

mod chunks;
mod compression;
mod content;
mod dry_run;
mod feed;
mod first_dictionary;
mod follow;
mod group_writer;
mod input;
mod lines;
mod messages;
mod name;
mod non_finite;
mod pipeline;
mod quarantine;
mod reader_thread;
mod receive;
mod report;
mod request;
mod sampling;
mod session;
mod starting_point;
#[cfg(test)]
mod tests;
mod ticker;
mod training;
mod values;
mod writing;
mod zstd_reader;

pub use name::collection_name;
pub use report::{BadLine, IngestReport};
pub use request::{IngestOptions, NonFinite, OnError, Opener, Source};
pub(crate) use session::ingest;

/// Limits of an ingest. Tests make them small.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// About the content bytes of a chunk: small enough to give every core some of any file, large enough to make
    /// hand-over cheap.
    chunk: usize,
    /// The longest line in bytes. A longer one is read, and only its beginning is held.
    longest_line: u64,
    /// The content bytes of a group, unless a single chunk is larger.
    commit_bytes: u64,
    /// The rows of a group: until the commit a very small row needs more memory than its bytes.
    commit_rows: u64,
    /// The memory, in bytes, for chunks that wait for a dictionary.
    look_ahead: usize,
}

const SIZES: Sizes = Sizes {
    chunk: 1 << 20,
    longest_line: lakebed_format::limits::MAX_LINE,
    commit_bytes: 64 << 20,
    commit_rows: 1 << 20,
    look_ahead: 64 << 20,
};

/// The longest time between two calls of the caller's progress function.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(50);

/// An input below this size, in bytes, gets no dictionary: it would save less than it costs.
const LEAST_TRAINED: u64 = 96 << 10;
