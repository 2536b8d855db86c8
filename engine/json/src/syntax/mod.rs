//! JSON texts: strict validation, and walking validated text in place.
//!
//! [`validate()`] accepts exactly the texts of RFC 8259 in UTF-8 with nesting up to [`MAX_DEPTH`], and reports for any
//! other which byte is wrong and why. A text may hold values that other types cannot represent (lone surrogates,
//! numbers beyond every machine type, equal keys): that is valid JSON, and `schema` decides on the types.
//!
//! [`Cursor`] walks a validated text. It skips what the caller does not read and allocates nothing. On bytes that are
//! not JSON it returns errors or arbitrary values; it never panics and never reads outside the slice.

mod error;
mod number;
mod parse;
mod scan;
mod string;
mod token;
mod validate;
mod walk;

#[cfg(test)]
mod tests;

pub use error::JsonError;
pub use number::{Integer, fitting_double, integer};
pub(crate) use number::{double, significant_digits};
pub use parse::MAX_DEPTH;
pub(crate) use parse::parse;
pub(crate) use scan::special;
pub use string::{has_lone_surrogate, unescape_into};
pub use token::Kind;
pub(crate) use token::{Flags, Ignore, Sink, Token, TokenKind};
pub(crate) use validate::check_encoding;
pub use validate::{MAX_LENGTH, first_value, is_unfinished, validate};
pub use walk::{Cursor, Malformed, Text, Value};
