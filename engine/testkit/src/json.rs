//! JSON texts of every form that the grammar allows.

use proptest::prelude::*;

/// Documents: any value, with blanks, escapes, equal keys and numbers of every form.
pub fn document() -> impl Strategy<Value = String> {
    document_with("\t\r\n")
}

/// Documents without raw line breaks: lines of NDJSON.
pub fn line() -> impl Strategy<Value = String> {
    document_with("\t ")
}

fn document_with(blanks: &'static str) -> impl Strategy<Value = String> {
    let blank = move || prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just(blanks)];
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<i128>().prop_map(|value| value.to_string()),
        (-100i32..100).prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        string(),
        "\"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,7})?(Z|[+-]0[0-9](:[03]0)?)?)?\"",
    ];
    scalar.prop_recursive(5, 40, 6, move |inner| {
        let element =
            (blank(), inner.clone(), blank()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        let member = (blank(), key(), blank(), inner)
            .prop_map(|(a, key, b, value)| format!("{a}{key}{b}:{value}{a}"));
        prop_oneof![
            (blank(), prop::collection::vec(element, 0..6))
                .prop_map(|(blank, elements)| format!("[{}{blank}]", elements.join(","))),
            (blank(), prop::collection::vec(member, 0..6))
                .prop_map(|(blank, members)| format!("{{{}{blank}}}", members.join(","))),
        ]
    })
}

/// Records: objects mostly.
pub fn record() -> impl Strategy<Value = String> {
    let object = prop::collection::vec((key(), document()), 0..7).prop_map(|members| {
        let members: Vec<String> = members
            .into_iter()
            .map(|(key, value)| format!("{key}:{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    });
    prop_oneof![12 => object, 1 => document()]
}

/// Strings with their quotes: escapes of every form, surrogates with and without a partner.
pub fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{0,12}",
        1 => "\\PC{0,4}".prop_map(|text| text.replace(['"', '\\'], "")),
        1 => "\\\\[\"\\\\/bfnrt]",
        1 => "\\\\u[0-9a-fA-F]{4}",
        1 => Just("\\ud83d\\ude00".to_owned()),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "\"[a-eA]\"",
        2 => "\"(key|Key|_seq|value|a b|\\\\u0061|,|:|\"\"|é)\"".prop_map(|key| key.replace("\"\"\"\"", "\"\"")),
        1 => string(),
    ]
}
