//! What the parts of a verification share.

use std::sync::Arc;

use lakebed_format::{CommitNumber, IdSet, SegmentNumber};

use super::report::{VerifyOptions, VerifyReport};
use crate::error::Result;
use crate::problem::{Problem, ProblemKind};
use crate::segment::Segment;
use crate::segment::verify::Ends;
use crate::snapshot::{CommittedState, Snapshot};

/// A verification.
pub(super) struct Check<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) options: VerifyOptions,
    pub(super) report: VerifyReport,
}

/// A segment of the rows layout, in the order of the ids.
pub(super) struct Checked {
    pub(super) segment: Arc<dyn Segment>,
    /// Of the manifest; `None` for the active one.
    pub(super) last_commit: Option<CommitNumber>,
    /// The ids of its blobs; `None` when they cannot be read.
    pub(super) ids: Option<IdSet>,
    pub(super) ends: Option<Ends>,
}

impl Check<'_> {
    pub(super) fn committed(&self) -> &CommittedState {
        &self.snapshot.committed
    }

    pub(super) fn problem(
        &mut self,
        kind: ProblemKind,
        segment: Option<SegmentNumber>,
        message: String,
    ) {
        self.report.problems.push(Problem {
            kind,
            segment,
            offset: None,
            message,
        });
    }

    /// The value of a result. Damage of the store becomes a problem and `None`; other errors end checking.
    pub(super) fn keep<T>(
        &mut self,
        kind: ProblemKind,
        segment: Option<SegmentNumber>,
        result: Result<T>,
    ) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind().is_of_one_segment() => {
                self.problem(kind, segment, error.message().to_owned());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
