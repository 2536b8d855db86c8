//! Index runs against the segments that they list.

use lakebed_format::names;

use super::check::Check;
use super::tasks::Caller;
use crate::error::Result;
use crate::index::compare::difference;
use crate::index::lookup::covered_by;
use crate::index::runs::open_all;
use crate::problem::ProblemKind;

/// Bytes of an entry, about.
const ENTRY: u64 = 8;

/// Checks the runs that searches use, entry by entry; in a quick verification, that they can be opened. Runs of
/// segments that were replaced meanwhile are used by nobody.
pub(super) fn check_runs(check: &mut Check<'_>, caller: &mut Caller<'_>) -> Result<()> {
    let committed = std::sync::Arc::clone(&check.snapshot.committed);
    let found = open_all(committed.context.vfs.as_ref(), false);
    let damaged = |number: u64, why: &str| {
        let name = names::run(number);
        format!("{name} {why}; deleting it is safe")
    };
    for number in found.unreadable {
        let text = damaged(number, "is damaged");
        check.problem(ProblemKind::IndexRun, None, text);
    }
    let files = committed.context.segments.without_mapping();
    for (run, covered) in covered_by(&committed.manifest.sealed, &found.runs) {
        if check.options.quick {
            continue;
        }
        let mut advance = |entries: u64| {
            caller.meter.advance(entries * ENTRY)?;
            caller.report()
        };
        if let Some(why) = difference(run, covered, &files, &mut advance)? {
            let text = damaged(run.header().number, why);
            check.problem(ProblemKind::IndexRun, None, text);
        }
    }
    Ok(())
}
