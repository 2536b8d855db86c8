//! Records as the writers of JSON spell them.

use super::*;

/// The records come back; so many of them are raw, and so many have a `_fix`.
fn counted(records: &[&str]) -> (usize, usize) {
    let part = check(records, &Settings::default());
    (part.raw(), part.fixed())
}

#[test]
fn odd_spellings_are_part_of_the_shape_or_of_the_fix() {
    // Blanks, escapes in keys, keys that differ in case, nulls: all shape.
    assert_eq!(
        counted(&[
            "  { \"a\" : 1 , \"\\u0062\":\t2 , \"A\": 3 }  ",
            "{\"a\":null,\"b\":{},\"c\":[],\"d\":[ ]}",
            "{}",
            "{ }",
            "{\"c\":[null,null],\"d\":[[],[]]}",
        ]),
        (0, 0)
    );
    // Numbers that no speller writes.
    let filler = "x".repeat(60);
    let odd = ["-0", "1e5", "1E+05", "1.50", "100.0e-1"];
    let odd = odd.map(|number| format!("{{\"t\":\"{filler}\",\"x\":{number}}}"));
    let plain = ["1.5", "2.5", "3.25", "4.0", "5.0", "6.0"];
    let plain = plain.map(|number| format!("{{\"t\":\"{filler}\",\"x\":{number}}}"));
    let all: Vec<&str> = plain.iter().chain(&odd).map(String::as_str).collect();
    assert_eq!(counted(&all), (0, 5));
    // Beyond every type: JSON, which is the text itself.
    assert_eq!(
        counted(&[
            "{\"x\":1e400,\"y\":\"\\ud800\",\"z\":170141183460469231731687303715884105728}",
            "{\"x\":\"a\",\"y\":\"\\uDFFF\",\"z\":1}",
        ]),
        (0, 0)
    );
    assert_eq!(
        counted(&["1", "\"a\"", " [1, 2] ", "null", " null", "{\"a\":1}"]),
        (0, 0)
    );
}

#[test]
fn keys_that_come_again_are_kept() {
    let filler = "x".repeat(60);
    let record = format!("{{\"a\":1,\"t\":\"{filler}\",\"a\":\"again\",\"a\":null}}");
    assert_eq!(counted(&[&record]), (0, 1));
}

#[test]
fn lists_of_any_kind_come_back() {
    // One shape a list; elements that differ name theirs.
    assert_eq!(
        counted(&[
            "{\"l\":[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}]}",
            "{\"l\":[{\"a\":1,\"b\":\"x\"}]}",
        ]),
        (0, 0)
    );
    assert_eq!(
        counted(&[
            "{\"l\":[{\"a\":1,\"b\":\"x\"},null,{\"b\":\"y\",\"a\":null},{}]}",
            "{\"l\":[{\"a\":1,\"b\":\"x\"},{\"b\":\"y\",\"a\":2}]}",
        ]),
        (0, 2)
    );
    // Lists in lists, of mixed shapes at both levels.
    assert_eq!(
        counted(&[
            "{\"l\":[[{\"a\":1},{\"a\":2}],[{\"a\":3,\"b\":[1,null]},{\"b\":[null,2]}],[],null]}",
            "{\"l\":[[{\"a\":1e0},{\"b\":[1.50,null]}],[{\"a\":3.5}]]}",
        ]),
        (0, 2)
    );
    // Separators that differ.
    let filler = "x".repeat(60);
    let uneven = format!("{{\"l\":[1,2, 3],\"m\":[[1,2],[3 ,4,5]],\"t\":\"{filler}\"}}");
    assert_eq!(counted(&[&uneven]), (0, 1));
}

#[test]
fn wide_objects_share_shapes() {
    let mut records = Vec::new();
    for row in 0..300 {
        let members: Vec<String> = (0..4)
            .map(|member| {
                let key = row * 7 + member;
                format!("\"k{key}\":{}", key % 10)
            })
            .collect();
        let members = members.join(",");
        records.push(match row % 4 {
            0 => format!("{{\"id\":{row},\"o\":{{\"level\":1,{members}}}}}"),
            1 => format!("{{\"id\":{row},\"o\":{{{members},\"level\":2,\"x{row}\" : 5}}}}"),
            2 => format!(
                "{{\"id\":{row},\"o\":{{\"level\":3,{members},\"k{}\":1,\"zz\":null}}}}",
                row * 7
            ),
            _ => format!("{{\"id\":{row},\"m\":{{{members}}},\"o\":{{\"level\":4}}}}"),
        });
    }
    let part = check(&records, &Settings::default());
    assert!(
        part.leaves.lists().len() == 1,
        "m is a MAP: {:?}",
        part.leaves
    );
    assert_eq!(part.raw(), 0);
    assert!(
        part.shaper.shapes().len() < 100,
        "{}",
        part.shaper.shapes().len()
    );
}

#[test]
fn records_with_very_many_keys_share_shapes() {
    let mut records = Vec::new();
    for row in 0..3000 {
        records.push(format!(
            "{{\"id\":{row},\"s{}\":1,\"t{}\" : [2],\"name\":\"n\",\"u{row}\":null}}",
            row * 2,
            row * 2
        ));
    }
    let part = check(&records, &Settings::default());
    assert_eq!(part.raw(), 0);
    assert!(
        part.shaper.shapes().len() < 20,
        "{}",
        part.shaper.shapes().len()
    );
}

#[test]
fn the_escapes_of_a_writer_need_no_fix() {
    // json.dumps, Go's encoding/json, PHP's json_encode, System.Text.Json.
    for (text, other) in [
        ("\\u00e9 \\ud83d\\ude00 /", "a \\u2028 b"),
        ("\\u003cb\\u003e é \\u2028", "\\u0026 \\u0008"),
        ("http:\\/\\/x \\u00e9", "\\/"),
        ("\\u003Cb\\u003E \\u0022 \\u002B \\u0027 \\u00E9", "\\u0022"),
    ] {
        let records = [text, other, "plain"]
            .map(|text| format!("{{\"a\": \"{text}\", \"b\": [\"{text}\"]}}"));
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        assert_eq!(counted(&records), (0, 0));
    }
}

#[test]
fn other_zones_are_all_that_is_kept_of_timestamps() {
    let times = [
        "2024-01-31T12:00:00.5+01:00",
        "2024-06-30T00:30:00+02:00",
        "2024-06-30T12:00:00.25Z",
        "2024-01-01T00:00:00+01:00",
        "2024-01-01T00:00:00.125-0530",
        "2024-01-01 00:00:00+01:00",
    ];
    let filler = "x".repeat(60);
    let records = times.map(|time| format!("{{\"at\":\"{time}\",\"t\":\"{filler}\"}}"));
    let part = check(&records, &Settings::default());
    let lengths: Vec<usize> = part.rows.iter().map(|(_, fix)| fix.len()).collect();
    // Number, hole, length, and the zone; or the whole text.
    assert_eq!(lengths, [0, 3 + 6, 3 + 1, 0, 3 + 5, 3 + 25]);
}

/// The example in docs/format.md.
#[test]
fn the_bytes_are_those_of_the_format_page() {
    let record =
        r#"{"id": 7,"tags":["a","b"],"at":"2024-02-29T12:00:00Z","x":1e2,"id":null,"id":8}"#;
    let part = check(&[record], &Settings::default());
    let (mut spellers, mut shapes) = (Vec::new(), Vec::new());
    part.shaper.spellers().encode(&mut spellers);
    part.shaper.shapes().encode(&mut shapes);
    assert_eq!(hex(&spellers), "01 04 01 05 00 09 01 00 01 5A 04 02 01");
    assert_eq!(
        hex(&shapes),
        "01 02 05 04 22 05 04 22 3D 1C 7B 22 69 64 22 3A 20 01 24 2C 22 74 61 67 73 22 3A 5B 02 01 01 2C 20 5D 2C 22 61 74 22 3A 22 09 18 22 2C 22 78 22 3A 0D 40 2C 22 69 64 22 3A 6E 75 6C 6C 2C 22 69 64 22 3A 03 04 7D"
    );
    assert_eq!(part.rows[0].0, Some(1));
    assert_eq!(hex(&part.rows[0].1), "01 04 03 31 65 32 01 38");
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(" ")
}
