//! Why a value cannot be added to a column.

use arrow_schema::ArrowError;

use crate::syntax::Malformed;

/// Why a value cannot be added to a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// The bytes are not JSON.
    Malformed,
    /// The column's type cannot hold the value.
    TypeMismatch,
    /// The column would exceed the 2 GiB of an Arrow array.
    TooLarge,
}

impl From<Malformed> for ValueError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// When an array is assembled, the only check that can still fail is that its text is UTF-8.
impl From<ArrowError> for ValueError {
    fn from(_: ArrowError) -> Self {
        Self::Malformed
    }
}
