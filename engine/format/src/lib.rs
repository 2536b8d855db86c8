//! lakebed's file format: bytes to types and back.
//!
//! `docs/format.md` describes every byte. This crate does not open files, read clocks, draw random numbers or compress.
//!
//! Decoders take any bytes. What is incomplete or not as described is a [`FormatError`], not a panic, and no more
//! memory is allocated than the bytes at hand can fill. What a decoder accepts is what an encoder could have written.

#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::indexing_slicing,
        reason = "tests"
    )
)]

mod catalogue_record;
mod checksum;
pub mod coding;
pub mod column;
pub mod commit;
mod error;
pub mod frame;
mod id_set;
mod ids;
pub mod index_block;
pub mod index_run;
mod large_blob;
pub mod limits;
pub mod lock;
pub mod manifest;
pub mod names;
pub mod row_batch;
mod segment_header;
mod store_header;
mod trailer;

pub use catalogue_record::{CatalogueRecord, NewCollection};
pub use checksum::{RunningChecksum, checksum};
pub use column::{ColumnWriter, NumberRun, NumberRuns};
pub use commit::{COMMIT_LEN, Commit, LocatedCommit, find_last_commit};
pub use error::{FormatError, Reason, Result};
pub use frame::{Encoding, FrameHeader, FrameSpec, decode_offsets, locate, put_lengths};
pub use id_set::{IdRun, IdSet};
pub use ids::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Fingerprint, Hash,
    HashParseError, SegmentNumber, Seq, StoreUuid,
};
pub use index_block::{
    BlockKind, CommitEntry, FingerprintExtent, FingerprintTable, Fingerprints, FrameEntry,
    FrameTable, IndexBlock, IndexBlockBuilder, Ordinals, Pages, PartEntry, PartList, RowBatchEntry,
    Section, SectionKind, TABLE_FINGERPRINT_BITS, TableExtent, put_fingerprints,
};
pub use index_run::IndexRunHeader;
pub use large_blob::{LargeBlock, LargeEncoding, LargeTrailer};
pub use lock::LockText;
pub use manifest::{
    CollectionEntry, DictionaryEntry, FileEntry, IngestEntry, LargeEntry, Manifest, ManifestBody,
    SegmentEntry,
};
pub use row_batch::{RowBatch, RowBatchHeader, RowBatchWriter, RowRun};
pub use segment_header::{HEADER_LEN, Layout, SegmentFormat, SegmentHeader};
pub use store_header::StoreHeader;
pub use trailer::{FooterTrailer, TRAILER_LEN};

#[cfg(test)]
#[allow(
    clippy::needless_for_each,
    reason = "one line a list reads better here"
)]
mod tests;
