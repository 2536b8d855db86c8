//! Index runs against the segments that they list.

use lakebed_format::{BlobId, Fingerprint, names};

use super::check::Check;
use super::tasks::Caller;
use crate::error::{ErrorKind, Result};
use crate::index::lookup::covered_by;
use crate::index::runs::open_all;
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
        let number = run.header().number;
        let mut entries = run.entries();
        let mut lowest = Some(0);
        while let Some(from) = lowest {
            let mut chunk: Vec<(Fingerprint, BlobId)> = Vec::new();
            let mut wrong = None;
            for entry in entries.by_ref().take(CHUNK) {
                match entry {
                    Ok(entry) => chunk.push(entry),
                    Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                    Err(_) => wrong = Some("is damaged"),
                }
            }
            // Behind the last entry nothing may follow.
            let to = if chunk.len() < CHUNK {
                u64::MAX
            } else {
                chunk.last().map_or(u64::MAX, |(last, _)| last.0)
            };
            if wrong.is_none() {
                // Equal fingerprints may go on in the next chunk.
                let mut listed = Vec::new();
                for sealed in covered {
                    let range = Fingerprint(from)..=Fingerprint(to);
                    let pairs = sealed.segment.find_pairs(&files, range, &mut listed);
                    match pairs {
                        Ok(()) => {}
                        // Reported with the segment.
                        Err(error) if error.kind().is_of_a_segment() => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
                listed.sort_unstable();
                while to < u64::MAX && listed.len() > chunk.len() {
                    match entries.next() {
                        Some(Ok(entry)) => chunk.push(entry),
                        _ => break,
                    }
                }
                if listed != chunk {
                    wrong = Some("lists other blobs than the segments");
                }
            }
            if let Some(why) = wrong {
                check.problem(ProblemKind::IndexRun, None, damaged(number, why));
                break;
            }
            caller.meter.advance(chunk.len() as u64 * 8)?;
            caller.report()?;
            lowest = to.checked_add(1);
        }
    }
    Ok(())
}
