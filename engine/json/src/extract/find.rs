//! Finding the projected keys of a record: by searching for their bytes where the schema vouches for that, by walking elsewhere.
//!
//! *Searching.* If a key stands at one path only and no key of the collection is written with an escape ([`Column::unique`]), the bytes
//! `"key"` followed by a colon are that key and nothing else: inside a string the quote before or after them would need a backslash.
//! A hit whose opening quote follows a backslash is inside a string.
//!
//! *Walking* steps from key to key and ends with the last projected one.

use memchr::memmem::Finder;

use super::builder::{Builder, Refused};
use crate::schema::{Column, DataType, Source};
use crate::syntax::{Cursor, Malformed, Text};

/// Above this many columns a walk over all keys costs less than a search for each (docs/types.md).
const MOST_SEARCHED: usize = 6;

/// A column being built.
#[derive(Debug)]
pub(super) struct Projected {
    pub(super) name: String,
    pub(super) source: Source,
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

/// How the keys of records are found.
#[derive(Debug)]
pub(super) enum Plan {
    Search(Search),
    Walk(Walk),
}

impl Plan {
    pub(super) fn of(columns: &[Projected]) -> Self {
        let keys = || {
            columns
                .iter()
                .filter(|column| matches!(column.source, Source::Key(_)))
        };
        if keys().count() <= MOST_SEARCHED && keys().all(|column| column.unique) {
            Self::Search(Search::of(columns))
        } else {
            Self::Walk(Walk::of(columns))
        }
    }
}

#[derive(Debug)]
pub(super) struct Search {
    /// With the numbers of their columns.
    needles: Vec<(usize, Needle)>,
}

/// A key as it stands in records.
#[derive(Debug)]
struct Needle(Finder<'static>);

impl Search {
    fn of(columns: &[Projected]) -> Self {
        let mut needles = Vec::new();
        for (column, projected) in columns.iter().enumerate() {
            if let Source::Key(key) = &projected.source {
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
    ) -> Result<(), (usize, Refused)> {
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
                        .map_err(|refused| (*number, refused))?;
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

    /// Where the value of the first such key starts.
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

#[derive(Debug)]
pub(super) struct Walk {
    keys: Vec<Key>,
    /// Bit n: some key has n bytes, or 63 and more.
    lengths: u64,
    /// Number of the record.
    stamp: u64,
    /// The key that came first last time.
    first: usize,
}

#[derive(Debug)]
struct Key {
    column: usize,
    bytes: Box<[u8]>,
    /// The record in which it was seen last.
    stamp: u64,
    /// The one that came after it last time.
    follow: usize,
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

impl Walk {
    fn of(columns: &[Projected]) -> Self {
        let mut keys = Vec::new();
        for (column, projected) in columns.iter().enumerate() {
            if let Source::Key(key) = &projected.source {
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
    ) -> Result<(), (usize, Refused)> {
        let malformed = |_| (0, Refused::Malformed);
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
                    .map_err(|refused| (key.column, refused))?;
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

    /// The projected key that `text` is, when `last` came before.
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

/// Finds the value of one column in records, one at a time.
#[derive(Debug)]
pub struct Probe {
    source: Source,
    needle: Option<Needle>,
}

impl Probe {
    pub fn of(column: &Column) -> Self {
        let needle = match &column.source {
            Source::Key(key) if column.unique => Some(Needle::of(key)),
            _ => None,
        };
        Self {
            source: column.source.clone(),
            needle,
        }
    }

    /// A cursor before the column's value; `None` if the record lacks it.
    #[inline]
    pub fn find<'r>(&self, record: &'r [u8]) -> Result<Option<Cursor<'r>>, Malformed> {
        let mut cursor = Cursor::new(record);
        let object = cursor.peek()? == b'{';
        match (&self.source, &self.needle) {
            (Source::Key(_), Some(needle)) if object => Ok(needle
                .value(record)
                .map(|at| Cursor::starting_at(record, at))),
            (Source::Key(wanted), None) if object => {
                cursor.enter()?;
                while let Some(key) = cursor.key()? {
                    if *key.unescaped() == **wanted {
                        return Ok(Some(cursor));
                    }
                    cursor.skip()?;
                }
                Ok(None)
            }
            (Source::Record, _) if !object => Ok(Some(cursor)),
            (Source::Whole, _) => Ok(Some(cursor)),
            (Source::Key(_) | Source::Record, _) => Ok(None),
        }
    }
}
