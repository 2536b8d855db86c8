//! Shapes: a record as typed values and the rest of its text, and the same bytes back.
//!
//! Typed columns hold the values of a record, and not how they were written. What is left is its *shape*: the text
//! without the values. Records of one kind share theirs.
//!
//! ```text
//! {"id": 7,  "tags":["a","b"], "at":"2024-02-29T12:00:00Z", "x":null}        the record
//!
//!   literal `{"id": `  hole 0  literal `,  "tags":[`  list 0  literal `], "at":"`  hole 2  literal `", "x":null}`
//!                      |                              |  separator `,`             |
//!                      |                              |  element: shape 0, which is literal `"`, hole 1, literal `"`
//!   columns:           7                              2 elements: a, b            1709208000000000            shape 1
//! ```
//!
//! | part | what it is | from | bytes |
//! |---|---|---|---|
//! | [`Leaves`] | the scalars of the columns, numbered like Parquet's leaf columns | the columns of a schema | - |
//! | [`Spellers`] | how the values of each leaf are written: escapes, digits, the form of timestamps | records, by trial | one block a part |
//! | [`Shapes`] | the shapes, numbered from 0 | interned while records are shaped | one block a part |
//! | `_shape` | the number of a record's shape; NULL: the record is raw | [`Shaper::shape`] | a column |
//! | `_fix` | what shape and spellers do not say of a record; NULL mostly | [`Shaper::shape`] | a column |
//! | `_raw` | a record that has no shape, as it is | the writer | a column |
//!
//! A shape is a sequence of these:
//!
//! - *literal*: bytes. Brackets, keys as they are spelled, blanks, quotes, `null`, `{}`, `[]`.
//! - *hole*: the next value of a leaf, written by the leaf's speller.
//! - *list*: a separator, and the shape of every element, or the mark that each has its own, whose numbers are in
//!   `_fix`. The number of elements is that of the column. A MAP is a list of its entries.
//! - *verbatim*: the next text of `_fix`. Values that no column holds: of a key's second occurrence, or that the
//!   declared type cannot hold.
//! - *members*: members of the object that a leaf holds for the keys without a column.
//!
//! `_fix` also has the text of values that are written otherwise than their leaf's speller writes them: `1e5` among
//! plain numbers, an escape that need not be.
//!
//! ```text
//! writing:   Spellers::of(leaves, sample), once a part
//!            record -> Shaper::shape -> (number, _fix) or raw
//!                   -> extract::Extractor -> arrays -> ArrowValues -> Shapes::rebuild -> equal to the record, or it is raw
//! reading:   pages -> LeafValues -> Shapes::rebuild(number, _fix) -> record
//! ```
//!
//! Nothing is taken on trust: whoever writes a part rebuilds each record from the arrays it writes, and keeps the
//! record raw where a byte differs. Decoders take arbitrary bytes and give an error, never a panic, and never more than
//! a stated number of bytes.

mod arrow;
mod bytes;
mod fix_writer;
mod keys;
mod leaves;
mod rebuild;
mod sample;
mod shaper;
mod spell;
mod table;
mod template;
mod text_value;
mod values;
mod walk;
mod walk_lists;

#[cfg(test)]
mod tests;

pub use arrow::ArrowValues;
pub use bytes::BadShapes;
pub use leaves::{Leaf, LeafKind, LeafStep, Leaves, List};
pub use rebuild::RebuildError;
pub use shaper::Shaper;
pub use spell::{DoubleStyle, Fraction, Notation, Spellers, TextStyle, TimeStyle};
pub use table::{Limits, Shapes};
pub use values::LeafValues;
