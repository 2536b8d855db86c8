//! What an input may look like, and that every line of it arrives.

use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

#[test]
fn every_kind_of_line_end_and_blank_line() {
    let content = b"\xEF\xBB\xBF{\"a\":1}\r\n\n \t \n[1, 2]\n\r\n \"x\" \r\nnull\n\n7";
    let (writer, report) = run(content, options());
    let report = report.unwrap();
    let lines: Vec<(u64, &[u8])> = vec![
        (1, b"{\"a\":1}"),
        (4, b"[1, 2]"),
        (6, b" \"x\" "),
        (7, b"null"),
        (9, b"7"),
    ];
    let kept = writer.lines("events");
    assert_eq!(
        kept.iter()
            .map(|(number, line)| (*number, line.as_slice()))
            .collect::<Vec<_>>(),
        lines
    );
    assert_eq!(
        (
            report.lines,
            report.rows,
            report.new_blobs,
            report.duplicates
        ),
        (9, 5, 5, 0)
    );
    assert_eq!(report.bytes_in, content.len() as u64);
    assert!(!report.skipped && report.trained.is_none());
}

#[test]
fn empty_inputs_are_ingests_of_nothing() {
    for content in [&b""[..], b"\n", b"\r\n\r\n", b"\xEF\xBB\xBF", b" "] {
        let (writer, report) = run(content, options());
        let report = report.unwrap();
        assert_eq!((report.rows, report.bad_lines), (0, 0), "{content:?}");
        assert_eq!(writer.committed.ingests.len(), 1);
        assert!(writer.committed.ingests[0].complete);
    }
}

#[test]
fn equal_lines_are_one_blob_and_several_rows() {
    let (writer, report) = run(b"1\n2\n1\n1\n2\n", options());
    let report = report.unwrap();
    assert_eq!(
        (report.rows, report.new_blobs, report.duplicates),
        (5, 2, 3)
    );
    assert_eq!(writer.lines("events"), expected(b"1\n2\n1\n1\n2\n"));
}

#[test]
fn compressed_inputs_are_recognised_whatever_they_are_called() {
    let content = records(0, 10_000);
    let (first, second) = content.split_at(content.len() / 3);
    let mut skippable = b"\x50\x2A\x4D\x18\x03\x00\x00\x00abc".to_vec();
    skippable.extend(zstd(first));
    skippable.extend(b"\x5F\x2A\x4D\x18\x00\x00\x00\x00");
    skippable.extend(zstd(second));
    let inputs = [
        ("plain.gz", content.clone()),
        ("one.zst", gzip(&content)),
        (
            "members.txt",
            [gzip(first), gzip(b""), gzip(second)].concat(),
        ),
        ("one.ndjson", zstd(&content)),
        ("frames", [zstd(first), zstd(b""), zstd(second)].concat()),
        ("skippable", skippable),
    ];
    for (name, bytes) in inputs {
        let (_directory, path) = file(name, &bytes);
        for source in [Source::Path(path.clone()), source(&bytes)] {
            let mut writer = MemoryWriter::default();
            let report = ingest(&mut writer, source, options()).unwrap();
            assert_eq!(report.bytes_in, content.len() as u64, "{name}");
            assert!(writer.lines("events") == expected(&content), "{name}");
            let entry = &writer.committed.ingests[0];
            assert_eq!(
                (entry.raw_size, entry.content_offset),
                (bytes.len() as u64, content.len() as u64)
            );
            assert_eq!(entry.raw_digest.unwrap(), lakebed_format::Hash::of(&bytes));
            assert_eq!(entry.prefix_digest, lakebed_format::Hash::of(&content));
        }
    }
}

#[test]
fn a_zstd_file_may_ask_for_the_largest_window() {
    let content = records(0, 2000);
    let mut context = zstd_safe::CCtx::create();
    context
        .set_parameter(zstd_safe::CParameter::WindowLog(31))
        .unwrap();
    context
        .set_parameter(zstd_safe::CParameter::ContentSizeFlag(false))
        .unwrap();
    let mut packed = Vec::with_capacity(content.len() + 1000);
    let mut from = zstd_safe::InBuffer::around(&content);
    let mut out = zstd_safe::OutBuffer::around(&mut packed);
    // Not told the size, it writes the window that it was asked for.
    context.compress_stream(&mut out, &mut from).unwrap();
    while context.end_stream(&mut out).unwrap() > 0 {}
    let (writer, report) = run(&packed, options());
    assert_eq!(report.unwrap().rows, 2000);
    assert!(writer.lines("events") == expected(&content));
}

#[test]
fn damaged_compression_is_an_error_that_keeps_nothing() {
    let content = records(0, 20_000);
    for whole in [gzip(&content), zstd(&content)] {
        let cut = whole[..whole.len() / 2].to_vec();
        let mut flipped = whole.clone();
        for at in (whole.len() / 2..whole.len() / 2 + 400).step_by(3) {
            flipped[at] ^= 0x55;
        }
        let followed = [whole.as_slice(), b"something else"].concat();
        for (bytes, word) in [
            (cut, "is cut off;"),
            (followed, "is damaged"),
            (flipped, ""),
        ] {
            let (writer, result) = run(&bytes, options());
            // What comes out before the damage is noticed may itself be no JSON.
            let message = message(result);
            assert!(
                message.starts_with("Reading input failed:") || message.starts_with("input, line "),
                "{message}"
            );
            assert!(message.contains(word), "{message}");
            assert!(message.contains("nothing of it was kept"), "{message}");
            assert_eq!(writer.commits, 0);
        }
    }
}

#[test]
fn what_cannot_be_ndjson_is_refused_by_name() {
    for (bytes, word) in [
        (&b"PK\x03\x04rest of it"[..], "zip"),
        (b"BZh91AY", "bzip2"),
        (b"\xFD7zXZ\x00", "xz"),
        (b"\x04\x22\x4D\x18xx", "lz4"),
        (b"PAR1xxxx", "Parquet"),
        (b"\xFF\xFE{\x00}\x00", "UTF-16"),
    ] {
        let (writer, result) = run(bytes, options());
        let message = message(result);
        assert!(message.contains(word), "{message}");
        assert_eq!(writer.commits, 0);
    }
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("no.ndjson");
    for (path, word) in [
        (missing, "no such file"),
        (directory.path().to_owned(), "is a directory"),
    ] {
        let error =
            ingest(&mut MemoryWriter::default(), Source::Path(path), options()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.message().contains(word), "{error}");
    }
}

#[test]
fn a_reader_that_fails_is_an_error() {
    struct Fails(usize);
    impl std::io::Read for Fails {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let given = self.0.min(into.len());
            into[..given].fill(b'\n');
            self.0 -= given;
            if given == 0 {
                Err(std::io::Error::other("the cable came out"))
            } else {
                Ok(given)
            }
        }
    }
    for bytes in [0, 3, 5_000_000] {
        let source = Source::Reader {
            name: "cable".to_owned(),
            reader: Box::new(Fails(bytes)),
        };
        let message = message(ingest(&mut MemoryWriter::default(), source, options()));
        assert!(message.contains("the cable came out"), "{message}");
    }
}

#[test]
fn a_file_is_committed_in_groups_of_bounded_size() {
    let content = records(0, 3000);
    let mut writer = MemoryWriter::default();
    ingest_small(&mut writer, source(&content), options()).unwrap();
    let (last, before) = writer.committed.ingests.split_last().unwrap();
    assert!(writer.commits > 5 && last.complete);
    let (mut bytes, mut lines) = (0, 0);
    for entry in before {
        assert!(
            !entry.complete
                && entry.content_offset - bytes <= SMALL.commit_bytes
                && entry.lines - lines <= SMALL.commit_rows
        );
        (bytes, lines) = (entry.content_offset, entry.lines);
        assert_eq!(
            entry.prefix_digest,
            lakebed_format::Hash::of(&content[..bytes as usize])
        );
        assert_eq!(
            memchr::memchr_iter(b'\n', &content[..bytes as usize]).count() as u64,
            lines
        );
    }
    assert!(writer.lines("events") == expected(&content));
}

#[test]
fn lines_longer_than_a_chunk_arrive_whole() {
    let mut content = records(0, 10);
    content.extend(format!("[\"{}\"]\r\n", "é".repeat(3 << 20)).into_bytes());
    content.extend(records(10, 10));
    content.extend(format!("\"{}\"", "y".repeat(2 << 20)).into_bytes());
    let (writer, report) = run(&content, options());
    assert_eq!(report.unwrap().rows, 22);
    assert!(writer.lines("events") == expected(&content));
}

#[test]
fn progress_goes_up_to_the_whole_and_is_told() {
    let content = records(0, 100_000);
    let (_directory, path) = file("x.ndjson", &content);
    let told = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let tell = std::sync::Arc::clone(&told);
    let progress = crate::progress::ProgressFn::new(move |progress| {
        tell.lock().push(*progress);
        std::ops::ControlFlow::Continue(())
    });
    ingest(
        &mut MemoryWriter::default(),
        Source::Path(path),
        IngestOptions {
            progress,
            ..options()
        },
    )
    .unwrap();
    let told = told.lock();
    assert!(
        told.windows(2)
            .all(|pair| pair[0].bytes <= pair[1].bytes && pair[0].rows <= pair[1].rows)
    );
    let last = told.last().unwrap();
    assert_eq!(
        (last.bytes, last.total_bytes, last.rows),
        (content.len() as u64, Some(content.len() as u64), 100_000)
    );
}

#[test]
fn one_thread_does_the_same() {
    let content = records(0, 20_000);
    let mut writer = MemoryWriter::single_threaded();
    ingest(&mut writer, source(&content), options()).unwrap();
    assert!(writer.lines("events") == expected(&content));
}

#[test]
fn schemas_are_observed_over_all_rows_once_a_group() {
    let content = records(0, 5_000);
    let (writer, _) = run(&content, options());
    let rows: Vec<u64> = writer
        .committed
        .schemas
        .iter()
        .map(|(_, rows)| *rows)
        .collect();
    assert_eq!(rows, [5_000]);
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"".to_vec()),
        Just(b"  ".to_vec()),
        Just(b"{}".to_vec()),
        Just(b"null ".to_vec()),
        "[a-zé\\\\]{0,30}"
            .prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\")).into_bytes()),
        any::<i64>().prop_map(|number| format!("{{\"n\": {number}}}").into_bytes()),
        (0_usize..3000).prop_map(|length| format!("[{}1]", "1,".repeat(length)).into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_lines_are_what_comes_back(lines in proptest::collection::vec((any_line(), any::<bool>()), 0..40), end in any::<bool>(), how in 0..3) {
        let mut content = Vec::new();
        for (at, (line, crlf)) in lines.iter().enumerate() {
            content.extend(line);
            if end || at + 1 < lines.len() {
                content.extend(if *crlf { &b"\r\n"[..] } else { b"\n" });
            }
        }
        let bytes = match how { 0 => content.clone(), 1 => gzip(&content), _ => zstd(&content) };
        let mut writer = MemoryWriter::default();
        let report = ingest_small(&mut writer, source(&bytes), options());
        // A file that is a single line with an array of objects is the only thing not taken; there is none here.
        prop_assert_eq!(writer.lines("events"), expected(&content));
        prop_assert_eq!(report.unwrap().rows, expected(&content).len() as u64);
    }
}
