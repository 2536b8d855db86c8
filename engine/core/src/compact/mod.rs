//! Compaction: gives back the space of what nothing reaches, and fills frames and segments again.
//!
//! A compaction is a row of steps. Each puts one new segment in the place of neighbouring sealed ones, by one new
//! manifest: an error, an interrupt or a crash leaves the store as it was before the step or after it. The emptiest
//! segments come first, because they need least room. Blob ids, rows and commit numbers stay what they were; readers of
//! older states keep their files.

mod goals;
mod keeper;
mod layout;
mod plan;
mod report;
mod reserve;
mod wanted;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use lakebed_codec::Workers;
use lakebed_format::{BlobId, CollectionId, DictionaryNumber, SegmentNumber, Seq, names};

use self::goals::{Goals, Plan, dead_large};
use self::keeper::Keeper;
use self::layout::PartMaker;
use self::plan::{Step, Weighed};
pub use self::report::{CompactOptions, CompactReport};
use self::reserve::Reserve;
use self::wanted::Wanted;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Meter, ProgressFn};
use crate::random::random_u64;
use crate::reach::Reach;
use crate::segment::Segment;
use crate::segment::columns::listing::NewParts;
use crate::segment::columns::write::{KnownChoices, PartPlace};
use crate::segment::rows::keep::NewSegment;
use crate::segment::rows::rewrite::Rewrite;
use crate::snapshot::{CommittedState, Snapshot};
use crate::write::declare;
use crate::write::replaced::replaced;
use crate::write::{Session, Shared};

/// Compacts a store, or says what compacting it would do; see [`crate::Store::compact`].
pub(crate) fn compact(shared: &Shared, mut options: CompactOptions) -> Result<CompactReport> {
    options.check()?;
    let mut meter = Meter::new(std::mem::take(&mut options.progress));
    if options.dry_run {
        let committed = shared.committed();
        let goals = Goals::of(&committed, &options)?;
        let plan = Plan::of(&committed, &goals)?;
        let mut report = CompactReport::before(&committed)?;
        report.dry_run = true;
        let dead = dead_large(&committed, &plan.reach);
        report.foresee(&plan.steps, &dead);
        report.foresee_large(&committed, &dead);
        report.held_bytes = held_bytes(shared, &committed)?;
        report.aside_bytes = aside_bytes(shared);
        report.seconds = meter.seconds();
        return Ok(report);
    }
    carry_out(shared, &mut meter, |committed| {
        Goals::of(committed, &options)
    })
}

/// Stores as columns what was ingested into a collection, as far as its setting says so; see
/// [`crate::Store::apply_layout`].
pub(crate) fn apply_layout(
    shared: &Shared,
    name: &str,
    asked: bool,
    progress: ProgressFn,
) -> Result<CompactReport> {
    let mut meter = Meter::new(progress);
    let goals = |committed: &Arc<CommittedState>| {
        let id = committed.catalogue.named(name).map(|found| found.id);
        let wanted = id.map(|id| Wanted::ingested(committed, id, asked));
        Ok::<Goals, Error>(Goals {
            level: None,
            wanted: wanted.transpose()?.unwrap_or_default(),
            only_layout: true,
            encodes_unfit: asked,
        })
    };
    let committed = shared.committed();
    if !goals(&committed)?.differ(&committed)? {
        return CompactReport::before(&committed);
    }
    drop(committed);
    carry_out(shared, &mut meter, goals)
}

fn carry_out(
    shared: &Shared,
    meter: &mut Meter,
    goals: impl Fn(&Arc<CommittedState>) -> Result<Goals>,
) -> Result<CompactReport> {
    let mut session = Session::begin(shared, None)?;
    session.commit()?;
    let goals = goals(&session.state())?;
    let mut report = CompactReport::before(&session.state())?;
    let reserve = Reserve::new(shared);
    let done = run(shared, &mut session, &goals, meter, &mut report, &reserve);
    reserve.restore();
    done?;
    let committed = session.state();
    report.after(&committed)?;
    report.held_bytes = held_bytes(shared, &committed)?;
    report.aside_bytes = aside_bytes(shared);
    report.seconds = meter.seconds();
    drop(committed);
    session.leave()?;
    Ok(report)
}

/// Bytes of replaced segments whose files are still there.
fn held_bytes(shared: &Shared, committed: &CommittedState) -> Result<u64> {
    let held = replaced(&shared.context, committed)?;
    Ok(held.iter().map(|(_, bytes)| bytes).sum())
}

/// Bytes in `aside/`.
fn aside_bytes(shared: &Shared) -> u64 {
    let vfs = &shared.context.vfs;
    let names = vfs.list(names::ASIDE).unwrap_or_default();
    names
        .iter()
        .filter_map(|name| vfs.open_read(&format!("{}/{name}", names::ASIDE)).ok())
        .filter_map(|file| file.len().ok())
        .sum()
}

fn run(
    shared: &Shared,
    session: &mut Session<'_>,
    goals: &Goals,
    meter: &mut Meter,
    report: &mut CompactReport,
    reserve: &Reserve<'_>,
) -> Result<()> {
    let first = Plan::of(&session.state(), goals)?;
    if first.steps.is_empty() {
        return Ok(());
    }
    let plan = if session.state().active.is_some() {
        drop(first);
        reserve.with(session, Session::seal_now)?;
        Plan::of(&session.state(), goals)?
    } else {
        first
    };
    let options = &shared.context.options;
    let level = goals.level.unwrap_or(options.level);
    let workers = Workers::new(options.threads, level).map_err(|e| Error::compressing(&e))?;
    let mut compaction = Compaction {
        shared,
        workers: Arc::new(workers),
        level,
        encode_all: goals.level.is_some(),
        encodes_unfit: goals.encodes_unfit,
        wanted: &goals.wanted,
        reach: plan.reach,
        retired: plan.retired,
        uses: plan.uses,
        declined: false,
        refused: BTreeMap::new(),
        meter,
        report,
        choices: KnownChoices::default(),
    };
    compaction.meter.total = plan.steps.iter().map(Step::len).sum();
    compaction.all(session, plan.steps, reserve)?;
    let refused = std::mem::take(&mut compaction.refused);
    if goals.wanted.remembers && !refused.is_empty() {
        declare::remember_rows(session, &refused)?;
        session.commit()?;
    }
    if let Err(error) = session.maintain_index()
        && error.kind() != ErrorKind::Interrupted
    {
        shared.context.warn(format!(
            "The index of sealed segments could not be brought up to date, so that searches take longer: {}",
            error.message()
        ));
    }
    Ok(())
}

/// A compaction under way.
struct Compaction<'a> {
    shared: &'a Shared,
    workers: Arc<Workers>,
    level: i32,
    encode_all: bool,
    encodes_unfit: bool,
    wanted: &'a Wanted,
    /// Of each collection whose rows stay in frames: the sequence number behind them.
    refused: BTreeMap<CollectionId, Seq>,
    reach: Arc<Reach>,
    retired: BTreeSet<DictionaryNumber>,
    uses: BTreeMap<SegmentNumber, BTreeSet<DictionaryNumber>>,
    /// Whether the last step ended because its segment stays as it is.
    declined: bool,
    meter: &'a mut Meter,
    report: &'a mut CompactReport,
    /// How the parts of the segments before were written.
    choices: KnownChoices,
}

impl Compaction<'_> {
    fn all(
        &mut self,
        session: &mut Session<'_>,
        steps: Vec<Step>,
        reserve: &Reserve<'_>,
    ) -> Result<()> {
        // A dictionary can go when no other segment uses it.
        let state = session.state();
        let (holders, others): (Vec<Step>, Vec<Step>) = steps
            .into_iter()
            .partition(|step| self.holds_retired(&state, step));
        drop(state);
        let mut queue: VecDeque<Step> = others.into_iter().chain(holders).collect();
        let mut waiting: Vec<Step> = Vec::new();
        let mut gained = false;
        loop {
            let Some(step) = queue.pop_front() else {
                // What there was no room for may fit now.
                if waiting.is_empty() || !gained {
                    break;
                }
                gained = false;
                queue.extend(waiting.drain(..));
                continue;
            };
            match reserve.with(session, |session| self.step(session, &step)) {
                Ok(()) => gained = true,
                Err(_) if self.declined && !session.is_over() => {}
                Err(error) if error.kind() == ErrorKind::StoreFull && !session.is_over() => {
                    if step.segments.len() > 1 {
                        for part in step.split().into_iter().rev() {
                            queue.push_front(part);
                        }
                    } else {
                        waiting.push(step);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Corrupt && !session.is_over() => {
                    self.report.skipped_segments += step.segments.len() as u64;
                    let text = format!("Not compacted: {}", error.message());
                    self.shared.context.warn(text);
                }
                Err(error) => return Err(error),
            }
        }
        if !waiting.is_empty() {
            let needed = waiting.iter().map(Step::kept_len).min().unwrap_or(0);
            self.report.skipped_segments += waiting.len() as u64;
            self.shared.context.warn(format!(
                "There was no room to compact {} more segments; {needed} bytes of free space are needed for the next one.",
                waiting.len()
            ));
        }
        self.last_dictionaries(session, reserve)
    }

    /// Segments that hold dictionaries which others used until now.
    fn last_dictionaries(
        &mut self,
        session: &mut Session<'_>,
        reserve: &Reserve<'_>,
    ) -> Result<()> {
        let state = session.state();
        let used: BTreeSet<DictionaryNumber> = self.uses.values().flatten().copied().collect();
        let mut holders = Vec::new();
        for sealed in &state.manifest.sealed {
            let entry = &sealed.entry;
            let range = entry.first_blob..entry.end_blob;
            let held = self.retired_in(&state, &range);
            if held.iter().any(|number| !used.contains(number)) {
                holders.push(Step {
                    segments: vec![Weighed {
                        number: entry.number,
                        len: entry.len,
                        blobs: entry.blobs,
                        kept: entry.blobs,
                        kept_len: entry.len,
                        uses: BTreeSet::new(),
                        due: true,
                        only_layout: false,
                    }],
                });
            }
        }
        drop(state);
        for step in holders {
            match reserve.with(session, |session| self.step(session, &step)) {
                Err(error) if error.kind() == ErrorKind::StoreFull && !session.is_over() => {}
                done => done?,
            }
        }
        Ok(())
    }

    fn holds_retired(&self, state: &CommittedState, step: &Step) -> bool {
        places(state, step).is_some_and(|places| {
            ids_of(state, &places).is_some_and(|ids| !self.retired_in(state, &ids).is_empty())
        })
    }

    /// The retired dictionaries whose blobs lie in a range.
    fn retired_in(
        &self,
        state: &CommittedState,
        ids: &Range<BlobId>,
    ) -> BTreeSet<DictionaryNumber> {
        let retired = self.retired.iter();
        let entries = retired.filter_map(|number| state.catalogue.dictionary(*number));
        entries
            .filter(|entry| ids.contains(&entry.blob))
            .map(|entry| entry.number)
            .collect()
    }

    fn step(&mut self, session: &mut Session<'_>, step: &Step) -> Result<()> {
        self.declined = false;
        let result = self.replace(session, step);
        // What this step read from is let go by now, and its files with it.
        if result.is_ok() {
            session.release();
        }
        result
    }

    fn replace(&mut self, session: &mut Session<'_>, step: &Step) -> Result<()> {
        let state = session.state();
        let places = places(&state, step).ok_or_else(|| step.moved())?;
        let ids = ids_of(&state, &places)
            .ok_or_else(|| Error::internal("no segment is to be compacted"))?;
        let own: Vec<SegmentNumber> = step.segments.iter().map(|one| one.number).collect();
        let elsewhere = |number: &DictionaryNumber| {
            let others = self
                .uses
                .iter()
                .filter(|(segment, _)| !own.contains(segment));
            others.into_iter().any(|(_, used)| used.contains(number))
        };
        let mut gone = self.retired_in(&state, &ids);
        gone.retain(|number| !elsewhere(number));
        let dead = dead_large(&state, &self.reach);
        let dead: BTreeSet<BlobId> = dead.range(ids.clone()).copied().collect();
        let mut catalogue = state.catalogue.clone();
        catalogue.forget(&gone, &dead);
        let sources: Vec<Arc<dyn Segment>> = state
            .manifest
            .sealed
            .get(places.clone())
            .unwrap_or_default()
            .iter()
            .map(|sealed| Arc::clone(&sealed.segment))
            .collect();
        let sealed = state
            .manifest
            .sealed
            .get(places.clone())
            .unwrap_or_default();
        let raw_bytes = sealed.iter().map(|sealed| sealed.entry.raw_bytes).sum();
        let snapshot = Snapshot::new(state, None);
        let context = Arc::clone(&self.shared.context);
        let mut keeper = Keeper::new(
            &snapshot,
            &self.reach,
            &sources,
            &self.retired,
            &gone,
            self.meter,
        )?;
        let maker = PartMaker {
            snapshot: &snapshot,
            sources: &sources,
            source_bytes: step.len(),
            source_raw_bytes: raw_bytes,
            wanted: self.wanted,
        };
        let new = NewSegment {
            number: SegmentNumber(0),
            salt: random_u64()?,
            level: self.level,
            store: context.header.uuid,
            first_blob: ids.start,
            end_blob: ids.end,
            page_bytes: context.options.page_bytes,
            encode_all: self.encode_all,
        };
        let workers = &self.workers;
        let encodes_unfit = self.encodes_unfit;
        let choices = &self.choices;
        let (declined, refused) = (&mut self.declined, &mut self.refused);
        let stays_rows = &mut self.report.stays_rows;
        let entry = session.replace(places, catalogue, &mut |number, body| {
            let mut new = NewSegment { number, ..new };
            let vfs = context.vfs.as_ref();
            let place = PartPlace {
                vfs,
                files: &context.segments,
                segment: number,
                salt: new.salt,
                level: new.level,
                threads: context.options.thread_count(),
                choices,
            };
            let parts = maker.write(place, &keeper)?;
            let encodes = encodes_unfit && !parts.refused.is_empty();
            new.encode_all |= encodes;
            for one in parts.refused {
                let end = refused.entry(one.collection).or_insert(one.end);
                *end = one.end.max(*end);
                stays_rows.push(one.why);
            }
            let stays = parts.written.is_empty() && step.only_layout() && !encodes;
            if stays && !maker.unmakes()? {
                *declined = true;
                return Err(Error::internal("a segment stays as it is"));
            }
            let mut rewrite = {
                let parts = NewParts::new(parts.written);
                Rewrite::begin(vfs, new, Arc::clone(workers), parts)?
            };
            for source in &sources {
                rewrite.add_blobs(snapshot.reader(), source.as_ref(), &mut keeper)?;
            }
            for source in &sources {
                rewrite.add_rows(snapshot.reader(), source.as_ref(), &mut keeper)?;
            }
            rewrite.finish(body)
        })?;
        for number in &own {
            self.uses.remove(number);
        }
        self.uses.insert(entry.number, BTreeSet::new());
        self.report.rewritten_segments += own.len() as u64;
        self.report.removed_blobs += step.dead() + dead.len() as u64;
        let done = self.meter.total.min(self.report.read_bytes + step.len());
        self.report.read_bytes = done;
        self.meter.reach(done)
    }
}

/// Where the segments of a step are among the sealed ones; `None` when they are not neighbours.
fn places(state: &CommittedState, step: &Step) -> Option<Range<usize>> {
    let first = step.segments.first()?.number;
    let mut sealed = state.manifest.sealed.iter();
    let start = sealed.position(|sealed| sealed.entry.number == first)?;
    let found = state
        .manifest
        .sealed
        .get(start..start + step.segments.len())?;
    let same = found
        .iter()
        .zip(&step.segments)
        .all(|(sealed, one)| sealed.entry.number == one.number);
    same.then_some(start..start + step.segments.len())
}

/// The blob ids that may occur in the segments at these places.
fn ids_of(state: &CommittedState, places: &Range<usize>) -> Option<Range<BlobId>> {
    let segments = state.manifest.sealed.get(places.clone())?;
    Some(segments.first()?.entry.first_blob..segments.last()?.entry.end_blob)
}
