//! Cuts values apart by their brackets and quotes.

use std::io;

use super::minified::Minified;
use crate::error::{Error, ErrorKind};

/// The longest value in bytes; a longer one is cut, which makes it a bad line that is too long.
const LONGEST: usize = lakebed_json::MAX_LENGTH + 1;

/// Cuts values apart, in blocks of any size.
pub(super) struct Splitter {
    minified: Minified,
    place: Place,
    /// Values that were ended.
    values: u64,
    value: Vec<u8>,
    /// Open brackets of the value.
    depth: u64,
    in_string: bool,
    escaped: bool,
    has_break: bool,
}

/// Where in the content it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between values that follow one another.
    Between,
    /// Before the bracket of an array of values.
    BeforeArray,
    /// Before an element of it; `first` allows the closing bracket.
    BeforeElement { first: bool },
    /// After an element of it.
    AfterElement,
    /// In a value with brackets or quotes; `element` says of what.
    Value { element: bool },
    /// In a number or word.
    Word { element: bool },
}

impl Splitter {
    pub(super) fn new(array: bool, minified: Minified) -> Self {
        Self {
            minified,
            place: if array {
                Place::BeforeArray
            } else {
                Place::Between
            },
            values: 0,
            value: Vec::new(),
            depth: 0,
            in_string: false,
            escaped: false,
            has_break: false,
        }
    }

    /// Appends the values that end in this block to `out`, each as a line.
    pub(super) fn split(&mut self, block: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut rest = block;
        if self.values == 0 && self.value.is_empty() {
            rest = rest.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(rest);
        }
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.place {
                Place::Value { element } => self.in_value(rest, element, out),
                Place::Word { element } => self.in_word(rest, element, out),
                _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => after,
                Place::Between => {
                    self.begin(byte, false);
                    rest
                }
                Place::BeforeArray if byte == b'[' => {
                    self.place = Place::BeforeElement { first: true };
                    after
                }
                Place::BeforeArray => {
                    return Err(self.wrong("text follows the end of the array"));
                }
                Place::BeforeElement { first } if byte == b']' => {
                    if !first {
                        return Err(self.wrong("an element is missing after the last comma"));
                    }
                    self.place = Place::BeforeArray;
                    after
                }
                Place::BeforeElement { .. } if byte == b',' => {
                    return Err(self.wrong("an element is missing before a comma"));
                }
                Place::BeforeElement { .. } => {
                    self.begin(byte, true);
                    rest
                }
                Place::AfterElement if byte == b',' => {
                    self.place = Place::BeforeElement { first: false };
                    after
                }
                Place::AfterElement if byte == b']' => {
                    self.place = Place::BeforeArray;
                    after
                }
                Place::AfterElement => {
                    return Err(self.wrong("a comma or ] is missing between elements"));
                }
            };
        }
        Ok(())
    }

    /// The end of the content.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match self.place {
            Place::Between | Place::BeforeArray => Ok(()),
            Place::Value { element: false } | Place::Word { element: false } => {
                self.end(false, out);
                Ok(())
            }
            Place::BeforeElement { .. }
            | Place::AfterElement
            | Place::Value { element: true }
            | Place::Word { element: true } => Err(self.wrong(
                "the array has no end, so that the file is cut off: copy or fetch it again",
            )),
        }
    }

    fn begin(&mut self, byte: u8, element: bool) {
        self.value.clear();
        self.depth = 0;
        self.in_string = false;
        self.escaped = false;
        self.has_break = false;
        self.place = if matches!(byte, b'{' | b'[' | b'"') {
            Place::Value { element }
        } else {
            Place::Word { element }
        };
    }

    /// Takes bytes of a value with brackets or quotes, and returns those that it leaves.
    fn in_value<'a>(&mut self, bytes: &'a [u8], element: bool, out: &mut Vec<u8>) -> &'a [u8] {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    b'\n' => self.has_break = true,
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    b'\n' => self.has_break = true,
                    _ => {}
                }
            }
            if self.depth == 0 && !self.in_string {
                let (own, rest) = bytes.split_at_checked(at + 1).unwrap_or((bytes, &[]));
                self.take(own);
                self.end(element, out);
                return rest;
            }
        }
        self.take(bytes);
        &[]
    }

    /// Takes bytes of a number or word, and returns those that it leaves.
    fn in_word<'a>(&mut self, bytes: &'a [u8], element: bool, out: &mut Vec<u8>) -> &'a [u8] {
        let ends = |byte: &u8| match byte {
            b' ' | b'\t' | b'\r' | b'\n' => true,
            b',' | b']' => element,
            b'{' | b'[' | b'"' => !element,
            _ => false,
        };
        // The first byte is the value's own, whatever it is.
        let skipped = usize::from(self.value.is_empty());
        let end = bytes.iter().skip(skipped).position(ends);
        let Some(end) = end else {
            self.take(bytes);
            return &[];
        };
        let (own, rest) = bytes
            .split_at_checked(end + skipped)
            .unwrap_or((bytes, &[]));
        self.take(own);
        self.end(element, out);
        rest
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.value.len());
        self.value
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Ends the value: it becomes a line.
    fn end(&mut self, element: bool, out: &mut Vec<u8>) {
        self.values += 1;
        if self.has_break {
            self.minified.add();
            minify(&self.value, out);
        } else {
            out.extend_from_slice(&self.value);
        }
        out.push(b'\n');
        self.value.clear();
        self.place = if element {
            Place::AfterElement
        } else {
            Place::Between
        };
    }

    fn wrong(&self, what: &str) -> io::Error {
        let message = match self.values {
            0 => format!("at its beginning, {what}."),
            values => format!("after its value {values}, {what}."),
        };
        io::Error::new(
            io::ErrorKind::InvalidData,
            Error::new(ErrorKind::BadRecord, message),
        )
    }
}

/// Appends a value without the blanks between its parts. A line break in a string, which is not JSON, becomes a tab,
/// which is not JSON there either.
fn minify(value: &[u8], out: &mut Vec<u8>) {
    let (mut in_string, mut escaped) = (false, false);
    for &byte in value {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            out.push(if byte == b'\n' { b'\t' } else { byte });
        } else {
            in_string = byte == b'"';
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                out.push(byte);
            }
        }
    }
}
