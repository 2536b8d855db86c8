//! The store as of one commit.

use std::sync::Arc;

use lakebed_format::{BlobId, Seq};

use crate::error::Result;

/// The store as of one commit (and the pending work of the object it was taken from).
#[derive(Clone, Debug)]
pub struct Snapshot {}

/// A row of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the collection.
    pub seq: Seq,
    /// The number of its blob.
    pub blob: BlobId,
    /// The file it came from.
    pub file: Option<Arc<str>>,
    /// Its line in that file, from 1.
    pub line: Option<u64>,
    /// When it was ingested, microseconds since 1970 UTC.
    pub time: i64,
}

/// Rows of a collection, in order.
#[derive(Debug)]
pub struct Rows {}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
