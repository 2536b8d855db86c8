//! How the values of a content are laid out, by its beginning.

use lakebed_json as json;

/// How the values of a content are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Layout {
    /// One value a line.
    Lines,
    /// One array: its elements are the values.
    Array,
    /// Values one after the other, over several lines or several on one.
    Concatenated,
}

/// The layout of a content that begins with these bytes; `None` when more of them are needed. `all` says that there are
/// no more, or that no more are wanted.
///
/// Content is taken for lines unless its first line is not a whole value and its first value, or the beginning of it,
/// is good JSON. So damage in a file of lines stays one bad line. A first line that is a whole array is a record,
/// unless it holds objects and nothing follows it.
pub(in crate::ingest) fn layout(first: &[u8], all: bool) -> Option<Layout> {
    let text = first
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(first)
        .trim_ascii_start();
    let end = memchr::memchr(b'\n', text);
    let (line, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let more = |layout| if all { layout } else { None };
    if line.is_empty() {
        return more(Some(Layout::Lines));
    }
    match json::validate(line) {
        Ok(json::Kind::Array) => {
            let inside = line.get(1..).unwrap_or_default().trim_ascii_start();
            if !inside.starts_with(b"{") || !rest.trim_ascii().is_empty() {
                return Some(Layout::Lines);
            }
            more(Some(Layout::Array))
        }
        Ok(_) if end.is_some() => Some(Layout::Lines),
        Ok(_) => more(Some(Layout::Lines)),
        // A first line that goes on: it is not known yet, or it is the only one and not complete.
        Err(_) if end.is_none() && !all && !ends_a_value(line) => None,
        Err(error) => {
            if end.is_none() && error.at_end(line) && line.first() != Some(&b'[') {
                // Half a line.
                return Some(Layout::Lines);
            }
            if error.is_inside_string() && end.is_some() {
                // No string goes on over the end of a line.
                return Some(Layout::Lines);
            }
            if line.first() == Some(&b'[') && !error.at_end(line) {
                // An array on one line with something wrong in it: of objects that are to be judged one by one, or a
                // bad record.
                let inside = line.get(1..).unwrap_or_default().trim_ascii();
                if !inside.starts_with(b"{") {
                    return Some(Layout::Lines);
                }
                if inside.ends_with(b"]") {
                    return if rest.trim_ascii().is_empty() {
                        more(Some(Layout::Array))
                    } else {
                        Some(Layout::Lines)
                    };
                }
            }
            of_values(text, all)
        }
    }
}

/// Whether the line holds a whole value, followed by something else.
fn ends_a_value(line: &[u8]) -> bool {
    json::first_value(line).is_ok_and(|end| end < line.len())
}

/// The layout of content whose first line is no record.
fn of_values(text: &[u8], all: bool) -> Option<Layout> {
    if text.first() == Some(&b'[') {
        // The elements are judged one by one; here it is enough that the first one may be good.
        let inside = text.get(1..)?.trim_ascii_start();
        let good = match json::first_value(inside) {
            Ok(end) => {
                let after = inside.get(end..)?.trim_ascii_start();
                matches!(after.first(), None | Some(b',' | b']'))
            }
            Err(error) => {
                inside.is_empty() || inside.first() == Some(&b']') || error.at_end(inside)
            }
        };
        return Some(if good { Layout::Array } else { Layout::Lines });
    }
    match json::first_value(text) {
        // After a value comes another one, not the rest of a broken line.
        Ok(end) => {
            let after = text.get(end..)?.trim_ascii_start();
            let good = match after.first() {
                None if !all => return None,
                None | Some(b'{' | b'[' | b'"') => true,
                Some(_) => false,
            };
            let container = matches!(text.first(), Some(b'{' | b'['));
            Some(if good && container {
                Layout::Concatenated
            } else {
                Layout::Lines
            })
        }
        Err(error) if error.at_end(text) && !all => None,
        Err(error) if error.at_end(text) && matches!(text.first(), Some(b'{')) => {
            Some(Layout::Concatenated)
        }
        Err(_) => Some(Layout::Lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_told_by_the_beginning() {
        use Layout::{Array, Concatenated, Lines};
        for (text, expected) in [
            ("", Lines),
            ("{\"a\":1}\n{\"a\":2}\n", Lines),
            ("\n\n{\"a\":1}", Lines),
            ("[1,2]\n[3]\n", Lines),
            ("[1, 2]", Lines),
            ("[{\"a\":1}]\n[{\"a\":2}]\n", Lines),
            ("[1, nan]\n[2]\n", Lines),
            ("not json\n{\"a\":1}\n", Lines),
            ("{\"a\":\n", Concatenated),
            ("{\"a\":", Lines),
            ("{\"a\":\"half of a li\n{\"a\":2}\n", Lines),
            ("{\"a\":1,\n{\"a\":2}\n", Lines),
            ("{\"a\":1}\ttail\n{\"a\":2}\n", Lines),
            ("{\"a\":1},\n{\"a\":2}\n", Lines),
            ("1 2 3\n", Lines),
            ("{\n  \"a\": 1\n}\n", Concatenated),
            ("{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n", Concatenated),
            ("{\"a\":1}{\"a\":2}", Concatenated),
            ("{\"a\":1} {\"a\":2}\n{\"a\":3}\n", Concatenated),
            ("[{\"a\":1}]", Array),
            (" [{\"a\":1},{\"a\":2}]\n\n", Array),
            ("[{\"a\":NaN}]\n", Array),
            ("[{\"a\":1},{\"a\":NaN},\n{}]\n", Array),
            ("[{\"a\":NaN}]\n[{}]\n", Lines),
            ("[\n]\n", Array),
            ("[\n1,\n2\n]", Array),
            ("[\n  {\"a\": 1},\n  {\"a\": 2}\n]\n", Array),
            ("\u{feff}[\r\n1]", Array),
        ] {
            assert_eq!(layout(text.as_bytes(), true), Some(expected), "{text:?}");
            // A part of it says the same, or nothing yet, unless it ends on a line's end.
            for end in 0..text.len() {
                let part = text.as_bytes().get(..end).unwrap();
                if let Some(found) = layout(part, false) {
                    assert_eq!(found, expected, "{text:?} up to {end}");
                }
            }
        }
    }
}
