//! The lines of a chunk: found, validated, observed for the schema and hashed. Worker threads do this.

use lakebed_format::Hash;
use lakebed_json as json;
use lakebed_json::schema::{Summary, validate_and_observe};

use super::chunks::{Chunk, KEPT_OF_OVERLONG_LINE, Position};
use super::non_finite;
use super::request::{NonFinite, OnError};
use crate::error::{Error, Result};
use crate::hashing::hash_each;

/// How many bad lines are listed, of a chunk and in the report.
pub(super) const LISTED: usize = 20;

/// How lines are judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) on_error: OnError,
    pub(super) nan: Option<NonFinite>,
    /// Whether a last line without an end may be half written, and is then left for the next ingest.
    pub(super) leave_unfinished: bool,
}

/// A chunk, split into lines.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) bytes: Vec<u8>,
    /// The good lines, in order.
    pub(super) lines: Vec<LineSpan>,
    /// The hash of each good line.
    pub(super) hashes: Vec<Hash>,
    /// The number of each good line in the chunk, from 0; empty if they are 0, 1, 2, ...
    pub(super) numbers: Vec<u32>,
    /// Bad lines: all of them with [`OnError::Quarantine`], otherwise the first ones.
    pub(super) bad: Vec<BadSpan>,
    pub(super) bad_count: u64,
    /// All lines, blank and bad ones included.
    pub(super) line_count: u64,
    /// The summary of the good lines.
    pub(super) summary: Summary,
    /// Good lines in which NaN or an infinity was replaced.
    pub(super) replaced: u64,
    /// The bytes of a half-written last line, which is not part of the lines.
    pub(super) unfinished: Option<u64>,
    /// The offset of the chunk in the content.
    pub(super) offset: u64,
    /// The position after the chunk.
    pub(super) end: Position,
}

/// The position of a line in the bytes of its chunk, without its line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineSpan {
    pub(super) start: u32,
    pub(super) length: u32,
}

impl LineSpan {
    fn new(start: usize, length: usize) -> Result<Self> {
        Ok(Self {
            start: narrow(start)?,
            length: narrow(length)?,
        })
    }
}

/// A position or count in a chunk, which is never as large as 4 GiB.
fn narrow(value: usize) -> Result<u32> {
    u32::try_from(value).map_err(|_| Error::internal("a chunk of an input is 4 GiB or larger"))
}

/// A line that is not an acceptable record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadSpan {
    /// Its number in the chunk, from 0.
    pub(super) number: u32,
    /// The bytes that are kept of it.
    pub(super) line: LineSpan,
    /// The length of the whole line in bytes.
    pub(super) length: u64,
    /// The byte that is wrong, from 1.
    pub(super) column: u64,
    pub(super) reason: &'static str,
}

impl Parsed {
    /// The bytes of a line.
    pub(super) fn bytes_of(&self, line: LineSpan) -> Result<&[u8]> {
        let start = line.start as usize;
        self.bytes
            .get(start..start + line.length as usize)
            .ok_or_else(|| Error::internal("a line lies outside its chunk"))
    }

    /// About how much memory it holds, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.lines.len() * (size_of::<LineSpan>() + size_of::<Hash>())
            + self.numbers.len() * size_of::<u32>()
            + self.bad.len() * size_of::<BadSpan>()
    }
}

/// Splits a chunk into lines. With [`OnError::Abort`] it stops after the first bad line.
pub(super) fn parse(chunk: Chunk, rules: Rules) -> Result<Parsed> {
    let Chunk {
        mut bytes,
        lines_start,
        offset,
        end,
        unterminated,
        overlong,
    } = chunk;
    let Some(content) = bytes.get(lines_start..) else {
        return Err(Error::internal("the lines of a chunk begin behind its end"));
    };
    let mut lines = Lines::default();
    let mut unfinished = None;
    if let Some(length) = overlong {
        lines.bad.push(BadSpan {
            number: 0,
            line: LineSpan::new(lines_start, content.len().min(KEPT_OF_OVERLONG_LINE))?,
            length,
            column: json::MAX_LENGTH as u64 + 1,
            reason: "the line is longer than 256 MiB",
        });
        lines.bad_count = 1;
        lines.next_number = 1;
    } else if rules.leave_unfinished && unterminated && is_half_a_line(content) {
        unfinished = Some(content.len() as u64);
    } else {
        lines.split(content, lines_start, rules)?;
    }
    let length = bytes.len();
    let replacements = std::mem::take(&mut lines.replacements);
    bytes.extend_from_slice(&replacements);
    for (index, at) in &lines.replaced {
        if let Some(span) = lines.good.get_mut(*index) {
            span.start = narrow(length + at)?;
        }
    }
    Ok(Parsed {
        hashes: lines.hashes,
        lines: lines.good,
        numbers: lines.numbers,
        bad: lines.bad,
        bad_count: lines.bad_count,
        line_count: u64::from(lines.next_number),
        summary: lines.summary,
        replaced: lines.replaced.len() as u64,
        unfinished,
        bytes,
        offset,
        end,
    })
}

/// Whether the last of these lines, which lacks an end, is the beginning of a record.
fn is_half_a_line(content: &[u8]) -> bool {
    let start = memchr::memrchr(b'\n', content).map_or(0, |at| at + 1);
    let line = content.get(start..).unwrap_or_default();
    start == 0
        && !is_blank(line)
        && json::validate(line).is_err_and(|error| json::is_unfinished(line, &error))
}

/// The lines found so far.
#[derive(Default)]
struct Lines {
    good: Vec<LineSpan>,
    hashes: Vec<Hash>,
    numbers: Vec<u32>,
    bad: Vec<BadSpan>,
    bad_count: u64,
    next_number: u32,
    summary: Summary,
    /// The texts of lines in which NaN or an infinity was replaced.
    replacements: Vec<u8>,
    /// The index of each of these among the good lines, and where its text begins.
    replaced: Vec<(usize, usize)>,
}

impl Lines {
    /// Splits `content`, which begins at `offset` in the bytes of the chunk.
    fn split(&mut self, content: &[u8], offset: usize, rules: Rules) -> Result<()> {
        let mut good_lines: Vec<&[u8]> = Vec::new();
        let mut start = 0;
        let unterminated =
            (!content.is_empty() && !content.ends_with(b"\n")).then_some(content.len());
        for end in memchr::memchr_iter(b'\n', content).chain(unterminated) {
            let Some(line) = content.get(start..end) else {
                return Err(Error::internal("a line ends before it begins"));
            };
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let span = LineSpan::new(offset + start, line.len())?;
            start = end + 1;
            let number = self.next_number;
            self.next_number += 1;
            if is_blank(line) {
                continue;
            }
            match validate_and_observe(line, &mut self.summary) {
                Ok(_) => {
                    self.add_number(number)?;
                    self.good.push(span);
                    good_lines.push(line);
                }
                Err(error) => {
                    if let Some(line) = self.replace(line, rules) {
                        self.add_number(number)?;
                        self.replaced
                            .push((self.good.len(), self.replacements.len()));
                        self.good.push(LineSpan::new(0, line.len())?);
                        self.replacements.extend_from_slice(&line);
                        // Its hash is computed below.
                        good_lines.push(b"");
                        continue;
                    }
                    self.add_bad(number, span, &error, rules.on_error)?;
                    if rules.on_error == OnError::Abort {
                        break;
                    }
                }
            }
        }
        self.hashes = hash_each(&good_lines);
        for (index, at) in &self.replaced {
            let (Some(hash), Some(span)) = (self.hashes.get_mut(*index), self.good.get(*index))
            else {
                continue;
            };
            let text = self.replacements.get(*at..at + span.length as usize);
            *hash = Hash::of(text.unwrap_or_default());
        }
        Ok(())
    }

    /// The line with other values in the place of NaN and infinities, if that is asked for and makes it good.
    fn replace(&mut self, line: &[u8], rules: Rules) -> Option<Vec<u8>> {
        let line = rules.nan.and_then(|by| non_finite::replaced(line, by))?;
        let good = validate_and_observe(&line, &mut self.summary).is_ok();
        good.then_some(line)
    }

    /// Adds the number of the next good line, if the numbers are not just 0, 1, 2, ...
    fn add_number(&mut self, number: u32) -> Result<()> {
        let good = narrow(self.good.len())?;
        if number != good {
            if self.numbers.is_empty() {
                // The first gap: the lines before it were consecutive.
                self.numbers.extend(0..good);
            }
            self.numbers.push(number);
        }
        Ok(())
    }

    fn add_bad(
        &mut self,
        number: u32,
        span: LineSpan,
        error: &json::JsonError,
        on_error: OnError,
    ) -> Result<()> {
        self.bad_count += 1;
        if on_error != OnError::Quarantine && self.bad.len() >= LISTED {
            return Ok(());
        }
        let mut kept = span;
        if span.length as usize > json::MAX_LENGTH {
            // A line longer than the limit that was read whole is cut like one that was not.
            kept.length = narrow(KEPT_OF_OVERLONG_LINE)?;
        }
        self.bad.push(BadSpan {
            number,
            line: kept,
            length: u64::from(span.length),
            column: error.column as u64,
            reason: error.reason,
        });
        Ok(())
    }
}

fn is_blank(line: &[u8]) -> bool {
    match line.first() {
        None => true,
        Some(b' ' | b'\t' | b'\r') => line.trim_ascii().is_empty(),
        Some(_) => false,
    }
}
