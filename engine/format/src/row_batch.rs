//! Row batches: consecutive rows of one collection, file and time, as two columns that are read run by run.

use crate::checksum::{checksum, fill_checksum};
use crate::coding::{Reader, put_varint};
use crate::column::{ColumnWriter, NumberRun, NumberRuns, rows_differ};
use crate::error::{FormatError, Reason, Result};
use crate::ids::{BlobId, CollectionId, CommitNumber, FileNumber, Seq};
use crate::limits;
use crate::segment_header::SegmentFormat;

const WHAT: &str = "row batch";

/// What all rows of a batch share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowBatchHeader {
    /// The collection.
    pub collection: CollectionId,
    /// Sequence number of the first row; those of the others are consecutive.
    pub first_seq: Seq,
    /// The file of the rows. With [`FileNumber::NONE`] the rows have no line numbers.
    pub file: FileNumber,
    /// Time of ingest, microseconds since 1970 UTC.
    pub time: i64,
}

/// Consecutive rows whose line numbers and blob ids are consecutive too.
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

    /// Appends a row. A batch without file ignores the line.
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

    /// Appends the batch, which `commit` adds and which will be at `offset` in a segment of this format and salt.
    /// Returns its length in bytes. [`SegmentFormat::V1`] does not store the commit.
    ///
    /// # Errors
    /// The batch has no rows or too many; then nothing was appended.
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
        if format.rows_have_commits() {
            put_varint(&mut body, commit.0);
        }
        put_varint(&mut body, lines.len() as u64);
        body.extend_from_slice(&lines);
        body.extend_from_slice(&ids);

        let from = out.len();
        out.extend_from_slice(&[0; 8]);
        put_varint(out, body.len() as u64);
        out.extend_from_slice(&body);
        fill_checksum(out, from, salt, offset)?;
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
    /// Reads the fields in front of the columns of the batch that starts at `bytes` and at `offset` in a segment of
    /// this format, and checks its checksum. The columns are decoded by the iterators.
    ///
    /// # Errors
    /// The bytes end within the batch, the checksum does not match, or a field has a forbidden value.
    pub fn decode(bytes: &'a [u8], format: SegmentFormat, salt: u64, offset: u64) -> Result<Self> {
        let mut outer = Reader::new(WHAT, bytes, offset);
        let stored = outer.u64()?;
        let summed_from = outer.rest();
        outer.block()?;
        let summed = outer.since(summed_from)?;
        if stored != checksum(salt, offset.wrapping_add(8), summed) {
            return Err(FormatError::new(WHAT, offset, Reason::Checksum));
        }
        Self::decode_unchecked(bytes, format, offset)
    }

    /// [`RowBatch::decode`] without the checksum, for a batch that was checked before.
    ///
    /// # Errors
    /// The bytes end within the batch, or a field has a forbidden value.
    pub fn decode_unchecked(bytes: &'a [u8], format: SegmentFormat, offset: u64) -> Result<Self> {
        let mut outer = Reader::new(WHAT, bytes, offset);
        outer.u64()?;
        let body = outer.block()?;
        let body_at = outer.offset().wrapping_sub(body.len() as u64);
        let mut r = Reader::new(WHAT, body, body_at);
        let collection = CollectionId(r.varint()?);
        let first_seq = Seq(r.varint()?);
        let rows = r.varint()?;
        let file = FileNumber(r.varint()?);
        let time = r.i64()?;
        let commit = if format.rows_have_commits() {
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
            len: outer.taken() as u64,
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
            line: NO_LINES,
            ids: self.ids(),
            at: self.ids_at,
        }
    }
}

/// A run of lines that is used up.
const NO_LINES: NumberRun = NumberRun { first: 0, len: 0 };

/// Iterator over the rows of a batch, in runs; constant memory; ends after an error.
#[derive(Debug, Clone)]
pub struct RowRuns<'a> {
    seq: u64,
    skip: u64,
    with_lines: bool,
    lines: NumberRuns<'a>,
    /// What is left of the present run of lines.
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
        if !self.with_lines {
            let Some(ids) = self.ids.next().transpose()? else {
                return Ok(None);
            };
            return Ok(Some(self.run(None, ids)));
        }
        if self.line.len == 0 {
            match self.lines.next().transpose()? {
                Some(lines) => self.line = lines,
                None if self.ids.next().transpose()?.is_none() => return Ok(None),
                None => return Err(rows_differ(WHAT, self.at)),
            }
        }
        let Some(ids) = self.ids.next_at_most(self.line.len).transpose()? else {
            return Err(rows_differ(WHAT, self.at));
        };
        let line = self.line.first;
        self.line.first += ids.len;
        self.line.len -= ids.len;
        Ok(Some(self.run(Some(line), ids)))
    }

    /// The next rows, which have these ids.
    fn run(&mut self, line: Option<u64>, ids: NumberRun) -> RowRun {
        let seq = Seq(self.seq);
        self.seq += ids.len;
        RowRun {
            seq,
            line,
            blob: BlobId(ids.first),
            len: ids.len,
        }
    }
}

impl Iterator for RowRuns<'_> {
    type Item = Result<RowRun>;

    fn next(&mut self) -> Option<Result<RowRun>> {
        let step = self.step().transpose();
        if matches!(step, Some(Err(_))) {
            self.ids = NumberRuns::new(&[], 0, self.at);
            self.lines = NumberRuns::new(&[], 0, self.at);
            self.line = NO_LINES;
            self.with_lines = false;
        }
        step
    }
}
