//! What a repair is asked for, and what it says it did.

use lakebed_format::{CommitNumber, SegmentNumber};

use crate::problem::Problem;
use crate::progress::ProgressFn;

/// How a store is repaired.
#[derive(Debug, Default)]
pub struct RepairOptions {
    /// Say what a repair would do, and change nothing.
    pub dry_run: bool,
    /// Called while the store is read.
    pub progress: ProgressFn,
}

/// What a `repair` found and did, or would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RepairReport {
    /// Whether nothing was changed, because that was asked for.
    pub dry_run: bool,
    /// What was wrong, as `verify` says it.
    pub problems: Vec<Problem>,
    /// What was done about it, in this order.
    pub actions: Vec<RepairAction>,
    /// What could not be saved; empty when nothing was lost.
    pub losses: Vec<RepairLoss>,
    /// Files in `aside/` that were made, by their names in the store.
    pub set_aside: Vec<String>,
    /// What the first writer after the repair found, as warnings.
    pub notes: Vec<String>,
    /// The last commit afterwards.
    pub commit: CommitNumber,
    /// Segments, blobs and rows afterwards.
    pub segments: u64,
    /// See `segments`.
    pub blobs: u64,
    /// See `segments`. Rows that were deleted before are not counted.
    pub rows: u64,
    /// Rows that were lost.
    pub lost_rows: u64,
    /// Bytes read.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// What a step of a repair does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// `FORMAT` is written again.
    Format,
    /// A manifest is written.
    Manifest,
    /// A damaged segment is written again, without what is damaged.
    Rewrite,
    /// A segment that no manifest named is taken in.
    Merge,
    /// The segment of a large blob is taken in.
    Large,
    /// A copy of a damaged file, or the file itself, goes to `aside/`.
    SetAside,
    /// Bytes that belong to no commit are cut off; a copy goes to `aside/`.
    Tail,
    /// A collection whose name is lost gets a new one.
    Collection,
    /// Blobs that nothing names any more are pinned.
    Pin,
    /// The counts of a collection are corrected.
    Counts,
    /// A run under `index/` is removed; the next one is made from the segments.
    Index,
}

impl ActionKind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Manifest => "manifest",
            Self::Rewrite => "rewrite",
            Self::Merge => "merge",
            Self::Large => "large",
            Self::SetAside => "set_aside",
            Self::Tail => "tail",
            Self::Collection => "collection",
            Self::Pin => "pin",
            Self::Counts => "counts",
            Self::Index => "index",
        }
    }
}

/// A step of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairAction {
    /// What it does.
    pub kind: ActionKind,
    /// The file that it concerns, by its name in the store; a collection's name.
    pub target: String,
    /// A sentence.
    pub message: String,
}

/// What kind of thing was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// Rows of a collection.
    Rows,
    /// Blobs that were put, and are in no row.
    Blobs,
    /// A dictionary.
    Dictionary,
    /// Commits that were acknowledged.
    Commits,
    /// A whole segment.
    Segment,
    /// Part of the catalogue: names, schemas, pins, drops.
    Catalogue,
    /// A segment in `aside/` of another history, which was not taken in.
    History,
}

impl LossKind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Blobs => "blobs",
            Self::Dictionary => "dictionary",
            Self::Commits => "commits",
            Self::Segment => "segment",
            Self::Catalogue => "catalogue",
            Self::History => "history",
        }
    }
}

/// Something that could not be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairLoss {
    /// What kind of thing it is.
    pub kind: LossKind,
    /// The collection of lost rows.
    pub collection: Option<String>,
    /// The sequence numbers of the first and the last of them.
    pub rows: Option<(u64, u64)>,
    /// The first and the last of lost commits.
    pub commits: Option<(u64, u64)>,
    /// The segment that held it.
    pub segment: Option<SegmentNumber>,
    /// How many rows or blobs.
    pub count: u64,
    /// A sentence.
    pub message: String,
}

impl RepairReport {
    /// Whether there is nothing to repair.
    pub fn is_clean(&self) -> bool {
        self.actions.is_empty() && self.losses.is_empty()
    }

    pub(super) fn act(&mut self, kind: ActionKind, target: impl Into<String>, message: String) {
        self.actions.push(RepairAction {
            kind,
            target: target.into(),
            message,
        });
    }
}

impl RepairLoss {
    pub(super) fn new(kind: LossKind, message: String) -> Self {
        Self {
            kind,
            collection: None,
            rows: None,
            commits: None,
            segment: None,
            count: 0,
            message,
        }
    }
}
