//! Which sealed blobs may have a fingerprint: few runs and few footers are searched, however many segments there are.
//!
//! Runs are opened at the first search. One that cannot be used counts as missing: the footers of its segments are
//! searched instead.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use lakebed_format::index_run::RUN_FINGERPRINT_BITS;
use lakebed_format::{BlobId, Fingerprint, IndexRunHeader, names};
use parking_lot::RwLock;

use super::footer_entries::entries_of;
use super::runs::{self, Choice, Merge, Run};
use crate::context::StoreContext;
use crate::error::{Error, Result};
use crate::fingerprints::filter::{BLOBS_A_QUESTION, Filter};
use crate::random::random_u64;
use crate::segment::SealedSegment;

/// How to look up fingerprints of sealed segments.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    order: RwLock<Option<Arc<SearchOrder>>>,
}

/// What is searched, newest first.
#[derive(Debug, Default)]
struct SearchOrder {
    footers: Vec<FooterSearch>,
    runs: Vec<RunSearch>,
}

/// Segments of which a run says which to search.
#[derive(Debug)]
struct RunSearch {
    run: Arc<Run>,
    covered: Vec<SealedSegment>,
}

/// A segment searched through its own footer.
#[derive(Debug)]
struct FooterSearch {
    sealed: SealedSegment,
    /// Searches so far, until there is a filter.
    searches: AtomicU64,
    /// `None` inside: there cannot be one.
    filter: OnceLock<Option<Arc<Filter>>>,
}

impl FooterSearch {
    fn new(sealed: SealedSegment) -> Self {
        Self {
            sealed,
            searches: AtomicU64::new(0),
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

    /// Counts a search; after enough of them, or if an earlier order has made one, there is a filter.
    #[cold]
    fn filter_when_due(&self, context: &StoreContext) -> Option<&Option<Arc<Filter>>> {
        let entry = &self.sealed.entry;
        let searches = self.searches.fetch_add(1, Ordering::Relaxed);
        let made = if searches == 0 {
            context.filters.get(entry.number)
        } else {
            None
        };
        let due = made.is_some() || searches >= entry.blobs / BLOBS_A_QUESTION;
        due.then(|| {
            self.filter
                .get_or_init(|| made.or_else(|| self.make_filter(context)))
        })
    }

    fn make_filter(&self, context: &StoreContext) -> Option<Arc<Filter>> {
        let entry = &self.sealed.entry;
        let mut filter = Filter::new(entry.blobs)?;
        // A segment whose fingerprints cannot all be read has none: it is then searched, and the damage found.
        let files = &context.segments;
        let mut insert = |_, fingerprint| filter.insert(fingerprint);
        self.sealed.segment.fingerprints(files, &mut insert).ok()?;
        Some(context.filters.insert(entry.number, filter))
    }
}

/// A segment as the policy knows it.
fn outline(sealed: &[SealedSegment]) -> Vec<runs::SegmentOutline> {
    sealed
        .iter()
        .map(|sealed| runs::SegmentOutline {
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

/// The runs that searches use, each with the segments that it lists.
pub(crate) fn covered_by<'a>(
    sealed: &'a [SealedSegment],
    runs: &'a [Arc<Run>],
) -> Vec<(&'a Arc<Run>, &'a [SealedSegment])> {
    let outline = outline(sealed);
    let choice = runs::choose(&outline, &headers(runs));
    let used = choice.runs.iter().filter_map(|header| {
        let run = runs
            .iter()
            .find(|run| run.header().number == header.number)?;
        Some((run, sealed.get(runs::covered(&outline, header)?)?))
    });
    used.collect()
}

impl SearchOrder {
    fn new(sealed: &[SealedSegment], runs: &[Arc<Run>]) -> Self {
        let choice = runs::choose(&outline(sealed), &headers(runs));
        let footers = choice.uncovered.iter().rev();
        Self {
            footers: footers
                .filter_map(|index| sealed.get(*index))
                .filter(|sealed| sealed.entry.blobs > 0)
                .map(|sealed| FooterSearch::new(sealed.clone()))
                .collect(),
            runs: covered_by(sealed, runs)
                .into_iter()
                .rev()
                .map(|(run, covered)| RunSearch {
                    run: Arc::clone(run),
                    covered: covered.to_vec(),
                })
                .collect(),
        }
    }
}

impl Lookup {
    fn order(&self, context: &StoreContext, sealed: &[SealedSegment]) -> Arc<SearchOrder> {
        if let Some(order) = &*self.order.read() {
            return Arc::clone(order);
        }
        let mut place = self.order.write();
        if let Some(order) = &*place {
            return Arc::clone(order);
        }
        // With one segment there is no run.
        let runs = if sealed.len() > 1 {
            runs::open_all(context.vfs.as_ref(), context.segments.can_map).runs
        } else {
            Vec::new()
        };
        let order = Arc::new(SearchOrder::new(sealed, &runs));
        *place = Some(Arc::clone(&order));
        order
    }

    /// The order without a run that turned out to be damaged.
    fn without(&self, sealed: &[SealedSegment], order: &SearchOrder, bad: u64) -> Arc<SearchOrder> {
        let runs: Vec<Arc<Run>> = order
            .runs
            .iter()
            .map(|search| Arc::clone(&search.run))
            .filter(|run| run.header().number != bad)
            .collect();
        let order = Arc::new(SearchOrder::new(sealed, &runs));
        *self.order.write() = Some(Arc::clone(&order));
        order
    }

    /// Passes the ids that have a fingerprint in the range to `each`, source by source, until it returns false.
    ///
    /// # Errors
    /// `Corrupt` when a footer cannot be read and no other source ended the search; `Io`; those of `each`.
    pub(crate) fn search(
        &self,
        context: &StoreContext,
        sealed: &[SealedSegment],
        range: &RangeInclusive<Fingerprint>,
        each: &mut dyn FnMut(&[BlobId]) -> Result<bool>,
    ) -> Result<()> {
        if sealed.is_empty() {
            return Ok(());
        }
        let files = &context.segments;
        let mut order = self.order(context, sealed);
        'again: loop {
            let (mut found, mut places) = (Vec::new(), Vec::new());
            let mut unreadable = None;
            let mut search = |segment: &SealedSegment, found: &mut Vec<BlobId>| {
                found.clear();
                match segment.segment.find(files, range.clone(), found) {
                    // Another segment may have what is wanted; only if none does, this matters.
                    Err(error) if error.kind().is_of_one_segment() => {
                        unreadable = Some(error);
                        Ok(())
                    }
                    result => result,
                }
            };
            for footer in &order.footers {
                if range.start() == range.end() && !footer.may_hold(context, *range.start()) {
                    continue;
                }
                search(&footer.sealed, &mut found)?;
                if !found.is_empty() && !each(&found)? {
                    return Ok(());
                }
            }
            for RunSearch { run, covered } in &order.runs {
                places.clear();
                if run.range(range, &mut places).is_err() {
                    order = self.without(sealed, &order, run.header().number);
                    continue 'again;
                }
                let named = places.iter().rev().filter_map(|place| {
                    usize::try_from(*place)
                        .ok()
                        .and_then(|place| covered.get(place))
                });
                for segment in named {
                    search(segment, &mut found)?;
                    if !found.is_empty() && !each(&found)? {
                        return Ok(());
                    }
                }
            }
            return unreadable.map_or(Ok(()), Err);
        }
    }
}

/// Brings the runs up to date with the sealed segments. Only the writer calls it; whatever fails leaves a slower and
/// whole store.
pub(crate) fn maintain(context: &StoreContext, sealed: &[SealedSegment]) -> Result<()> {
    let outline = outline(sealed);
    let mut found = runs::open_all(context.vfs.as_ref(), context.segments.can_map);
    loop {
        let choice = runs::choose(&outline, &headers(&found.runs));
        remove(context, &mut found, &choice);
        let Some(merge) = runs::next_merge(&outline, &choice) else {
            return Ok(());
        };
        let number = found.next_number;
        found.next_number += 1;
        write(context, sealed, &outline, &found.runs, number, &merge)?;
        found.runs.push(Arc::new(Run::open(
            context.vfs.as_ref(),
            number,
            context.segments.can_map,
        )?));
    }
}

fn remove(context: &StoreContext, found: &mut runs::FoundRuns, choice: &Choice) {
    for number in choice.obsolete.iter().chain(&found.unreadable) {
        // A leftover costs room and is never searched.
        let _ = context.vfs.unlink(&names::run(*number));
    }
    for name in found.old.drain(..) {
        let _ = context.vfs.unlink(&name);
    }
    found.unreadable.clear();
    found
        .runs
        .retain(|run| !choice.obsolete.contains(&run.header().number));
}

fn write(
    context: &StoreContext,
    sealed: &[SealedSegment],
    outline: &[runs::SegmentOutline],
    runs: &[Arc<Run>],
    number: u64,
    merge: &Merge,
) -> Result<()> {
    let named: Vec<&Arc<Run>> = runs
        .iter()
        .filter(|run| merge.runs.contains(&run.header().number))
        .collect();
    let place_of = |index: usize| index.saturating_sub(merge.segments.start) as u64;
    let bits = named.iter().map(|run| run.header().fingerprint_bits);
    let bits = bits.min().unwrap_or(u32::MAX).min(RUN_FINGERPRINT_BITS);
    let mut sources = Vec::new();
    for index in &merge.footers {
        let sealed = sealed
            .get(*index)
            .ok_or_else(|| Error::internal("a run is to cover a segment that is not there"))?;
        let place = place_of(*index);
        sources.push(entries_of(&context.segments, sealed, bits, place));
    }
    for run in named {
        let covered = runs::covered(outline, run.header())
            .ok_or_else(|| Error::internal("a run is merged that covers other segments"))?;
        sources.push(runs::moved_entries(run, bits, place_of(covered.start)));
    }
    let ticket = (number, random_u64()?);
    let check_interrupted = || context.options.check_interrupted();
    let vfs = context.vfs.as_ref();
    runs::carry_out(
        vfs,
        &check_interrupted,
        ticket,
        bits,
        merge,
        outline,
        sources,
    )
}
