//! Values of one column that are not of a fixed size: texts, lists, structs, maps.

use std::collections::HashSet;

use arrow_array::StringArray;
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, FieldRef, Fields};

use super::builder::{Builder, ValueError};
use crate::syntax::{Cursor, Text, unescape_into};

/// The last offset. Offsets start with 0 and never become empty.
pub(super) fn last(offsets: &[i32]) -> i32 {
    offsets.last().copied().unwrap_or(0)
}

pub(super) fn offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let room = offsets.len();
    let taken = std::mem::replace(offsets, Vec::with_capacity(room));
    offsets.push(0);
    OffsetBuffer::new(ScalarBuffer::from(taken))
}

/// Texts, concatenated.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) offsets: Vec<i32>,
    pub(super) bytes: Vec<u8>,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            bytes: Vec::new(),
        }
    }
}

impl Texts {
    #[inline]
    pub(super) fn push_raw(&mut self, raw: &[u8]) -> Result<(), ValueError> {
        if self.bytes.len() + raw.len() > i32::MAX as usize {
            return Err(ValueError::TooLarge);
        }
        self.bytes.extend_from_slice(raw);
        self.end();
        Ok(())
    }

    #[inline]
    pub(super) fn push(&mut self, text: Text<'_>) -> Result<(), ValueError> {
        if !text.escaped {
            return self.push_raw(text.raw);
        }
        if self.bytes.len() + text.raw.len() > i32::MAX as usize {
            return Err(ValueError::TooLarge);
        }
        let start = self.bytes.len();
        unescape_into(text.raw, &mut self.bytes);
        // Fails for a lone surrogate, for which a schema of this record has the type JSON.
        let text = self.bytes.get(start..).map(simdutf8::basic::from_utf8);
        if !matches!(text, Some(Ok(_))) {
            return Err(ValueError::TypeMismatch);
        }
        self.end();
        Ok(())
    }

    /// Ends the current text; an empty one if nothing was added since the last.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`push` and `push_raw` keep the bytes below 2^31"
    )]
    pub(super) fn end(&mut self) {
        self.offsets.push(self.bytes.len() as i32);
    }

    pub(super) fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let room = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        StringArray::try_new(offsets(&mut self.offsets), Buffer::from_vec(bytes), nulls)
    }
}

#[derive(Debug)]
pub(super) struct Lists {
    pub(super) offsets: Vec<i32>,
    pub(super) field: FieldRef,
    pub(super) elements: Builder,
}

impl Lists {
    pub(super) fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
        cursor.enter()?;
        let mut end = last(&self.offsets);
        while cursor.element()? {
            self.elements.append(cursor)?;
            end = end.checked_add(1).ok_or(ValueError::TooLarge)?;
        }
        self.offsets.push(end);
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Structs {
    pub(super) names: Vec<Box<[u8]>>,
    pub(super) fields: Fields,
    pub(super) builders: Vec<Builder>,
    /// For each field, the number of the last object that had it.
    pub(super) stamps: Vec<u64>,
    /// The number of the current object.
    pub(super) stamp: u64,
}

impl Structs {
    pub(super) fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
        self.stamp += 1;
        cursor.enter()?;
        let mut expected = 0;
        while let Some(key) = cursor.key()? {
            let found = self.position(key, expected);
            if let Some(found) = found
                && let Some(stamp) = self.stamps.get_mut(found)
                && *stamp != self.stamp
                && let Some(builder) = self.builders.get_mut(found)
            {
                *stamp = self.stamp;
                expected = found + 1;
                builder.append(cursor)?;
            } else {
                cursor.skip()?;
            }
        }
        for (builder, stamp) in self.builders.iter_mut().zip(&self.stamps) {
            if *stamp != self.stamp {
                builder.append_null();
            }
        }
        Ok(())
    }

    fn position(&self, key: Text<'_>, expected: usize) -> Option<usize> {
        let key = key.unescaped();
        if self.names.get(expected).is_some_and(|name| **name == *key) {
            return Some(expected);
        }
        self.names.iter().position(|name| **name == *key)
    }
}

#[derive(Debug)]
pub(super) struct Maps {
    pub(super) offsets: Vec<i32>,
    pub(super) fields: Fields,
    pub(super) keys: Texts,
    pub(super) values: Builder,
}

impl Maps {
    /// Of equal keys the first is taken: readers of Arrow reject maps with equal keys.
    pub(super) fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
        cursor.enter()?;
        let mut end = last(&self.offsets);
        let mut seen = HashSet::new();
        while let Some(key) = cursor.key()? {
            if !seen.insert(key.unescaped()) {
                cursor.skip()?;
                continue;
            }
            self.keys.push(key)?;
            self.values.append(cursor)?;
            end = end.checked_add(1).ok_or(ValueError::TooLarge)?;
        }
        self.offsets.push(end);
        Ok(())
    }
}
