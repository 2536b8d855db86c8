//! Bytes as they come from the wire, cut into lines.

use crate::error::{Error, Fact, Result};

/// Cuts bytes into lines, wherever they were split on the way.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where there is no line break.
    seen: usize,
    limit: usize,
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Lines {
        Lines {
            buffer: Vec::new(),
            start: 0,
            seen: 0,
            limit,
        }
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.buffer.drain(..self.start);
        self.seen -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(data);
    }

    /// The next whole line, without its line break. A line beyond the limit is an error as soon as that is known.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>> {
        let unseen = self.buffer.get(self.seen..).unwrap_or_default();
        let found = unseen.iter().position(|byte| *byte == b'\n');
        let (begin, end) = match found {
            Some(place) => (self.start, self.seen + place),
            None => (self.start, self.buffer.len()),
        };
        if end - begin > self.limit {
            return Err(Error::new(
                Fact::Large,
                format!("a line of more than {} MiB", self.limit >> 20),
            ));
        }
        if found.is_none() {
            self.seen = end;
            return Ok(None);
        }
        self.start = end + 1;
        self.seen = end + 1;
        Ok(self.buffer.get(begin..end))
    }

    /// What stands after the last line break; once.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let rest = self.buffer.split_off(self.start);
        self.buffer.clear();
        self.start = 0;
        self.seen = 0;
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]], limit: usize) -> Result<(Vec<Vec<u8>>, Vec<u8>)> {
        let mut lines = Lines::new(limit);
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(piece);
            while let Some(line) = lines.next_line()? {
                found.push(line.to_vec());
            }
        }
        Ok((found, lines.rest()))
    }

    #[test]
    fn lines_are_the_same_wherever_the_bytes_are_split() {
        let data = "{\"a\":1}\n\n  \r\n{\"b\":\"Zoë 値 😀\"}\nrest".as_bytes();
        let whole = lines(&[data], 100).unwrap();
        assert_eq!(whole.0.len(), 4);
        assert_eq!(whole.1, b"rest");
        for first in 0..=data.len() {
            for second in first..=data.len() {
                let pieces = [&data[..first], &data[first..second], &data[second..]];
                assert_eq!(lines(&pieces, 100).unwrap(), whole);
            }
        }
        let bytes: Vec<&[u8]> = data.chunks(1).collect();
        assert_eq!(lines(&bytes, 100).unwrap(), whole);
    }

    #[test]
    fn a_line_beyond_the_limit_is_an_error_before_it_ends() {
        assert!(lines(&[b"12345\n"], 5).is_ok());
        assert_eq!(lines(&[b"123", b"456"], 5).unwrap_err().fact, Fact::Large);
        assert_eq!(lines(&[b"123456\n"], 5).unwrap_err().fact, Fact::Large);
    }
}
