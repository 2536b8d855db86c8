//! The parameters of a scan.

use std::ops::Range;
use std::time::Duration;

use lakebed_format::{CommitNumber, SegmentNumber, Seq};

use lakebed_json::schema::DataType;

/// A constant in a filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// For BOOLEAN columns.
    Bool(bool),
    /// For columns of integers; days since 1970 for DATE, microseconds since 1970 (UTC) for timestamps.
    Int(i128),
    /// For DOUBLE columns.
    Float(f64),
    /// For VARCHAR columns, compared byte by byte.
    Text(String),
}

/// The comparison of a filter. NULL matches [`Op::IsNull`] alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Equal.
    Eq(Value),
    /// Not equal.
    Ne(Value),
    /// Less than.
    Lt(Value),
    /// Less than or equal to.
    Le(Value),
    /// Greater than.
    Gt(Value),
    /// Greater than or equal to.
    Ge(Value),
    /// Equal to one of the values.
    In(Vec<Value>),
    /// NULL.
    IsNull,
    /// Not NULL.
    IsNotNull,
}

/// A filter on one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// The name of the column, typed or system.
    pub column: String,
    /// The comparison.
    pub op: Op,
}

/// The parameters of a scan of a collection.
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    /// The name of the collection.
    pub collection: String,
    /// The names of the columns, in the order of the result; `None` means all typed columns, then all system columns.
    pub columns: Option<Vec<String>>,
    /// A row must match all of them.
    pub filters: Vec<Filter>,
    /// The sequence numbers of the rows; `None` means all.
    pub range: Option<Range<Seq>>,
    /// Not the rows that are in the Parquet files of these segments.
    pub without: Vec<SegmentNumber>,
    /// Types of columns that replace the inferred ones. A name that is not a column yet is a key that later records may
    /// have. A value that the type cannot hold is an error; VARCHAR holds any, as its text. A filter on such a column
    /// is an error.
    pub types: Vec<(String, DataType)>,
    /// Only the rows that this commit had, without those deleted since.
    pub as_of: Option<CommitNumber>,
    /// The most rows of a batch, before filters; 0 lets the scan choose.
    pub batch_rows: usize,
    /// Whether `_json` is returned as views into decoded frames, without copies; not where a filter names it.
    pub text_views: bool,
    /// The number of threads; 0 means that of the store's options.
    pub threads: usize,
    /// Return a row of NULLs whenever no row matched the filters for this long, so that a reader that checks for an
    /// interrupt between batches can do so. `_seq` is NULL in no other row.
    pub heartbeat: Option<Duration>,
}

impl ScanRequest {
    /// All rows and columns of a collection.
    pub fn of(collection: impl Into<String>) -> Self {
        Self {
            collection: collection.into(),
            ..Self::default()
        }
    }

    pub(super) fn range(&self) -> Range<Seq> {
        self.range.clone().unwrap_or(Seq(0)..Seq(u64::MAX))
    }

    /// The part of `range` that the filters on `_seq` can match.
    pub(super) fn pruned_range(&self, mut range: Range<Seq>) -> Range<Seq> {
        let clamp = |number: i128| Seq(u64::try_from(number.max(0)).unwrap_or(u64::MAX));
        for filter in self.filters.iter().filter(|f| f.column == "_seq") {
            match &filter.op {
                Op::Eq(Value::Int(n)) => {
                    range.start = range.start.max(clamp(*n));
                    range.end = range.end.min(clamp(n.saturating_add(1)));
                }
                Op::Lt(Value::Int(n)) => range.end = range.end.min(clamp(*n)),
                Op::Le(Value::Int(n)) => range.end = range.end.min(clamp(n.saturating_add(1))),
                Op::Gt(Value::Int(n)) => range.start = range.start.max(clamp(n.saturating_add(1))),
                Op::Ge(Value::Int(n)) => range.start = range.start.max(clamp(*n)),
                Op::In(values) => {
                    let numbers = || {
                        values.iter().filter_map(|value| match value {
                            Value::Int(n) => Some(*n),
                            _ => None,
                        })
                    };
                    if let (Some(low), Some(high)) = (numbers().min(), numbers().max()) {
                        range.start = range.start.max(clamp(low));
                        range.end = range.end.min(clamp(high.saturating_add(1)));
                    }
                }
                _ => {}
            }
        }
        range.end = range.end.max(range.start);
        range
    }
}
