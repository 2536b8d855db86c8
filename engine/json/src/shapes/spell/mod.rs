//! Spellers: how the values of a leaf are written.
//!
//! A speller writes what is between the quotes of a string, a number, or the whole text of a JSON value. Quotes belong
//! to the shape.

mod doubles;
mod integers;
mod spellers;
mod strings;
mod times;
mod trial;

pub use doubles::{DoubleStyle, Notation};
pub(super) use spellers::LeafValue;
pub use spellers::Spellers;
pub use strings::TextStyle;
pub use times::{Fraction, TimeStyle};
pub(super) use trial::Trial;

#[cfg(test)]
pub(super) use spellers::Speller;
