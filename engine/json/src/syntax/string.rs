//! The values of strings of validated JSON, as bytes.
//!
//! The unescaped form is UTF-8, except that an escaped surrogate without its partner becomes the three bytes of its
//! number in UTF-8's scheme (ED A0 80 to ED BF BF, known as WTF-8). Validated text itself holds no such bytes, so the
//! form is unambiguous.

use super::scan;

/// The number that four hexadecimal digits at `at` give; `None` without them.
#[inline]
pub(super) fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at.checked_add(4)?)?;
    digits.iter().try_fold(0, |number, digit| {
        Some(number << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// Appends the value of a string; `raw` are the bytes between its quotes. An invalid escape, which validated JSON does
/// not have, stands for the character after the backslash.
#[expect(
    clippy::indexing_slicing,
    reason = "`at` never passes the end, and the search starts at `at`"
)]
pub fn unescape_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    loop {
        let stop = scan::special(raw, at);
        out.extend_from_slice(&raw[at..stop]);
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

/// Appends the character of a `\uXXXX` whose digits start at `at`, with the second surrogate if one follows. Returns
/// where it ends.
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
        // A surrogate: its number has 16 bits.
        let [.., high, low] = number.to_be_bytes();
        out.extend_from_slice(&[
            0xE0 | high >> 4,
            0x80 | (high << 2 & 0x3C) | low >> 6,
            0x80 | (low & 0x3F),
        ]);
    }
    end
}

/// Whether an unescaped string or key holds a lone surrogate.
pub fn has_lone_surrogate(unescaped: &[u8]) -> bool {
    unescaped
        .windows(2)
        .any(|pair| matches!(pair, [0xED, 0xA0..=0xFF]))
}
