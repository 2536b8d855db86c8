//! The footer of a part: its columns, and what they hold.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use lakebed_columns::{GroupStatistics, PartArrays, PartBytes, Piece};
use lakebed_format::Seq;

use super::origin::{self, Origin};
use super::pages::{PartFile, SYSTEM};
use crate::error::Result;
use crate::segment::bytes::{SegmentBytes, Slice};

/// A part whose footer was read.
#[derive(Debug)]
pub(crate) struct OpenArrays {
    pub(super) arrays: PartArrays,
    pub(super) file: Arc<dyn PartBytes>,
    origins: Vec<Origin>,
}

/// Rows whose sequence numbers follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeqRun {
    pub(crate) first: Seq,
    /// The row of the first.
    pub(crate) row: u64,
    pub(crate) len: u64,
}

/// The bytes of a part's file.
#[derive(Debug)]
struct FileBytes(Arc<SegmentBytes>);

struct Held(Slice);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartBytes for FileBytes {
    fn file_len(&self) -> u64 {
        self.0.len()
    }

    fn piece(&self, offset: u64, len: usize) -> std::io::Result<Piece> {
        let slice = self.0.slice(offset, len as u64);
        let slice = slice.map_err(|error| std::io::Error::other(error.message().to_owned()))?;
        Ok(Box::new(Held(slice)))
    }
}

impl OpenArrays {
    /// Reads the footer of this file.
    ///
    /// # Errors
    /// `Corrupt` when it does not fit the page directory; `Io`.
    pub(super) fn new(part: &PartFile) -> Result<Self> {
        let file: Arc<dyn PartBytes> = Arc::new(FileBytes(Arc::clone(&part.bytes)));
        let arrays = PartArrays::open(&file, &part.directory)
            .map_err(|error| part.damaged(0, &error.to_string()))?;
        let origins = arrays.note(origin::NOTE).and_then(origin::read);
        Ok(Self {
            origins: origins.unwrap_or_default(),
            arrays,
            file,
        })
    }

    /// The columns of the file.
    pub(crate) fn schema(&self) -> &SchemaRef {
        self.arrays.schema()
    }

    /// What its typed columns hold, in their order; `None` when the file does not say.
    pub(crate) fn origins(&self) -> Option<&[Origin]> {
        let typed = self.schema().fields().len().checked_sub(SYSTEM)?;
        (self.origins.len() == typed).then_some(&*self.origins)
    }

    /// What the file says of the values of a column, for each row group.
    pub(crate) fn statistics(&self, path: &[String]) -> Vec<GroupStatistics> {
        self.arrays.statistics(path)
    }

    /// Whether each record is given by its shape and its typed columns alone.
    pub(crate) fn is_plain(&self) -> bool {
        let fields = self.schema().fields();
        let mut last = fields.iter().rev().take(2);
        last.all(|field| !self.arrays.has_values(field.name()))
    }
}
