//! The row directory: the row batches of the groups that an index block covers.

use super::commit_table::CommitEntry;
use crate::coding::{Reader, put_varint, until_error};
use crate::error::Result;
use crate::ids::{BlobId, CollectionId, CommitNumber, FileNumber, Seq};
use crate::limits;
use crate::segment_header::SegmentFormat;

/// A row batch, as the row directory lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowBatchEntry {
    /// The commit that added the rows.
    pub commit: CommitNumber,
    /// The collection.
    pub collection: CollectionId,
    /// Sequence number of its first row.
    pub first_seq: Seq,
    /// Number of rows, at least 1.
    pub rows: u64,
    /// The file; [`FileNumber::NONE`] for none.
    pub file: FileNumber,
    /// Time of ingest, microseconds since 1970 UTC.
    pub time: i64,
    /// Offset of the batch in the segment.
    pub offset: u64,
    /// Length of the batch in bytes.
    pub len: u64,
    /// Smallest blob id named.
    pub min_blob: BlobId,
    /// Largest blob id named.
    pub max_blob: BlobId,
}

impl RowBatchEntry {
    /// Appends the entry, in a segment of this format.
    pub fn encode(&self, format: SegmentFormat, out: &mut Vec<u8>) {
        put_varint(out, self.collection.0);
        put_varint(out, self.first_seq.0);
        put_varint(out, self.rows);
        put_varint(out, self.file.0);
        out.extend_from_slice(&self.time.to_le_bytes());
        if format.rows_have_commits() {
            put_varint(out, self.commit.0);
        }
        put_varint(out, self.offset);
        put_varint(out, self.len);
        put_varint(out, self.min_blob.0);
        put_varint(out, self.max_blob.0.saturating_sub(self.min_blob.0));
    }

    fn decode(r: &mut Reader<'_>, format: SegmentFormat, commits: &[CommitEntry]) -> Result<Self> {
        let collection = CollectionId(r.varint()?);
        let first_seq = Seq(r.varint()?);
        let rows = r.varint()?;
        let file = FileNumber(r.varint()?);
        let time = r.i64()?;
        let stored = if format.rows_have_commits() {
            Some(CommitNumber(r.varint()?))
        } else {
            None
        };
        let offset = r.varint()?;
        let ends_it = commits.partition_point(|commit| commit.offset <= offset);
        let Some(commit) = stored.or_else(|| commits.get(ends_it).map(|commit| commit.number))
        else {
            return Err(r.value("no commit ends the row batch"));
        };
        let len = r.varint()?;
        let min_blob = BlobId(r.varint()?);
        let span = r.varint()?;
        let rows_fit =
            rows > 0 && rows <= limits::MAX_BATCH_ROWS && first_seq.0 <= limits::MAX_NUMBER - rows;
        if !rows_fit || min_blob.0 >= limits::MAX_NUMBER || span >= limits::MAX_NUMBER - min_blob.0
        {
            return Err(r.value("rows or blob ids are out of their range"));
        }
        let max_blob = BlobId(min_blob.0 + span);
        Ok(Self {
            commit,
            collection,
            first_seq,
            rows,
            file,
            time,
            offset,
            len,
            min_blob,
            max_blob,
        })
    }

    /// Decodes the whole section of a block in a segment of this format, entry by entry; ends after an error. `base` is
    /// the section's offset in the file. `commits` are those of the same block: they say which commit added a batch in
    /// [`SegmentFormat::V1`]; other formats ignore them.
    pub fn decode_all<'a>(
        data: &'a [u8],
        base: u64,
        format: SegmentFormat,
        commits: &'a [CommitEntry],
    ) -> impl Iterator<Item = Result<Self>> + 'a {
        let mut r = Reader::new("row directory", data, base);
        until_error(move || (!r.is_empty()).then(|| Self::decode(&mut r, format, commits)))
    }
}
