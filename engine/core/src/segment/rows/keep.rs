//! What the rewriting of segments asks of its caller: which blobs and rows are kept, and how they are encoded.

use std::sync::Arc;

use lakebed_codec::Dictionary;
use lakebed_format::{BlobId, Encoding, IdRun, RowBatchEntry, SegmentNumber, Seq, StoreUuid};

use crate::error::Result;

/// A segment to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewSegment {
    pub(crate) number: SegmentNumber,
    pub(crate) store: StoreUuid,
    /// The first blob id that may occur, and the one behind the last.
    pub(crate) first_blob: BlobId,
    pub(crate) end_blob: BlobId,
    /// Raw bytes of a frame, about.
    pub(crate) page_bytes: usize,
    /// Seeds the checksums of its files.
    pub(crate) salt: u64,
    /// zstd's level for the tables of parts.
    pub(crate) level: i32,
    /// Whether frames that are well filled are encoded again, too.
    pub(crate) encode_all: bool,
}

/// What is kept, and how.
pub(crate) trait Keep {
    /// Whether all blobs of a run are kept, or some, or none.
    fn run(&self, run: IdRun) -> Kept;

    /// Whether a blob is kept.
    fn blob(&self, id: BlobId) -> bool;

    /// Whether a blob is a dictionary, which is encoded alone and without one.
    fn is_dictionary(&self, id: BlobId) -> bool;

    /// Whether frames may go on using this dictionary.
    fn allows(&self, encoding: Encoding) -> bool;

    /// The dictionary for blobs from this one on, which were encoded like that.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn dictionary(&mut self, first: BlobId, was: Encoding) -> Result<Option<Arc<Dictionary>>>;

    /// The first row of a batch that is kept; `None` when none is.
    fn first_row(&self, entry: &RowBatchEntry) -> Option<Seq>;

    /// Bytes of sources were read. Called often.
    ///
    /// # Errors
    /// `Interrupted`.
    fn advance(&mut self, bytes: u64) -> Result<()>;
}

/// How much of a run of ids is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    All,
    Some,
    None,
}
