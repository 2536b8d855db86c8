//! The *columns* layout: the structures of the rows layout, and records in Parquet files beside the segment's own.
//!
//! ```text
//! segments/000000000012.seg            ids, fingerprints, row batches, commits of all blobs; frames of the blobs that are in
//!                                      no part; for each part a table; a footer that lists the parts
//! segments/000000000012-3.parquet      the part of collection 3: typed columns, and the columns that rebuild its records
//! ```
//!
//! A part has one row for each of its blobs, in the order of their ids: the rank of an id among the part's is its row.
//! Its *table* ([`table`]) has these ids, the page directory, and the shapes and spellers of [`lakebed_json::shapes`].
//!
//! | file | what it does |
//! |---|---|
//! | [`mod@write`] | rows of a collection into a part; each record is rebuilt from the file and compared |
//! | `encode`, `stage` | its steps, each on a thread of its own |
//! | [`part`] | an open part: records by row |
//! | `pages` | decoded pages, from the cache or the file |
//! | [`arrays`], `part_columns` | its columns as Arrow arrays |
//! | [`origin`] | what its columns hold |
//! | [`sealed`] | the segment: parts and frames behind [`super::Segment`] |
//! | [`salvage`] | what is whole of a damaged one |
//!
//! What a segment of the rows layout can do is not done again here: a [`sealed::SealedColumns`] has one inside, for its
//! frames and tables. [`super::rows::rewrite`] writes the file of the segment for both layouts.

pub(crate) mod arrays;
mod batch;
mod chunks;
mod encode;
pub(crate) mod listing;
pub(crate) mod origin;
mod pages;
pub(crate) mod part;
mod part_columns;
pub(crate) mod rows;
pub(crate) mod salvage;
pub(crate) mod sealed;
mod sink;
mod stage;
pub(crate) mod table;
mod verify;
pub(crate) mod write;
