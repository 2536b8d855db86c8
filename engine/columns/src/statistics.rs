//! What a footer says of the values of a leaf in a row group.

use std::ops::Range;

use parquet::file::statistics::Statistics;

/// What is known of a leaf's values in a row group.
#[derive(Clone, Debug)]
pub struct GroupStatistics {
    /// The rows of the group.
    pub rows: Range<u64>,
    /// How many of them are NULL.
    pub nulls: Option<u64>,
    /// What the others lie between.
    pub bounds: Bounds,
}

/// A value that is not greater than any other, and one that is not less. Long texts are cut.
#[derive(Clone, Debug, PartialEq)]
pub enum Bounds {
    /// Of integers of any width with a sign, dates and times; of those without a sign, their bits.
    Ints(i64, i64),
    /// Of floating-point numbers.
    Floats(f64, f64),
    /// Of texts.
    Bytes(Vec<u8>, Vec<u8>),
    /// They are not known, or there are none.
    Unknown,
}

impl GroupStatistics {
    pub(crate) fn new(rows: Range<u64>, known: &Statistics) -> Self {
        let bounds = match known {
            Statistics::Int32(known) => pair(known.min_opt(), known.max_opt())
                .map(|(low, high)| Bounds::Ints((*low).into(), (*high).into())),
            Statistics::Int64(known) => {
                pair(known.min_opt(), known.max_opt()).map(|(low, high)| Bounds::Ints(*low, *high))
            }
            Statistics::Double(known) => pair(known.min_opt(), known.max_opt())
                .map(|(low, high)| Bounds::Floats(*low, *high)),
            Statistics::ByteArray(known) => pair(known.min_opt(), known.max_opt())
                .map(|(low, high)| Bounds::Bytes(low.data().to_vec(), high.data().to_vec())),
            _ => None,
        };
        Self {
            rows,
            nulls: known.null_count_opt(),
            bounds: bounds.unwrap_or(Bounds::Unknown),
        }
    }
}

fn pair<T>(low: Option<T>, high: Option<T>) -> Option<(T, T)> {
    low.zip(high)
}
