//! Selects the records to train on, and the held-out records to measure the dictionary with.
//!
//! The training needs records from the whole input: many short ranges, spread evenly. The measurement needs pages as
//! they will be stored: a few ranges of one page each, between the others. [`Budget`] computes the ranges of an input
//! of known length; the caller reads the records in each.

/// Bytes of a record above which only its beginning is a sample: longer records gain nothing from a dictionary.
const LARGEST_SAMPLE: usize = 16 << 10;
/// Bytes of a range to train on: one record of usual size, or a few small ones. Measured, ranges of 4 KiB give frames
/// 0.4 % larger, because neighbouring records are alike.
const RANGE_BYTES: usize = 1 << 10;
/// The number of held-out ranges.
const HELD_OUT_RANGES: usize = 16;

/// Limits of the sampled bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most bytes to train on.
    training: usize,
    /// The raw bytes of a page.
    page: usize,
}

/// A range of the input to be sampled: all records that start in it, whole, so that no record is in two ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleRange {
    /// Its start in the input, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: usize,
    /// Whether it is kept out of the training.
    pub held_out: bool,
}

impl Budget {
    /// For a dictionary of `size` bytes trained on at most `share` times as much, in pages of `page` bytes.
    pub fn new(size: usize, share: usize, page: usize) -> Self {
        Self {
            training: size.saturating_mul(share),
            page: page.clamp(1, 1 << 20),
        }
    }

    /// The ranges to sample in an input of `length` bytes: ascending and disjoint; in a small input, together all of
    /// it.
    pub fn ranges(&self, length: u64) -> Vec<SampleRange> {
        let held_out_bytes = (HELD_OUT_RANGES * self.page) as u64;
        let mut ranges = Vec::new();
        if length <= self.training as u64 + held_out_bytes {
            // All of it; a tenth of the pages is held out.
            let mut offset = 0;
            for number in 0_u64.. {
                if offset >= length {
                    break;
                }
                let bytes = at_most(self.page, length - offset);
                ranges.push(SampleRange {
                    offset,
                    bytes,
                    held_out: number % 10 == 9 || number == 0 && length < 10 * self.page as u64,
                });
                offset += bytes as u64;
            }
            return ranges;
        }
        let count = (self.training / RANGE_BYTES).max(1) as u64;
        let every = (count / HELD_OUT_RANGES as u64).max(1);
        let mut end = 0;
        for number in 0..count {
            let offset = evenly(length, number, count);
            if offset < end {
                // The held-out page before reaches beyond this offset.
                continue;
            }
            let held_out = number % every == every / 2;
            let bytes = if held_out { self.page } else { RANGE_BYTES };
            let bytes = at_most(bytes, length - offset);
            end = offset + bytes as u64;
            ranges.push(SampleRange {
                offset,
                bytes,
                held_out,
            });
        }
        ranges
    }
}

/// The smaller of the two.
fn at_most(bytes: usize, rest: u64) -> usize {
    usize::try_from(rest).map_or(bytes, |rest| bytes.min(rest))
}

/// Offset `number` of `count` evenly spaced ones in `length` bytes; `number` is below `count`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the quotient is below `length`"
)]
fn evenly(length: u64, number: u64, count: u64) -> u64 {
    (u128::from(length) * u128::from(number) / u128::from(count)) as u64
}

/// The sampled records.
#[derive(Debug, Default)]
pub struct Samples {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    held_out: Vec<Vec<Vec<u8>>>,
}

impl Samples {
    /// Adds the records of a range; empty ones are skipped.
    pub fn add<'a>(&mut self, range: &SampleRange, records: impl Iterator<Item = &'a [u8]>) {
        let records = records.filter(|record| !record.is_empty());
        if range.held_out {
            let kept: Vec<Vec<u8>> = records.map(<[u8]>::to_vec).collect();
            if !kept.is_empty() {
                self.held_out.push(kept);
            }
            return;
        }
        for record in records {
            let sample = record.get(..LARGEST_SAMPLE).unwrap_or(record);
            self.bytes.extend_from_slice(sample);
            self.lengths.push(sample.len());
        }
    }

    /// The samples to train on, end to end, and the length of each.
    pub fn training(&self) -> (&[u8], &[usize]) {
        (&self.bytes, &self.lengths)
    }

    /// The held-out records, range by range.
    pub fn held_out(&self) -> &[Vec<Vec<u8>>] {
        &self.held_out
    }
}
