//! Files that grow, are rotated, or end in half a line.

use super::*;
use crate::error::ErrorKind;

fn append(path: &std::path::Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

fn again(writer: &mut MemoryWriter, path: &std::path::Path) -> IngestReport {
    ingest_small(writer, Source::Path(path.to_owned()), options()).unwrap()
}

#[test]
fn a_grown_file_goes_on_from_where_it_was() {
    let all = records(0, 500);
    let at = |line: usize| {
        expected(&all)[..line]
            .iter()
            .map(|(_, l)| l.len() + 1)
            .sum()
    };
    let (_directory, path) = file("grows.ndjson", &all[..at(300)]);
    let mut writer = MemoryWriter::default();
    assert_eq!(again(&mut writer, &path).rows, 300);
    append(&path, &all[at(300)..at(420)]);
    let report = again(&mut writer, &path);
    assert_eq!((report.rows, report.resumed_after_line), (120, Some(300)));
    assert_eq!(report.resumed_from.as_deref(), path.to_str());
    append(&path, &all[at(420)..]);
    assert_eq!(again(&mut writer, &path).rows, 80);
    assert!(writer.lines("events") == expected(&all));
    assert!(again(&mut writer, &path).skipped);
    let twice = IngestOptions {
        again: true,
        ..options()
    };
    let report = ingest_small(&mut writer, Source::Path(path), twice).unwrap();
    assert_eq!((report.rows, report.resumed_after_line), (500, None));
}

#[test]
fn an_interrupted_file_goes_on_too() {
    let content = records(0, 2000);
    let (_directory, path) = file("large.ndjson", &content);
    let mut writer = MemoryWriter {
        fail_at: Some(2),
        ..MemoryWriter::default()
    };
    ingest_small(&mut writer, Source::Path(path.clone()), options()).unwrap_err();
    let mut writer = writer.reopen();
    assert!(again(&mut writer, &path).resumed_after_line.is_some());
    assert!(writer.lines("events") == expected(&content));
}

#[test]
fn a_file_with_another_beginning_is_another_file() {
    let (_directory, path) = file("a.ndjson", b"{\"n\":1}\n{\"n\":2}\n");
    let mut writer = MemoryWriter::default();
    again(&mut writer, &path);
    // Cut and written anew, as a log that is rotated by copying.
    std::fs::write(&path, b"{\"n\":3}\n").unwrap();
    let report = again(&mut writer, &path);
    assert_eq!((report.rows, report.resumed_after_line), (1, None));
    append(&path, b"{\"n\":4}\n");
    let report = again(&mut writer, &path);
    assert_eq!((report.rows, report.resumed_after_line), (1, Some(1)));
    assert_eq!(writer.lines("events").len(), 4);
}

#[test]
fn a_rotated_log_is_known_under_its_new_name() {
    let directory = tempfile::tempdir().unwrap();
    let (log, old) = (
        directory.path().join("app.log"),
        directory.path().join("app.log.1"),
    );
    std::fs::write(&log, b"{\"n\":1}\n").unwrap();
    let mut writer = MemoryWriter::default();
    again(&mut writer, &log);
    append(&log, b"{\"n\":2}\n");
    std::fs::rename(&log, &old).unwrap();
    std::fs::write(&log, b"{\"n\":3}\n").unwrap();
    assert_eq!(again(&mut writer, &log).rows, 1);
    let report = again(&mut writer, &old);
    assert_eq!((report.rows, report.resumed_after_line), (1, Some(1)));
    assert_eq!(report.resumed_from.as_deref(), log.to_str());
    // The next rotation compresses it.
    let packed = directory.path().join("app.log.2.gz");
    std::fs::write(&packed, gzip(&std::fs::read(&old).unwrap())).unwrap();
    assert_eq!(again(&mut writer, &packed).rows, 0);
    assert!(again(&mut writer, &packed).skipped);
    assert_eq!(writer.lines("events").len(), 3);
}

#[test]
fn a_short_beginning_in_common_does_not_make_a_file_of_another_name_the_same() {
    let (_directory, first) = file("a.ndjson", b"{\"begin\":true}\n");
    let (_directory2, second) = file("b.ndjson", b"{\"begin\":true}\n{\"n\":1}\n");
    let mut writer = MemoryWriter::default();
    again(&mut writer, &first);
    assert_eq!(again(&mut writer, &second).rows, 2);
    let long = records(0, 200);
    let (_directory3, third) = file("c.ndjson", &long);
    let (_directory4, copy) = file("d.ndjson", &[&long[..], b"1\n"].concat());
    again(&mut writer, &third);
    let report = again(&mut writer, &copy);
    assert_eq!((report.rows, report.resumed_after_line), (1, Some(200)));
    assert_eq!(report.resumed_from.as_deref(), third.to_str());
}

#[test]
fn half_a_line_is_left_for_next_time() {
    let halves: [&[u8]; 6] = [
        b"{\"n\":2",
        b"{",
        b"{\"n\":\"\xC3",
        b"\"x",
        b"{\"n\":tr",
        b"[1,2",
    ];
    for half in halves {
        for mode in [OnError::Abort, OnError::Skip, OnError::Quarantine] {
            let (_directory, path) = file("a.ndjson", &[b"{\"n\":1}\n", half].concat());
            let mut writer = MemoryWriter::default();
            let report = ingest_small(&mut writer, Source::Path(path.clone()), with(mode)).unwrap();
            assert_eq!(
                (report.rows, report.bad_lines, report.unfinished_bytes),
                (1, 0, half.len() as u64)
            );
            assert!(again(&mut writer, &path).skipped);
            let whole = b"{\"n\":1}\n{\"n\":2}\n";
            std::fs::write(&path, whole).unwrap();
            let report = again(&mut writer, &path);
            assert_eq!((report.rows, report.unfinished_bytes), (1, 0));
            assert_eq!(writer.lines("events"), expected(whole));
        }
    }
}

#[test]
fn a_bad_last_line_is_bad_when_it_is_no_half() {
    for content in [&b"1\nnope"[..], b"1\n{\"a\":1}}", b"1\n{\"a\":\n"] {
        let (_directory, path) = file("a.ndjson", content);
        let mut writer = MemoryWriter::default();
        let error = ingest_small(&mut writer, Source::Path(path), options()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRecord);
    }
    // The end of a stream is its end.
    assert!(run(b"1\n{\"a\":", options()).1.is_err());
}

#[test]
fn a_number_that_went_on_is_said() {
    let (_directory, path) = file("a.ndjson", b"1\n22");
    let mut writer = MemoryWriter::default();
    again(&mut writer, &path);
    append(&path, b"2\n3\n");
    let error = ingest_small(&mut writer, Source::Path(path), options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceChanged);
    assert!(error.message().contains("went on"), "{error}");
}

#[test]
fn a_made_text_is_known_by_its_name_and_beginning() {
    let made = |name: &str, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        Source::Made {
            name: name.to_owned(),
            original: None,
            open: Box::new(move || Ok(Box::new(Cursor::new(bytes.clone())))),
        }
    };
    let mut writer = MemoryWriter::default();
    let mut rows = |name: &str, bytes: &[u8]| {
        let report = ingest_small(&mut writer, made(name, bytes), options()).unwrap();
        (report.rows, report.skipped)
    };
    assert_eq!(rows("a.zip/x", b"1\n2\n"), (2, false));
    assert_eq!(rows("a.zip/y", b"1\n2\n"), (2, false));
    assert_eq!(rows("a.zip/x", b"1\n2\n"), (0, true));
    assert_eq!(rows("a.zip/x", b"1\n2\n3\n"), (1, false));
    assert_eq!(rows("a.zip/x", b"7\n"), (1, false));
}

#[test]
fn a_made_text_with_an_original_is_known_by_that() {
    let (_directory, path) = file("table.csv", b"a\n1\n");
    let made = || Source::Made {
        name: "table.csv".to_owned(),
        original: Some(path.clone()),
        open: Box::new(|| Ok(Box::new(Cursor::new(b"{\"a\":1}\n".to_vec())))),
    };
    let mut writer = MemoryWriter::default();
    assert_eq!(
        ingest_small(&mut writer, made(), options()).unwrap().rows,
        1
    );
    let report = ingest_small(&mut writer, made(), options()).unwrap();
    assert!(report.skipped);
    assert_eq!(report.same_as.as_deref(), Some("table.csv"));
    let entry = writer.committed.ingests[0];
    assert_eq!(entry.raw_digest, Some(lakebed_format::Hash::of(b"a\n1\n")));
}

#[test]
fn a_table_that_has_grown_and_is_written_otherwise_is_refused() {
    let (_directory, path) = file("table.csv", b"a\n1\n");
    let made = |text: &'static [u8]| Source::Made {
        name: "table.csv".to_owned(),
        original: Some(path.clone()),
        open: Box::new(move || Ok(Box::new(Cursor::new(text)))),
    };
    let mut writer = MemoryWriter::default();
    ingest_small(&mut writer, made(b"{\"a\":1}\n"), options()).unwrap();
    append(&path, b"x\n");
    let result = ingest_small(
        &mut writer,
        made(b"{\"a\":\"1\"}\n{\"a\":\"x\"}\n"),
        options(),
    );
    assert_eq!(result.unwrap_err().kind(), ErrorKind::SourceChanged);
    let report = ingest_small(&mut writer, made(b"{\"a\":1}\n{\"a\":2}\n"), options());
    assert_eq!(report.unwrap().rows, 1);
}
