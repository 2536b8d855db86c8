//! NaN and infinities, which some programs write into JSON.

use super::request::NonFinite;

/// The words, longest first, so that the sign is part of one.
const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];

/// The line with NaN, Infinity and -Infinity replaced outside of strings; `None` if it has none.
pub(super) fn replaced(line: &[u8], by: NonFinite) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(line.len() + 16);
    let mut rest = line;
    let (mut in_string, mut escaped, mut found) = (false, false, false);
    while let Some((&byte, after)) = rest.split_first() {
        if !in_string && let Some(word) = WORDS.into_iter().find(|word| rest.starts_with(word)) {
            match by {
                NonFinite::Null => out.extend_from_slice(b"null"),
                NonFinite::Text => {
                    out.push(b'"');
                    out.extend_from_slice(word);
                    out.push(b'"');
                }
            }
            found = true;
            rest = rest.get(word.len()..).unwrap_or_default();
            continue;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
        out.push(byte);
        rest = after;
    }
    found.then_some(out)
}

/// Whether the text begins with one of the words.
pub(super) fn is_at_start(text: &[u8]) -> bool {
    WORDS.iter().any(|word| text.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_outside_of_strings() {
        let line = br#"{"a":NaN,"b":[-Infinity,Infinity,1],"NaN":"NaN \" NaN"}"#;
        assert_eq!(
            replaced(line, NonFinite::Null).unwrap(),
            br#"{"a":null,"b":[null,null,1],"NaN":"NaN \" NaN"}"#
        );
        assert_eq!(
            replaced(line, NonFinite::Text).unwrap(),
            br#"{"a":"NaN","b":["-Infinity","Infinity",1],"NaN":"NaN \" NaN"}"#
        );
        assert_eq!(replaced(br#"{"a":"NaN"}"#, NonFinite::Null), None);
    }
}
