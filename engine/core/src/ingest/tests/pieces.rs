//! A line may be split anywhere: by what a read returns and by where a chunk ends.

use std::io::{self, Read};

use super::*;

/// Gives its bytes in pieces of the given sizes, in turn.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    sizes: Vec<usize>,
    turn: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.turn % self.sizes.len()];
        self.turn += 1;
        let given = size.min(into.len()).min(self.bytes.len() - self.at);
        into[..given].copy_from_slice(&self.bytes[self.at..self.at + given]);
        self.at += given;
        Ok(given)
    }
}

fn in_pieces(bytes: &[u8], sizes: &[usize]) -> Vec<(u64, Vec<u8>)> {
    let reader = Pieces {
        bytes: bytes.to_vec(),
        at: 0,
        sizes: sizes.to_vec(),
        turn: 0,
    };
    let source = Source::Reader {
        name: "pieces".to_owned(),
        reader: Box::new(reader),
    };
    let mut writer = MemoryWriter::default();
    ingest_small(&mut writer, source, options()).unwrap();
    writer.lines("events")
}

#[test]
fn reads_may_return_as_little_as_they_like() {
    let content = b"\xEF\xBB\xBF{\"a\":\"\xC3\xA9\"}\r\n\r\n[1]\n\n\"x\"\r\n2";
    for size in 1..content.len() {
        assert_eq!(in_pieces(content, &[size]), expected(content), "{size}");
        assert_eq!(
            in_pieces(content, &[size, 1000]),
            expected(content),
            "{size}"
        );
    }
    for bytes in [gzip(content), zstd(content)] {
        assert_eq!(in_pieces(&bytes, &[1]), expected(content));
        assert_eq!(in_pieces(&bytes, &[7, 1, 3]), expected(content));
    }
}

#[test]
fn a_chunk_may_end_at_every_byte_of_a_line() {
    // Around the end of the first chunk lies a line with all line ends there are, moved on byte by byte.
    let middle = b"{\"k\":\"v\"}\r\n\n\r\n{\"k\":2}\n";
    for shift in 0..=middle.len() + 2 {
        let fill = SMALL.chunk - shift;
        let mut content = format!("\"{}\"\n", "f".repeat(fill - 3)).into_bytes();
        assert_eq!(content.len(), fill);
        content.extend(middle);
        content.extend(b"3\r\n4");
        let mut writer = MemoryWriter::default();
        let report = ingest_small(&mut writer, source(&content), options());
        assert!(writer.lines("events") == expected(&content), "{shift}");
        assert_eq!(report.unwrap().lines, 7);
    }
}

#[test]
fn chunks_follow_on_one_another_over_a_large_input() {
    let content = records(0, 60_000);
    for sizes in [
        &[1 << 20][..],
        &[100_000, 1, 70_000],
        &[(1 << 20) + 1],
        &[4096],
    ] {
        assert!(in_pieces(&content, sizes) == expected(&content));
    }
}
