//! Progress of a repair.

use std::time::Instant;

use crate::error::Result;
use crate::options::Options;
use crate::problem::{Problem, ProblemKind};
use crate::progress::{Progress, ProgressFn};
use crate::segment::verify::{Ends, Verification};
use lakebed_format::SegmentNumber;

/// Bytes read between two progress reports.
const REPORT_BYTES: u64 = 8 << 20;

/// Counts what was read, and tells the caller.
#[derive(Debug)]
pub(super) struct Meter {
    progress: ProgressFn,
    began: Instant,
    pub(super) bytes: u64,
    reported: u64,
    total: u64,
    interrupted: fn() -> bool,
}

impl Meter {
    /// `total` bytes are about to be read.
    pub(super) fn new(progress: ProgressFn, options: &Options, total: u64) -> Self {
        Self {
            progress,
            began: Instant::now(),
            bytes: 0,
            reported: 0,
            total,
            interrupted: options.interrupted,
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Bytes were read.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(super) fn advance(&mut self, bytes: u64) -> Result<()> {
        if (self.interrupted)() {
            return Err(crate::error::Error::interrupted());
        }
        self.bytes += bytes;
        if self.bytes - self.reported < REPORT_BYTES {
            return Ok(());
        }
        self.reported = self.bytes;
        self.progress.report(&Progress {
            bytes: self.bytes,
            total_bytes: Some(self.total.max(self.bytes)),
            rows: 0,
            seconds: self.seconds(),
        })
    }
}

/// Collects what is wrong with one segment.
#[derive(Debug)]
pub(super) struct Collect<'a> {
    pub(super) meter: &'a mut Meter,
    pub(super) problems: Vec<Problem>,
    /// The first COMMIT of the segment and the last.
    pub(super) ends: Option<Ends>,
}

impl Verification for Collect<'_> {
    fn passes_newer(&self) -> bool {
        false
    }

    fn problem(
        &mut self,
        kind: ProblemKind,
        segment: SegmentNumber,
        offset: Option<u64>,
        message: String,
    ) {
        self.problems.push(Problem {
            kind,
            segment: Some(segment),
            offset,
            message,
        });
    }

    fn ends(&mut self, ends: Ends) {
        self.ends = Some(ends);
    }

    fn commit(&mut self) {}

    fn frame(&mut self) {}

    fn blob(&mut self) {}

    fn advance(&mut self, bytes: u64) -> Result<()> {
        self.meter.advance(bytes)
    }
}
