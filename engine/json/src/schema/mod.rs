//! What the values of a collection look like, and which typed columns follow from that.
//!
//! A [`Summary`] is made by [`validate_and_observe`], one line at a time. Summaries merge: the summary of a set of lines is the
//! same however the lines were ordered, split over threads and merged. It is bounded in size whatever the lines hold, and is
//! kept in the store as the bytes of [`Summary::encode`].
//!
//! [`to_columns`] turns a summary into a [`Schema`]: names, [`DataType`]s and what a user should know about each column. The rule
//! behind every type: it holds every value seen without loss, or it is `JSON`, which is the exact bytes. `docs/types.md` has the lattice.
//!
//! Nothing here knows of the store, and of Arrow only its names for types.

mod arrow;
mod codec;
mod columns;
mod observe;
mod parse;
mod stats;
mod summary;
mod types;

#[cfg(test)]
mod tests;

pub use arrow::{arrow_field, arrow_schema};
pub use codec::BadSummary;
pub use columns::to_columns;
pub use observe::{Observer, validate_and_observe};
pub use summary::Summary;
pub use types::{Column, DataType, Field, SYSTEM_COLUMNS, Schema, Source};
