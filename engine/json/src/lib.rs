//! JSON: validation, walking, summaries of values, and conversion to and from Arrow.
//!
//! | module | what it does |
//! |---|---|
//! | root | validates a text against RFC 8259 ([`validate`]) and walks validated text in place ([`Cursor`]) |
//! | [`time`] | dates and timestamps in strings |
//! | [`schema`] | a mergeable summary of the values of many records, and the typed columns that follow from it |
//! | [`extract`] | columns of validated records into Arrow arrays |
//! | [`shapes`] | records as shapes and typed values, and the same bytes back |
//! | [`writer`] | Arrow rows as JSON objects |
//!
//! Nothing here knows of stores, frames or files. The bytes of summaries ([`schema::Summary::encode`]) are read and
//! written without `lakebed-format`: they are a value inside a catalogue record, have a version of their own, and their
//! errors name no file offset.

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

pub mod extract;
mod quoted;
pub mod schema;
pub mod shapes;
mod syntax;
pub mod time;
mod varint;
pub mod writer;

pub use quoted::quoted;
pub use syntax::{
    Cursor, Integer, JsonError, Kind, MAX_DEPTH, MAX_LENGTH, Malformed, Text, Value, first_value,
    fitting_double, has_lone_surrogate, integer, is_unfinished, unescape_into, validate,
};
