//! JSON against its grammar, and against serde_json.

use lakebed_testkit::json::{document, string};
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::schema::{Summary, validate_and_observe};

fn nested(depth: usize, open: &str, inside: &str, close: &str) -> String {
    open.repeat(depth) + inside + &close.repeat(depth)
}

#[test]
fn legal_texts_are_accepted() {
    let texts: &[(&[u8], Kind)] = &[
        (b"null", Kind::Null),
        (b" true ", Kind::Bool),
        (b"false\r", Kind::Bool),
        (b"0", Kind::Number),
        (b"-0", Kind::Number),
        (b"-0.0e-0", Kind::Number),
        (b"1E+2", Kind::Number),
        (b"1e400", Kind::Number),
        (
            b"123456789012345678901234567890123456789012345678901234567890",
            Kind::Number,
        ),
        (b"0.1", Kind::Number),
        (b"\"\"", Kind::String),
        (
            b"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABcd\"",
            Kind::String,
        ),
        (b"\"\\ud83d\\ude00\"", Kind::String),
        (b"\"\\ud800\"", Kind::String),
        (b"\"\\udc00\\ud800\"", Kind::String),
        (b"\"\\ud800\\ud800\\udc00\"", Kind::String),
        (b"\"\x7f\"", Kind::String),
        ("\"\u{10ffff}\u{2028}\"".as_bytes(), Kind::String),
        (b"[]", Kind::Array),
        (b"[ ]", Kind::Array),
        (b"[[],{},\"\",0,null]", Kind::Array),
        (b"{}", Kind::Object),
        (b"\t{ \"a\" :\n1 , \"\" : [ 1 , 2 ] } \t\r\n", Kind::Object),
        (b"{\"a\":1,\"a\":2}", Kind::Object),
    ];
    for (text, kind) in texts {
        assert_eq!(
            validate(text),
            Ok(*kind),
            "{}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn other_texts_are_refused_at_the_right_byte_with_a_reason() {
    let texts: &[(&[u8], usize, &str)] = &[
        (b"", 1, "the line is empty"),
        (b"  ", 3, "the line is empty"),
        (b"\xEF\xBB\xBF{}", 1, "byte-order mark"),
        (b"nul", 4, "expected true, false or null"),
        (b"nulL", 4, "expected true, false or null"),
        (b"nulll", 5, "unexpected text after"),
        (b"True", 1, "lower case"),
        (b"None", 1, "NaN, Infinity, None"),
        (b"[NaN]", 2, "NaN, Infinity, None"),
        (b"-Infinity", 2, "a minus sign needs a digit"),
        (b"+1", 1, "starts with a digit or a minus"),
        (b".5", 1, "starts with a digit or a minus"),
        (b"01", 1, "must not start with a zero"),
        (b"-012", 2, "must not start with a zero"),
        (b"1.", 3, "a decimal point needs a digit"),
        (b"1.e1", 3, "a decimal point needs a digit"),
        (b"1e", 3, "an exponent needs a digit"),
        (b"1e+", 4, "an exponent needs a digit"),
        (b"0x10", 2, "unexpected text after"),
        (b"1 2", 3, "unexpected text after"),
        (b"{}{}", 3, "unexpected text after"),
        (b"[]]", 3, "unexpected text after"),
        (b"\"a", 3, "ends inside a string"),
        (b"\"a\\", 4, "ends inside a string"),
        (b"\"a\nb\"", 3, "line break or tab"),
        (b"\"a\x00b\"", 3, "control character in a string"),
        (b"\"a\x1f\"", 3, "control character in a string"),
        (b"\"\\x\"", 2, "unknown escape"),
        (b"\"\\u12g4\"", 2, "four hexadecimal digits"),
        (b"\"\\u12\"", 2, "four hexadecimal digits"),
        (b"\"\\ud83d\\u12\"", 8, "four hexadecimal digits"),
        (b"'a'", 1, "double quotes"),
        (b"{'a':1}", 2, "keys need double quotes"),
        (b"{a:1}", 2, "expected a key in double quotes, or }"),
        (b"{\"a\" 1}", 6, "expected a colon"),
        (b"{\"a\":}", 6, "a value is missing"),
        (b"{\"a\":1 \"b\":2}", 8, "expected a comma or }"),
        (
            b"{\"a\":1,}",
            8,
            "expected a key in double quotes after the comma",
        ),
        (b"{\"a\":1]", 7, "expected a comma or }"),
        (b"{\"a\":1", 7, "ends inside an object"),
        (b"{\"a\":", 6, "ends inside an object"),
        (b"{\"a\"", 5, "ends inside an object"),
        (b"{", 2, "ends inside an object"),
        (b"[1,]", 4, "a value is missing"),
        (b"[,1]", 2, "a value is missing"),
        (b"[1 2]", 4, "expected a comma or ]"),
        (b"[1}", 3, "expected a comma or ]"),
        (b"[1", 3, "ends inside an array"),
        (b"[", 2, "ends inside an array"),
        (b"[1,", 4, "ends inside an array"),
        (b"// x", 1, "comments"),
        (b"\x0c1", 1, "control character between"),
        (b"{\"a\":\"\xff\"}", 7, "not valid UTF-8"),
        (b"\"\xed\xa0\x80\"", 2, "not valid UTF-8"),
        (b"\"\xc0\x80\"", 2, "not valid UTF-8"),
    ];
    for (text, column, reason) in texts {
        let shown = String::from_utf8_lossy(text);
        let error = validate(text).expect_err(&shown);
        assert_eq!(error.column, *column, "{shown}: {error}");
        assert!(error.reason.contains(reason), "{shown}: {error}");
    }
}

#[test]
fn nesting_is_limited() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let levels = open.matches(['[', '{']).count();
        let most = nested(MAX_DEPTH / levels, open, "1", close);
        assert!(validate(most.as_bytes()).is_ok());
        let more = format!("[{most}]");
        assert!(
            validate(more.as_bytes())
                .expect_err("too deep")
                .reason
                .contains("1,024 levels")
        );
        let mut summary = Summary::new();
        assert!(validate_and_observe(most.as_bytes(), &mut summary).is_ok());
        assert!(validate_and_observe(more.as_bytes(), &mut summary).is_err());
        assert_eq!(summary.rows(), 1);
    }
    let endless = "[".repeat(10_000_000);
    assert!(validate(endless.as_bytes()).is_err());
}

#[test]
fn every_byte_in_every_place_of_a_long_string_is_looked_at() {
    for length in 0..70 {
        for place in 0..length {
            let mut text = vec![b'x'; length];
            for (byte, good) in [
                (b'\x1f', false),
                (b'"', false),
                (b'\\', false),
                (b' ', true),
                (0x7f, true),
                (b'!', true),
            ] {
                text[place] = byte;
                let quoted = [b"\"", &text[..], b"\""].concat();
                assert_eq!(
                    validate(&quoted).is_ok(),
                    good,
                    "{byte} at {place} of {length}"
                );
                text[place] = b'x';
            }
        }
    }
}

#[test]
fn the_first_value_of_several_is_found() {
    for (text, end) in [
        ("{\"a\":1}", 7),
        (" {\"a\":1} {\"b\":2}", 8),
        ("{\n\"a\": 1\n}\n\n[2]", 10),
        ("\"x\"7", 3),
    ] {
        assert_eq!(first_value(text.as_bytes()).unwrap(), end, "{text}");
    }
    assert!(first_value(b"{\"a\":").unwrap_err().at_end(b"{\"a\":"));
    assert!(first_value(b"nope {}").is_err());
}

#[test]
fn half_a_text_is_told_from_a_wrong_one() {
    let whole = "{\"a\": [1.5e3, true, null, \"\\u00e9 é\"]}".as_bytes();
    for end in 1..whole.len() {
        let error = validate(&whole[..end]).unwrap_err();
        assert!(is_unfinished(&whole[..end], &error), "{end}");
    }
    for wrong in [
        &b"nope"[..],
        b"{]",
        b"{\"a\":1}}",
        b"[1,\xFF",
        b"{\"a\":\"\xFFx",
    ] {
        let error = validate(wrong).unwrap_err();
        assert!(!is_unfinished(wrong, &error), "{wrong:?}");
    }
}

#[test]
fn strings_are_unescaped() {
    let unescape = |raw: &str| {
        let mut out = Vec::new();
        unescape_into(raw.as_bytes(), &mut out);
        out
    };
    assert_eq!(
        unescape(r#"a\"\\\/\b\f\n\r\t\u0041"#),
        b"a\"\\/\x08\x0c\n\r\tA"
    );
    assert_eq!(unescape(r"\ud83d\ude00"), "\u{1f600}".as_bytes());
    assert_eq!(unescape(r"\u0000"), b"\0");
    assert_eq!(unescape(r"x\ud800y"), b"x\xed\xa0\x80y");
    assert_eq!(
        unescape(r"\udfff\ud800\u0041"),
        b"\xed\xbf\xbf\xed\xa0\x80A"
    );
    assert_eq!(
        unescape(r"\ud800\ud83d\ude00"),
        b"\xed\xa0\x80\xf0\x9f\x98\x80"
    );
}

#[test]
fn integers_have_their_value() {
    let small = |text: &str| integer(text.as_bytes());
    assert_eq!(small("-0"), Some(Integer::Small(0)));
    assert_eq!(
        small("999999999999999999"),
        Some(Integer::Small(999_999_999_999_999_999))
    );
    assert_eq!(small("9223372036854775807"), Some(Integer::Small(i64::MAX)));
    assert_eq!(
        small("-9223372036854775808"),
        Some(Integer::Small(i64::MIN))
    );
    assert_eq!(small("9223372036854775808"), Some(Integer::Large(1 << 63)));
    assert_eq!(
        small(&i128::MIN.to_string()),
        Some(Integer::Large(i128::MIN))
    );
    assert_eq!(
        small(&i128::MAX.to_string()),
        Some(Integer::Large(i128::MAX))
    );
    assert_eq!(
        small("170141183460469231731687303715884105728"),
        Some(Integer::Beyond)
    );
    for wrong in ["", "-", "1a", "1.5", "--1", "123456789012345678901x"] {
        assert_eq!(small(wrong), None, "{wrong}");
    }
}

#[test]
fn a_cursor_on_other_bytes_gives_errors() {
    for text in [
        "", "{", "{\"a", "{\"a\"", "{\"a\":", "[", "[1", "\"", "\"\\", "}", "{]", "{1:2}", ",",
        "\u{0}",
    ] {
        let mut cursor = Cursor::new(text.as_bytes());
        let walked = cursor
            .skip()
            .map(|_| ())
            .and_then(|()| cursor.value().map(|_| ()));
        assert!(walked.is_err(), "{text}");
    }
}

/// Walks the whole text with a cursor and writes it down again in short form.
fn rewrite(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    match cursor.peek()? {
        b'{' => {
            cursor.enter()?;
            out.push(b'{');
            let mut first = true;
            while let Some(key) = cursor.key()? {
                if !first {
                    out.push(b',');
                }
                first = false;
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
            let mut first = true;
            while cursor.element()? {
                if !first {
                    out.push(b',');
                }
                first = false;
                rewrite(cursor, out)?;
            }
            out.push(b']');
        }
        _ => match cursor.value()? {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Value::Number(bytes) => out.extend_from_slice(bytes),
            Value::String(text) => {
                out.push(b'"');
                out.extend_from_slice(text.raw);
                out.push(b'"');
            }
            Value::Array(_) | Value::Object(_) => unreachable!("entered above"),
        },
    }
    Ok(())
}

/// The text without blanks outside of strings.
fn without_blanks(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut inside, mut escaped) = (false, false);
    for byte in text {
        if inside || !byte.is_ascii_whitespace() {
            out.push(*byte);
        }
        match byte {
            b'"' if !escaped => inside = !inside,
            _ => {}
        }
        escaped = inside && *byte == b'\\' && !escaped;
    }
    out
}

fn serde_accepts(text: &[u8]) -> bool {
    std::str::from_utf8(text)
        .is_ok_and(|text| serde_json::from_str::<&RawValue>(text.trim_ascii()).is_ok())
}

proptest! {
    #[test]
    fn documents_are_accepted_and_walked(text in document()) {
        prop_assert!(serde_accepts(text.as_bytes()));
        prop_assert!(validate(text.as_bytes()).is_ok());
        let mut cursor = Cursor::new(text.as_bytes());
        let mut out = Vec::new();
        rewrite(&mut cursor, &mut out).unwrap();
        prop_assert_eq!(&out, &without_blanks(text.as_bytes()));
        prop_assert_eq!(Cursor::new(text.as_bytes()).skip().unwrap(), text.trim_ascii().as_bytes());
    }

    #[test]
    fn strings_have_the_value_serde_gives_them(text in string()) {
        if let Ok(value) = serde_json::from_str::<String>(&text) {
            let Ok(Value::String(ours)) = Cursor::new(text.as_bytes()).value() else { panic!("a string") };
            prop_assert_eq!(&*ours.unescaped(), value.as_bytes());
            prop_assert!(!has_lone_surrogate(&ours.unescaped()));
        } else {
            let mut tape = Vec::<Token>::new();
            parse(text.as_bytes(), &mut tape).unwrap();
            prop_assert!(tape[0].flags.lone_surrogate());
        }
    }

    #[test]
    fn changed_documents_are_judged_as_serde_judges_them(
        text in document(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"{}[]\",:\\ \n\x00\x1fu0-1.eEtnaf/\xff\xc3".to_vec()), 0..3u8), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (place, byte, how) in changes {
            let at = place.index(bytes.len() + 1);
            match how {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ if at < bytes.len() => { bytes.remove(at); }
                _ => {}
            }
        }
        let ours = validate(&bytes);
        prop_assert_eq!(ours.is_ok(), serde_accepts(&bytes), "{:?}: {:?}", String::from_utf8_lossy(&bytes), ours);
        if let Err(error) = ours {
            prop_assert!(error.column >= 1 && error.column <= bytes.len() + 1);
            let mut summary = Summary::new();
            prop_assert!(validate_and_observe(&bytes, &mut summary).is_err());
            prop_assert_eq!(summary, Summary::new());
        }
    }

    #[test]
    fn cursors_survive_any_bytes(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ u01-etn".to_vec()), 0..40)) {
        let mut cursor = Cursor::new(&bytes);
        for _ in 0..60 {
            let _ = cursor.key();
            let _ = cursor.element();
            let _ = cursor.skip();
            let _ = cursor.enter();
            let _ = cursor.value();
            prop_assert!(cursor.position() <= bytes.len());
        }
    }
}
