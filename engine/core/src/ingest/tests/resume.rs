//! Interrupted, resumed, skipped, again.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::error::ErrorKind;
use crate::progress::ProgressFn;

fn resume() -> IngestOptions {
    IngestOptions {
        resume: true,
        ..options()
    }
}

/// Enough for many commits.
fn large() -> Vec<u8> {
    let mut content = b"\xEF\xBB\xBF".to_vec();
    for n in 0..100 {
        content.extend(format!("\n\"{}{n}\"\r\n", "x".repeat(n * 37 % 5000)).into_bytes());
    }
    content.extend(b"{\"last\":true}");
    content
}

#[test]
fn an_ingest_interrupted_at_any_commit_is_resumed_to_the_same_end() {
    let content = large();
    let (_directory, plain) = file("large.ndjson", &content);
    let (_directory2, packed) = file("large.zst", &zstd(&content));
    for path in [&plain, &packed] {
        let mut whole = MemoryWriter::default();
        ingest_small(&mut whole, Source::Path(path.clone()), options()).unwrap();
        assert!(whole.commits > 5);
        for fail_at in 1..=whole.commits {
            let mut writer = MemoryWriter {
                fail_at: Some(fail_at),
                ..MemoryWriter::default()
            };
            let error =
                ingest_small(&mut writer, Source::Path(path.clone()), options()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StoreFull);
            let mut writer = writer.reopen();
            let before = writer.rows("events").len();
            assert_eq!(before > 0, fail_at > 1);
            let report = ingest_small(&mut writer, Source::Path(path.clone()), resume()).unwrap();
            assert!(writer.lines("events") == expected(&content));
            assert_eq!(report.rows as usize, 101 - before);
            assert_eq!(report.resumed_after_line.is_some(), fail_at > 1);
            assert_eq!(report.lines + report.resumed_after_line.unwrap_or(0), 201);
            assert_eq!(report.bytes_in < content.len() as u64, fail_at > 1);
            assert_eq!(
                writer.committed.ingests.last(),
                whole.committed.ingests.last()
            );
            let again = ingest_small(&mut writer, Source::Path(path.clone()), resume()).unwrap();
            assert!(again.skipped);
        }
    }
}

#[test]
fn a_caller_who_wants_to_stop_stops_at_a_commit() {
    /// Slow enough that the caller is told many times.
    struct Slow(Cursor<Vec<u8>>);
    impl std::io::Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let most = into.len().min(1000);
            self.0.read(&mut into[..most])
        }
    }
    let content = large();
    let slow = |content: &[u8]| Source::Reader {
        name: "slow".to_owned(),
        reader: Box::new(Slow(Cursor::new(content.to_vec()))),
    };
    let progress = ProgressFn::new(|progress| {
        if progress.rows > 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let mut writer = MemoryWriter::default();
    let interrupted = IngestOptions {
        progress,
        train: false,
        ..options()
    };
    let error = ingest_small(&mut writer, slow(&content), interrupted).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    let entry = *writer.committed.ingests.last().unwrap();
    assert!(!entry.complete && !writer.rows("events").is_empty());
    assert!(
        error.message().contains(&format!(
            "up to {} are kept: give the same input again with `resume`",
            entry.lines
        )),
        "{error}"
    );
    assert!(writer.lines("events") == expected(&content)[..writer.rows("events").len()]);
    ingest_small(&mut writer, slow(&content), resume()).unwrap();
    assert!(writer.lines("events") == expected(&content));
}

#[test]
fn a_caller_who_wants_to_stop_at_once_keeps_nothing() {
    let progress = ProgressFn::new(|_| ControlFlow::Break(()));
    let (writer, result) = run(
        &records(0, 10_000),
        IngestOptions {
            progress,
            ..options()
        },
    );
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(writer.commits, 0);
}

#[test]
fn a_pipe_that_ends_with_the_wish_to_stop_is_not_whole() {
    /// Ends in the moment the caller wants to stop, as what writes into a pipe does at Ctrl-C, and right after the
    /// caller was asked.
    struct Cut(Cursor<Vec<u8>>, Arc<(AtomicBool, AtomicBool)>);
    impl std::io::Read for Cut {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let read = self.0.read(into)?;
            while read == 0 && !self.1.0.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            self.1.1.fetch_or(read == 0, Ordering::SeqCst);
            Ok(read)
        }
    }
    let content = records(0, 100);
    let asked_and_stop = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
    let wish = Arc::clone(&asked_and_stop);
    let progress = ProgressFn::new(move |_| {
        wish.0.store(true, Ordering::SeqCst);
        if wish.1.load(Ordering::SeqCst) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let source = Source::Reader {
        name: "input".to_owned(),
        reader: Box::new(Cut(Cursor::new(content.clone()), asked_and_stop)),
    };
    let mut writer = MemoryWriter::default();
    let with_progress = IngestOptions {
        progress,
        train: false,
        ..options()
    };
    let error = ingest(&mut writer, source, with_progress).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(writer.committed.ingests.iter().all(|entry| !entry.complete));
    let whole = [content, records(100, 100)].concat();
    ingest(&mut writer, super::source(&whole), resume()).unwrap();
    assert!(writer.lines("events") == expected(&whole));
}

/// A writer in which the file was ingested up to some line.
fn interrupted(path: &std::path::Path) -> MemoryWriter {
    let mut writer = MemoryWriter {
        fail_at: Some(2),
        ..MemoryWriter::default()
    };
    ingest_small(&mut writer, Source::Path(path.to_owned()), options()).unwrap_err();
    writer.reopen()
}

#[test]
fn a_changed_beginning_is_refused() {
    let mut content = large();
    let (_directory, path) = file("large.ndjson", &content);
    let writer = interrupted(&path);
    let kept = writer.committed.ingests[0].content_offset as usize;
    let refusal = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let mut writer = writer.reopen();
        let error = ingest_small(&mut writer, Source::Path(path.clone()), resume()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SourceChanged, "{error}");
        assert_eq!(writer.commits, 0);
        error.message().to_owned()
    };
    assert!(refusal(&content[..kept - 1]).contains("it ends after"));
    content[20] = b'y';
    assert!(refusal(&content).contains("its beginning has changed"));
}

#[test]
fn what_was_ingested_in_full_is_skipped_under_any_name() {
    let content = records(0, 500);
    let packed = gzip(&content);
    for bytes in [&content, &packed] {
        let (_directory, path) = file("a.ndjson", bytes);
        let (_directory2, copy) = file("b.ndjson", bytes);
        let mut writer = MemoryWriter::default();
        assert!(
            !ingest_small(&mut writer, Source::Path(path.clone()), options())
                .unwrap()
                .skipped
        );
        let commits = writer.commits;
        for path in [&path, &copy] {
            let report = ingest_small(&mut writer, Source::Path(path.clone()), options()).unwrap();
            assert!(report.skipped && report.rows == 0);
        }
        assert_eq!(writer.commits, commits);
        let elsewhere = ingest(
            &mut writer,
            Source::Path(path.clone()),
            IngestOptions::into("others"),
        )
        .unwrap();
        assert!(!elsewhere.skipped);
        let again = ingest(
            &mut writer,
            Source::Path(path.clone()),
            IngestOptions {
                again: true,
                ..options()
            },
        )
        .unwrap();
        assert_eq!(
            (again.skipped, again.rows, again.duplicates),
            (false, 500, 500)
        );
        // The same size is not yet the same content.
        let other: Vec<u8> = records(500, 500)[..].to_vec();
        if other.len() == bytes.len() {
            std::fs::write(&path, other).unwrap();
            assert!(
                !ingest_small(&mut writer, Source::Path(path), options())
                    .unwrap()
                    .skipped
            );
        }
    }
}

#[test]
fn a_file_that_has_grown_is_resumed_at_its_old_end() {
    let (first, second) = (records(0, 300), records(300, 200));
    let (_directory, path) = file("grows.ndjson", &first);
    let mut writer = MemoryWriter::default();
    ingest_small(&mut writer, Source::Path(path.clone()), options()).unwrap();
    let both = [first, second].concat();
    std::fs::write(&path, &both).unwrap();
    let report = ingest_small(&mut writer, Source::Path(path), resume()).unwrap();
    assert_eq!((report.rows, report.resumed_after_line), (200, Some(300)));
    assert_eq!(writer.lines("events"), expected(&both));
}

#[test]
fn a_last_line_that_went_on_is_a_change() {
    let (_directory, path) = file("grows.ndjson", b"1\n22");
    for (grown, fine) in [
        (&b"1\n222\n3\n"[..], false),
        (b"1\n22\n3\n", true),
        (b"1\n22\r\n3", true),
        (b"1\n22", true),
    ] {
        std::fs::write(&path, b"1\n22").unwrap();
        let mut writer = MemoryWriter::default();
        ingest_small(&mut writer, Source::Path(path.clone()), options()).unwrap();
        std::fs::write(&path, grown).unwrap();
        match ingest_small(&mut writer, Source::Path(path.clone()), resume()) {
            Ok(_) => {
                assert!(fine);
                assert_eq!(writer.lines("events"), expected(grown));
            }
            Err(error) => assert!(!fine && error.kind() == ErrorKind::SourceChanged, "{error}"),
        }
    }
}

#[test]
fn resuming_what_was_never_begun_begins() {
    let (writer, report) = run(b"1\n2\n", resume());
    let report = report.unwrap();
    assert_eq!((report.rows, report.resumed_after_line), (2, None));
    assert_eq!(writer.lines("events").len(), 2);
    let both = IngestOptions {
        again: true,
        ..resume()
    };
    assert_eq!(
        run(b"1\n", both).1.unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
}
