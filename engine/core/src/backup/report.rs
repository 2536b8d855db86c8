//! What backups and restores are asked for, and what they report.

use std::num::NonZeroUsize;
use std::time::Instant;

use lakebed_format::CommitNumber;

use crate::error::Result;
use crate::progress::{Progress, ProgressFn};

/// Bytes between two reports of progress.
const REPORT_BYTES: u64 = 4 << 20;

/// How to back up.
#[derive(Debug, Default)]
pub struct BackupOptions {
    /// Keep so many backups: older ones are removed once the new one is whole, synced and verified. `None` keeps all.
    pub keep: Option<NonZeroUsize>,
    /// Called a few times a second with the bytes of the store's files that are done.
    pub progress: ProgressFn,
}

/// What a backup did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackupReport {
    /// The new backup's directory.
    pub path: String,
    /// The last commit that it has.
    pub commit: CommitNumber,
    /// Segments.
    pub segments: u64,
    /// Of these, those that were linked from an earlier backup.
    pub linked_segments: u64,
    /// Bytes of the segments.
    pub bytes: u64,
    /// Of these, those that were copied and verified.
    pub copied_bytes: u64,
    /// Names of earlier backups that were removed, the oldest first.
    pub removed: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// How to restore.
#[derive(Debug, Default)]
pub struct RestoreOptions {
    /// Called a few times a second with the bytes of the backup's files that are done.
    pub progress: ProgressFn,
}

/// What a restore did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RestoreReport {
    /// The new store's directory.
    pub path: String,
    /// The backup's directory.
    pub backup: String,
    /// The last commit that it has.
    pub commit: CommitNumber,
    /// Segments.
    pub segments: u64,
    /// Bytes of the segments, which were copied and verified.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Reports how far the work is.
#[derive(Debug)]
pub(super) struct Meter {
    progress: ProgressFn,
    began: Instant,
    done: u64,
    reported: u64,
    total: u64,
}

impl Meter {
    pub(super) fn new(progress: ProgressFn) -> Self {
        Self {
            progress,
            began: Instant::now(),
            done: 0,
            reported: 0,
            total: 0,
        }
    }

    /// There is so much to do.
    pub(super) fn expect(&mut self, bytes: u64) {
        self.total = bytes;
    }

    /// So much more is done.
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

    /// All is done. What is done is not undone when the callback asks to stop now.
    pub(super) fn finish(&mut self) {
        self.done = self.total;
        let _ = self.report();
    }

    fn report(&mut self) -> Result<()> {
        self.reported = self.done;
        let progress = Progress {
            bytes: self.done.min(self.total),
            total_bytes: Some(self.total),
            rows: 0,
            seconds: self.seconds(),
        };
        self.progress.report(&progress)
    }

    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
