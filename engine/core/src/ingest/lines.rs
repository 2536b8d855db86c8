//! A chunk's lines: found, validated, observed and hashed. This is what the worker threads do.

use lakebed_format::Hash;

use super::chunks::{Chunk, KEPT_OF_TOO_LONG, Position};
use crate::hashing::hash_each;
use crate::store::OnError;
use lakebed_json as json;
use lakebed_json::schema::{Summary, validate_and_observe};

/// Bad lines of a chunk whose place and reason are kept when they are only counted.
pub(super) const LISTED: usize = 20;

/// A chunk taken apart.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) bytes: Vec<u8>,
    /// Good lines, in order.
    pub(super) lines: Vec<Line>,
    /// One a good line.
    pub(super) hashes: Vec<Hash>,
    /// Numbers of the good lines in the chunk, from 0; empty when they are simply consecutive from 0.
    pub(super) numbers: Vec<u32>,
    pub(super) bad: Vec<Bad>,
    pub(super) bad_count: u64,
    /// Lines, blank and bad ones included.
    pub(super) line_count: u64,
    /// Of the good lines.
    pub(super) summary: Summary,
    /// The content is one JSON array.
    pub(super) array: bool,
    pub(super) offset: u64,
    pub(super) end: Position,
}

/// Where a line lies in the chunk's bytes, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) start: u32,
    pub(super) length: u32,
}

/// A line that is no acceptable record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad {
    /// Number in the chunk, from 0.
    pub(super) number: u32,
    pub(super) line: Line,
    /// Bytes the line has, if the chunk holds only its beginning.
    pub(super) whole: u64,
    /// From 1, in bytes.
    pub(super) column: u64,
    pub(super) reason: &'static str,
}

impl Parsed {
    /// The bytes of a line.
    pub(super) fn bytes_of(&self, line: Line) -> &[u8] {
        let start = line.start as usize;
        self.bytes
            .get(start..start + line.length as usize)
            .unwrap_or_default()
    }

    /// Memory it holds, about.
    pub(super) fn cost(&self) -> usize {
        self.bytes.capacity()
            + self.lines.len() * (size_of::<Line>() + size_of::<Hash>())
            + self.numbers.len() * 4
            + self.bad.len() * size_of::<Bad>()
    }
}

/// Takes a chunk apart. With [`OnError::Abort`] it stops after the first bad line.
pub(super) fn parse(chunk: Chunk, on_error: OnError) -> Parsed {
    let mut parsed = Parsed {
        bytes: chunk.bytes,
        lines: Vec::new(),
        hashes: Vec::new(),
        numbers: Vec::new(),
        bad: Vec::new(),
        bad_count: 0,
        line_count: 0,
        summary: Summary::new(),
        array: false,
        offset: chunk.offset,
        end: chunk.end,
    };
    if let Some(whole) = chunk.too_long {
        parsed.line_count = 1;
        parsed.bad_count = 1;
        let length = parsed.bytes.len().min(KEPT_OF_TOO_LONG) - chunk.skip;
        let line = Line {
            start: chunk.skip as u32,
            length: length as u32,
        };
        let column = json::MAX_LENGTH as u64 + 1;
        parsed.bad.push(Bad {
            number: 0,
            line,
            whole,
            column,
            reason: "the line is longer than 256 MiB",
        });
        return parsed;
    }
    let bytes = std::mem::take(&mut parsed.bytes);
    let content = bytes.get(chunk.skip..).unwrap_or_default();
    parsed.array = chunk.offset == 0 && is_array(content, chunk.last);
    if !parsed.array {
        split(content, chunk.skip, on_error, &mut parsed);
    }
    parsed.bytes = bytes;
    parsed
}

fn split(content: &[u8], skip: usize, on_error: OnError, parsed: &mut Parsed) {
    let mut start = 0;
    let mut number = 0_u32;
    let mut good_lines = Vec::new();
    let unterminated = (!content.ends_with(b"\n") && !content.is_empty()).then_some(content.len());
    for end in memchr::memchr_iter(b'\n', content).chain(unterminated) {
        let line = content.get(start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let place = Line {
            start: (skip + start) as u32,
            length: line.len() as u32,
        };
        start = end + 1;
        let this = number;
        number += 1;
        if is_blank(line) {
            continue;
        }
        match validate_and_observe(line, &mut parsed.summary) {
            Ok(_) => {
                let good = parsed.lines.len();
                if this as usize != good && parsed.numbers.is_empty() {
                    // The first gap: the lines before it were consecutive.
                    parsed.numbers.extend(0..good as u32);
                }
                if this as usize != good {
                    parsed.numbers.push(this);
                }
                parsed.lines.push(place);
                good_lines.push(line);
            }
            Err(error) => {
                parsed.bad_count += 1;
                if on_error == OnError::Quarantine || parsed.bad.len() < LISTED {
                    let mut kept = place;
                    if line.len() > json::MAX_LENGTH {
                        // It came whole with what was read, and is no more kept than one that did not.
                        kept.length = KEPT_OF_TOO_LONG as u32;
                    }
                    parsed.bad.push(Bad {
                        number: this,
                        line: kept,
                        whole: u64::from(place.length),
                        column: error.column as u64,
                        reason: error.reason,
                    });
                }
                if on_error == OnError::Abort {
                    break;
                }
            }
        }
    }
    parsed.hashes = hash_each(&good_lines);
    parsed.line_count = u64::from(number);
}

fn is_blank(line: &[u8]) -> bool {
    match line.first() {
        None => true,
        Some(b' ' | b'\t' | b'\r') => line.trim_ascii().is_empty(),
        Some(_) => false,
    }
}

/// Whether content that begins so is one JSON array instead of one value a line. A first line that is a whole array of
/// objects only says so if nothing follows it.
fn is_array(content: &[u8], last: bool) -> bool {
    if !json::looks_like_array(content) {
        return false;
    }
    last || {
        let first = content.trim_ascii_start();
        let line = first
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        json::validate(line).is_err()
    }
}
