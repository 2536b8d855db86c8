//! Samples of an input for training: from all parts of a plain file, or from the chunks that were read ahead of any
//! other input.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::lines::Parsed;
use crate::error::Result;
use lakebed_codec::training::{Budget, SampleRange, Samples};

/// Bytes read beyond a run, so that the last line that begins in it is complete unless it is long.
const BEYOND: usize = 8 << 10;

/// Samples a plain file of `length` bytes, from `start` on.
pub(super) fn of_file(
    path: &Path,
    start: u64,
    length: u64,
    budget: &Budget,
) -> io::Result<Samples> {
    let mut file = File::open(path)?;
    let mut samples = Samples::default();
    let mut buffer = Vec::new();
    for run in budget.ranges(length.saturating_sub(start)) {
        let begin = start + run.offset;
        // The byte before the run shows whether a line begins with the run.
        let from = begin.saturating_sub(1);
        file.seek(SeekFrom::Start(from))?;
        buffer.clear();
        let wanted = begin - from + (run.bytes + BEYOND) as u64;
        Read::take(&mut file, wanted).read_to_end(&mut buffer)?;
        let at_end = from + buffer.len() as u64 >= length;
        samples.add(
            &run,
            lines_that_begin(&buffer, begin == from, run.bytes, at_end),
        );
    }
    Ok(samples)
}

/// The lines that begin in the first `within` bytes after the first byte, or from the first byte on if a line begins
/// there (`at_start`). A line that is not complete is left out if another one precedes it, and cut if not; at the end
/// of the file (`at_end`) the last line is complete.
fn lines_that_begin(
    bytes: &[u8],
    at_start: bool,
    within: usize,
    at_end: bool,
) -> impl Iterator<Item = &[u8]> {
    let mut next = if at_start {
        Some(0)
    } else {
        memchr::memchr(b'\n', bytes).map(|at| at + 1)
    };
    let limit = within + usize::from(!at_start);
    let mut is_first = true;
    std::iter::from_fn(move || {
        let start = next?;
        if start >= limit || start >= bytes.len() {
            return None;
        }
        let rest = bytes.split_at_checked(start)?.1;
        let line = match memchr::memchr(b'\n', rest) {
            Some(length) => {
                next = Some(start + length + 1);
                rest.split_at_checked(length)?.0
            }
            None if at_end || is_first => {
                next = None;
                rest
            }
            None => return None,
        };
        is_first = false;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// Samples consecutive chunks.
pub(super) fn of_chunks(chunks: &[&Parsed], budget: &Budget) -> Result<Samples> {
    let mut samples = Samples::default();
    let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else {
        return Ok(samples);
    };
    for run in budget.ranges(last.end.content - first.offset) {
        let lines = lines_of_run(chunks, first.offset, run)?;
        samples.add(&run, lines.into_iter());
    }
    Ok(samples)
}

/// The lines that begin in a run, whose offset counts from the offset `base` of the content.
fn lines_of_run<'a>(chunks: &[&'a Parsed], base: u64, run: SampleRange) -> Result<Vec<&'a [u8]>> {
    let (from, to) = (base + run.offset, base + run.offset + run.bytes as u64);
    let begun = chunks.partition_point(|chunk| chunk.end.content <= from);
    let mut found = Vec::new();
    for chunk in chunks.iter().skip(begun) {
        if chunk.offset >= to {
            break;
        }
        let first = chunk
            .lines
            .partition_point(|line| chunk.offset + u64::from(line.start) < from);
        for line in chunk.lines.iter().skip(first) {
            if chunk.offset + u64::from(line.start) >= to {
                break;
            }
            found.push(chunk.bytes_of(*line)?);
        }
    }
    Ok(found)
}
