//! Sets of blob ids as sorted, disjoint runs. Their size follows from the number of gaps, not of ids.

use std::ops::Range;

use crate::coding::{Reader, put_varint};
use crate::error::Result;
use crate::ids::BlobId;
use crate::limits;

/// Consecutive ids: `first`, `first + 1`, ... `len` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRun {
    /// The smallest id.
    pub first: BlobId,
    /// How many; never 0.
    pub len: u64,
}

impl IdRun {
    /// One after the largest id.
    #[inline]
    pub const fn end(&self) -> u64 {
        self.first.0.saturating_add(self.len)
    }

    /// The ids as numbers.
    pub const fn range(&self) -> Range<u64> {
        self.first.0..self.end()
    }

    /// Appends the run, as the one after a run that ended at `last_end` (0 before the first).
    pub(crate) fn encode(&self, last_end: u64, out: &mut Vec<u8>) {
        put_varint(out, self.first.0.saturating_sub(last_end));
        put_varint(out, self.len);
    }

    /// Reads the run after one that ended at `last_end`; `None` at the start.
    #[inline]
    pub(crate) fn decode(reader: &mut Reader<'_>, last_end: Option<u64>) -> Result<Self> {
        let gap = reader.varint()?;
        let len = reader.varint()?;
        if gap == 0 && last_end.is_some() {
            return Err(reader.value("two runs of ids touch"));
        }
        let first = last_end.unwrap_or(0).saturating_add(gap);
        if len == 0 || first.saturating_add(len) > limits::MAX_NUMBER {
            return Err(reader.value("a run of ids is empty or too large"));
        }
        Ok(Self {
            first: BlobId(first),
            len,
        })
    }
}

/// A set of blob ids.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct IdSet {
    runs: Vec<IdRun>,
    len: u64,
}

impl std::fmt::Debug for IdSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.runs.iter().map(IdRun::range))
            .finish()
    }
}

impl IdSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self {
            runs: Vec::new(),
            len: 0,
        }
    }

    /// How many ids.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The runs, ascending, with at least one missing id between any two.
    pub fn runs(&self) -> &[IdRun] {
        &self.runs
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = BlobId> + '_ {
        self.runs.iter().flat_map(|run| run.range().map(BlobId))
    }

    /// The smallest id.
    pub fn first(&self) -> Option<BlobId> {
        self.runs.first().map(|run| run.first)
    }

    /// The largest id.
    pub fn last(&self) -> Option<BlobId> {
        self.runs.last().map(|run| BlobId(run.end() - 1))
    }

    /// Index of the first run that ends after `id`: the one that holds it, if any does.
    fn search(&self, id: u64) -> usize {
        self.runs.partition_point(|run| run.end() <= id)
    }

    /// True when `id` is in the set.
    pub fn contains(&self, id: BlobId) -> bool {
        self.runs
            .get(self.search(id.0))
            .is_some_and(|run| run.first <= id)
    }

    /// How many ids of the set are below `id`: its ordinal when it is in the set. Takes time in the number of runs.
    pub fn rank(&self, id: BlobId) -> u64 {
        let whole: u64 = self
            .runs
            .iter()
            .take_while(|run| run.end() <= id.0)
            .map(|run| run.len)
            .sum();
        let part = self
            .runs
            .get(self.search(id.0))
            .map_or(0, |run| id.0.saturating_sub(run.first.0));
        whole + part
    }

    /// The id with this ordinal. Takes time in the number of runs.
    pub fn nth(&self, ordinal: u64) -> Option<BlobId> {
        let mut left = ordinal;
        for run in &self.runs {
            if left < run.len {
                return Some(BlobId(run.first.0 + left));
            }
            left -= run.len;
        }
        None
    }

    /// Adds an id; false when it was there. Constant time at the end.
    pub fn insert(&mut self, id: BlobId) -> bool {
        let before = self.len;
        self.insert_run(IdRun { first: id, len: 1 });
        self.len > before
    }

    /// Adds all ids of a run; numbers from 2^62 on are not ids and are ignored.
    pub fn insert_run(&mut self, run: IdRun) {
        let (mut start, mut end) = (run.first.0, run.end().min(limits::MAX_NUMBER));
        if start >= end {
            return;
        }
        if let Some(last) = self.runs.last_mut()
            && last.end() == start
        {
            last.len += end - start;
            self.len += end - start;
            return;
        }
        // Runs `from..to` overlap or touch the new one and are replaced by their union with it.
        let from = self.runs.partition_point(|old| old.end() < start);
        let to = self
            .runs
            .partition_point(|old| old.first.0 <= end)
            .max(from);
        if let Some([first, .., last] | [first @ last]) = self.runs.get(from..to) {
            start = start.min(first.first.0);
            end = end.max(last.end());
        }
        let union = IdRun {
            first: BlobId(start),
            len: end - start,
        };
        let replaced: u64 = self.runs.splice(from..to, [union]).map(|old| old.len).sum();
        self.len = self.len - replaced + (end - start);
    }

    /// Adds all ids of another set.
    pub fn extend(&mut self, other: &Self) {
        for &run in &other.runs {
            self.insert_run(run);
        }
    }

    /// Removes an id; false when it was not there.
    pub fn remove(&mut self, id: BlobId) -> bool {
        let at = self.search(id.0);
        let Some(run) = self.runs.get(at).copied().filter(|run| run.first <= id) else {
            return false;
        };
        let left = IdRun {
            first: run.first,
            len: id.0 - run.first.0,
        };
        let right = IdRun {
            first: BlobId(id.0 + 1),
            len: run.end() - id.0 - 1,
        };
        self.runs.splice(
            at..=at,
            [left, right].into_iter().filter(|part| part.len > 0),
        );
        self.len -= 1;
        true
    }

    /// The ids that are not in another set. Takes time in the number of runs.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Self::new();
        let mut others = other.runs.iter().peekable();
        for run in &self.runs {
            let mut start = run.first.0;
            while let Some(gone) = others.peek() {
                if gone.first.0 >= run.end() {
                    break;
                }
                if gone.first.0 > start {
                    left.insert_run(IdRun {
                        first: BlobId(start),
                        len: gone.first.0 - start,
                    });
                }
                start = start.max(gone.end());
                if gone.end() > run.end() {
                    break;
                }
                others.next();
            }
            if start < run.end() {
                left.insert_run(IdRun {
                    first: BlobId(start),
                    len: run.end() - start,
                });
            }
        }
        left
    }

    /// Appends the runs, without their number.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut end = 0;
        for run in &self.runs {
            run.encode(end, out);
            end = run.end();
        }
    }

    /// Appends the number of runs and the runs.
    pub fn encode_counted(&self, out: &mut Vec<u8>) {
        put_varint(out, self.runs.len() as u64);
        self.encode(out);
    }

    /// Decodes runs to the end of the bytes.
    ///
    /// # Errors
    /// The bytes end within a run, or the runs touch, are empty or exceed the largest id.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let mut set = Self::new();
        while !reader.is_empty() {
            set.push(reader)?;
        }
        Ok(set)
    }

    /// Decodes what [`Self::encode_counted`] appends.
    ///
    /// # Errors
    /// As [`IdSet::decode`].
    pub fn decode_counted(reader: &mut Reader<'_>) -> Result<Self> {
        let runs = reader.count(2)?;
        let mut set = Self {
            runs: Vec::with_capacity(runs),
            len: 0,
        };
        for _ in 0..runs {
            set.push(reader)?;
        }
        Ok(set)
    }

    fn push(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let run = IdRun::decode(reader, self.runs.last().map(IdRun::end))?;
        self.len += run.len;
        self.runs.push(run);
        Ok(())
    }
}

impl FromIterator<BlobId> for IdSet {
    fn from_iter<I: IntoIterator<Item = BlobId>>(ids: I) -> Self {
        let mut set = Self::new();
        for id in ids {
            set.insert(id);
        }
        set
    }
}
