//! What backups and restores are asked for, and what they report.

use std::num::NonZeroUsize;

use lakebed_format::CommitNumber;

use crate::progress::ProgressFn;

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
