//! Pages: levels and values, decoded without the Parquet library.

use std::sync::Arc;

use lakebed_format::Encoding;

use crate::bits::{RowBits, hybrid, width_of};
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
    starts: Starts,
    values: Values,
}

/// Where the levels and values of each row begin.
#[derive(Debug)]
enum Starts {
    /// Each row has a value.
    Same,
    /// Which rows have a value.
    Nullable(RowBits),
    Lists(Levels),
}

/// The levels of a page inside lists.
#[derive(Debug)]
struct Levels {
    defs: Vec<u8>,
    reps: Vec<u8>,
    /// For each row and the end: the index of its first level, and of its first value.
    rows: Vec<(u32, u32)>,
}

/// The decoded dictionary of a column chunk.
#[derive(Clone, Debug)]
pub struct PageDictionary(Arc<Values>);

impl PageDictionary {
    /// Decodes a dictionary page from its bytes in the file.
    ///
    /// # Errors
    /// The bytes are not a page of that leaf.
    pub fn decode(leaf: &Leaf, entry: &PageEntry, bytes: &[u8]) -> Result<Self> {
        Self::of_body(leaf, entry, body(entry, bytes)?)
    }

    /// That of a dictionary page without values.
    ///
    /// # Errors
    /// The page says that it has some.
    pub fn empty(leaf: &Leaf, entry: &PageEntry) -> Result<Self> {
        Self::of_body(leaf, entry, Vec::new())
    }

    fn of_body(leaf: &Leaf, entry: &PageEntry, raw: Vec<u8>) -> Result<Self> {
        let count = entry.values as usize;
        let values = Values::decode(leaf.physical, entry.encoding, raw, 0, count, None);
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
        Self::of_body(leaf, entry, rows, dictionary, raw)
            .ok_or_else(|| ColumnsError::damaged("a page is malformed"))
    }

    pub(crate) fn of_body(
        leaf: &Leaf,
        entry: &PageEntry,
        rows: usize,
        dictionary: Option<&PageDictionary>,
        raw: Vec<u8>,
    ) -> Option<Self> {
        let count = entry.values as usize;
        let mut rest = raw.as_slice();
        let mut levels = || {
            let (len, after) = rest.split_first_chunk::<4>()?;
            let (levels, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            rest = after;
            Some(levels)
        };
        let (starts, present) = if leaf.lists.is_empty() {
            if count != rows {
                return None;
            }
            let bits = match leaf.max_def {
                0 => None,
                highest => Some(RowBits::of_levels(levels()?, count, highest)?),
            };
            match bits {
                Some(bits) if bits.ones() < count => {
                    let present = bits.ones();
                    (Starts::Nullable(bits), present)
                }
                _ => (Starts::Same, count),
            }
        } else {
            let depth = u8::try_from(leaf.lists.len()).ok()?;
            let (reps, defs) = (levels()?, levels()?);
            Levels::decode((reps, depth), (defs, leaf.max_def), count, rows)
                .map(|(levels, present)| (Starts::Lists(levels), present))?
        };
        let start = raw.len() - rest.len();
        let values = Values::decode(
            leaf.physical,
            entry.encoding,
            raw,
            start,
            present,
            dictionary.map(|dictionary| &dictionary.0),
        )?;
        Some(Self {
            first_row: entry.first_row,
            rows,
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
            + match &self.starts {
                Starts::Same => 0,
                Starts::Nullable(bits) => bits.cost(),
                Starts::Lists(levels) => levels.defs.len() * 2 + levels.rows.len() * 8,
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
            Starts::Nullable(bits) => {
                let (value, has_value) = bits.get(index)?;
                Some(RowPlace {
                    value,
                    value_end: value + usize::from(has_value),
                    level: index,
                    level_end: index + 1,
                })
            }
            Starts::Lists(levels) => {
                let (level, value) = *levels.rows.get(index)?;
                let (level_end, value_end) = *levels.rows.get(index + 1)?;
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
        let Starts::Lists(levels) = &self.starts else {
            return None;
        };
        while at < end && *levels.defs.get(at)? < least {
            at += 1;
        }
        if at >= end {
            return None;
        }
        let mut length = 1;
        at += 1;
        while at < end {
            let rep = *levels.reps.get(at)?;
            if rep < depth {
                break;
            }
            length += usize::from(rep == depth);
            at += 1;
        }
        Some((length, at))
    }
}

impl Levels {
    /// Decodes both kinds of levels, each with its highest one; also how many values there are.
    fn decode(
        (reps, depth): (&[u8], u8),
        (defs, max_def): (&[u8], u8),
        count: usize,
        rows: usize,
    ) -> Option<(Self, usize)> {
        let decode = |bytes, max: u8| {
            let levels = hybrid(bytes, width_of(u32::from(max)), count, |level| level as u8)?;
            levels.iter().all(|level| *level <= max).then_some(levels)
        };
        let (reps, defs) = (decode(reps, depth)?, decode(defs, max_def)?);
        let mut starts = Vec::with_capacity(rows.min(count) + 1);
        let mut value = 0;
        for (at, (rep, def)) in reps.iter().zip(&defs).enumerate() {
            if *rep == 0 {
                starts.push((at as u32, value));
            }
            value += u32::from(*def == max_def);
        }
        if starts.len() != rows || reps.first().is_some_and(|rep| *rep != 0) {
            return None;
        }
        starts.push((count as u32, value));
        let levels = Self {
            defs,
            reps,
            rows: starts,
        };
        Some((levels, value as usize))
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
