//! Rows that keep the time at which they were ingested into another store.

use lakebed_format::{BlobId, CollectionId, FileNumber};

use super::group_rows::{BatchTime, Lines};
use super::session::Session;
use crate::error::Result;

impl Session<'_> {
    /// Appends rows that were ingested elsewhere, at this time in microseconds since 1970, which they keep.
    pub(crate) fn rows_of(
        &mut self,
        time: i64,
        collection: CollectionId,
        file: FileNumber,
        lines: Lines<'_>,
        ids: &[BlobId],
    ) -> Result<()> {
        let group = self.group()?;
        group.add_rows(BatchTime::Exactly(time), collection, file, lines, ids)
    }
}
