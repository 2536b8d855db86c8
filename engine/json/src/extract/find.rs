//! Finds the projected keys of a record: by a search for their bytes where the schema guarantees that this is exact,
//! otherwise by a walk over all keys.
//!
//! *Search.* If a key occurs at one path only and no key of the collection is written with an escape
//! ([`Column::unique`]), the bytes `"key"` followed by a colon are always that key: inside a string, one of the quotes
//! would need a backslash. A match whose opening quote follows a backslash is inside a string.
//!
//! *Walk.* Goes from key to key and ends with the last projected one.

use std::collections::{BTreeSet, HashSet};

use memchr::memmem::Finder;

use super::builder::Builder;
use super::texts::put_member;
use super::value_error::ValueError;
use crate::schema::{Column, ColumnSource, DataType, Declared};
use crate::syntax::{Cursor, Malformed, Text};

/// The number of columns above which one walk over all keys costs less than a search for each (docs/types.md).
const MOST_SEARCHED: usize = 6;

/// A projected column of the current batch.
#[derive(Debug)]
pub(super) struct Projected {
    pub(super) name: String,
    pub(super) source: ColumnSource,
    pub(super) data_type: DataType,
    pub(super) declared: Vec<Declared>,
    pub(super) builder: Builder,
    unique: bool,
}

impl Projected {
    pub(super) fn new(column: &Column) -> Self {
        Self {
            name: column.name.clone(),
            source: column.source.clone(),
            data_type: column.data_type.clone(),
            declared: column.declared.clone(),
            builder: Builder::new(&column.data_type, &column.declared),
            unique: column.unique,
        }
    }
}

/// The keys from a record to the values of a column; none for columns that are made from the record itself.
fn path_of(source: &ColumnSource) -> &[Box<[u8]>] {
    match source {
        ColumnSource::Key(key) => std::slice::from_ref(key),
        ColumnSource::Path(path) => path,
        ColumnSource::NonObject | ColumnSource::Rest(_) => &[],
    }
}

/// Writes an object of the keys of a record that are not among `known`, each with the bytes that it and its value have
/// in the record; nothing where there are none. Of equal keys the first counts.
pub(super) fn rest_of(
    record: &[u8],
    known: &BTreeSet<Box<[u8]>>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(record);
    let mut seen = HashSet::new();
    cursor.enter()?;
    while let Some(key) = cursor.key()? {
        let value = cursor.skip()?;
        let unescaped = key.unescaped();
        if known.contains(&*unescaped) || !seen.insert(unescaped) {
            continue;
        }
        put_member(key, value, out);
    }
    if !out.is_empty() {
        out.push(b'}');
    }
    Ok(())
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
                .filter(|column| !path_of(&column.source).is_empty())
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
            if let Some(key) = path_of(&projected.source).last() {
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

/// A projected key, or one that leads to projected keys.
#[derive(Debug)]
struct Key {
    bytes: Box<[u8]>,
    column: Option<usize>,
    /// What is projected of the object under this key.
    inside: Option<Box<Walk>>,
    /// The number of the last record that had it.
    stamp: u64,
    /// The projected key that came after it in the last record that had it.
    follow: usize,
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// What is projected under one key.
struct KeyGroup<'a> {
    key: &'a [u8],
    column: Option<usize>,
    /// Columns of what is inside its value, with the rest of their paths.
    inside: Vec<(usize, &'a [Box<[u8]>])>,
}

type Pushed = Result<(), (usize, ValueError)>;

const fn malformed(_: Malformed) -> (usize, ValueError) {
    (0, ValueError::Malformed)
}

impl Key {
    /// Takes its value, which is next, and passes it.
    #[inline]
    fn push(&mut self, columns: &mut [Projected], cursor: &mut Cursor<'_>) -> Pushed {
        let mut value = *cursor;
        if let Some((number, column)) = at(columns, self.column) {
            let appended = column.builder.append(cursor);
            appended.map_err(|error| (number, error))?;
        }
        match &mut self.inside {
            None => Ok(()),
            Some(walk) if value.peek().map_err(malformed)? == b'{' => {
                walk.push(columns, &mut value)?;
                if self.column.is_none() {
                    cursor.skip().map_err(malformed)?;
                }
                Ok(())
            }
            Some(walk) => {
                walk.push_nulls(columns);
                if self.column.is_none() {
                    cursor.skip().map_err(malformed)?;
                }
                Ok(())
            }
        }
    }

    fn push_nulls(&mut self, columns: &mut [Projected]) {
        if let Some((_, column)) = at(columns, self.column) {
            column.builder.append_null();
        }
        if let Some(walk) = &mut self.inside {
            walk.push_nulls(columns);
        }
    }
}

fn at(columns: &mut [Projected], number: Option<usize>) -> Option<(usize, &mut Projected)> {
    let number = number?;
    Some((number, columns.get_mut(number)?))
}

impl Walk {
    fn of(columns: &[Projected]) -> Self {
        let numbered = columns.iter().enumerate();
        Self::of_paths(numbered.map(|(number, column)| (number, path_of(&column.source))))
    }

    fn of_paths<'a>(paths: impl Iterator<Item = (usize, &'a [Box<[u8]>])>) -> Self {
        let mut groups: Vec<KeyGroup<'a>> = Vec::new();
        for (column, path) in paths {
            let Some((first, rest)) = path.split_first() else {
                continue;
            };
            let known = groups.iter().position(|group| group.key == &**first);
            let place = known.unwrap_or_else(|| {
                groups.push(KeyGroup {
                    key: first,
                    column: None,
                    inside: Vec::new(),
                });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(place) {
                if rest.is_empty() {
                    group.column = Some(column);
                } else {
                    group.inside.push((column, rest));
                }
            }
        }
        let lengths = groups
            .iter()
            .fold(0, |bits, group| bits | length_bit(group.key.len()));
        let keys = groups.into_iter().enumerate();
        let keys = keys.map(|(number, group)| Key {
            bytes: group.key.into(),
            column: group.column,
            inside: (!group.inside.is_empty())
                .then(|| Box::new(Self::of_paths(group.inside.into_iter()))),
            stamp: 0,
            follow: number + 1,
        });
        Self {
            keys: keys.collect(),
            lengths,
            stamp: 0,
            first: 0,
        }
    }

    /// Takes an object, which is next; passes what is needed of it.
    #[inline]
    pub(super) fn push(&mut self, columns: &mut [Projected], cursor: &mut Cursor<'_>) -> Pushed {
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
            {
                key.stamp = self.stamp;
                last = Some(found);
                missing -= 1;
                key.push(columns, cursor)?;
            } else {
                cursor.skip().map_err(malformed)?;
            }
        }
        if missing > 0 {
            for key in &mut self.keys {
                if key.stamp != self.stamp {
                    key.push_nulls(columns);
                }
            }
        }
        Ok(())
    }

    fn push_nulls(&mut self, columns: &mut [Projected]) {
        for key in &mut self.keys {
            key.push_nulls(columns);
        }
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
        let last = path_of(&column.source).last();
        let needle = last.filter(|_| column.unique).map(|key| Needle::of(key));
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
        match &self.source {
            ColumnSource::Key(_) | ColumnSource::Path(_) if object => match &self.needle {
                Some(needle) => Ok(needle
                    .value(record)
                    .map(|at| Cursor::starting_at(record, at))),
                None => descend(cursor, path_of(&self.source)),
            },
            ColumnSource::NonObject if !object => Ok(Some(cursor)),
            ColumnSource::Rest(known) if object => {
                let mut rest = Vec::new();
                rest_of(record, known, &mut rest)?;
                Ok((!rest.is_empty()).then_some(cursor))
            }
            _ => Ok(None),
        }
    }
}

/// A cursor before the value that the keys lead to.
fn descend<'r>(
    mut cursor: Cursor<'r>,
    path: &[Box<[u8]>],
) -> Result<Option<Cursor<'r>>, Malformed> {
    for wanted in path {
        if cursor.peek()? != b'{' {
            return Ok(None);
        }
        cursor.enter()?;
        loop {
            let Some(key) = cursor.key()? else {
                return Ok(None);
            };
            if *key.unescaped() == **wanted {
                break;
            }
            cursor.skip()?;
        }
    }
    Ok(Some(cursor))
}
