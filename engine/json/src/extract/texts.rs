//! Texts of a column, and offsets.

use arrow_array::StringArray;
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;

use super::value_error::ValueError;
use crate::syntax::{Text, unescape_into};

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
            self.bytes.truncate(start);
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

/// Adds a member to the text of an object, which begins empty and which the caller closes.
pub(super) fn put_member(key: Text<'_>, value: &[u8], out: &mut Vec<u8>) {
    out.push(if out.is_empty() { b'{' } else { b',' });
    out.push(b'"');
    out.extend_from_slice(key.raw);
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
}
