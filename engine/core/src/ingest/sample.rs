//! Training samples of an input: from all over a file that can be read anywhere, or from what was read ahead of a stream.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::lines::Parsed;
use lakebed_codec::training::{Budget, SampleRange, Samples};

/// Read beyond a run, so that the last line that begins in it is whole, if it is of usual size.
const BEYOND: usize = 8 << 10;

/// Samples a plain file of `length` bytes from `start` on, without knowing where its lines are.
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
        // The byte before tells whether a line begins with the run.
        let from = begin.saturating_sub(1);
        file.seek(SeekFrom::Start(from))?;
        buffer.clear();
        let want = (begin - from) as usize + run.bytes + BEYOND;
        Read::take(&mut file, want as u64).read_to_end(&mut buffer)?;
        let whole = from + buffer.len() as u64 >= length;
        samples.add(
            &run,
            lines_that_begin(&buffer, begin == from, run.bytes, whole),
        );
    }
    Ok(samples)
}

/// The lines that begin in the first `within` bytes after the first byte, or from the first byte on if a line begins there. A line
/// that goes on beyond the bytes at hand is left out if something came before it, and cut if not.
fn lines_that_begin(
    bytes: &[u8],
    at_start: bool,
    within: usize,
    whole: bool,
) -> impl Iterator<Item = &[u8]> {
    let first = if at_start {
        Some(0)
    } else {
        memchr::memchr(b'\n', bytes).map(|at| at + 1)
    };
    let limit = within + usize::from(!at_start);
    let mut next = first;
    let mut given = false;
    std::iter::from_fn(move || {
        let start = next?;
        if start >= limit || start >= bytes.len() {
            return None;
        }
        let rest = bytes.get(start..)?;
        let line = match memchr::memchr(b'\n', rest) {
            Some(length) => {
                next = Some(start + length + 1);
                rest.get(..length)?
            }
            None if whole || !given => {
                next = None;
                rest
            }
            None => return None,
        };
        given = true;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// Samples what was read ahead: `held` are consecutive chunks.
pub(super) fn of_chunks(held: &[&Parsed], budget: &Budget) -> Samples {
    let mut samples = Samples::default();
    let Some(first) = held.first() else {
        return samples;
    };
    let length = held
        .last()
        .map_or(0, |last| last.end.content - first.offset);
    for run in budget.ranges(length) {
        samples.add(&run, lines_of_run(held, first.offset, run));
    }
    samples
}

fn lines_of_run<'a>(
    held: &'a [&'a Parsed],
    base: u64,
    run: SampleRange,
) -> impl Iterator<Item = &'a [u8]> {
    let (from, to) = (base + run.offset, base + run.offset + run.bytes as u64);
    let begin = held.partition_point(|chunk| chunk.end.content <= from);
    held.get(begin..)
        .unwrap_or_default()
        .iter()
        .take_while(move |chunk| chunk.offset < to)
        .flat_map(move |chunk| {
            let first = chunk
                .lines
                .partition_point(|line| chunk.offset + u64::from(line.start) < from);
            let lines = chunk.lines.get(first..).unwrap_or_default();
            lines
                .iter()
                .take_while(move |line| chunk.offset + u64::from(line.start) < to)
                .map(|line| chunk.bytes_of(*line))
        })
}
