//! Validation and walking: the same texts are accepted as by serde_json, and a walk gives the same values.
#![no_main]

use lakebed_fuzz::JsonSource;
use lakebed_json::{
    Cursor, MAX_DEPTH, Malformed, Value, first_value, unescape_into, validate,
};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Walks a value and writes it again without blanks.
fn rewrite(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    match cursor.peek()? {
        b'{' => {
            cursor.enter()?;
            out.push(b'{');
            while let Some(key) = cursor.key()? {
                if out.last() != Some(&b'{') {
                    out.push(b',');
                }
                out.push(b'"');
                out.extend_from_slice(key.raw);
                out.extend_from_slice(b"\":");
                rewrite(cursor, out)?;
            }
            out.push(b'}');
        }
        b'[' => {
            cursor.enter()?;
            out.push(b'[');
            while cursor.element()? {
                if out.last() != Some(&b'[') {
                    out.push(b',');
                }
                rewrite(cursor, out)?;
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(cursor.skip()?),
    }
    Ok(())
}

/// The text without blanks outside strings.
fn compact(text: &[u8]) -> Vec<u8> {
    let (mut out, mut in_string, mut escaped) = (Vec::new(), false, false);
    for &byte in text {
        if in_string || !BLANKS.contains(&char::from(byte)) {
            out.push(byte);
        }
        if escaped {
            escaped = false;
        } else if in_string && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            in_string = !in_string;
        }
    }
    out
}

fn deepest(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut most = 0;
    for byte in text {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

fn check(text: &[u8]) {
    let ours = validate(text);
    // serde_json recurses, so deep texts are compared with nothing.
    if deepest(text) < 100 {
        let theirs = std::str::from_utf8(text)
            .is_ok_and(|text| serde_json::from_str::<&RawValue>(text.trim_matches(BLANKS)).is_ok());
        assert_eq!(ours.is_ok(), theirs, "{ours:?}");
    }
    if let Err(error) = ours {
        assert!(error.column <= text.len() + 1);
        return;
    }
    assert!(deepest(text) <= MAX_DEPTH || text.contains(&b'"'));
    if deepest(text) < 100 {
        let mut again = Vec::new();
        rewrite(&mut Cursor::new(text), &mut again).expect("valid");
        assert_eq!(again, compact(text));
    }
    let mut cursor = Cursor::new(text);
    if let Value::String(string) = cursor.value().expect("valid") {
        let mut unescaped = Vec::new();
        unescape_into(string.raw, &mut unescaped);
        if let Ok(value) = serde_json::from_slice::<String>(text) {
            assert_eq!(unescaped, value.as_bytes());
        }
    }
}

fuzz_target!(|data: &[u8]| {
    check(data);
    let generated = JsonSource::new(data).value();
    assert!(validate(generated.as_bytes()).is_ok(), "{generated}");
    check(generated.as_bytes());
    let _ = first_value(data);
    // On bytes that were never validated: no panic, no endless loop.
    let mut cursor = Cursor::starting_at(data, data.len() / 3);
    while cursor.skip().is_ok() || cursor.enter().is_ok() {}
    let _ = rewrite_shallow(data);
});

/// A walk that does not recurse, over bytes that may not be JSON.
fn rewrite_shallow(data: &[u8]) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(data);
    cursor.enter()?;
    while cursor.key()?.is_some() {
        cursor.value()?;
    }
    Ok(())
}
