//! Cuts the bytes of a body into lines.

use crate::error::{Error, FailureKind, Result};

/// The lines of bytes that arrive in pieces of any size.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// No line break lies between `start` and here.
    searched: usize,
    /// Largest length of a line, in bytes.
    limit: usize,
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Lines {
        Lines {
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            limit,
        }
    }

    /// Adds the next bytes.
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(data);
    }

    /// The next complete line, without its line break; `None` until it is complete.
    ///
    /// # Errors
    /// [`FailureKind::Large`] as soon as the line exceeds the limit, complete or not.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>> {
        let mut unsearched = self.buffer.iter().skip(self.searched);
        let line_break = unsearched.position(|byte| *byte == b'\n');
        let begin = self.start;
        let end = match line_break {
            Some(place) => self.searched + place,
            None => self.buffer.len(),
        };
        if end - begin > self.limit {
            return Err(Error::new(
                FailureKind::Large,
                format!("a line of more than {} MiB", self.limit >> 20),
            ));
        }
        if line_break.is_none() {
            self.searched = end;
            return Ok(None);
        }
        self.start = end + 1;
        self.searched = end + 1;
        Ok(self.buffer.get(begin..end))
    }

    /// Removes and returns the bytes after the last line break.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.buffer.split_off(self.start);
        self.buffer.clear();
        self.start = 0;
        self.searched = 0;
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
        Ok((found, lines.take_rest()))
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
        assert_eq!(
            lines(&[b"123", b"456"], 5).unwrap_err().kind,
            FailureKind::Large
        );
        assert_eq!(
            lines(&[b"123456\n"], 5).unwrap_err().kind,
            FailureKind::Large
        );
    }
}
