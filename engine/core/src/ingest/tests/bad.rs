//! Lines that are no records: abort, skip, quarantine; and files that are something else as a whole.

use super::*;
use crate::error::ErrorKind;
use crate::ingest::chunks::{Chunk, Position};
use crate::ingest::lines::{Rules, parse};
use crate::ingest::quarantine;
use lakebed_json as json;

const MIXED: &[u8] = b"{\"a\":1}\nnot json\n\n[1,\n\"\xFF\xFE\"\n{\"a\":2}\n";

#[test]
fn abort_names_file_line_column_and_reason_and_keeps_nothing() {
    let (writer, result) = run(MIXED, options());
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRecord);
    let message = error.message();
    assert!(
        message.starts_with("input, line 2, column 2: "),
        "{message}"
    );
    assert!(message.contains("nothing of it was kept"), "{message}");
    assert_eq!((writer.commits, writer.committed.rows.len()), (0, 0));
}

#[test]
fn the_first_bad_line_in_the_file_is_the_one_that_is_named() {
    let mut content = records(0, 100_000);
    content.extend(b"x\n");
    content.extend(records(0, 100_000));
    content.extend(b"y\n");
    let (_, result) = run(&content, options());
    assert!(message(result).starts_with("input, line 100001, column 1: "));
}

#[test]
fn abort_keeps_what_was_committed_and_says_so() {
    let line = format!("\"{}\"\n", "x".repeat(1 << 20));
    let content = format!("{}nope\n", line.repeat(100));
    let (writer, result) = run(content.as_bytes(), options());
    let message = message(result);
    let kept = writer.lines("events").len();
    assert!(kept > 0 && kept < 100);
    assert!(
        message.starts_with("input, line 101, ")
            && message.contains(&format!("its lines up to {kept} are kept")),
        "{message}"
    );
    assert_eq!(writer.committed.ingests.last().unwrap().lines, kept as u64);
}

#[test]
fn skip_counts_and_lists_the_first_ones() {
    let (writer, report) = run(MIXED, with(OnError::Skip));
    let report = report.unwrap();
    assert_eq!((report.lines, report.rows, report.bad_lines), (6, 2, 3));
    let places: Vec<(u64, u64)> = report
        .first_bad
        .iter()
        .map(|bad| (bad.line, bad.column))
        .collect();
    assert_eq!(places, [(2, 2), (4, 4), (5, 2)]);
    assert!(report.first_bad.iter().all(|bad| !bad.reason.is_empty()));
    assert_eq!(
        writer.lines("events"),
        [(1, b"{\"a\":1}".to_vec()), (6, b"{\"a\":2}".to_vec())]
    );
    assert_eq!(writer.committed.collections, ["events"]);
}

#[test]
fn of_very_many_bad_lines_only_the_first_are_listed() {
    let (_, report) = run("?\n1\n".repeat(300_000).as_bytes(), with(OnError::Skip));
    let report = report.unwrap();
    assert_eq!((report.rows, report.bad_lines), (300_000, 300_000));
    let lines: Vec<u64> = report.first_bad.iter().map(|bad| bad.line).collect();
    assert_eq!(lines, (0..20).map(|n| 2 * n + 1).collect::<Vec<u64>>());
}

#[test]
fn quarantine_keeps_the_bytes_with_the_reason() {
    let (writer, report) = run(MIXED, with(OnError::Quarantine));
    let report = report.unwrap();
    assert_eq!((report.rows, report.bad_lines, report.new_blobs), (2, 3, 2));
    assert_eq!(report.quarantine.as_deref(), Some("events_quarantine"));
    let kept = writer.lines("events_quarantine");
    assert_eq!(
        kept.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
        [2, 4, 5]
    );
    let texts: Vec<String> = kept
        .into_iter()
        .map(|(_, row)| String::from_utf8(row).unwrap())
        .collect();
    assert!(
        texts
            .iter()
            .all(|row| json::validate(row.as_bytes()).is_ok())
    );
    assert!(
        texts[0].starts_with(r#"{"file":"input","line":2,"column":2,"reason":""#),
        "{}",
        texts[0]
    );
    assert!(
        texts[0].ends_with(r#","size":8,"text":"not json"}"#),
        "{}",
        texts[0]
    );
    let bytes = b"\"\xFF\xFE\"";
    let hash = lakebed_format::Hash::of(bytes);
    assert!(
        texts[2].ends_with(&format!(r#","size":4,"blob":"{hash}"}}"#)),
        "{}",
        texts[2]
    );
    let pinned: Vec<&[u8]> = writer
        .committed
        .pinned
        .iter()
        .map(|id| writer.committed.blobs[id.0 as usize].as_slice())
        .collect();
    assert_eq!(pinned, [bytes]);
    let schemas: Vec<(u64, u64)> = writer
        .committed
        .schemas
        .iter()
        .map(|(id, rows)| (id.0, *rows))
        .collect();
    assert_eq!(schemas, [(0, 2), (1, 3)]);
}

#[test]
fn quarantined_text_stands_for_exactly_the_line() {
    let line = "{\"a\": \"\u{1}\t\u{7f}\\ é \u{2028} \"quote\" ";
    let (writer, _) = run(format!("{line}\r\n").as_bytes(), with(OnError::Quarantine));
    let rows = writer.lines("events_quarantine");
    let row = &rows[0].1;
    json::validate(row).unwrap();
    let at = row
        .windows(8)
        .position(|window| window == b"\"text\":\"")
        .unwrap()
        + 8;
    let mut text = Vec::new();
    json::unescape_into(&row[at..row.len() - 2], &mut text);
    assert_eq!(text, line.as_bytes());
}

#[test]
fn lines_beyond_the_limit_are_bad_in_every_mode() {
    let long = [&b"\""[..], &vec![b'z'; 1_500_000], b"\""].concat();
    let content = [b"1\n", &long[..], b"\r\n2\n", &long[..], b"\n"].concat();
    for mode in [OnError::Skip, OnError::Quarantine] {
        let mut writer = MemoryWriter::default();
        let report = ingest_small(&mut writer, source(&content), with(mode)).unwrap();
        assert_eq!((report.lines, report.rows, report.bad_lines), (4, 2, 2));
        assert_eq!(
            report
                .first_bad
                .iter()
                .map(|bad| bad.line)
                .collect::<Vec<_>>(),
            [2, 4]
        );
        assert_eq!(
            writer.lines("events"),
            [(1, b"1".to_vec()), (3, b"2".to_vec())]
        );
        let entry = writer.committed.ingests.last().unwrap();
        assert_eq!(
            (entry.content_offset, entry.lines),
            (content.len() as u64, 4)
        );
        assert_eq!(entry.prefix_digest, lakebed_format::Hash::of(&content));
        for (_, row) in writer.lines("events_quarantine") {
            json::validate(&row).unwrap();
            assert!(row.ends_with(b"\"cut\":true}") && row.len() < 70_000);
        }
    }
    let message = message(ingest_small(
        &mut MemoryWriter::default(),
        source(&content),
        options(),
    ));
    assert!(
        message.starts_with("input, line 2, column 268435457: the line is longer than 256 MiB"),
        "{message}"
    );
}

/// What is kept of the one bad line that these bytes are, which were read at once.
fn kept_of(line: Vec<u8>) -> (Vec<u8>, bool) {
    let end = Position {
        content: line.len() as u64,
        digest: lakebed_format::Hash::of(b""),
        raw: line.len() as u64,
    };
    let chunk = Chunk {
        bytes: line,
        lines_start: 0,
        offset: 1,
        end,
        unterminated: true,
        overlong: None,
    };
    let rules = Rules {
        on_error: OnError::Quarantine,
        nan: None,
        leave_unfinished: false,
    };
    let parsed = parse(chunk, rules).unwrap();
    assert_eq!(parsed.bad.len(), 1);
    let (row, needs_blob) = quarantine::row(&parsed, &parsed.bad[0], "input", 1).unwrap();
    json::validate(&row).unwrap();
    (row, needs_blob)
}

#[test]
fn a_line_beyond_the_limit_that_was_read_at_once_is_cut_too() {
    let (row, needs_blob) = kept_of(vec![b'y'; json::MAX_LENGTH + 1]);
    assert!(row.ends_with(b"\"cut\":true}") && row.len() < 70_000 && !needs_blob);
}

#[test]
fn a_text_that_no_record_could_hold_is_stored_beside_its_row() {
    // Each of these bytes is six in JSON.
    let (row, needs_blob) = kept_of(vec![1; json::MAX_LENGTH / 6 + 1]);
    assert!(needs_blob && row.len() < 1000);
    assert!(!row.windows(6).any(|part| part == b"\"cut\":"));
}

#[test]
fn arrays_that_are_records_are_records() {
    for content in [
        &b"[1,2]\n"[..],
        b"[]\n",
        b"[{\"a\":1}]\n[{\"a\":2}]\n",
        b"[\"x\"]",
    ] {
        let (writer, report) = run(content, options());
        report.unwrap();
        assert_eq!(writer.lines("events"), expected(content));
    }
}

#[test]
fn strange_but_legal_json_is_kept_as_it_is() {
    let content = "{\"\":1,\"\":2}\n\"\\ud800\"\n1e400\n-0\n{\"a\":\"\\u0000\"}\n123456789012345678901234567890123456789012\n";
    let (writer, report) = run(content.as_bytes(), options());
    assert_eq!(report.unwrap().rows, 6);
    assert_eq!(writer.lines("events"), expected(content.as_bytes()));
    let deep = [vec![b'['; 1025], vec![b']'; 1025]].concat();
    let (_, result) = run(&deep, options());
    assert!(message(result).starts_with("input, line 1, column 1025: "));
}
