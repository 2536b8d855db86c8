//! Row batches: consecutive rows of one collection, file and time, as two columns that are read run by run.

use crate::checksum::checksum;
use crate::coding::{Reader, put_varint};
use crate::column::{ColumnWriter, NumberRun, NumberRuns, rows_differ};
use crate::error::{FormatError, Reason, Result};
use crate::frame::set;
use crate::ids::{BlobId, CollectionId, CommitNumber, FileNumber, Seq};
use crate::limits;
use crate::segment_header::SegmentFormat;

const WHAT: &str = "row batch";

/// What all rows of a batch share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowBatchHeader {
    /// The collection.
    pub collection: CollectionId,
    /// Sequence number of the first row; the others follow one by one.
    pub first_seq: Seq,
    /// The file the rows came from; [`FileNumber::NONE`] for none, and then there are no line numbers.
    pub file: FileNumber,
    /// Time of ingest, microseconds since 1970 UTC.
    pub time: i64,
}

/// Consecutive rows whose line numbers and blob ids both go up by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRun {
    /// Sequence number of the first row.
    pub seq: Seq,
    /// Line number of the first row, from 1; `None` in a batch without file.
    pub line: Option<u64>,
    /// Blob of the first row.
    pub blob: BlobId,
    /// How many rows; never 0.
    pub len: u64,
}

/// Collects the rows of one batch.
#[derive(Debug, Clone)]
pub struct RowBatchWriter {
    head: RowBatchHeader,
    lines: ColumnWriter,
    ids: ColumnWriter,
}

impl RowBatchWriter {
    /// A batch without rows.
    pub fn new(head: RowBatchHeader) -> Self {
        Self {
            head,
            lines: ColumnWriter::new(),
            ids: ColumnWriter::new(),
        }
    }

    /// What its rows share.
    pub fn head(&self) -> &RowBatchHeader {
        &self.head
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.ids.rows()
    }

    /// True when no further row fits.
    pub fn is_full(&self) -> bool {
        self.rows() >= limits::MAX_BATCH_ROWS
    }

    /// Appends a row. The line is not kept in a batch without file.
    #[inline]
    pub fn push(&mut self, line: u64, blob: BlobId) {
        if self.head.file != FileNumber::NONE {
            self.lines.push(line);
        }
        self.ids.push(blob.0);
    }

    /// Appends `len` rows with consecutive lines and ids.
    pub fn push_run(&mut self, line: u64, blob: BlobId, len: u64) {
        if self.head.file != FileNumber::NONE {
            self.lines.push_run(NumberRun { first: line, len });
        }
        self.ids.push_run(NumberRun { first: blob.0, len });
    }

    /// Appends the batch, which will be at `offset` in a segment of this format and salt, and returns its length in bytes.
    ///
    /// # Errors
    /// The batch has no rows or too many.
    pub fn encode(
        self,
        format: SegmentFormat,
        commit: CommitNumber,
        salt: u64,
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<u64> {
        let rows = self.rows();
        if rows == 0
            || rows > limits::MAX_BATCH_ROWS
            || self.head.first_seq.0 > limits::MAX_NUMBER - rows
        {
            return Err(FormatError::new(
                WHAT,
                offset,
                Reason::Value("the number of rows is out of its range"),
            ));
        }
        let (lines, ids) = (self.lines.finish(), self.ids.finish());
        let mut body = Vec::with_capacity(lines.len() + ids.len() + 64);
        put_varint(&mut body, self.head.collection.0);
        put_varint(&mut body, self.head.first_seq.0);
        put_varint(&mut body, rows);
        put_varint(&mut body, self.head.file.0);
        body.extend_from_slice(&self.head.time.to_le_bytes());
        if format >= SegmentFormat::V2 {
            put_varint(&mut body, commit.0);
        }
        put_varint(&mut body, lines.len() as u64);
        body.extend_from_slice(&lines);
        body.extend_from_slice(&ids);

        let from = out.len();
        out.extend_from_slice(&[0; 8]);
        put_varint(out, body.len() as u64);
        out.extend_from_slice(&body);
        let sum = checksum(
            salt,
            offset.wrapping_add(8),
            out.get(from + 8..).unwrap_or_default(),
        );
        set(out, from, &sum.to_le_bytes());
        Ok((out.len() - from) as u64)
    }
}

/// A batch in the bytes of its segment.
#[derive(Debug, Clone, Copy)]
pub struct RowBatch<'a> {
    /// What its rows share.
    pub head: RowBatchHeader,
    /// The commit that added the rows, where the batch says it: from [`SegmentFormat::V2`] on.
    pub commit: Option<CommitNumber>,
    /// Number of rows, 1 to 65,536.
    pub rows: u64,
    /// Bytes of the whole batch.
    pub len: u64,
    lines: &'a [u8],
    lines_at: u64,
    ids: &'a [u8],
    ids_at: u64,
}

impl<'a> RowBatch<'a> {
    /// Reads the head of the batch that starts at `bytes` and at `offset` in its file, and checks its checksum. The columns are
    /// read by the iterators.
    pub fn decode(bytes: &'a [u8], format: SegmentFormat, salt: u64, offset: u64) -> Result<Self> {
        let mut outer = Reader::new(WHAT, bytes, offset);
        let stored = outer.u64()?;
        let after_sum = outer.rest();
        outer.block()?;
        let len = outer.taken();
        let summed = after_sum.get(..len - 8).unwrap_or_default();
        if stored != checksum(salt, offset.wrapping_add(8), summed) {
            return Err(FormatError::new(WHAT, offset, Reason::Checksum));
        }
        Self::decode_unchecked(bytes, format, offset)
    }

    /// The same without the checksum, for a batch that was checked before.
    pub fn decode_unchecked(bytes: &'a [u8], format: SegmentFormat, offset: u64) -> Result<Self> {
        let mut outer = Reader::new(WHAT, bytes, offset);
        outer.u64()?;
        let body = outer.block()?;
        let len = outer.taken();
        let mut r = Reader::new(WHAT, body, offset.wrapping_add((len - body.len()) as u64));
        let collection = CollectionId(r.varint()?);
        let first_seq = Seq(r.varint()?);
        let rows = r.varint()?;
        let file = FileNumber(r.varint()?);
        let time = r.i64()?;
        let commit = if format >= SegmentFormat::V2 {
            Some(CommitNumber(r.varint()?))
        } else {
            None
        };
        if rows == 0 || rows > limits::MAX_BATCH_ROWS || first_seq.0 > limits::MAX_NUMBER - rows {
            return Err(r.value("the number of rows is out of its range"));
        }
        let lines_len = r.count(1)?;
        let lines_at = r.offset();
        let lines = r.bytes(lines_len)?;
        if (file == FileNumber::NONE) != lines.is_empty() {
            return Err(r.value("line numbers without file, or the other way round"));
        }
        let head = RowBatchHeader {
            collection,
            first_seq,
            file,
            time,
        };
        Ok(Self {
            head,
            commit,
            rows,
            len: len as u64,
            lines,
            lines_at,
            ids: r.rest(),
            ids_at: r.offset(),
        })
    }

    /// The blob ids, run by run.
    pub fn ids(&self) -> NumberRuns<'a> {
        NumberRuns::new(self.ids, self.rows, self.ids_at)
    }

    /// The line numbers, run by run; none in a batch without file.
    pub fn lines(&self) -> NumberRuns<'a> {
        let rows = if self.head.file == FileNumber::NONE {
            0
        } else {
            self.rows
        };
        NumberRuns::new(self.lines, rows, self.lines_at)
    }

    /// The rows, in runs in which both lines and ids are consecutive.
    pub fn row_runs(&self) -> RowRuns<'a> {
        self.row_runs_from(0)
    }

    /// The rows after the first `skip`, in runs.
    pub fn row_runs_from(&self, skip: u64) -> RowRuns<'a> {
        RowRuns {
            seq: self.head.first_seq.0,
            skip: skip.min(self.rows),
            with_lines: self.head.file != FileNumber::NONE,
            lines: self.lines(),
            line: NumberRun { first: 0, len: 0 },
            ids: self.ids(),
            at: self.ids_at,
        }
    }
}

/// Iterator over the rows of a batch, in runs; constant memory; ends after an error.
#[derive(Debug, Clone)]
pub struct RowRuns<'a> {
    seq: u64,
    skip: u64,
    with_lines: bool,
    lines: NumberRuns<'a>,
    /// The part of the present run of lines that has not been given.
    line: NumberRun,
    ids: NumberRuns<'a>,
    at: u64,
}

impl RowRuns<'_> {
    fn step(&mut self) -> Result<Option<RowRun>> {
        if self.skip > 0 {
            self.ids.skip_rows(self.skip)?;
            self.lines.skip_rows(self.skip)?;
            self.seq += self.skip;
            self.skip = 0;
        }
        let mut most = u64::MAX;
        if self.with_lines {
            if self.line.len == 0 {
                self.line = self
                    .lines
                    .next()
                    .transpose()?
                    .unwrap_or(NumberRun { first: 0, len: 0 });
            }
            most = self.line.len;
        }
        let Some(ids) = self.ids.next_at_most(most).transpose()? else {
            return if self.with_lines && most > 0 {
                Err(rows_differ(WHAT, self.at))
            } else {
                Ok(None)
            };
        };
        if most == 0 {
            return Err(rows_differ(WHAT, self.at));
        }
        let run = RowRun {
            seq: Seq(self.seq),
            line: self.with_lines.then_some(self.line.first),
            blob: BlobId(ids.first),
            len: ids.len,
        };
        self.seq += ids.len;
        if self.with_lines {
            self.line.first += ids.len;
            self.line.len -= ids.len;
        }
        Ok(Some(run))
    }
}

impl Iterator for RowRuns<'_> {
    type Item = Result<RowRun>;

    fn next(&mut self) -> Option<Result<RowRun>> {
        let step = self.step().transpose();
        if matches!(step, Some(Err(_))) {
            self.ids = NumberRuns::new(&[], 0, self.at);
            self.lines = NumberRuns::new(&[], 0, self.at);
            self.line.len = 0;
            self.with_lines = false;
        }
        step
    }
}
