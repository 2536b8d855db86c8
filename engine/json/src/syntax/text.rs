//! Strings of validated JSON as bytes.
//!
//! The unescaped form is UTF-8, except that an escaped surrogate without its partner becomes the three bytes UTF-8 would give
//! its number (ED A0 80 to ED BF BF, known as WTF-8). Validated text holds no such bytes itself, so the form is unambiguous.

use super::scan;

/// The number of four hexadecimal digits.
#[inline]
pub(super) fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at.checked_add(4)?)?;
    digits.iter().try_fold(0, |number, digit| {
        Some(number << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// Appends the value of the string whose bytes between the quotes are `raw`. Bytes after a broken escape are taken as they are.
pub fn unescape_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    loop {
        let stop = scan::special(raw, at);
        out.extend_from_slice(raw.get(at..stop).unwrap_or_default());
        let Some(byte) = raw.get(stop) else {
            return;
        };
        at = stop + 1;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let Some(escape) = raw.get(at) else {
            return;
        };
        at += 1;
        match escape {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => at = unescape_unit(raw, at, out),
            other => out.push(*other),
        }
    }
}

/// Appends the character of `\uXXXX` whose digits start at `at`, with its second half if there is one. Returns where it ends.
fn unescape_unit(raw: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let Some(unit) = hex4(raw, at) else {
        return at;
    };
    let after = at + 4;
    let mut end = after;
    let mut number = unit;
    if let 0xD800..=0xDBFF = unit
        && raw.get(after..after + 2) == Some(b"\\u")
        && let Some(low @ 0xDC00..=0xDFFF) = hex4(raw, after + 2)
    {
        number = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        end = after + 6;
    }
    if let Some(character) = char::from_u32(number) {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        out.extend_from_slice(&[
            0xE0 | (number >> 12) as u8,
            0x80 | (number >> 6 & 0x3F) as u8,
            0x80 | (number & 0x3F) as u8,
        ]);
    }
    end
}

/// Whether an unescaped string or key holds a lone surrogate.
pub fn has_lone_surrogate(unescaped: &[u8]) -> bool {
    unescaped
        .windows(2)
        .any(|pair| pair[0] == 0xED && pair[1] >= 0xA0)
}
