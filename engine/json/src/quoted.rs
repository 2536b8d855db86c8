//! Names and texts in sentences for users.

use std::fmt::{self, Display, Formatter, Write as _};

/// A text in quotes, as sentences for users show it: `"` and `\` after a backslash, line feed, carriage return and tab
/// as `\n`, `\r` and `\t`, other characters that show nothing or turn the text around as `\u{7f}`, and all others as
/// they are.
///
/// What is escaped is written out below: `Debug` of a text goes by the Unicode version of the compiler, and the
/// engine in Python says the same sentences.
pub fn quoted<T: AsRef<str>>(text: T) -> impl Display {
    Quoted(text)
}

struct Quoted<T>(T);

impl<T: AsRef<str>> Display for Quoted<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.as_ref().chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                hidden if is_hidden(hidden) => write!(f, "\\u{{{:x}}}", u32::from(hidden))?,
                shown => f.write_char(shown)?,
            }
        }
        f.write_char('"')
    }
}

/// Control characters, blanks without a width, marks of direction, separators of lines, and what is no character.
fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    ) || u32::from(character) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        let shown = |text: &str| quoted(text).to_string();
        assert_eq!(
            shown("Größe 'x' 日本 \u{301}"),
            "\"Größe 'x' 日本 \u{301}\""
        );
        assert_eq!(shown("\"a\\\n\r\t"), r#""\"a\\\n\r\t""#);
        assert_eq!(
            shown("\0\x1b\x7f\u{85}\u{ad}"),
            r#""\u{0}\u{1b}\u{7f}\u{85}\u{ad}""#
        );
        assert_eq!(
            shown("\u{202e}\u{feff}\u{ffff}\u{1fffe}\u{e0041}"),
            r#""\u{202e}\u{feff}\u{ffff}\u{1fffe}\u{e0041}""#
        );
    }
}
