//! Segments: the files that hold blobs, rows and commits, behind one interface.
//!
//! [`Segment`] says what the rest of the store needs: a blob by its id, decoded blobs to read on in order,
//! fingerprints, rows, commits, how blobs are stored, verification. How bytes lie in a file is known here and nowhere
//! else. A file names its layout:
//!
//! - [`rows`]: frames of whole blobs in groups that end in a COMMIT. The segment that is written to ([`rows::active`],
//!   read at positions of its file and never mapped) and sealed ones ([`rows::sealed`], mapped when first touched).
//! - [`large`]: one large blob in blocks.
//! - [`columns`]: as rows, and records in Parquet files.
//!
//! Bytes are read through [`files::SegmentFiles`], which takes only reads of complete files ([`lakebed_vfs::ReadVfs`]),
//! or through the file that is written to. What a caller gets passed its checksums, or is an error that names segment
//! and offset. Nothing here knows hashes or names of collections.

pub(crate) mod bytes;
mod checked;
pub(crate) mod columns;
pub(crate) mod create;
pub(crate) mod damage;
pub(crate) mod files;
pub(crate) mod frame_cache;
mod interface;
pub(crate) mod large;
pub(crate) mod links;
mod open_files;
pub(crate) mod rows;
mod sealed;
pub(crate) mod unnamed;
pub(crate) mod verify;

pub(crate) use interface::{
    Contents, FindDictionary, ReadContext, RowBatchBytes, RowSink, Segment, damaged_rows,
};
pub(crate) use sealed::SealedSegment;
