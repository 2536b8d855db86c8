//! Carrying a repair out. The order of the steps is what keeps the store whole when it is stopped between two of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use lakebed_codec::{Dictionary, Workers};
use lakebed_format::{
    BlobId, CollectionId, Encoding, IdRun, ManifestBody, RowBatchEntry, SegmentEntry,
    SegmentNumber, Seq, names,
};
use lakebed_vfs::{Open, Vfs};

use super::plan::{Plan, by_blobs};
use super::report::{ActionKind, RepairReport};
use crate::catalogue::Catalogue;
use crate::context::{StoreContext, read_header};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::place::Place;
use crate::random::random_u64;
use crate::segment::columns::listing::NewParts;
use crate::segment::rows::keep::{Keep, Kept, NewSegment};
use crate::segment::rows::rewrite::Rewrite;
use crate::segment::{FindDictionary, Segment};
use crate::snapshot::open::{Caller, newest};
use crate::snapshot::{CommittedState, Snapshot};
use crate::write::commit::Failure;
use crate::write::create::write_format;
use crate::write::manifest::{remove_old_manifests, write_manifest};
use crate::write::recover::{copy_aside, free_name};
use crate::write::seal::body_of;
use crate::write::{Session, Shared, declare};
use crate::writer_lock::WriterLock;

/// Bytes compared at a time.
const STEP: usize = 1 << 20;
/// The extension of copies of damaged files.
const DAMAGED: &str = "damaged";

impl Plan {
    /// Files that go to `aside/`, with the stems of their names there.
    fn to_keep(&self) -> Vec<(String, String)> {
        let segments = self.gone.iter();
        let segments =
            segments.map(|number| (names::segment(*number), format!("{:012}", number.0)));
        let manifests = self.survey.damaged_manifests.iter();
        let manifests =
            manifests.map(|number| (names::manifest(*number), format!("manifest-{number}")));
        let format = self.survey.format_lost;
        let format = format.then(|| (names::FORMAT.to_owned(), names::FORMAT.to_owned()));
        let parts = self.gone_parts().map(|(number, collection)| {
            let stem = format!("{:012}-{}", number.0, collection.0);
            (names::part(number, collection), stem)
        });
        let segments = segments.chain(parts);
        segments.chain(manifests).chain(format).collect()
    }

    /// The parts of segments whose files go.
    fn gone_parts(&self) -> impl Iterator<Item = (SegmentNumber, CollectionId)> {
        let parts = self.survey.parts.iter().copied();
        parts.filter(|(number, _)| self.gone.contains(number))
    }

    /// Tells what else will be done.
    pub(super) fn announce(&self, report: &mut RepairReport) {
        let vfs = self.survey.context.vfs.as_ref();
        for (name, _) in self.to_keep() {
            if vfs.open_read(&name).is_ok() {
                let text = format!("A copy of {name}, as it is, goes to aside/.");
                report.act(ActionKind::SetAside, name, text);
            }
        }
        if self.writes_manifest() {
            let number = self.manifest_number();
            report.act(
                ActionKind::Manifest,
                names::manifest(number),
                format!("Manifest {number} is written."),
            );
        }
    }

    fn manifest_number(&self) -> u64 {
        // Every manifest gives a segment number at least.
        let least = self.survey.base.next_segment.0;
        self.survey.manifests.last().map_or(least, |last| last + 1)
    }

    /// Does what is planned. Returns the collections whose types are to be inferred anew.
    ///
    /// # Errors
    /// `StoreLocked`, `StoreFull`, `Io`, `Interrupted`: the store is as it was, or repaired; repair it again.
    pub(super) fn carry_out(
        self,
        mut lock: WriterLock,
        report: &mut RepairReport,
    ) -> Result<BTreeSet<Arc<str>>> {
        let context = Arc::clone(&self.survey.context);
        let vfs = context.vfs.as_ref();
        let io = |error| Error::io(&format!("repairing {}", vfs.describe()), error);
        self.totals(report)?;
        self.check_body()?;
        for dir in [names::SEGMENTS, names::MANIFESTS, names::INDEX] {
            vfs.create_dir(dir).map_err(io)?;
        }
        vfs.sync_dir("").map_err(io)?;
        for (name, stem) in self.to_keep() {
            keep(&context, &name, &stem)?;
        }
        if self.survey.format_lost {
            write_format(vfs, &context.header)?;
        }
        let (_, place) = read_header(vfs)?;
        for (from, number) in &self.back {
            let to = names::segment(*number);
            vfs.rename(from, &to).map_err(io)?;
            vfs.sync_dir(names::SEGMENTS).map_err(io)?;
            vfs.sync_dir(names::ASIDE).map_err(io)?;
        }
        if self.writes_manifest() {
            self.write(&lock, &place)?;
        } else {
            lock.held().check_place(vfs, &place)?;
        }
        for number in &self.runs {
            // Nothing relies on it.
            let _ = vfs.unlink(&names::run(*number));
        }
        // Only a hint: without it the next writer checks the last commit once more.
        let _ = lock.set_synced(vfs, self.state()?.commit);
        Ok(self.infer.clone())
    }

    /// Writes the new segments and the manifest that names them, and removes the old files.
    fn write(&self, lock: &WriterLock, place: &Place) -> Result<()> {
        let context = &self.survey.context;
        let vfs = context.vfs.as_ref();
        let io = |error| Error::io(&format!("repairing {}", vfs.describe()), error);
        let body = if self.active.is_some() {
            self.survey.base.clone()
        } else {
            self.rewrite()?
        };
        vfs.sync_dir(names::SEGMENTS).map_err(io)?;
        lock.held().check_place(vfs, place)?;
        let number = self.manifest_number();
        write_manifest(context, number, body).map_err(Failure::into_error)?;
        lock.held().check_place(vfs, place)?;
        remove_old_manifests(context, number);
        if self.only_manifest(number) {
            for segment in &self.gone {
                // What stays is no part of the store any more.
                let _ = vfs.unlink(&names::segment(*segment));
            }
            for (segment, collection) in self.gone_parts() {
                let _ = vfs.unlink(&names::part(segment, collection));
            }
        }
        Ok(())
    }

    /// Whether no reader holds an older manifest, and with it files that it names.
    fn only_manifest(&self, newest: u64) -> bool {
        let vfs = self.survey.context.vfs.as_ref();
        let list = vfs.list(names::MANIFESTS).unwrap_or_default();
        let mut numbers = list.iter().filter_map(|name| names::parse_manifest(name));
        numbers.all(|number| number == newest)
    }

    /// Writes the parts as new segments. Returns the body of the manifest that names them.
    fn rewrite(&self) -> Result<ManifestBody> {
        let context = &self.survey.context;
        let state = Arc::new(self.state()?);
        let snapshot = Snapshot::new(Arc::clone(&state), None);
        let mut catalogue = self.catalogue.clone();
        let highest = self.highest_segment();
        let mut next = catalogue.next_segment.max(highest.next());
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort_by_key(|part| by_blobs(&part.entry));
        let active = SegmentNumber(next.0 + parts.len() as u64);
        catalogue.next_segment = active.next();
        let mut segments: Vec<SegmentEntry> = self.whole.iter().map(|s| s.entry).collect();
        let workers = Workers::new(context.options.threads, context.options.level);
        let workers = Arc::new(workers.map_err(|error| Error::compressing(&error))?);
        for (place, part) in parts.iter().enumerate() {
            let new = NewSegment {
                number: next,
                salt: random_u64()?,
                level: context.options.level,
                store: context.header.uuid,
                first_blob: part.entry.first_blob,
                end_blob: part.entry.end_blob,
                page_bytes: context.options.page_bytes,
                encode_all: false,
            };
            let source: &dyn Segment = part.segment.as_ref();
            let mut all = KeepAll {
                snapshot: &snapshot,
            };
            let read = snapshot.reader();
            let none = NewParts::default();
            let mut rewrite =
                Rewrite::begin(context.vfs.as_ref(), new, Arc::clone(&workers), none)?;
            rewrite.add_blobs(read, source, &mut all)?;
            rewrite.add_rows(read, source, &mut all)?;
            let last = place + 1 == parts.len();
            let entry = rewrite.finish(|entry| {
                if !last {
                    // Only the last one knows all: a body that does not name its own segment counts for nothing.
                    return Ok(self.survey.base.clone());
                }
                body(&state, &catalogue, &segments, Some(entry), active)
            })?;
            segments.push(entry);
            next = next.next();
        }
        body(&state, &catalogue, &segments, None, active)
    }

    /// What the report says of a repair that is not carried out.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn foresee(&self, report: &mut RepairReport) -> Result<()> {
        let context = &self.survey.context;
        for (name, stem) in self.to_keep() {
            if context.vfs.open_read(&name).is_ok() {
                report.set_aside.push(free_name(context, &stem, DAMAGED)?);
            }
        }
        self.totals(report)?;
        self.check_body()
    }

    /// Checks that there can be a manifest of what is planned.
    ///
    /// # Errors
    /// `Corrupt`.
    fn check_body(&self) -> Result<()> {
        if self.active.is_some() || !self.writes_manifest() {
            return Ok(());
        }
        let state = Arc::new(self.state()?);
        let mut catalogue = self.catalogue.clone();
        let active = catalogue.next_segment.max(self.highest_segment().next());
        catalogue.next_segment = active.next();
        let parts = self.parts.iter().map(|part| part.entry);
        let segments: Vec<SegmentEntry> = self.whole.iter().map(|s| s.entry).chain(parts).collect();
        body(&state, &catalogue, &segments, None, active).map(|_| ())
    }
}

/// The body of a manifest with these segments.
fn body(
    state: &CommittedState,
    catalogue: &Catalogue,
    segments: &[SegmentEntry],
    more: Option<SegmentEntry>,
    active: SegmentNumber,
) -> Result<ManifestBody> {
    let mut segments: Vec<SegmentEntry> = segments.iter().copied().chain(more).collect();
    segments.sort_by_key(by_blobs);
    body_of(state, catalogue, segments, active)
}

/// Keeps everything that is there.
struct KeepAll<'a> {
    snapshot: &'a Snapshot,
}

impl Keep for KeepAll<'_> {
    fn run(&self, _: IdRun) -> Kept {
        Kept::All
    }

    fn blob(&self, _: BlobId) -> bool {
        true
    }

    fn is_dictionary(&self, id: BlobId) -> bool {
        self.snapshot.catalogue().is_dictionary(id)
    }

    fn allows(&self, _: Encoding) -> bool {
        true
    }

    fn dictionary(&mut self, _: BlobId, was: Encoding) -> Result<Option<Arc<Dictionary>>> {
        let number = was.dictionary();
        let dictionary = number.map(|number| self.snapshot.dictionary(number));
        dictionary.transpose()
    }

    fn first_row(&self, entry: &RowBatchEntry) -> Option<Seq> {
        Some(entry.first_seq)
    }

    fn advance(&mut self, _: u64) -> Result<()> {
        self.snapshot.committed.context.options.check_interrupted()
    }
}

/// Copies a file to `aside/`, unless it is not there or a repair that was stopped has done so.
fn keep(context: &StoreContext, name: &str, stem: &str) -> Result<()> {
    let vfs = context.vfs.as_ref();
    let io = |error| Error::io(&format!("keeping a copy of {name}"), error);
    let file = match vfs.open(name, Open::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    // Behind its data a file that is longer than what is stored of it has only zeros.
    let len = file.data_end().map_err(io)?;
    for known in vfs.list(names::ASIDE).unwrap_or_default() {
        let is_copy = known.starts_with(&format!("{stem}-"))
            && std::path::Path::new(&known)
                .extension()
                .is_some_and(|extension| extension == DAMAGED);
        let path = format!("{}/{known}", names::ASIDE);
        if is_copy && is_same(vfs, file.as_ref(), len, &path).map_err(io)? {
            return crate::write::recover::sync_aside(context).map_err(io);
        }
    }
    let target = free_name(context, stem, DAMAGED)?;
    if let Err(error) = copy_aside(context, file.as_ref(), 0..len, &target) {
        // An incomplete copy only takes room.
        let _ = vfs.unlink(&target);
        return Err(io(error));
    }
    Ok(())
}

fn is_same(
    vfs: &dyn Vfs,
    file: &dyn lakebed_vfs::File,
    len: u64,
    other: &str,
) -> std::io::Result<bool> {
    let other = vfs.open(other, Open::ReadWrite)?;
    if other.len()? != len {
        return Ok(false);
    }
    let (mut a, mut b) = (vec![0; STEP], vec![0; STEP]);
    let mut at = 0;
    while at < len {
        let step = usize::try_from(len - at).map_or(STEP, |rest| rest.min(STEP));
        a.truncate(step);
        b.truncate(step);
        file.read_exact_at(&mut a, at)?;
        other.read_exact_at(&mut b, at)?;
        if a != b {
            return Ok(false);
        }
        at += step as u64;
    }
    other.sync_data()?;
    Ok(true)
}

/// Opens the repaired store as a writer does: cuts off what belongs to no commit, infers types anew, and brings the
/// index up to date.
///
/// # Errors
/// Those of opening a store and of taking its lock.
pub(super) fn settle(
    vfs: &Arc<dyn Vfs>,
    options: &Options,
    infer: &BTreeSet<Arc<str>>,
    report: &mut RepairReport,
) -> Result<()> {
    let context = Arc::new(StoreContext::open(Arc::clone(vfs), options.clone())?);
    let committed = newest(&context, None, Caller::Reader)?;
    let shared = Shared::new(Arc::clone(&context), committed);
    let mut session = Session::begin(&shared, None)?;
    for name in infer {
        let inferred = declare::infer(&mut session, name).and_then(|()| session.commit());
        match inferred {
            Ok(commit) => report.commit = commit,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                report.notes.push(format!(
                    "The types of {name} could not be inferred anew ({}); do it with `describe {name} --infer`.",
                    error.message()
                ));
            }
        }
        if session.is_over() {
            break;
        }
    }
    if let Err(error) = session.maintain_index() {
        report.notes.push(error.message().to_owned());
    }
    session.leave()?;
    report.notes.extend(context.take_warnings());
    Ok(())
}

/// The names in `aside/`.
pub(super) fn aside_names(vfs: &dyn Vfs) -> BTreeSet<String> {
    let list = vfs.list(names::ASIDE).unwrap_or_default();
    list.iter()
        .map(|name| format!("{}/{name}", names::ASIDE))
        .collect()
}
