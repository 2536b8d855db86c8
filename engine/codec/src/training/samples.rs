//! Which records of an input are trained on, and which are kept out to judge.
//!
//! Training wants records from everywhere: many short runs of neighbours, spread evenly. Judging wants pages as they will be
//! stored: few runs of a page each, from between the others. [`Budget`] says where the runs lie in an input of known length;
//! whoever holds the input brings the records of each run.

/// A record larger than this is sampled by its beginning: nothing that long compresses better with a dictionary.
const LARGEST_SAMPLE: usize = 16 << 10;
/// Bytes of a run to train on: one record of usual size, or a few small ones. Measured, runs of 4 KiB give a dictionary 0.4 %
/// worse, because neighbours teach little that is new.
const RUN: usize = 1 << 10;
/// Runs kept out of the training.
const HELD_OUT_RUNS: usize = 16;

/// How much of an input is sampled, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes to train on at most.
    training: usize,
    /// Raw bytes of a page.
    page: usize,
}

/// A stretch of the input to be sampled: the whole records that begin in it, so that no record is in two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub offset: u64,
    pub bytes: usize,
    /// Kept out of the training.
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

    /// The runs to sample in an input of `length` bytes: ascending, not overlapping, and in a small input together all of it.
    pub fn runs(&self, length: u64) -> Vec<Run> {
        let held_out_bytes = (HELD_OUT_RUNS * self.page) as u64;
        let mut runs = Vec::new();
        if length <= self.training as u64 + held_out_bytes {
            // All of it: a tenth of the pages judges.
            let mut offset = 0;
            for number in 0_u64.. {
                if offset >= length {
                    break;
                }
                let bytes = (self.page as u64).min(length - offset);
                runs.push(Run {
                    offset,
                    bytes: bytes as usize,
                    held_out: number % 10 == 9 || number == 0 && length < 10 * self.page as u64,
                });
                offset += bytes;
            }
            return runs;
        }
        let count = (self.training / RUN).max(1) as u64;
        let every = (count / HELD_OUT_RUNS as u64).max(1);
        let mut end = 0;
        for number in 0..count {
            // Multiplied wide: the product of two large numbers passes 64 bits.
            let offset = (u128::from(length) * u128::from(number) / u128::from(count)) as u64;
            if offset < end {
                // A page kept out reaches over what would have come here.
                continue;
            }
            let held_out = number % every == every / 2;
            let bytes = if held_out { self.page } else { RUN };
            let bytes = (bytes as u64).min(length - offset);
            end = offset + bytes;
            runs.push(Run {
                offset,
                bytes: bytes as usize,
                held_out,
            });
        }
        runs
    }
}

/// The sampled records.
#[derive(Debug, Default)]
pub struct Samples {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
    held_out: Vec<Vec<Vec<u8>>>,
}

impl Samples {
    /// Adds the records of a run; empty ones are passed over.
    pub fn add<'a>(&mut self, run: &Run, records: impl Iterator<Item = &'a [u8]>) {
        let records = records.filter(|record| !record.is_empty());
        if run.held_out {
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

    pub fn training(&self) -> (&[u8], &[usize]) {
        (&self.bytes, &self.lengths)
    }

    /// Runs of neighbours kept out of the training.
    pub fn held_out(&self) -> &[Vec<Vec<u8>>] {
        &self.held_out
    }
}
