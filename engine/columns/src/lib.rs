//! Columns: the Parquet part of a segment, and reading single rows of it.
//!
//! | module | what it does |
//! |---|---|
//! | [`PartWriter`] | batches of rows into one plain Parquet file; encodings are chosen by trial |
//! | [`PageDirectory`] | where the pages of each leaf lie, with their rows and checksums |
//! | [`Page`] | decodes one page: levels and values |
//! | [`RowValues`] | the values of a row, as [`lakebed_json::shapes`] asks for them to rebuild a record |
//! | [`PartArrays`] | columns of many rows as Arrow arrays |
//!
//! The files are written and scanned with the `parquet` crate. A single row is read without it: its record reader takes
//! milliseconds a row, and the page directory leads to the few pages that hold the row. What the two read from a file
//! is the same, which tests show on everything that is written.
//!
//! Decoders take arbitrary bytes and give an error, never a panic, and never more memory than stated limits. Nothing
//! here opens files or knows segments: the caller adds segment and offset to an error.

#![warn(missing_docs, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests"
    )
)]

mod arrays;
mod bits;
mod choose;
mod directory;
mod error;
mod leaf;
mod limits;
mod page;
mod page_header;
mod rows;
mod statistics;
mod values;
mod write;

#[cfg(test)]
mod tests;

pub use arrays::{ColumnPath, PartArrays, PartBytes, Piece};
pub use choose::PartChoices;
pub use directory::{Chunk, PageDirectory, PageEncoding, PageEntry, PageRef, ReadPart};
pub use error::{ColumnsError, Result};
pub use leaf::{Leaf, Physical};
pub use page::{Page, PageDictionary};
pub use rows::{HeldPages, Lists, Pages, RowValues};
pub use statistics::{Bounds, GroupStatistics};
pub use write::{PartWriter, WrittenPart};
