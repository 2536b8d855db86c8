//! Quarantine: bad lines as rows of a collection of their own, `NAME_quarantine`.
//!
//! Each is an object with `file`, `line`, `column`, `reason`, `size` (bytes of the line without its end), and then
//! `text`, the exact line, if it is UTF-8 and a record can hold it, or else `blob`, the hash under which its bytes are
//! stored and pinned. Of a line longer than the limit only the first 64 KiB are kept, and `cut` says so.

use lakebed_format::Hash;

use super::lines::{BadSpan, Parsed};
use crate::error::{Error, Result};
use lakebed_json as json;

/// The name of the quarantine collection of a collection.
pub(super) fn name_for(collection: &str) -> String {
    format!("{collection}_quarantine")
}

/// The row for a bad line, and whether the bytes of the line have to be stored as a blob beside it.
pub(super) fn row(
    parsed: &Parsed,
    bad: &BadSpan,
    file: &str,
    line_number: u64,
) -> Result<(Vec<u8>, bool)> {
    let kept = parsed.bytes_of(bad.line)?;
    let cut = bad.length > kept.len() as u64;
    let mut out = Vec::with_capacity(kept.len() + file.len() + 160);
    out.extend_from_slice(b"{\"file\":");
    string(&mut out, file);
    for (key, value) in [(",\"line\":", line_number), (",\"column\":", bad.column)] {
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(value.to_string().as_bytes());
    }
    out.extend_from_slice(b",\"reason\":");
    string(&mut out, bad.reason);
    out.extend_from_slice(b",\"size\":");
    out.extend_from_slice(bad.length.to_string().as_bytes());
    let room = json::MAX_LENGTH
        .checked_sub(out.len() + 64)
        .ok_or_else(|| Error::internal("a file's name fills a whole record"))?;
    let text = std::str::from_utf8(kept)
        .ok()
        .filter(|text| length_of_string(text) <= room);
    if let Some(text) = text {
        out.extend_from_slice(b",\"text\":");
        string(&mut out, text);
    } else {
        out.extend_from_slice(b",\"blob\":");
        string(&mut out, &Hash::of(kept).to_string());
    }
    if cut {
        out.extend_from_slice(b",\"cut\":true");
    }
    out.push(b'}');
    Ok((out, text.is_none()))
}

/// The length in bytes of what [`string`] writes.
fn length_of_string(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    });
    escaped.sum::<usize>() + 2
}

/// Appends a JSON string whose value is exactly `text`.
fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
