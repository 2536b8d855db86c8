//! Pages: levels and values, decoded without the Parquet library.

use std::sync::Arc;

use lakebed_format::Encoding;

use crate::bits::{hybrid, width_of};
use crate::directory::PageEntry;
use crate::error::{ColumnsError, Result};
use crate::leaf::Leaf;
use crate::values::Values;

/// What a zstd frame begins with; the decoder reads frames without it.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A decoded page of a leaf.
#[derive(Debug)]
pub struct Page {
    /// Its first row, counted from the start of the part.
    pub first_row: u64,
    rows: usize,
    /// The definition level of a value.
    max_def: u8,
    /// Definition levels; none where every row has a value.
    defs: Vec<u8>,
    /// Repetition levels; none outside lists.
    reps: Vec<u8>,
    starts: Starts,
    values: Values,
}

/// Where the levels and values of each row begin.
#[derive(Debug)]
enum Starts {
    /// Row, level and value are the same.
    Same,
    /// Row and level are the same. Of every [`STRIDE`] rows: the index of the first value.
    Nullable(Vec<u32>),
    /// For each row and the end: the index of its first level, and of its first value.
    Each(Vec<(u32, u32)>),
}

/// Rows between two indices.
const STRIDE: usize = 64;

/// The decoded dictionary of a column chunk.
#[derive(Clone, Debug)]
pub struct PageDictionary(Arc<Values>);

impl PageDictionary {
    /// Decodes a dictionary page from its bytes in the file.
    ///
    /// # Errors
    /// The bytes are not a page of that leaf.
    pub fn decode(leaf: &Leaf, entry: &PageEntry, bytes: &[u8]) -> Result<Self> {
        let raw = body(entry, bytes)?;
        let values = Values::decode(
            leaf.physical,
            entry.encoding,
            &raw,
            entry.values as usize,
            None,
        );
        let values = values.ok_or_else(|| ColumnsError::damaged("a dictionary is malformed"))?;
        Ok(Self(Arc::new(values)))
    }

    /// Bytes of memory.
    pub fn cost(&self) -> usize {
        self.0.cost()
    }
}

impl Page {
    /// Decodes a page of `rows` rows from its bytes in the file.
    ///
    /// # Errors
    /// The bytes are not such a page of that leaf.
    pub fn decode(
        leaf: &Leaf,
        entry: &PageEntry,
        rows: usize,
        dictionary: Option<&PageDictionary>,
        bytes: &[u8],
    ) -> Result<Self> {
        let raw = body(entry, bytes)?;
        Self::of_body(leaf, entry, rows, dictionary, &raw)
            .ok_or_else(|| ColumnsError::damaged("a page is malformed"))
    }

    pub(crate) fn of_body(
        leaf: &Leaf,
        entry: &PageEntry,
        rows: usize,
        dictionary: Option<&PageDictionary>,
        raw: &[u8],
    ) -> Option<Self> {
        let count = entry.values as usize;
        let mut rest = raw;
        let mut levels = |max: u8| {
            if max == 0 {
                return Some(Vec::new());
            }
            let (len, after) = rest.split_first_chunk::<4>()?;
            let (levels, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            rest = after;
            let levels = hybrid(levels, width_of(u32::from(max)), count, |level| level as u8)?;
            levels.iter().all(|level| *level <= max).then_some(levels)
        };
        let reps = levels(u8::try_from(leaf.lists.len()).ok()?)?;
        let mut defs = levels(leaf.max_def)?;
        let present = if leaf.max_def == 0 {
            count
        } else {
            defs.iter()
                .map(|level| usize::from(*level == leaf.max_def))
                .sum()
        };
        let values = Values::decode(
            leaf.physical,
            entry.encoding,
            rest,
            present,
            dictionary.map(|dictionary| &dictionary.0),
        )?;
        let is_value = |level: &u8| u32::from(*level == leaf.max_def);
        let starts = if reps.is_empty() {
            if count != rows {
                return None;
            }
            if present == count {
                defs = Vec::new();
                Starts::Same
            } else {
                let mut value = 0;
                let values = defs.chunks(STRIDE).map(|stretch| {
                    let first = value;
                    value += stretch.iter().map(is_value).sum::<u32>();
                    first
                });
                Starts::Nullable(values.collect())
            }
        } else {
            let mut starts = Vec::with_capacity(rows.min(count) + 1);
            let mut value = 0;
            for (at, level) in defs.iter().enumerate() {
                if reps.get(at).is_none_or(|rep| *rep == 0) {
                    starts.push((at as u32, value));
                }
                value += is_value(level);
            }
            if starts.len() != rows || reps.first().is_some_and(|rep| *rep != 0) {
                return None;
            }
            starts.push((defs.len() as u32, value));
            Starts::Each(starts)
        };
        Some(Self {
            first_row: entry.first_row,
            rows,
            max_def: leaf.max_def,
            defs,
            reps,
            starts,
            values,
        })
    }

    /// The row behind its last.
    pub fn end_row(&self) -> u64 {
        self.first_row + self.rows as u64
    }

    /// Bytes of memory.
    pub fn cost(&self) -> usize {
        size_of::<Self>()
            + self.defs.len()
            + self.reps.len()
            + match &self.starts {
                Starts::Same => 0,
                Starts::Nullable(values) => values.len() * 4,
                Starts::Each(starts) => starts.len() * 8,
            }
            + self.values.cost()
    }

    /// Where the values and levels of a row are; the row is counted from the start of the part.
    pub(crate) fn row(&self, row: u64) -> Option<RowPlace> {
        let index = usize::try_from(row.checked_sub(self.first_row)?).ok()?;
        if index >= self.rows {
            return None;
        }
        match &self.starts {
            Starts::Same => Some(RowPlace {
                value: index,
                value_end: index + 1,
                level: index,
                level_end: index + 1,
            }),
            Starts::Nullable(values) => {
                let stretch = index / STRIDE * STRIDE;
                let before = self.defs.get(stretch..index)?;
                let is_value = |level: &u8| usize::from(*level == self.max_def);
                let value = *values.get(index / STRIDE)? as usize
                    + before.iter().map(is_value).sum::<usize>();
                Some(RowPlace {
                    value,
                    value_end: value + is_value(self.defs.get(index)?),
                    level: index,
                    level_end: index + 1,
                })
            }
            Starts::Each(starts) => {
                let (level, value) = *starts.get(index)?;
                let (level_end, value_end) = *starts.get(index + 1)?;
                Some(RowPlace {
                    value: value as usize,
                    value_end: value_end as usize,
                    level: level as usize,
                    level_end: level_end as usize,
                })
            }
        }
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// The length of the next list, from a level of a row on that ends at `end`: the list is in `depth` lists, itself
    /// included, and has an element where a definition level is at least `least`. Also the level behind the list. Lists
    /// that are NULL or empty are passed.
    pub(crate) fn list(
        &self,
        mut at: usize,
        end: usize,
        depth: u8,
        least: u8,
    ) -> Option<(usize, usize)> {
        while at < end && *self.defs.get(at)? < least {
            at += 1;
        }
        if at >= end {
            return None;
        }
        let mut length = 1;
        at += 1;
        while at < end {
            let rep = *self.reps.get(at)?;
            if rep < depth {
                break;
            }
            length += usize::from(rep == depth);
            at += 1;
        }
        Some((length, at))
    }
}

/// Where the values of a row lie in a page.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowPlace {
    pub(crate) value: usize,
    pub(crate) value_end: usize,
    pub(crate) level: usize,
    pub(crate) level_end: usize,
}

/// The decompressed body of a page.
fn body(entry: &PageEntry, bytes: &[u8]) -> Result<Vec<u8>> {
    let stored = bytes
        .get(entry.header_len as usize..)
        .ok_or_else(|| ColumnsError::damaged("a page is shorter than its header"))?;
    if entry.raw_len == 0 {
        return Ok(Vec::new());
    }
    let frame = stored
        .strip_prefix(&ZSTD_MAGIC)
        .ok_or_else(|| ColumnsError::damaged("a page is not a zstd frame"))?;
    lakebed_codec::decode(Encoding::Zstd, None, frame, u64::from(entry.raw_len))
        .map_err(|error| ColumnsError(format!("a page cannot be decompressed: {error}")))
}
