//! Content that is not one value a line.

use super::*;
use crate::error::ErrorKind;
use crate::ingest::NonFinite;

fn kept(content: &[u8]) -> (Vec<String>, IngestReport) {
    let (writer, report) = run(content, options());
    let rows = writer.lines("events");
    let numbers: Vec<u64> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=rows.len() as u64).collect::<Vec<_>>());
    let texts = rows
        .into_iter()
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap());
    (texts.collect(), report.unwrap())
}

#[test]
fn elements_of_an_array_are_records_with_their_own_text() {
    let content = "[{\"a\": 1.10, \"b\":\"x,]\\\"}\"} , {\"a\":  2},\n 3 ,null,\"é\"]\n";
    let (texts, report) = kept(content.as_bytes());
    assert_eq!(
        texts,
        [
            "{\"a\": 1.10, \"b\":\"x,]\\\"}\"}",
            "{\"a\":  2}",
            "3",
            "null",
            "\"é\""
        ]
    );
    assert_eq!((report.minified, report.lines), (0, 5));
}

#[test]
fn values_over_several_lines_are_minified_and_counted() {
    let content = "{\r\n  \"a\": 1.10,\r\n  \"b c\": [1,\n 2]\r\n}\r\n{\"one\": \"line\"} [ 1 ]\n";
    let (texts, report) = kept(content.as_bytes());
    assert_eq!(
        texts,
        ["{\"a\":1.10,\"b c\":[1,2]}", "{\"one\": \"line\"}", "[ 1 ]"]
    );
    assert_eq!(report.minified, 1);
    let (texts, report) = kept(b"\xEF\xBB\xBF[\n  {\n \"a\": 1\n },\n {\"a\": 2}\n]\n");
    assert_eq!(texts, ["{\"a\":1}", "{\"a\": 2}"]);
    assert_eq!(report.minified, 1);
    assert_eq!(kept(b"[\n]\n").0, [""; 0]);
}

#[test]
fn blocks_may_end_anywhere() {
    let records: Vec<String> = (0..20_000)
        .map(|n| format!("{{\n\"n\": {n}, \"t\": \"[{{\\\"é\"\n}}"))
        .collect();
    let array = format!("[{}]", records.join(" , \n"));
    let values = records.join("\n");
    for content in [array, values] {
        let (texts, report) = kept(content.as_bytes());
        assert_eq!(texts.len(), 20_000);
        assert_eq!(texts[12_345], "{\"n\":12345,\"t\":\"[{\\\"é\"}");
        assert_eq!(report.minified, 20_000);
    }
}

#[test]
fn a_wrong_value_is_one_bad_line() {
    let content = b"[{\"a\":1},{\"a\":nan},\n{\"b\":\"x\ny\"},{\"a\":2}]";
    let (writer, report) = run(content, with(OnError::Skip));
    let report = report.unwrap();
    assert_eq!((report.rows, report.bad_lines), (2, 2));
    assert_eq!(
        writer.lines("events"),
        [(1, b"{\"a\":1}".to_vec()), (4, b"{\"a\":2}".to_vec())]
    );
}

#[test]
fn an_array_that_is_not_whole_is_refused() {
    for (content, words) in [
        (
            &b"[\n{\"a\":1},\n"[..],
            "after its value 1, the array has no end",
        ),
        (
            b"[\n{\"a\":1}\n{\"a\":2}]",
            "after its value 1, a comma or ] is missing",
        ),
        (
            b"[\n{\"a\":1},\n]",
            "an element is missing after the last comma",
        ),
        (b"[\n{\"a\":1}\n] tail", "text follows the end of the array"),
    ] {
        let (writer, result) = run(content, options());
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRecord);
        assert!(error.message().contains(words), "{error}");
        assert_eq!(writer.commits, 0);
    }
}

#[test]
fn an_array_that_has_grown_is_gone_on_with() {
    let (_directory, path) = file("a.json", b"[\n{\"n\":1},\n{\"n\":2}\n]\n");
    let mut writer = MemoryWriter::default();
    ingest_small(&mut writer, Source::Path(path.clone()), options()).unwrap();
    std::fs::write(&path, b"[\n{\"n\":1},\n{\"n\":2},\n{\"n\":3}\n]\n").unwrap();
    let report = ingest_small(&mut writer, Source::Path(path.clone()), options()).unwrap();
    assert_eq!((report.rows, report.resumed_after_line), (1, Some(2)));
    let report = ingest_small(&mut writer, Source::Path(path), options()).unwrap();
    assert!(report.skipped);
    assert_eq!(writer.lines("events").len(), 3);
}

#[test]
fn compressed_values_are_values_too() {
    let content = b"[\n{\"a\":1},\n{\"a\":2}\n]\n";
    let (_directory, path) = file("a.json.gz", &gzip(content));
    let mut writer = MemoryWriter::default();
    let report = ingest(&mut writer, Source::Path(path.clone()), options()).unwrap();
    assert_eq!(report.rows, 2);
    assert!(
        ingest(&mut writer, Source::Path(path), options())
            .unwrap()
            .skipped
    );
}

#[test]
fn nan_is_refused_with_a_way_out_and_replaced_if_asked() {
    let content = b"{\"a\":1}\n{\"a\":[NaN,-Infinity]}\n";
    for sign in ["NaN", "-Infinity", "Infinity"] {
        let (_, result) = run(format!("{{\"a\":{sign}}}\n").as_bytes(), options());
        let message = message(result);
        assert!(
            message.contains("`nan` null") && message.contains("`on_error` skip"),
            "{message}"
        );
    }
    for (nan, text) in [
        (NonFinite::Null, &b"{\"a\":[null,null]}"[..]),
        (NonFinite::Text, b"{\"a\":[\"NaN\",\"-Infinity\"]}"),
    ] {
        let (writer, report) = run(
            content,
            IngestOptions {
                nan: Some(nan),
                ..options()
            },
        );
        let report = report.unwrap();
        assert_eq!((report.rows, report.replaced, report.bad_lines), (2, 1, 0));
        assert_eq!(
            writer.lines("events"),
            [(1, b"{\"a\":1}".to_vec()), (2, text.to_vec())]
        );
    }
}
