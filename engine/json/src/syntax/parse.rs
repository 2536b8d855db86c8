//! One pass over a text: the grammar of RFC 8259 as a loop. A bit per open container takes the place of recursion.

use super::error::{INSIDE_STRING, JsonError, TEXT_AFTER};
use super::token::{Flags, Kind, Sink, Token, TokenKind};
use super::{scan, string};

/// How many arrays and objects may be open at once.
pub const MAX_DEPTH: usize = 1024;

struct Parser<'a, S> {
    bytes: &'a [u8],
    at: usize,
    sink: &'a mut S,
}

/// The open containers.
struct Open {
    /// All but the innermost, outermost first. A set bit is an object, a clear one an array.
    bits: [u64; MAX_DEPTH / 64],
    depth: usize,
    /// Whether the innermost one is an object; meaningless while `depth` is 0.
    object: bool,
}

impl Open {
    fn push(&mut self, object: bool) -> bool {
        if self.depth == MAX_DEPTH {
            return false;
        }
        if let Some(word) = self.bits.get_mut(self.depth / 64) {
            let bit = 1 << (self.depth % 64);
            *word = *word & !bit | u64::from(self.object) << (self.depth % 64);
        }
        self.object = object;
        self.depth += 1;
        true
    }

    fn pop(&mut self) {
        self.depth -= 1;
        if let Some(word) = self.bits.get(self.depth / 64) {
            self.object = word >> (self.depth % 64) & 1 == 1;
        }
    }

    /// Whether the innermost container is an object; `None` while none is open.
    fn top(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.object)
    }
}

/// Parses one value with the blanks around it. `text` must be UTF-8 and shorter than 4 GiB: tokens have 32-bit offsets.
#[inline]
pub(crate) fn parse<S: Sink>(text: &[u8], sink: &mut S) -> Result<Kind, JsonError> {
    let mut parser = Parser {
        bytes: text,
        at: 0,
        sink,
    };
    let mut open = Open {
        bits: [0; MAX_DEPTH / 64],
        depth: 0,
        object: false,
    };
    let kind = match parser.peek() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') => Kind::Null,
        Some(0xEF) if parser.rest().starts_with(b"\xEF\xBB\xBF") => {
            return Err(parser.wrong("a byte-order mark is allowed only at the start of a file"));
        }
        Some(_) => Kind::Number,
        None => return Err(parser.wrong("the line is empty")),
    };
    loop {
        // A value starts here, or the bracket that closes an empty container.
        let mut closed = false;
        match parser.peek() {
            Some(b'"') => parser.string(TokenKind::String)?,
            Some(b'{') => {
                parser.open(&mut open, true)?;
                if parser.peek() == Some(b'}') {
                    closed = true;
                } else {
                    parser.key("expected a key in double quotes, or }")?;
                    continue;
                }
            }
            Some(b'[') => {
                parser.open(&mut open, false)?;
                if parser.peek() == Some(b']') {
                    closed = true;
                } else {
                    continue;
                }
            }
            Some(b'-' | b'0'..=b'9') => parser.number()?,
            Some(b't') => parser.word(b"true", TokenKind::Bool)?,
            Some(b'f') => parser.word(b"false", TokenKind::Bool)?,
            Some(b'n') => parser.word(b"null", TokenKind::Null)?,
            _ => return Err(parser.no_value(&open)),
        }
        // The value is complete, and perhaps the containers around it too.
        loop {
            let Some(object) = open.top() else {
                return match parser.peek() {
                    None => Ok(kind),
                    Some(_) => Err(parser.wrong(TEXT_AFTER)),
                };
            };
            let next = parser.peek();
            if closed || next == Some(if object { b'}' } else { b']' }) {
                let end = if object {
                    TokenKind::ObjectEnd
                } else {
                    TokenKind::ArrayEnd
                };
                parser.emit(end, parser.at, parser.at + 1, Flags::default());
                parser.at += 1;
                open.pop();
                closed = false;
            } else if next == Some(b',') {
                parser.at += 1;
                if object {
                    parser.key("expected a key in double quotes after the comma")?;
                }
                break;
            } else {
                return Err(parser.wrong(match (next, object) {
                    (None, true) => "the line ends inside an object",
                    (None, false) => "the line ends inside an array",
                    (_, true) => "expected a comma or } after a value",
                    (_, false) => "expected a comma or ] after a value",
                }));
            }
        }
    }
}

impl<S: Sink> Parser<'_, S> {
    /// The next byte other than a blank; `None` at the end.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(byte) if *byte > b' ' => return Some(*byte),
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "`at` never passes the end")]
    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "texts are shorter than 4 GiB, see `parse`"
    )]
    fn emit(&mut self, kind: TokenKind, start: usize, end: usize, flags: Flags) {
        self.sink.token(Token {
            start: start as u32,
            end: end as u32,
            kind,
            flags,
        });
    }

    #[cold]
    fn wrong(&self, reason: &'static str) -> JsonError {
        JsonError::new(self.at, reason)
    }

    #[cold]
    fn no_value(&self, open: &Open) -> JsonError {
        self.wrong(match (self.bytes.get(self.at), open.top()) {
            (None, Some(true)) => "the line ends inside an object",
            (None, _) => "the line ends inside an array",
            (Some(b'\''), _) => "strings need double quotes",
            (Some(b'N' | b'I' | b'u'), _) => "NaN, Infinity, None and undefined are not JSON",
            (Some(b'T' | b'F'), _) => "true and false are written in lower case",
            (Some(b'+' | b'.'), _) => "a number starts with a digit or a minus sign",
            (Some(b'/' | b'#'), _) => "comments are not JSON",
            (Some(b']' | b'}' | b','), Some(_)) => "a value is missing before this",
            (Some(0..=0x1f), _) => "control character between values",
            _ => "expected a JSON value",
        })
    }

    #[inline]
    fn open(&mut self, open: &mut Open, object: bool) -> Result<(), JsonError> {
        if !open.push(object) {
            return Err(self.wrong("nested deeper than 1,024 levels"));
        }
        let kind = if object {
            TokenKind::ObjectStart
        } else {
            TokenKind::ArrayStart
        };
        self.emit(kind, self.at, self.at + 1, Flags::default());
        self.at += 1;
        Ok(())
    }

    /// A key and the colon after it.
    #[inline]
    fn key(&mut self, missing: &'static str) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string(TokenKind::Key)?,
            None => return Err(self.wrong("the line ends inside an object")),
            Some(b'\'') => return Err(self.wrong("keys need double quotes")),
            Some(_) => return Err(self.wrong(missing)),
        }
        match self.peek() {
            Some(b':') => {
                self.at += 1;
                Ok(())
            }
            None => Err(self.wrong("the line ends inside an object")),
            Some(_) => Err(self.wrong("expected a colon after a key")),
        }
    }

    #[inline]
    fn string(&mut self, kind: TokenKind) -> Result<(), JsonError> {
        let start = self.at + 1;
        let mut flags = Flags::default();
        self.at = scan::special(self.bytes, start);
        if self.bytes.get(self.at) != Some(&b'"') {
            self.string_with_escapes(&mut flags)?;
        }
        self.emit(kind, start, self.at, flags);
        self.at += 1;
        Ok(())
    }

    /// Continues from the first special byte to the closing quote.
    #[cold]
    fn string_with_escapes(&mut self, flags: &mut Flags) -> Result<(), JsonError> {
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => return Ok(()),
                Some(b'\\') => {
                    flags.set_escaped();
                    self.escape(flags)?;
                }
                Some(b'\n' | b'\r' | b'\t') => {
                    return Err(self.wrong("a line break or tab in a string must be escaped"));
                }
                Some(_) => return Err(self.wrong("control character in a string")),
                None => return Err(self.wrong(INSIDE_STRING)),
            }
            self.at = scan::special(self.bytes, self.at);
        }
    }

    fn escape(&mut self, flags: &mut Flags) -> Result<(), JsonError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                return Ok(());
            }
            Some(b'u') => {}
            None => {
                self.at += 1;
                return Err(self.wrong(INSIDE_STRING));
            }
            Some(_) => return Err(self.wrong("unknown escape in a string")),
        }
        let Some(unit) = string::hex4(self.bytes, self.at + 2) else {
            return Err(self.wrong("\\u needs four hexadecimal digits"));
        };
        self.at += 6;
        match unit {
            0 => flags.set_nul(),
            0xD800..=0xDBFF => {
                if self.rest().starts_with(b"\\u")
                    && let Some(0xDC00..=0xDFFF) = string::hex4(self.bytes, self.at + 2)
                {
                    self.at += 6;
                } else {
                    flags.set_lone_surrogate();
                }
            }
            0xDC00..=0xDFFF => flags.set_lone_surrogate(),
            _ => {}
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> bool {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > start
    }

    #[inline]
    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let first = self.at;
        if !self.digits() {
            return Err(self.wrong("a minus sign needs a digit after it"));
        }
        if self.at > first + 1 && self.bytes.get(first) == Some(&b'0') {
            self.at = first;
            return Err(self.wrong("a number must not start with a zero"));
        }
        let mut kind = TokenKind::Integer;
        if self.bytes.get(self.at) == Some(&b'.') {
            kind = TokenKind::Float;
            self.at += 1;
            if !self.digits() {
                return Err(self.wrong("a decimal point needs a digit after it"));
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            kind = TokenKind::Float;
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            if !self.digits() {
                return Err(self.wrong("an exponent needs a digit"));
            }
        }
        self.emit(kind, start, self.at, Flags::default());
        Ok(())
    }

    #[inline]
    fn word(&mut self, word: &'static [u8], kind: TokenKind) -> Result<(), JsonError> {
        if !self.rest().starts_with(word) {
            let same = self
                .rest()
                .iter()
                .zip(word)
                .take_while(|(a, b)| a == b)
                .count();
            self.at += same;
            return Err(self.wrong("expected true, false or null"));
        }
        let end = self.at + word.len();
        self.emit(kind, self.at, end, Flags::default());
        self.at = end;
        Ok(())
    }
}
