//! NDJSON records by number, the same for the same number.

/// A record of one shape with a few repeated words, about 60 bytes.
pub fn similar(n: usize) -> Vec<u8> {
    format!(
        r#"{{"id":{n},"name":"user {}","tags":["red","green"],"ok":{}}}"#,
        n.wrapping_mul(7919) % 1000,
        n.is_multiple_of(2)
    )
    .into_bytes()
}

/// A record with 50 characters that do not compress, out of a vocabulary of 700.
pub fn with_words(n: usize) -> Vec<u8> {
    let word = lakebed_format::Hash::of(&(n % 700).to_le_bytes()).to_string();
    let (name, street) = (word.get(..20).unwrap_or(&word), word.get(20..50));
    format!(
        r#"{{"id":{n},"name":"{name}","place":{{"street":"{}"}},"tags":["a","b"]}}"#,
        street.unwrap_or(&word)
    )
    .into_bytes()
}

/// Records as NDJSON: each followed by a line feed.
pub fn ndjson(records: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut lines = Vec::new();
    for record in records {
        lines.extend(record);
        lines.push(b'\n');
    }
    lines
}
