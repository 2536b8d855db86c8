//! Why a part cannot be read or written.

/// A half sentence about what is wrong; the caller adds segment, column and offset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ColumnsError(pub(crate) String);

/// Results of this crate.
pub type Result<T> = std::result::Result<T, ColumnsError>;

impl ColumnsError {
    /// Half a sentence.
    pub fn new(detail: impl Into<String>) -> Self {
        Self(detail.into())
    }

    /// Bytes are not what was written.
    pub(crate) fn damaged(detail: &str) -> Self {
        Self(detail.to_owned())
    }
}

impl From<parquet::errors::ParquetError> for ColumnsError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self(format!("Parquet: {error}"))
    }
}

impl From<arrow_schema::ArrowError> for ColumnsError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self(format!("Arrow: {error}"))
    }
}
