//! Which sealed blobs may have a fingerprint: few runs and few footers are asked, however many segments there are.
//!
//! Runs are opened when somebody looks something up. One that cannot be used is as if it were not there: the footers of its segments are
//! asked in its place.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use lakebed_format::{BlobId, Fingerprint, IndexRunHeader, names};
use parking_lot::RwLock;

use super::filter::{BLOBS_A_QUESTION, Filter};
use super::runs::{self, Choice, Entries, Merge, Run};
use crate::context::StoreContext;
use crate::error::{ErrorKind, Result};
use crate::segment::Sealed;
use crate::write::group::random;

/// How to look up fingerprints of sealed segments.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    plan: RwLock<Option<Arc<Plan>>>,
}

/// What is asked, newest first.
#[derive(Debug, Default)]
struct Plan {
    footers: Vec<Footer>,
    runs: Vec<Arc<Run>>,
}

/// A segment asked by its own footer.
#[derive(Debug)]
struct Footer {
    sealed: Arc<Sealed>,
    /// Questions so far, until there is a filter.
    asked: AtomicU64,
    /// `None` inside: there cannot be one.
    filter: OnceLock<Option<Arc<Filter>>>,
}

impl Footer {
    fn new(sealed: Arc<Sealed>) -> Self {
        Self {
            sealed,
            asked: AtomicU64::new(0),
            filter: OnceLock::new(),
        }
    }

    /// False when it surely does not have this fingerprint.
    #[inline]
    fn may_hold(&self, context: &StoreContext, fingerprint: Fingerprint) -> bool {
        let filter = self.filter.get().or_else(|| self.filter_when_due(context));
        filter.is_none_or(|filter| {
            filter
                .as_ref()
                .is_none_or(|filter| filter.may_hold(fingerprint))
        })
    }

    /// Counts a question; when there were enough of them, or an earlier plan made it, there is a filter.
    #[cold]
    fn filter_when_due(&self, context: &StoreContext) -> Option<&Option<Arc<Filter>>> {
        let entry = &self.sealed.entry;
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let made = if asked == 0 {
            context.filters.get(entry.number)
        } else {
            None
        };
        let due = made.is_some() || asked >= entry.blobs / BLOBS_A_QUESTION;
        due.then(|| {
            self.filter
                .get_or_init(|| made.or_else(|| self.make_filter(context)))
        })
    }

    fn make_filter(&self, context: &StoreContext) -> Option<Arc<Filter>> {
        let entry = &self.sealed.entry;
        let mut filter = Filter::new(entry.blobs)?;
        // One whose fingerprints cannot all be read has none: what it is asked is then looked up, and the damage found.
        self.sealed
            .fingerprints(context, |_, fingerprint| filter.insert(fingerprint))
            .ok()?;
        Some(context.filters.insert(entry.number, filter))
    }
}

/// A segment as the policy knows it.
fn outline(sealed: &[Arc<Sealed>]) -> Vec<runs::Sealed> {
    sealed
        .iter()
        .map(|sealed| runs::Sealed {
            number: sealed.entry.number,
            first_blob: sealed.entry.first_blob,
            end_blob: sealed.entry.end_blob,
            blobs: sealed.entry.blobs,
        })
        .collect()
}

fn headers(runs: &[Arc<Run>]) -> Vec<IndexRunHeader> {
    runs.iter().map(|run| *run.header()).collect()
}

impl Plan {
    fn new(sealed: &[Arc<Sealed>], runs: &[Arc<Run>]) -> Self {
        let choice = runs::choose(&outline(sealed), &headers(runs));
        let footers = choice.uncovered.iter().rev();
        let wanted = choice.runs.iter().rev();
        Self {
            footers: footers
                .filter_map(|index| sealed.get(*index))
                .filter(|sealed| sealed.entry.blobs > 0)
                .map(|sealed| Footer::new(Arc::clone(sealed)))
                .collect(),
            runs: wanted
                .filter_map(|header| runs.iter().find(|run| run.header().number == header.number))
                .cloned()
                .collect(),
        }
    }
}

impl Lookup {
    fn plan(&self, context: &StoreContext, sealed: &[Arc<Sealed>]) -> Arc<Plan> {
        if let Some(plan) = &*self.plan.read() {
            return Arc::clone(plan);
        }
        let mut place = self.plan.write();
        if let Some(plan) = &*place {
            return Arc::clone(plan);
        }
        // With few segments there is no run; then nobody needs to look.
        let runs = if sealed.len() > 1 {
            runs::open_all(context.vfs.as_ref()).runs
        } else {
            Vec::new()
        };
        let plan = Arc::new(Plan::new(sealed, &runs));
        *place = Some(Arc::clone(&plan));
        plan
    }

    /// Goes on without a run that turned out to be damaged.
    fn without(&self, sealed: &[Arc<Sealed>], plan: &Plan, bad: u64) -> Arc<Plan> {
        let runs: Vec<Arc<Run>> = plan
            .runs
            .iter()
            .filter(|run| run.header().number != bad)
            .cloned()
            .collect();
        let plan = Arc::new(Plan::new(sealed, &runs));
        *self.plan.write() = Some(Arc::clone(&plan));
        plan
    }

    /// Tells `each` the ids that have a fingerprint in the range, source by source, until it wants no more.
    pub(crate) fn search(
        &self,
        context: &StoreContext,
        sealed: &[Arc<Sealed>],
        range: &RangeInclusive<Fingerprint>,
        each: &mut dyn FnMut(&[BlobId]) -> Result<bool>,
    ) -> Result<()> {
        if sealed.is_empty() {
            return Ok(());
        }
        let mut plan = self.plan(context, sealed);
        'again: loop {
            let mut found = Vec::new();
            let mut unreadable = None;
            for footer in &plan.footers {
                if range.start() == range.end() && !footer.may_hold(context, *range.start()) {
                    continue;
                }
                found.clear();
                match footer.sealed.find_range(context, range.clone(), &mut found) {
                    Ok(()) => {}
                    // Another segment may have what is wanted; only if none does, this matters.
                    Err(error) if error.kind() == ErrorKind::Corrupt => unreadable = Some(error),
                    Err(error) => return Err(error),
                }
                if !found.is_empty() && !each(&found)? {
                    return Ok(());
                }
            }
            for run in &plan.runs {
                found.clear();
                if run.range(range.clone(), usize::MAX, &mut found).is_err() {
                    plan = self.without(sealed, &plan, run.header().number);
                    continue 'again;
                }
                if !found.is_empty() && !each(&found)? {
                    return Ok(());
                }
            }
            return unreadable.map_or(Ok(()), Err);
        }
    }
}

/// Brings the runs up to date with the sealed segments. Only the writer calls it; whatever fails leaves a slower and whole store.
pub(crate) fn maintain(context: &StoreContext, sealed: &[Arc<Sealed>]) -> Result<()> {
    let outline = outline(sealed);
    let mut found = runs::open_all(context.vfs.as_ref());
    loop {
        let choice = runs::choose(&outline, &headers(&found.runs));
        remove(context, &mut found, &choice);
        let Some(merge) = runs::plan(&outline, &choice) else {
            return Ok(());
        };
        let number = found.next_number;
        found.next_number += 1;
        write(context, sealed, &outline, &found.runs, number, &merge)?;
        found
            .runs
            .push(Arc::new(Run::open(context.vfs.as_ref(), number)?));
    }
}

fn remove(context: &StoreContext, found: &mut runs::Found, choice: &Choice) {
    for number in choice.obsolete.iter().chain(&found.unreadable) {
        // A leftover costs room and is never asked.
        let _ = context.vfs.unlink(&names::run(*number));
    }
    found.unreadable.clear();
    found
        .runs
        .retain(|run| !choice.obsolete.contains(&run.header().number));
}

fn write(
    context: &StoreContext,
    sealed: &[Arc<Sealed>],
    outline: &[runs::Sealed],
    runs: &[Arc<Run>],
    number: u64,
    merge: &Merge,
) -> Result<()> {
    let mut footers: Vec<Entries> = Vec::new();
    for index in &merge.footers {
        let Some(sealed) = sealed.get(*index) else {
            continue;
        };
        let mut entries = Vec::with_capacity(sealed.entry.blobs as usize);
        sealed.fingerprints(context, |id, fingerprint| entries.push((fingerprint, id)))?;
        entries.sort_unstable();
        footers.push(Box::new(entries.into_iter().map(Ok)));
    }
    let named: Vec<Arc<Run>> = runs
        .iter()
        .filter(|run| merge.runs.contains(&run.header().number))
        .cloned()
        .collect();
    let ticket = (number, random()?);
    let check_interrupted = || context.options.check_interrupted();
    let vfs = context.vfs.as_ref();
    runs::carry_out(
        vfs,
        &check_interrupted,
        ticket,
        merge,
        outline,
        &named,
        footers,
    )
}
