//! How far a compaction is.

use std::time::Instant;

use crate::error::Result;
use crate::progress::{Progress, ProgressFn};

/// Bytes read between two reports.
const REPORT_BYTES: u64 = 4 << 20;

/// Counts what was read.
pub(super) struct Meter {
    progress: ProgressFn,
    began: Instant,
    done: u64,
    reported: u64,
    pub(super) total: u64,
    pub(super) rows: u64,
}

impl Meter {
    pub(super) fn new(progress: ProgressFn) -> Self {
        Self {
            progress,
            began: Instant::now(),
            done: 0,
            reported: 0,
            total: 0,
            rows: 0,
        }
    }

    /// Bytes of segments were read.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(super) fn advance(&mut self, bytes: u64) -> Result<()> {
        self.done += bytes;
        if self.done - self.reported < REPORT_BYTES {
            return Ok(());
        }
        self.report()
    }

    /// A step ended, of whose bytes some may not have been read.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(super) fn reach(&mut self, done: u64) -> Result<()> {
        self.done = self.done.max(done);
        self.report()
    }

    fn report(&mut self) -> Result<()> {
        self.reported = self.done;
        self.progress.report(&Progress {
            bytes: self.done.min(self.total),
            total_bytes: Some(self.total),
            rows: self.rows,
            seconds: self.seconds(),
        })
    }

    /// Seconds since it began.
    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
