//! Generated documents are JSON without raw line breaks, and equal ones happen.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::{json, records, strategies};

/// What is left after one JSON value; `None` when there is none.
fn value(text: &str) -> Option<&str> {
    let text = text.trim_start_matches([' ', '\t']);
    for word in ["null", "true", "false"] {
        if let Some(rest) = text.strip_prefix(word) {
            return Some(rest);
        }
    }
    if text.starts_with('"') {
        return string(text);
    }
    if let Some(rest) = text.strip_prefix('[') {
        return items(rest, ']', value);
    }
    if let Some(rest) = text.strip_prefix('{') {
        return items(rest, '}', |field| {
            let rest = string(field.trim_start_matches([' ', '\t']))?;
            value(rest.trim_start_matches([' ', '\t']).strip_prefix(':')?)
        });
    }
    number(text)
}

fn items(text: &str, end: char, one: impl Fn(&str) -> Option<&str>) -> Option<&str> {
    if let Some(rest) = text.trim_start_matches([' ', '\t']).strip_prefix(end) {
        return Some(rest);
    }
    let mut text = text;
    loop {
        let rest = one(text)?.trim_start_matches([' ', '\t']);
        if let Some(rest) = rest.strip_prefix(end) {
            return Some(rest);
        }
        text = rest.strip_prefix(',')?;
    }
}

fn string(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix('"')?;
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => return Some(rest),
            '\0'..='\x1f' => return None,
            '\\' => {
                let escape = rest.chars().next()?;
                let len = if escape == 'u' { 5 } else { 1 };
                let hex = rest.get(1..len)?;
                if !"\"\\/bfnrtu".contains(escape) || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
                    return None;
                }
                rest = &rest[len..];
            }
            _ => {}
        }
    }
}

fn number(text: &str) -> Option<&str> {
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.starts_with('0')) {
        return None;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        rest = fraction.get(count..).filter(|_| count > 0)?;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(exponent);
        rest = exponent.get(count..).filter(|_| count > 0)?;
    }
    Some(rest)
}

fn is_line_of_json(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap();
    !text.contains(['\n', '\r']) && value(text) == Some("")
}

proptest! {
    #[test]
    fn documents_are_json(line in json::line(), document in json::document(), record in strategies::record()) {
        prop_assert!(is_line_of_json(line.as_bytes()), "{}", line.escape_debug());
        let one_line = document.replace(['\r', '\n'], " ");
        prop_assert!(is_line_of_json(one_line.as_bytes()), "{}", document.escape_debug());
        prop_assert!(is_line_of_json(&record));
    }
}

#[test]
fn records_by_number_are_json() {
    for n in (0..2000).chain([usize::MAX]) {
        assert!(is_line_of_json(&records::similar(n)));
        assert!(is_line_of_json(&records::with_words(n)));
    }
    assert_eq!(records::ndjson([b"1".to_vec(), b"{}".to_vec()]), b"1\n{}\n");
}

#[test]
fn the_checker_refuses_what_is_not_json() {
    for bad in [
        "", "01", "{", "[1,]", "\"\\x\"", "{1:2}", "1.", "nul", "1 2",
    ] {
        assert!(!is_line_of_json(bad.as_bytes()), "{bad}");
    }
}

#[test]
fn records_repeat_and_noise_does_not_compress() {
    let mut runner = TestRunner::deterministic();
    let records: Vec<Vec<u8>> = (0..2000)
        .map(|_| {
            strategies::record()
                .new_tree(&mut runner)
                .unwrap()
                .current()
        })
        .collect();
    let distinct: std::collections::BTreeSet<_> = records.iter().collect();
    assert!(distinct.len() > 1000 && distinct.len() < 2000);
    assert_eq!(strategies::noise(1, 100), strategies::noise(1, 100));
    assert_ne!(strategies::noise(1, 100), strategies::noise(2, 100));
    assert_eq!(strategies::noise(1, 10_001).len(), 10_001);
}
