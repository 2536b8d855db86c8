//! Strings, and bytes as strings.

use std::io::Write as _;

/// The name of a member, with the colon after it.
pub(super) fn key(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    string(name, &mut out);
    out.push(b':');
    out
}

/// A JSON string, escaped as Python's `json` does without `ensure_ascii`.
#[expect(
    clippy::indexing_slicing,
    reason = "`done` and `at` are positions in the text, in order"
)]
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        let escaped: Option<&[u8]> = match byte {
            b'"' => Some(b"\\\""),
            b'\\' => Some(b"\\\\"),
            b'\n' => Some(b"\\n"),
            b'\r' => Some(b"\\r"),
            b'\t' => Some(b"\\t"),
            0x08 => Some(b"\\b"),
            0x0c => Some(b"\\f"),
            0..=0x1f => None,
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[done..at]);
        match escaped {
            Some(escaped) => out.extend_from_slice(escaped),
            None => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        done = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
    out.push(b'"');
}

/// A JSON string of the bytes in standard base64 with padding.
#[expect(clippy::indexing_slicing, reason = "six bits are below 64")]
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for chunk in bytes.chunks(3) {
        let mut three = [0_u8; 3];
        for (slot, &byte) in three.iter_mut().zip(chunk) {
            *slot = byte;
        }
        let [a, b, c] = three.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        for (digit, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            out.push(if digit > chunk.len() {
                b'='
            } else {
                DIGITS[(bits >> shift) as usize & 63]
            });
        }
    }
    out.push(b'"');
}
