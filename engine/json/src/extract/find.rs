//! Finds the projected keys of a record: by a search for their bytes where the schema guarantees that this is exact,
//! otherwise by a walk over all keys.
//!
//! *Search.* If a key occurs at one path only and no key of the collection is written with an escape
//! ([`Column::unique`]), the bytes `"key"` followed by a colon are always that key: inside a string, one of the quotes
//! would need a backslash. A match whose opening quote follows a backslash is inside a string.
//!
//! *Walk.* Goes from key to key and ends with the last projected one.

use memchr::memmem::Finder;

use super::builder::{Builder, ValueError};
use crate::schema::{Column, ColumnSource, DataType};
use crate::syntax::{Cursor, Malformed, Text};

/// The number of columns above which one walk over all keys costs less than a search for each (docs/types.md).
const MOST_SEARCHED: usize = 6;

/// A projected column of the current batch.
#[derive(Debug)]
pub(super) struct Projected {
    pub(super) name: String,
    pub(super) source: ColumnSource,
    pub(super) data_type: DataType,
    pub(super) builder: Builder,
    unique: bool,
}

impl Projected {
    pub(super) fn new(column: &Column) -> Self {
        Self {
            name: column.name.clone(),
            source: column.source.clone(),
            data_type: column.data_type.clone(),
            builder: Builder::new(&column.data_type),
            unique: column.unique,
        }
    }
}

/// How an extractor finds the keys of records.
#[derive(Debug)]
pub(super) enum KeyLookup {
    Search(Search),
    Walk(Walk),
}

impl KeyLookup {
    pub(super) fn of(columns: &[Projected]) -> Self {
        let keys = || {
            columns
                .iter()
                .filter(|column| matches!(column.source, ColumnSource::Key(_)))
        };
        if keys().count() <= MOST_SEARCHED && keys().all(|column| column.unique) {
            Self::Search(Search::of(columns))
        } else {
            Self::Walk(Walk::of(columns))
        }
    }
}

/// Lookup by a search for each key.
#[derive(Debug)]
pub(super) struct Search {
    /// The keys, each with the number of its column.
    needles: Vec<(usize, Needle)>,
}

/// A search for a key with its quotes.
#[derive(Debug)]
struct Needle(Finder<'static>);

impl Search {
    fn of(columns: &[Projected]) -> Self {
        let mut needles = Vec::new();
        for (column, projected) in columns.iter().enumerate() {
            if let ColumnSource::Key(key) = &projected.source {
                needles.push((column, Needle::of(key)));
            }
        }
        Self { needles }
    }

    #[inline]
    pub(super) fn push(
        &mut self,
        columns: &mut [Projected],
        record: &[u8],
    ) -> Result<(), (usize, ValueError)> {
        for (number, needle) in &self.needles {
            let Some(column) = columns.get_mut(*number) else {
                continue;
            };
            match needle.value(record) {
                Some(at) => {
                    let mut cursor = Cursor::starting_at(record, at);
                    column
                        .builder
                        .append(&mut cursor)
                        .map_err(|error| (*number, error))?;
                }
                None => column.builder.append_null(),
            }
        }
        Ok(())
    }
}

impl Needle {
    fn of(key: &[u8]) -> Self {
        let quoted = [b"\"", key, b"\""].concat();
        Self(Finder::new(&quoted).into_owned())
    }

    /// The offset of the value of the first such key.
    #[inline]
    fn value(&self, record: &[u8]) -> Option<usize> {
        let mut from = 0;
        loop {
            let at = from + self.0.find(record.get(from..)?)?;
            let after = at + self.0.needle().len();
            let mut cursor = Cursor::starting_at(record, after);
            let inside = at > 0 && record.get(at - 1) == Some(&b'\\');
            if !inside && cursor.peek() == Ok(b':') {
                return Some(cursor.position() + 1);
            }
            from = at + 1;
        }
    }
}

/// Lookup by a walk over all keys.
#[derive(Debug)]
pub(super) struct Walk {
    keys: Vec<Key>,
    /// Bit n is set when some key has n bytes; bit 63, when some key has 63 or more.
    lengths: u64,
    /// The number of the current record.
    stamp: u64,
    /// The first projected key of the last record.
    first: usize,
}

/// A projected key.
#[derive(Debug)]
struct Key {
    column: usize,
    bytes: Box<[u8]>,
    /// The number of the last record that had it.
    stamp: u64,
    /// The projected key that came after it in the last record that had it.
    follow: usize,
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

impl Walk {
    fn of(columns: &[Projected]) -> Self {
        let mut keys = Vec::new();
        for (column, projected) in columns.iter().enumerate() {
            if let ColumnSource::Key(key) = &projected.source {
                let follow = keys.len() + 1;
                keys.push(Key {
                    column,
                    bytes: key.clone(),
                    stamp: 0,
                    follow,
                });
            }
        }
        let lengths = keys
            .iter()
            .fold(0, |bits, key| bits | length_bit(key.bytes.len()));
        Self {
            keys,
            lengths,
            stamp: 0,
            first: 0,
        }
    }

    #[inline]
    pub(super) fn push(
        &mut self,
        columns: &mut [Projected],
        mut cursor: Cursor<'_>,
    ) -> Result<(), (usize, ValueError)> {
        let malformed = |_| (0, ValueError::Malformed);
        self.stamp += 1;
        let mut missing = self.keys.len();
        let mut last = None;
        cursor.enter().map_err(malformed)?;
        while missing > 0
            && let Some(text) = cursor.key().map_err(malformed)?
        {
            if let Some(found) = self.position(text, last)
                && let Some(key) = self.keys.get_mut(found)
                && key.stamp != self.stamp
                && let Some(column) = columns.get_mut(key.column)
            {
                key.stamp = self.stamp;
                last = Some(found);
                missing -= 1;
                column
                    .builder
                    .append(&mut cursor)
                    .map_err(|error| (key.column, error))?;
            } else {
                cursor.skip().map_err(malformed)?;
            }
        }
        if missing > 0 {
            for key in &self.keys {
                if key.stamp != self.stamp
                    && let Some(column) = columns.get_mut(key.column)
                {
                    column.builder.append_null();
                }
            }
        }
        Ok(())
    }

    /// The projected key equal to `text`; `last` is the one before it in the record.
    #[inline]
    fn position(&mut self, text: Text<'_>, last: Option<usize>) -> Option<usize> {
        if text.escaped {
            let key = text.unescaped();
            return self
                .keys
                .iter()
                .position(|candidate| *candidate.bytes == *key);
        }
        if self.lengths & length_bit(text.raw.len()) == 0 {
            return None;
        }
        let expected = match last {
            None => self.first,
            Some(last) => self.keys.get(last).map_or(0, |key| key.follow),
        };
        if self
            .keys
            .get(expected)
            .is_some_and(|key| *key.bytes == *text.raw)
        {
            return Some(expected);
        }
        let found = self
            .keys
            .iter()
            .position(|candidate| *candidate.bytes == *text.raw)?;
        match last.and_then(|last| self.keys.get_mut(last)) {
            None => self.first = found,
            Some(key) => key.follow = found,
        }
        Some(found)
    }
}

/// Finds the value of one column in records.
#[derive(Debug)]
pub struct ValueFinder {
    source: ColumnSource,
    needle: Option<Needle>,
}

impl ValueFinder {
    /// For that column.
    pub fn new(column: &Column) -> Self {
        let needle = match &column.source {
            ColumnSource::Key(key) if column.unique => Some(Needle::of(key)),
            _ => None,
        };
        Self {
            source: column.source.clone(),
            needle,
        }
    }

    /// A cursor before the column's value; `None` where the record lacks it.
    ///
    /// # Errors
    /// The record is not JSON.
    #[inline]
    pub fn find<'r>(&self, record: &'r [u8]) -> Result<Option<Cursor<'r>>, Malformed> {
        let mut cursor = Cursor::new(record);
        let object = cursor.peek()? == b'{';
        match (&self.source, &self.needle) {
            (ColumnSource::Key(_), Some(needle)) if object => Ok(needle
                .value(record)
                .map(|at| Cursor::starting_at(record, at))),
            (ColumnSource::Key(wanted), None) if object => {
                cursor.enter()?;
                while let Some(key) = cursor.key()? {
                    if *key.unescaped() == **wanted {
                        return Ok(Some(cursor));
                    }
                    cursor.skip()?;
                }
                Ok(None)
            }
            (ColumnSource::NonObject, _) if !object => Ok(Some(cursor)),
            (ColumnSource::Record, _) => Ok(Some(cursor)),
            (ColumnSource::Key(_) | ColumnSource::NonObject, _) => Ok(None),
        }
    }
}
