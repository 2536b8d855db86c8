//! The lakebed store: write, recover, read, index, ingest, scan.
//!
//! `docs/architecture.md` says which room holds what and which way data flows; `docs/format.md` gives the bytes.

#![warn(
    missing_docs,
    clippy::cast_possible_truncation,
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
        clippy::cast_sign_loss,
        clippy::indexing_slicing,
        reason = "tests"
    )
)]

pub(crate) mod backup;
pub(crate) mod blob;
pub(crate) mod catalogue;
pub(crate) mod compact;
pub(crate) mod context;
pub(crate) mod directory_cache;
pub mod error;
pub(crate) mod fingerprints;
pub(crate) mod hashing;
pub(crate) mod index;
pub(crate) mod ingest;
pub mod options;
pub(crate) mod place;
pub(crate) mod problem;
pub(crate) mod progress;
pub(crate) mod random;
pub(crate) mod reach;
pub(crate) mod repair;
pub mod scan;
pub(crate) mod segment;
pub mod snapshot;
pub(crate) mod spelling;
pub mod store;
pub(crate) mod train;
pub(crate) mod transfer;
pub(crate) mod verify;
pub(crate) mod write;
pub(crate) mod writer_lock;

pub use backup::{BackupOptions, BackupReport, RestoreOptions, RestoreReport};
pub use blob::Blob;
pub use compact::{CompactOptions, CompactReport};
pub use error::{Error, ErrorKind, Result};
pub use ingest::{
    BadLine, IngestOptions, IngestReport, NonFinite, OnError, Opener, Source, collection_name,
};
pub use lakebed_format::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Fingerprint, Hash,
    SegmentNumber, Seq,
};
pub use lakebed_json::{
    quoted,
    schema::{self, StoredLayout},
};
pub use options::{Clock, Mode, Options};
pub use problem::{Problem, ProblemKind};
pub use progress::{Progress, ProgressFn};
pub use repair::{ActionKind, LossKind, RepairAction, RepairLoss, RepairOptions, RepairReport};
pub use scan::{CollectionFile, FileColumn, Filter, Op, Part, Parts, Scan, ScanRequest, Value};
pub use snapshot::{Row, Rows, Snapshot};
pub use store::{
    Appended, CollectionInfo, CommitInfo, DictionaryInfo, ExportReport, SegmentInfo, SegmentState,
    Stats, Store,
};
pub use train::TrainReport;
pub use transfer::{CopiedCollection, CopyReport};
pub use verify::{VerifyOptions, VerifyReport};
pub use write::declare::{TypeChange, declaration, layout_named};
