//! Summaries of the values of many records, and the typed columns that follow from them.
//!
//! [`validate_and_observe`] adds records to a [`Summary`], one by one. Summaries merge: the summary of a set of records
//! does not depend on their order, nor on how they were split over threads and merged. Its size is bounded whatever the
//! records hold. [`Summary::encode`] gives the bytes that a store keeps.
//!
//! [`to_columns`] makes a [`Schema`] from a summary: names, [`DataType`]s and notes for the user about each column. The
//! rule behind every type: it holds every value seen without loss, or it is `JSON`, which is the exact bytes.
//! [`Settings`] are what is fixed all the same: names that were given, and types that somebody declared.
//! `docs/types.md` has the lattice.
//!
//! Arrow is used here only for its names of types.

mod arrow;
mod bytes;
mod columns;
mod description;
mod encoding;
mod expected;
mod infer;
mod keep_names;
mod names;
mod node;
mod observe;
mod scratch;
mod settings;
mod stats;
mod summary;
mod type_names;
mod types;

#[cfg(test)]
mod tests;

pub use arrow::{arrow_field, arrow_schema};
pub use bytes::BadSummary;
pub use columns::to_columns;
pub use description::Description;
pub use node::MAX_COLUMNS;
pub use observe::validate_and_observe;
pub use settings::{Declaration, Settings, StoredLayout};
pub use summary::Summary;
pub use types::{Column, ColumnSource, DataType, Declared, Field, SYSTEM_COLUMNS, Schema, Step};
