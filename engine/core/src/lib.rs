//! The lakebed store: write, recover, read, index, ingest, scan.
//!
//! `docs/architecture.md` says which room holds what and which way data flows; `docs/format.md` gives the bytes.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

pub(crate) mod blob;
pub(crate) mod catalogue;
pub mod error;
pub(crate) mod frame_cache;
pub(crate) mod hashing;
pub(crate) mod home;
pub(crate) mod index;
pub(crate) mod ingest;
pub(crate) mod near;
pub mod options;
pub(crate) mod quiet;
pub mod scan;
pub(crate) mod segment;
pub mod snapshot;
pub mod store;
pub(crate) mod train;
pub(crate) mod write;

pub use blob::Blob;
pub use error::{Error, ErrorKind, Result};
pub use lakebed_format::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Fingerprint, Hash,
    SegmentNumber, Seq,
};
pub use lakebed_json::schema;
pub use options::{Clock, Mode, Options};
pub use scan::{Filter, Op, Part, Parts, Scan, ScanRequest, Value};
pub use snapshot::{Row, Rows, Snapshot};
pub use store::{
    Appended, BadLine, CollectionInfo, CommitInfo, DictionaryInfo, ExportReport, IngestOptions,
    IngestReport, OnError, Problem, Progress, ProgressFn, SegmentInfo, SegmentState, Source, Stats,
    Store, VerifyReport,
};
pub use train::TrainReport;
