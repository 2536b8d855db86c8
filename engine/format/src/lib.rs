//! lakebed's file format: bytes to types and back.
//!
//! `docs/format.md` describes every byte; the modules follow its order. Nothing here opens a file, asks a clock, draws a random number
//! or compresses. Decoders accept any bytes: what is not whole and not as described is a [`FormatError`], never a panic, and nothing is
//! allocated that the bytes at hand could not fill. What is accepted is what an encoder could have written.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

pub mod batch;
pub mod block;
pub mod catalogue;
pub mod checksum;
pub mod column;
pub mod commit;
mod error;
pub mod frame;
pub mod header;
mod id_set;
mod ids;
pub mod limits;
pub mod lock;
pub mod manifest;
pub mod names;
pub mod record;
pub mod run;
pub mod sections;
pub mod tail;
pub mod wire;

pub use batch::{BatchHead, BatchWriter, RowBatch, RowRun};
pub use block::{BlockBuilder, BlockKind, IndexBlock, Pages, Section, SectionKind};
pub use catalogue::{
    Catalogue, CollectionEntry, CollectionName, DictionaryEntry, FileEntry, IngestEntry,
    LargeEntry, SegmentEntry,
};
pub use checksum::{Summer, sum};
pub use column::{ColumnWriter, Run, Runs};
pub use commit::{COMMIT_LEN, Commit, CommitAt, find_last_commit};
pub use error::{FormatError, Reason, Result};
pub use frame::{Encoding, FrameHeader, FrameSpec, decode_offsets, locate, put_lengths};
pub use header::{HEADER_LEN, Layout, SegmentFormat, SegmentHeader, StoreHeader};
pub use id_set::{IdRun, IdSet};
pub use ids::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Fingerprint, Hash,
    HashParseError, SegmentNumber, Seq, StoreUuid,
};
pub use lock::LockText;
pub use manifest::Manifest;
pub use record::Record;
pub use run::RunHeader;
pub use sections::{
    CommitEntry, Extent, Fingerprints, FrameEntry, FrameTable, Ordinals, RowEntry, put_fingerprints,
};
pub use tail::{FooterTail, LargeBlock, LargeEncoding, LargeTail, TAIL_LEN};

#[cfg(test)]
#[allow(
    clippy::needless_for_each,
    reason = "one line a list reads better here"
)]
mod tests;
