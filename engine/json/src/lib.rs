//! JSON: validating and walking it, what its values look like, and to and from Arrow.
//!
//! | module | what it does |
//! |---|---|
//! | root | validates a text against RFC 8259 ([`validate`]) and walks validated text in place ([`Cursor`]) |
//! | [`time`] | dates and timestamps in strings |
//! | [`schema`] | a mergeable summary of the values of many records, and the typed columns that follow from it |
//! | [`extract`] | projected columns of validated records into Arrow arrays |
//! | [`writer`] | Arrow rows as JSON objects |
//!
//! Nothing here knows of stores, frames or files. The wire form of summaries ([`schema::Summary::encode`]) has a reader of its own and
//! does not use `lakebed-format`: it is a value inside a catalogue record, has its own version, and its errors name no file offset.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests"
    )
)]

pub mod extract;
pub mod schema;
mod syntax;
pub mod time;
pub mod writer;

pub use syntax::{
    Cursor, Integer, JsonError, Kind, MAX_DEPTH, MAX_LENGTH, Malformed, Text, Value,
    fitting_double, has_lone_surrogate, integer, looks_like_array, unescape_into, validate,
};
