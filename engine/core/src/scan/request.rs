//! What a scan is asked for.

use std::ops::Range;
use std::time::Duration;

use lakebed_format::{CommitNumber, Seq};

use lakebed_json::schema::DataType;

/// A constant that a column is compared with.
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

/// What a filter asks of a column. A NULL passes [`Op::IsNull`] alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Equal.
    Eq(Value),
    /// Not equal.
    Ne(Value),
    /// Less.
    Lt(Value),
    /// Less or equal.
    Le(Value),
    /// Greater.
    Gt(Value),
    /// Greater or equal.
    Ge(Value),
    /// Equal to one of them.
    In(Vec<Value>),
    /// It is NULL.
    IsNull,
    /// It is not NULL.
    IsNotNull,
}

/// A condition on one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Name of the column, typed or system.
    pub column: String,
    /// What is asked of it.
    pub op: Op,
}

/// What a scan of a collection gives back.
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    /// The collection.
    pub collection: String,
    /// Names of the columns, in the order wanted; `None` means all typed and system columns.
    pub columns: Option<Vec<String>>,
    /// Rows must pass all of them.
    pub filters: Vec<Filter>,
    /// Only these sequence numbers; `None` means all.
    pub range: Option<Range<Seq>>,
    /// Types of columns instead of those the values have; a name that is no column is a key that may come. A value that its type cannot
    /// hold is an error; VARCHAR holds any, as its text. A filter on such a column is refused.
    pub types: Vec<(String, DataType)>,
    /// Only rows that were there as of this commit; what was deleted since is gone.
    pub as_of: Option<CommitNumber>,
    /// Rows of a batch at most, before filters; 0 means as many as make a batch of a good size.
    pub batch_rows: usize,
    /// Give `_json` as views of the memory that records were decoded into, without copying them, where no filter names it.
    pub text_views: bool,
    /// Threads to work with; 0 means as many as the store was opened with.
    pub threads: usize,
    /// Give a row of nothing but NULL whenever the filters let nothing through for this long, so that a reader that looks between
    /// batches whether it should stop gets to look. `_seq` is NULL in no other row.
    pub signs_of_life: Option<Duration>,
}

impl ScanRequest {
    /// Everything of a collection.
    pub fn of(collection: impl Into<String>) -> Self {
        Self {
            collection: collection.into(),
            ..Self::default()
        }
    }

    pub(super) fn range(&self) -> Range<Seq> {
        self.range.clone().unwrap_or(Seq(0)..Seq(u64::MAX))
    }

    /// The part of `range` that filters on `_seq` leave.
    pub(super) fn pruned_range(&self, mut range: Range<Seq>) -> Range<Seq> {
        let clamp = |number: i128| Seq(u64::try_from(number.max(0)).unwrap_or(u64::MAX));
        for filter in self.filters.iter().filter(|f| f.column == "_seq") {
            match &filter.op {
                Op::Eq(Value::Int(n)) => {
                    range.start = range.start.max(clamp(*n));
                    range.end = range.end.min(clamp(n + 1));
                }
                Op::Lt(Value::Int(n)) => range.end = range.end.min(clamp(*n)),
                Op::Le(Value::Int(n)) => range.end = range.end.min(clamp(n + 1)),
                Op::Gt(Value::Int(n)) => range.start = range.start.max(clamp(n + 1)),
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
                        range.end = range.end.min(clamp(high + 1));
                    }
                }
                _ => {}
            }
        }
        range.end = range.end.max(range.start);
        range
    }
}
