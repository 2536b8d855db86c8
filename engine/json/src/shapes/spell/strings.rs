//! Strings as the writers of JSON escape them.

use crate::syntax::special;

/// What is escaped of strings, and how: a set of flags. Without any, only what must be: quotes, backslashes and control
/// characters, the latter as `\b`, `\t`, `\n`, `\f`, `\r` or in lower-case hexadecimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TextStyle(u16);

impl TextStyle {
    /// Everything that is not ASCII is `\uXXXX`, with surrogates.
    pub const ASCII: Self = Self(1);
    /// Hexadecimal digits are upper-case.
    pub const UPPER: Self = Self(2);
    /// `/` is `\/`.
    pub const SLASH: Self = Self(4);
    /// `<`, `>` and `&` are `\u003c`, `\u003e` and `\u0026`.
    pub const HTML: Self = Self(8);
    /// `'` is `\u0027`.
    pub const APOSTROPHE: Self = Self(16);
    /// `+` and the backtick are `\u002b` and `\u0060`.
    pub const PLUS: Self = Self(32);
    /// `"` is `\u0022`.
    pub const QUOTE: Self = Self(64);
    /// `\b` and `\f` are `\u0008` and `\u000c`.
    pub const LONG_B_F: Self = Self(128);
    /// `\t`, `\n` and `\r` are `\u0009`, `\u000a` and `\u000d`.
    pub const LONG_T_N_R: Self = Self(256);
    /// U+007F is `\u007f`.
    pub const DELETE: Self = Self(512);
    /// U+2028 and U+2029 are `\u2028` and `\u2029`.
    pub const SEPARATORS: Self = Self(1024);

    const ALL: u16 = 2047;

    /// Whether it has that flag.
    pub fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// With that flag too.
    pub fn with(self, flag: Self) -> Self {
        Self(self.0 | flag.0)
    }

    pub(super) fn bits(self) -> u64 {
        self.0.into()
    }

    pub(super) fn from_bits(bits: u64) -> Option<Self> {
        let bits = u16::try_from(bits).ok()?;
        (bits & !Self::ALL == 0).then_some(Self(bits))
    }
}

/// What is written for a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    /// The byte.
    None,
    /// A backslash and this.
    Short(u8),
    /// `\u00XX`.
    Long,
    /// Something else: the beginning of a character that is not ASCII.
    Character,
}

/// A [`TextStyle`] as a table of bytes.
#[derive(Clone, Debug)]
pub(in crate::shapes) struct Escapes {
    pub(super) style: TextStyle,
    table: Box<[Escape; 256]>,
}

impl Escapes {
    pub(super) fn of(style: TextStyle) -> Self {
        let long = |flag| {
            if style.has(flag) {
                Some(Escape::Long)
            } else {
                None
            }
        };
        let table = std::array::from_fn(|byte| {
            let byte = u8::try_from(byte).unwrap_or(u8::MAX);
            let short = |letter, flag| long(flag).unwrap_or(Escape::Short(letter));
            match byte {
                b'"' => short(b'"', TextStyle::QUOTE),
                b'\\' => Escape::Short(b'\\'),
                8 => short(b'b', TextStyle::LONG_B_F),
                12 => short(b'f', TextStyle::LONG_B_F),
                b'\t' => short(b't', TextStyle::LONG_T_N_R),
                b'\n' => short(b'n', TextStyle::LONG_T_N_R),
                b'\r' => short(b'r', TextStyle::LONG_T_N_R),
                0..0x20 => Escape::Long,
                b'/' if style.has(TextStyle::SLASH) => Escape::Short(b'/'),
                b'<' | b'>' | b'&' => long(TextStyle::HTML).unwrap_or(Escape::None),
                b'\'' => long(TextStyle::APOSTROPHE).unwrap_or(Escape::None),
                b'+' | b'`' => long(TextStyle::PLUS).unwrap_or(Escape::None),
                0x7F => long(TextStyle::DELETE).unwrap_or(Escape::None),
                0x80.. if style.has(TextStyle::ASCII) => Escape::Character,
                0xE2 if style.has(TextStyle::SEPARATORS) => Escape::Character,
                _ => Escape::None,
            }
        });
        Self {
            style,
            table: Box::new(table),
        }
    }

    #[inline]
    fn of_byte(&self, byte: u8) -> Escape {
        self.table
            .get(usize::from(byte))
            .copied()
            .unwrap_or(Escape::None)
    }

    /// Where the first byte is that is not written as it is; the length if there is none.
    #[inline]
    fn stop(&self, text: &[u8], from: usize) -> usize {
        if self.style == TextStyle::default() {
            return special(text, from);
        }
        let rest = text.get(from..).unwrap_or_default();
        let found = rest
            .iter()
            .position(|byte| self.of_byte(*byte) != Escape::None);
        from + found.unwrap_or(rest.len())
    }

    /// Whether a string without escapes is written as it is.
    #[inline]
    pub(super) fn keeps(&self, raw: &[u8]) -> bool {
        self.style == TextStyle::default() || self.stop(raw, 0) == raw.len()
    }

    /// Appends the text, escaped, without quotes.
    #[inline]
    pub(super) fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        let stop = self.stop(text, 0);
        out.extend_from_slice(text.get(..stop).unwrap_or_default());
        if stop < text.len() {
            self.write_escaped(text, stop, out);
        }
    }

    /// Continues from a byte that is not written as it is.
    fn write_escaped(&self, text: &[u8], mut at: usize, out: &mut Vec<u8>) {
        while let Some(byte) = text.get(at) {
            let mut length = 1;
            match self.of_byte(*byte) {
                Escape::None => out.push(*byte),
                Escape::Short(letter) => out.extend_from_slice(&[b'\\', letter]),
                Escape::Long => self.unit(u16::from(*byte), out),
                Escape::Character => {
                    length = self.character(text.get(at..).unwrap_or_default(), out);
                }
            }
            at += length;
            let stop = self.stop(text, at);
            out.extend_from_slice(text.get(at..stop).unwrap_or_default());
            at = stop;
        }
    }

    /// Writes the character that the text begins with, and returns its length.
    fn character(&self, text: &[u8], out: &mut Vec<u8>) -> usize {
        let start = text.get(..text.len().min(4)).unwrap_or_default();
        let first = start.utf8_chunks().next();
        let Some(character) = first.and_then(|chunk| chunk.valid().chars().next()) else {
            // Not UTF-8, which no array holds.
            out.extend_from_slice(start.get(..1).unwrap_or_default());
            return 1;
        };
        if self.style.has(TextStyle::ASCII) || matches!(character, '\u{2028}' | '\u{2029}') {
            for unit in character.encode_utf16(&mut [0; 2]) {
                self.unit(*unit, out);
            }
        } else {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        character.len_utf8()
    }

    fn unit(&self, unit: u16, out: &mut Vec<u8>) {
        let digits = if self.style.has(TextStyle::UPPER) {
            b"0123456789ABCDEF"
        } else {
            b"0123456789abcdef"
        };
        out.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            let digit = digits.get(usize::from(unit >> shift & 15));
            out.push(digit.copied().unwrap_or(b'0'));
        }
    }
}

/// What the strings of a leaf have shown of their style: for each flag, how many strings are for it and against it.
#[derive(Clone, Debug, Default)]
pub(super) struct Votes([(u32, u32); 11]);

impl Votes {
    fn vote(&mut self, flag: TextStyle, is_for: bool) {
        if let Some((yes, no)) = self.0.get_mut(flag.0.trailing_zeros() as usize) {
            *(if is_for { yes } else { no }) += 1;
        }
    }

    /// Takes the bytes between the quotes of a string.
    pub(super) fn observe(&mut self, raw: &[u8]) {
        let mut at = 0;
        while let Some(byte) = raw.get(at) {
            at += 1;
            match byte {
                b'\\' => at += self.observe_escape(raw.get(at..).unwrap_or_default()),
                b'/' => self.vote(TextStyle::SLASH, false),
                b'<' | b'>' | b'&' => self.vote(TextStyle::HTML, false),
                b'\'' => self.vote(TextStyle::APOSTROPHE, false),
                b'+' | b'`' => self.vote(TextStyle::PLUS, false),
                0x7F => self.vote(TextStyle::DELETE, false),
                0x80.. => {
                    self.vote(TextStyle::ASCII, false);
                    let rest = raw.get(at - 1..).unwrap_or_default();
                    if rest.starts_with(&[0xE2, 0x80, 0xA8])
                        || rest.starts_with(&[0xE2, 0x80, 0xA9])
                    {
                        self.vote(TextStyle::SEPARATORS, false);
                    }
                }
                _ => {}
            }
        }
    }

    /// Takes what follows a backslash; returns the length of that.
    fn observe_escape(&mut self, rest: &[u8]) -> usize {
        match rest.first() {
            Some(b'/') => self.vote(TextStyle::SLASH, true),
            Some(b'"') => self.vote(TextStyle::QUOTE, false),
            Some(b'b' | b'f') => self.vote(TextStyle::LONG_B_F, false),
            Some(b't' | b'n' | b'r') => self.vote(TextStyle::LONG_T_N_R, false),
            Some(b'u') => {
                let digits = rest.get(1..5).unwrap_or_default();
                if digits.iter().any(u8::is_ascii_alphabetic) {
                    let upper = digits.iter().any(u8::is_ascii_uppercase);
                    self.vote(TextStyle::UPPER, upper);
                }
                let number = std::str::from_utf8(digits)
                    .ok()
                    .and_then(|digits| u32::from_str_radix(digits, 16).ok());
                match number {
                    Some(8 | 12) => self.vote(TextStyle::LONG_B_F, true),
                    Some(9 | 10 | 13) => self.vote(TextStyle::LONG_T_N_R, true),
                    Some(0x22) => self.vote(TextStyle::QUOTE, true),
                    Some(0x26 | 0x3C | 0x3E) => self.vote(TextStyle::HTML, true),
                    Some(0x27) => self.vote(TextStyle::APOSTROPHE, true),
                    Some(0x2B | 0x60) => self.vote(TextStyle::PLUS, true),
                    Some(0x7F) => self.vote(TextStyle::DELETE, true),
                    Some(0x2028 | 0x2029) => self.vote(TextStyle::SEPARATORS, true),
                    Some(0x80..) => self.vote(TextStyle::ASCII, true),
                    _ => {}
                }
                return 5;
            }
            _ => {}
        }
        1
    }

    /// Adds what other leaves have shown where this one has shown nothing: one writer wrote them all.
    pub(super) fn or(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (own, other) in sum.0.iter_mut().zip(&other.0) {
            if *own == (0, 0) {
                *own = *other;
            }
        }
        sum
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            own.0 += other.0;
            own.1 += other.1;
        }
    }

    pub(super) fn style(&self) -> TextStyle {
        let flags = self.0.iter().enumerate();
        let chosen = flags.filter(|(_, (yes, no))| yes > no);
        TextStyle(chosen.fold(0, |bits, (flag, _)| bits | 1 << flag))
    }
}

#[cfg(test)]
mod tests {
    use super::{Escapes, TextStyle, Votes};
    use crate::unescape_into;

    /// Texts as writers spell them: orjson, json.dumps, Go, PHP, .NET, jq.
    #[test]
    fn the_style_of_a_writer_is_found() {
        let texts = [
            "a/b <i>'x' + `y`</i> & \\\"q\\\" \\b\\n é \u{1F600} \u{2028} \u{7f} \\u0001",
            "a/b <i>'x' + `y`</i> & \\\"q\\\" \\b\\n \\u00e9 \\ud83d\\ude00 \\u2028 \u{7f}",
            "a/b \\u003ci\\u003e'x' + `y` \\u0026 \\\"q\\\" \\u0008\\n é \u{1F600} \\u2028",
            "a\\/b <i>'x' + `y`</i> & \\\"q\\\" \\b\\n \\u00e9 \\ud83d\\ude00 \\u2028",
            "a/b \\u003Ci\\u003E\\u0027x\\u0027 \\u002B \\u0060y\\u0060 \\u0026 \\u0022q\\u0022 \\b\\n \\u00E9",
            "a/b & é \\u007f \\u001f",
        ];
        for text in texts {
            let text = text.replace("</i>", "");
            let mut votes = Votes::default();
            votes.observe(text.as_bytes());
            let mut value = Vec::new();
            unescape_into(text.as_bytes(), &mut value);
            let mut out = Vec::new();
            Escapes::of(votes.style()).write(&value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn a_style_is_its_bits() {
        let style = TextStyle::ASCII.with(TextStyle::SEPARATORS);
        assert_eq!(TextStyle::from_bits(style.bits()), Some(style));
        assert_eq!(TextStyle::from_bits(2048), None);
        assert!(Escapes::of(TextStyle::HTML).keeps(b"a/b"));
        assert!(!Escapes::of(TextStyle::HTML).keeps(b"a>b"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_written_as_they_are() {
        let mut out = Vec::new();
        let escapes = Escapes::of(TextStyle::ASCII.with(TextStyle::SEPARATORS));
        escapes.write(&[b'a', 0xFF, 0xE2, 0x80, b'b'], &mut out);
        assert_eq!(out, [b'a', 0xFF, 0xE2, 0x80, b'b']);
    }
}
