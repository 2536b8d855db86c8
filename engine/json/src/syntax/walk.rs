//! Reads validated JSON in place.

use std::borrow::Cow;
use std::fmt;

use super::{scan, string};

/// The bytes are not JSON: they were never validated, or are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Offset of the first byte that cannot be JSON, counted from 0.
    pub at: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} is not what JSON has there", self.at + 1)
    }
}

impl std::error::Error for Malformed {}

/// A string or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The bytes between its quotes.
    pub raw: &'a [u8],
    /// Whether `raw` has escapes, and so differs from the value.
    pub escaped: bool,
}

impl<'a> Text<'a> {
    /// The value: UTF-8, with lone surrogates as [`super::unescape_into`] writes them.
    pub fn unescaped(self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut out = Vec::with_capacity(self.raw.len());
        string::unescape_into(self.raw, &mut out);
        Cow::Owned(out)
    }
}

/// A value. Numbers, arrays and objects are their exact bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, not parsed.
    Number(&'a [u8]),
    /// A string, not unescaped.
    String(Text<'a>),
    /// An array with its brackets.
    Array(&'a [u8]),
    /// An object with its braces.
    Object(&'a [u8]),
}

/// A position in validated JSON.
///
/// Before a value, [`Cursor::value`] reads it and [`Cursor::skip`] passes it. To walk an object, call
/// [`Cursor::enter`], then [`Cursor::key`] until it returns `None`, and read or skip the value after each key; an array
/// likewise with [`Cursor::element`].
///
/// All methods return [`Malformed`] where the bytes cannot be JSON. They do not validate: what they accept need not be
/// JSON.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of a text.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// At the offset `at`, which must lie outside strings.
    #[inline]
    pub fn starting_at(bytes: &'a [u8], at: usize) -> Self {
        let at = at.min(bytes.len());
        Self { bytes, at }
    }

    /// Offset of the next byte to read.
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes passed since the offset `start`.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "`at` only grows, and never past the end"
    )]
    fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    #[cold]
    fn malformed(&self) -> Malformed {
        Malformed { at: self.at }
    }

    /// Skips blanks and returns the next byte without passing it.
    #[inline]
    pub fn peek(&mut self) -> Result<u8, Malformed> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(self.malformed()),
            }
        }
    }

    /// Passes the bracket that opens an object or array.
    #[inline]
    pub fn enter(&mut self) -> Result<(), Malformed> {
        match self.peek()? {
            b'{' | b'[' => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.malformed()),
        }
    }

    /// The next key of the current object; the cursor is then before its value. `None` after the last one; the cursor
    /// is then behind the object.
    #[inline]
    pub fn key(&mut self) -> Result<Option<Text<'a>>, Malformed> {
        let mut next = self.peek()?;
        if next == b'}' {
            self.at += 1;
            return Ok(None);
        }
        if next == b',' {
            self.at += 1;
            next = self.peek()?;
        }
        if next != b'"' {
            return Err(self.malformed());
        }
        let key = self.text()?;
        if self.peek()? != b':' {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Whether the current array has another element. The cursor is then before it, otherwise behind the array.
    #[inline]
    pub fn element(&mut self) -> Result<bool, Malformed> {
        match self.peek()? {
            b']' => {
                self.at += 1;
                Ok(false)
            }
            b',' => {
                self.at += 1;
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    /// Reads the next value and passes it.
    #[inline]
    pub fn value(&mut self) -> Result<Value<'a>, Malformed> {
        Ok(match self.peek()? {
            b'"' => Value::String(self.text()?),
            b'{' => Value::Object(self.container()?),
            b'[' => Value::Array(self.container()?),
            b't' => self.word(4, Value::Bool(true)),
            b'f' => self.word(5, Value::Bool(false)),
            b'n' => self.word(4, Value::Null),
            b'-' | b'0'..=b'9' => Value::Number(self.number()),
            _ => return Err(self.malformed()),
        })
    }

    /// Passes the next value and returns its exact bytes.
    #[inline]
    pub fn skip(&mut self) -> Result<&'a [u8], Malformed> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => {
                self.text()?;
            }
            b'{' | b'[' => return self.container(),
            _ => {
                self.number();
            }
        }
        if self.at == start {
            return Err(self.malformed());
        }
        Ok(self.since(start))
    }

    #[inline]
    fn word(&mut self, length: usize, value: Value<'a>) -> Value<'a> {
        self.at = (self.at + length).min(self.bytes.len());
        value
    }

    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "`start` is past the opening quote, and `end` at a quote found from there on"
    )]
    fn text(&mut self) -> Result<Text<'a>, Malformed> {
        let start = self.at + 1;
        let mut escaped = false;
        let mut end = scan::special(self.bytes, start);
        while self.bytes.get(end) == Some(&b'\\') {
            escaped = true;
            end = scan::special(self.bytes, end + 2);
        }
        if self.bytes.get(end) != Some(&b'"') {
            self.at = end.min(self.bytes.len());
            return Err(self.malformed());
        }
        self.at = end + 1;
        Ok(Text {
            raw: &self.bytes[start..end],
            escaped,
        })
    }

    /// The bytes of a number or word: all up to the first that cannot belong to one.
    #[inline]
    fn number(&mut self) -> &'a [u8] {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'a'..=b'z' | b'E') =
            self.bytes.get(self.at)
        {
            self.at += 1;
        }
        self.since(start)
    }

    fn container(&mut self) -> Result<&'a [u8], Malformed> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.text()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(self.since(start));
                    }
                }
                Some(_) => {}
                None => return Err(self.malformed()),
            }
            self.at += 1;
        }
    }
}
