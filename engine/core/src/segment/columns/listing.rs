//! The parts of a segment that is written: what its file says of them.

use lakebed_format::{BlobId, IdSet, PartEntry, PartList};

use super::chunks::ALONE_BYTES;
use super::write::NewPart;
use crate::error::Result;

/// Parts whose files are written and synced.
#[derive(Debug, Default)]
pub(crate) struct NewParts {
    parts: Vec<NewPart>,
    /// Their blobs.
    pub(crate) ids: IdSet,
    /// Blobs of the segment that are alone in a chunk.
    alone: IdSet,
}

impl NewParts {
    pub(crate) fn new(parts: Vec<NewPart>) -> Self {
        let mut all = Self::default();
        for part in &parts {
            all.ids.extend(&part.table.ids);
            all.alone.extend(&part.alone);
        }
        Self { parts, ..all }
    }

    /// Whether there is none: the segment is then of layout rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Bytes of the records.
    pub(crate) fn raw_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.raw_bytes).sum()
    }

    /// A blob of so many bytes comes into a frame.
    pub(crate) fn framed(&mut self, id: BlobId, len: usize) {
        if len > ALONE_BYTES && !self.is_empty() {
            self.alone.insert(id);
        }
    }

    /// Appends the tables of the parts, the first of which will lie at `offset` in a segment with this salt. Returns
    /// the list of the parts, encoded; empty without any.
    ///
    /// # Errors
    /// `Internal` when a table cannot be compressed.
    pub(crate) fn tables(
        &mut self,
        salt: u64,
        level: i32,
        mut offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<Vec<u8>> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let mut list = PartList {
            parts: Vec::new(),
            alone: std::mem::take(&mut self.alone),
        };
        for part in &self.parts {
            let table = part.table.encode(salt, offset, level)?;
            list.parts.push(PartEntry {
                table_offset: offset,
                table_len: table.len() as u64,
                ..part.entry
            });
            out.extend_from_slice(&table);
            offset += table.len() as u64;
        }
        Ok(list.encode())
    }
}
