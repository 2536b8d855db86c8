//! Index runs against the segments that they list.

use lakebed_format::names;

use super::check::Check;
use super::tasks::Caller;
use crate::error::{ErrorKind, Result};
use crate::index::footer_entries::entries_of;
use crate::index::lookup::covered_by;
use crate::index::runs::{merge_sorted, open_all};
use crate::problem::ProblemKind;

/// Entries compared at a time.
const CHUNK: usize = 1 << 16;

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
        let header = *run.header();
        let footers = covered
            .iter()
            .map(|sealed| entries_of(&files, sealed, header.fingerprint_bits));
        let mut listed = merge_sorted(footers.collect());
        let mut entries = run.entries();
        let wrong = loop {
            let mut count = 0;
            let mut pairs = std::iter::from_fn(|| Some((listed.next()?, entries.next())));
            let differing = pairs.by_ref().take(CHUNK).find(|(listed, entry)| {
                count += 1;
                !matches!((listed, entry), (Ok(listed), Some(Ok(entry))) if listed == entry)
            });
            caller.meter.advance(count * 8)?;
            caller.report()?;
            match differing {
                None if count == CHUNK as u64 => {}
                None => {
                    break entries
                        .next()
                        .map(|_| "lists other blobs than the segments");
                }
                // Reported with the segment.
                Some((Err(error), _)) if error.kind().is_of_a_segment() => return Ok(()),
                Some((Err(error), _)) => return Err(error),
                Some((_, Some(Err(error)))) if error.kind() == ErrorKind::Interrupted => {
                    return Err(error);
                }
                Some((_, Some(Err(_)))) => break Some("is damaged"),
                Some(_) => break Some("lists other blobs than the segments"),
            }
        };
        if let Some(why) = wrong {
            check.problem(ProblemKind::IndexRun, None, damaged(header.number, why));
        }
    }
    Ok(())
}
