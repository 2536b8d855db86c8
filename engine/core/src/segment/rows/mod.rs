//! The *rows* layout: frames of whole blobs in groups, each with its row batches and an index block and ended by a COMMIT; a footer once
//! the segment is sealed (docs/format.md).
//!
//! [`walker`] reads the structures and [`writer`] writes them; nothing else does.

use lakebed_format::{RowBatch, RowEntry, SegmentNumber};

use super::RowBatchBytes;
use super::bytes::Slice;
use crate::error::{Error, Result};

pub(crate) mod active;
pub(crate) mod footer;
pub(crate) mod frame;
mod paged;
pub(crate) mod pending;
pub(crate) mod sealed;
mod verify;
pub(crate) mod walker;
pub(crate) mod writer;

/// The bytes of a row batch, checked, as the entry of the row directory says.
fn checked_batch(
    segment: SegmentNumber,
    salt: u64,
    entry: &RowEntry,
    bytes: Slice,
) -> Result<RowBatchBytes> {
    let batch =
        RowBatch::decode(&bytes, salt, entry.offset).map_err(|e| Error::of_format(segment, &e))?;
    let agrees = batch.head.collection == entry.collection
        && batch.head.first_seq == entry.first_seq
        && batch.rows == entry.rows;
    if !agrees {
        return Err(Error::corrupt(
            segment,
            entry.offset,
            "a row batch is another one than the row directory says",
        ));
    }
    Ok(RowBatchBytes::new(bytes, entry.offset))
}
