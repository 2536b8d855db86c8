//! Inputs that give their lines over time: streams and followed files.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::*;
use crate::ingest::pipeline::Resources;
use crate::progress::ProgressFn;

/// Gives what is sent, and waits in between.
struct Slow(Receiver<Vec<u8>>, Cursor<Vec<u8>>);

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.1.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            match self.0.recv() {
                Ok(bytes) => self.1 = Cursor::new(bytes),
                Err(_) => return Ok(0),
            }
        }
    }
}

fn resources() -> Resources {
    MemoryWriter::default().resources(SIZES)
}

#[test]
fn what_a_stream_gives_is_committed_while_it_waits_for_more() {
    let (send, receive) = channel();
    let source = Source::Reader {
        name: "pipe".to_owned(),
        reader: Box::new(Slow(receive, Cursor::default())),
    };
    // The rows of the first lines must be committed before the others are sent.
    let rows = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&rows);
    let feeder = std::thread::spawn(move || {
        send.send(b"1\n2\n3".to_vec()).unwrap();
        let began = Instant::now();
        while seen.load(Ordering::SeqCst) < 2 && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let waited = began.elapsed();
        // Time for the commit.
        std::thread::sleep(Duration::from_secs(2));
        send.send(b"3\n4\n".to_vec()).unwrap();
        waited
    });
    let progress = ProgressFn::new(move |progress| {
        rows.store(progress.rows, Ordering::SeqCst);
        ControlFlow::Continue(())
    });
    let mut writer = MemoryWriter::default();
    let report = pipeline::ingest(
        &mut writer,
        source,
        IngestOptions {
            progress,
            ..options()
        },
        &resources(),
    )
    .unwrap();
    assert!(feeder.join().unwrap() < Duration::from_secs(5));
    assert_eq!((report.rows, report.lines), (4, 4));
    assert!(writer.commits >= 2 && writer.released >= 3);
    assert_eq!(writer.lines("events"), expected(b"1\n2\n33\n4\n"));
    // Each commit records how far it came; all are of one ingest.
    let (last, before) = writer.committed.ingests.split_last().unwrap();
    assert!(last.complete && before.iter().all(|entry| !entry.complete));
    assert!(before.iter().all(|entry| entry.file == last.file));
}

/// Follows a file; `step` is called with the rows so far, and says when it is enough.
fn follow(
    path: &std::path::Path,
    writer: &mut MemoryWriter,
    mut step: impl FnMut(u64) -> bool + Send + 'static,
) -> IngestReport {
    let began = Instant::now();
    let progress = ProgressFn::new(move |progress| {
        assert!(began.elapsed() < Duration::from_secs(30));
        if step(progress.rows) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let options = IngestOptions {
        follow: true,
        progress,
        ..options()
    };
    let source = Source::Path(path.to_owned());
    pipeline::ingest(writer, source, options, &resources()).unwrap()
}

fn append(path: &std::path::Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_followed_file_is_read_on_and_ends_cleanly() {
    let (_directory, path) = file("app.log", b"1\n2\n");
    let log = path.clone();
    let mut writer = MemoryWriter::default();
    let mut step = 0;
    let report = follow(&path, &mut writer, move |rows| {
        match (step, rows) {
            (0, 2) => append(&log, b"3"),
            (1..=5, _) => {}
            (6, _) => append(&log, b"3\n4\n{\"half\":"),
            (_, 4) => return true,
            _ => return false,
        }
        step += 1;
        false
    });
    assert_eq!((report.rows, report.rotations), (4, 0));
    assert_eq!(writer.lines("events"), expected(b"1\n2\n33\n4\n"));
    // The next ingest goes on, and finishes the line.
    append(&path, b"true}\n");
    let report = ingest_small(&mut writer, Source::Path(path), options()).unwrap();
    assert_eq!((report.rows, report.resumed_after_line), (1, Some(4)));
}

#[test]
fn a_followed_file_may_be_renamed_and_cut() {
    let (directory, path) = file("app.log", b"1\n2\n");
    let log = path.clone();
    let renamed = directory.path().join("app.log.1");
    let mut writer = MemoryWriter::default();
    let (mut step, mut sum, mut last) = (0, 0, 0);
    let report = follow(&path, &mut writer, move |rows| {
        // Each file counts from 0.
        if rows < last {
            sum += last;
        }
        last = rows;
        match (step, sum + rows) {
            (0, 2) => {
                std::fs::rename(&log, &renamed).unwrap();
                append(&renamed, b"3\n");
            }
            (1, _) => append(&log, b"4\n"),
            (2, 4) => std::fs::write(&log, b"").unwrap(),
            (3..=8, _) => {}
            (9, _) => append(&log, b"5\n"),
            (_, 5) => return true,
            _ => return false,
        }
        step += 1;
        false
    });
    assert_eq!((report.rows, report.rotations), (5, 2));
    let texts: Vec<Vec<u8>> = writer
        .rows("events")
        .into_iter()
        .map(|row| row.bytes)
        .collect();
    assert_eq!(texts, [b"1", b"2", b"3", b"4", b"5"]);
}

#[test]
fn what_cannot_be_followed_is_said() {
    let following = || IngestOptions {
        follow: true,
        ..options()
    };
    assert!(run(b"1\n", following()).1.is_err());
    let (_directory, path) = file("a.gz", &gzip(b"1\n"));
    let mut writer = MemoryWriter::default();
    let result = ingest(&mut writer, Source::Path(path), following());
    assert!(message(result).contains("is compressed"));
}
