//! Columns of numbers in row batches: runs of consecutive numbers cost one token.

use crate::coding::{Reader, put_varint, unzigzag, zigzag};
use crate::error::{FormatError, Reason, Result};
use crate::limits;

/// Consecutive numbers: `first`, `first + 1`, ... `len` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberRun {
    /// The first number.
    pub first: u64,
    /// How many; never 0 where an iterator gives it.
    pub len: u64,
}

/// Writes a column, number by number or run by run.
#[derive(Debug, Clone, Default)]
pub struct ColumnWriter {
    bytes: Vec<u8>,
    last: u64,
    pending: u64,
    rows: u64,
}

impl ColumnWriter {
    /// An empty column.
    pub fn new() -> Self {
        Self::default()
    }

    /// Numbers written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends a number below 2^62.
    #[inline]
    pub fn push(&mut self, number: u64) {
        debug_assert!(number < limits::MAX_NUMBER);
        if number == self.last.wrapping_add(1) {
            self.pending += 1;
        } else {
            self.flush();
            // Both are below 2^62, so the difference takes 63 bits as a zigzag number.
            put_varint(
                &mut self.bytes,
                zigzag(number.wrapping_sub(self.last) as i64) << 1 | 1,
            );
        }
        self.last = number;
        self.rows += 1;
    }

    /// Appends consecutive numbers.
    pub fn push_run(&mut self, run: NumberRun) {
        if run.len == 0 {
            return;
        }
        self.push(run.first);
        self.pending += run.len - 1;
        self.last += run.len - 1;
        self.rows += run.len - 1;
    }

    fn flush(&mut self) {
        if self.pending > 0 {
            put_varint(&mut self.bytes, self.pending << 1);
            self.pending = 0;
        }
    }

    /// The bytes of the column.
    pub fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.bytes
    }
}

/// Reads a column run by run in constant memory; runs are as long as possible. After an error it ends.
#[derive(Debug, Clone)]
pub struct NumberRuns<'a> {
    reader: Reader<'a>,
    last: u64,
    left: u64,
    pending: NumberRun,
}

impl<'a> NumberRuns<'a> {
    /// A column of `rows` numbers; `base` is its place in the file.
    pub fn new(bytes: &'a [u8], rows: u64, base: u64) -> Self {
        Self {
            reader: Reader::new("column of a row batch", bytes, base),
            last: 0,
            left: rows,
            pending: NumberRun { first: 0, len: 0 },
        }
    }

    /// Numbers not given yet.
    pub fn rows_left(&self) -> u64 {
        self.left + self.pending.len
    }

    /// The next run, cut to at most `most` (at least 1) numbers; the rest of it comes next.
    pub fn next_at_most(&mut self, most: u64) -> Option<Result<NumberRun>> {
        if self.pending.len == 0 {
            match self.load() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.stop();
                    return Some(Err(error));
                }
            }
        }
        let len = self.pending.len.min(most.max(1));
        let run = NumberRun {
            first: self.pending.first,
            len,
        };
        self.pending.first += len;
        self.pending.len -= len;
        Some(Ok(run))
    }

    /// Passes over up to `rows` numbers.
    pub fn skip_rows(&mut self, mut rows: u64) -> Result<()> {
        while rows > 0 {
            match self.next_at_most(rows) {
                Some(run) => rows -= run?.len,
                None => break,
            }
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.left = 0;
        self.pending.len = 0;
        self.reader = Reader::new("column of a row batch", &[], self.reader.offset());
    }

    /// Reads tokens into `pending` as far as they make one run; false at the end.
    fn load(&mut self) -> Result<bool> {
        if self.left == 0 {
            self.reader.finish()?;
            return Ok(false);
        }
        let token = self.reader.varint()?;
        if token & 1 == 0 {
            self.pending = NumberRun {
                first: self.last + 1,
                len: 0,
            };
            self.extend(token)?;
        } else {
            let number = (self.last as i64).wrapping_add(unzigzag(token >> 1)) as u64;
            if number >= limits::MAX_NUMBER {
                return Err(self.reader.value("a number is out of its range"));
            }
            self.pending = NumberRun {
                first: number,
                len: 1,
            };
            self.last = number;
            self.left -= 1;
        }
        // Even tokens go on with the run.
        while let Some(byte) = self.reader.rest().first()
            && byte & 1 == 0
        {
            let token = self.reader.varint()?;
            self.extend(token)?;
        }
        Ok(true)
    }

    fn extend(&mut self, token: u64) -> Result<()> {
        let rows = token >> 1;
        if rows == 0 || rows > self.left || rows >= limits::MAX_NUMBER - self.last {
            return Err(self
                .reader
                .value("a token stands for no row or for too many"));
        }
        self.pending.len += rows;
        self.last += rows;
        self.left -= rows;
        Ok(())
    }
}

impl Iterator for NumberRuns<'_> {
    type Item = Result<NumberRun>;

    fn next(&mut self) -> Option<Result<NumberRun>> {
        self.next_at_most(u64::MAX)
    }
}

/// The whole column as runs; mostly for tests and small columns.
pub fn decode_runs(bytes: &[u8], rows: u64) -> Result<Vec<NumberRun>> {
    NumberRuns::new(bytes, rows, 0).collect()
}

/// An error for a column that has other rows than its batch says.
pub(crate) fn rows_differ(what: &'static str, offset: u64) -> FormatError {
    FormatError::new(
        what,
        offset,
        Reason::Value("the columns have different numbers of rows"),
    )
}
