//! Finding the newest state of a store: the highest whole manifest, and the commits after it in the active segment.
//!
//! The same code opens a store and brings an open one up to date, which keeps what did not change. It never writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lakebed_format::{CommitNumber, LockText, Manifest, ManifestBody, SegmentNumber, names};
use lakebed_vfs::{File, Holder, Lock, Names, Open};

use super::committed::{CommittedState, HeldManifest};
use super::history::check_history;
use super::manifest_file::manifest_bytes;
use super::rebuild::from_footers;
use crate::catalogue::Catalogue;
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::index::lookup::Lookup;
use crate::place::restored;
use crate::segment::SealedSegment;
use crate::segment::rows::active::{ActiveRows, Base, Newest, SyncState};
use crate::writer_lock::{read_synced, read_text};

/// How often a reader tries again when the manifest is replaced while it is being read.
const TRIES: usize = 100;
/// How often, and how far apart, a reader reads again what the writer says before it takes the last commit for
/// unfinished.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_micros(250);

/// On whose behalf the newest state is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A reader's.
    Reader,
    /// That of the holder of the writer's lock: what others left is final. With the last commit that is known to be on
    /// disk.
    Writer(Option<CommitNumber>),
}

/// The newest state. `before` is what this store object saw last.
///
/// # Errors
/// `Corrupt`, `FormatTooNew`, `NotAStore`, `StoreNotFound`, `Io`.
pub(crate) fn newest(
    context: &Arc<StoreContext>,
    before: Option<&CommittedState>,
    caller: Caller,
) -> Result<CommittedState> {
    let (manifest, active) = newest_parts(context, before, caller)?;
    Ok(CommittedState::new(Arc::clone(context), manifest, active))
}

/// The newest state, if this store object has not seen it yet.
///
/// # Errors
/// As [`newest`].
pub(crate) fn newer(
    context: &Arc<StoreContext>,
    before: &CommittedState,
) -> Result<Option<CommittedState>> {
    let (manifest, active) = newest_parts(context, Some(before), Caller::Reader)?;
    let same = Arc::ptr_eq(&manifest, &before.manifest)
        && match (&active, &before.active) {
            (Some(found), Some(known)) => Arc::ptr_eq(found, known),
            (found, known) => found.is_none() && known.is_none(),
        };
    Ok((!same).then(|| CommittedState::new(Arc::clone(context), manifest, active)))
}

fn newest_parts(
    context: &Arc<StoreContext>,
    before: Option<&CommittedState>,
    caller: Caller,
) -> Result<(Arc<HeldManifest>, Option<Arc<ActiveRows>>)> {
    let manifest = hold_manifest(context, before, caller)?;
    let known = before
        .filter(|committed| committed.manifest.active == manifest.active)
        .and_then(|committed| committed.active.as_ref());
    let active = open_active(context, &manifest, known, caller)?;
    if let Some(before) = before {
        check_history(context, before, &manifest, active.as_deref())?;
    }
    Ok((manifest, active))
}

/// The highest manifest, with a shared lock on it; when it is damaged or missing, what the footers repeat of it.
fn hold_manifest(
    context: &Arc<StoreContext>,
    before: Option<&CommittedState>,
    caller: Caller,
) -> Result<Arc<HeldManifest>> {
    let mut none = 0;
    for _ in 0..TRIES {
        let now = context.directory_state(names::MANIFESTS);
        if let Some(committed) = before
            && caller == Caller::Reader
            && context
                .manifests
                .is_current(now, &committed.manifest.number)
        {
            return Ok(Arc::clone(&committed.manifest));
        }
        let mut numbers = manifest_numbers(context)?;
        numbers.sort_unstable();
        if let Some(committed) = before
            && numbers
                .last()
                .is_none_or(|last| *last <= committed.manifest.number)
        {
            // No writer removes it while it is held.
            let io = |error| Error::io("looking for the manifest", error);
            if committed.manifest.held.names().map_err(io)?.opened {
                context.manifests.store(now, committed.manifest.number);
                return Ok(Arc::clone(&committed.manifest));
            }
            if numbers.last() < Some(&committed.manifest.number) {
                // As below.
                none += 1;
                if none < 3 {
                    continue;
                }
                return Err(restored(context.vfs.as_ref()));
            }
        }
        let Some(number) = numbers.last() else {
            // A listing may miss both the manifest that is removed and the one that replaces it.
            none += 1;
            if none < 3 {
                continue;
            }
            return rebuild(context, None, before, no_manifest(context));
        };
        match hold(context, *number, before) {
            Ok(Some(manifest)) => return Ok(manifest),
            // A newer one has replaced it since.
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                return rebuild(context, Some(*number), before, error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(
        ErrorKind::Io,
        format!(
            "The manifest of {} was replaced {TRIES} times while it was being read; try again.",
            context.vfs.describe()
        ),
    ))
}

/// What the footers repeat of a manifest that is damaged, `number`, or missing.
fn rebuild(
    context: &Arc<StoreContext>,
    number: Option<u64>,
    before: Option<&CommittedState>,
    error: Error,
) -> Result<Arc<HeldManifest>> {
    let Some(body) = from_footers(&context.segments)? else {
        return Err(error);
    };
    // Every manifest gives a segment number at least.
    let number = number.unwrap_or(0).max(body.next_segment.0);
    context.warn(format!(
        "The newest manifest of {} is damaged or missing; the footers of its segments say the same. The next writer makes a new \
         one.",
        context.vfs.describe()
    ));
    // There is no manifest to hold: before segments are removed a new one is written, and that one can be held.
    let held = context
        .vfs
        .open(names::FORMAT, Open::Read)
        .map_err(|e| Error::io("opening FORMAT", e))?;
    let mut manifest = held_manifest(number, &body, held, before);
    manifest.rebuilt = Some(Box::new(body));
    Ok(Arc::new(manifest))
}

fn no_manifest(context: &StoreContext) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "{} has no whole manifest, and the footers of its segments do not tell for certain what it said. `lakebed repair` makes \
             one from the segments.",
            context.vfs.describe()
        ),
    )
}

fn manifest_numbers(context: &StoreContext) -> Result<Vec<u64>> {
    let list = context.vfs.list(names::MANIFESTS).map_err(|error| {
        if error.kind() != std::io::ErrorKind::NotFound {
            return Error::io("listing the manifests", error);
        }
        match context.vfs.open(names::FORMAT, Open::Read) {
            Ok(_) => no_manifest(context).with_source(error),
            // The store was removed while it was open.
            Err(_) => crate::context::without_format(context.vfs.as_ref()).with_source(error),
        }
    })?;
    Ok(list
        .iter()
        .filter_map(|name| names::parse_manifest(name))
        .collect())
}

/// The manifest of this number with a shared lock on it; `None` when it is removed or about to be.
fn hold(
    context: &Arc<StoreContext>,
    number: u64,
    before: Option<&CommittedState>,
) -> Result<Option<Arc<HeldManifest>>> {
    let name = names::manifest(number);
    let io = |error| Error::io(&format!("reading {name}"), error);
    let file = match context.vfs.open(&name, Open::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    match file.try_lock(Lock::Shared) {
        // A writer is about to remove it.
        Ok(false) => return Ok(None),
        Ok(true) => {}
        // Where there are no locks, as on some read-only media, nothing is removed either.
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {}
        Err(error) => return Err(io(error)),
    }
    if !file.names().map_err(io)?.opened {
        return Ok(None);
    }
    let bytes = manifest_bytes(file.as_ref()).map_err(io)?;
    let manifest = match Manifest::decode(&bytes) {
        Ok(manifest) if manifest.number == number && manifest.uuid == context.header.uuid => {
            manifest
        }
        Ok(_) => {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{name} belongs to another store; `lakebed repair` makes one from the segments."
                ),
            ));
        }
        Err(error) if error.is_too_new() => {
            return Err(Error::new(
                ErrorKind::FormatTooNew,
                format!(
                    "{name} was written by a newer lakebed ({error}); upgrade lakebed to open the store."
                ),
            ));
        }
        Err(error) => {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{name} is damaged ({error}); `lakebed repair` makes one from the segments."
                ),
            ));
        }
    };
    if let Some(what) = manifest.catalogue.contradiction() {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "{name} contradicts itself ({what}); `lakebed repair` makes one from the segments."
            ),
        ));
    }
    Ok(Some(Arc::new(held_manifest(
        number,
        &manifest.catalogue,
        file,
        before,
    ))))
}

fn held_manifest(
    number: u64,
    body: &ManifestBody,
    held: Arc<dyn File>,
    before: Option<&CommittedState>,
) -> HeldManifest {
    let mut sealed = Vec::new();
    let mut large = Vec::new();
    let before = before.map_or(&[][..], |committed| committed.manifest.sealed.as_slice());
    let before: HashMap<SegmentNumber, &SealedSegment> = before
        .iter()
        .map(|known| (known.entry.number, known))
        .collect();
    for entry in &body.segments {
        let known = before.get(&entry.number);
        let known = known.filter(|known| known.entry == *entry);
        let known = known.map(|known| (*known).clone());
        match known.or_else(|| SealedSegment::of_entry(*entry)) {
            Some(segment) => sealed.push(segment),
            None => large.push(*entry),
        }
    }
    sealed.sort_by_key(|sealed| sealed.entry.first_blob);
    HeldManifest {
        number,
        catalogue: Catalogue::from_body(body),
        last_commit: body.last_commit,
        last_checksum: body.last_commit_checksum,
        next_blob: body.next_blob,
        active: body.active_segment,
        sealed,
        lookup: Lookup::default(),
        large,
        held,
        rebuilt: None,
    }
}

/// The active segment as of the newest commit that may be shown; `known` is what this object saw of it before.
fn open_active(
    context: &StoreContext,
    manifest: &HeldManifest,
    known: Option<&Arc<ActiveRows>>,
    caller: Caller,
) -> Result<Option<Arc<ActiveRows>>> {
    let number = manifest.active;
    // Another file may have taken its name: a copy, after a restore.
    let io = |error| Error::io(&format!("looking for segment {number}"), error);
    let named = known.map(|known| known.file.file.names()).transpose();
    let known = known.filter(|_| matches!(named, Ok(Some(Names { opened: true, .. }))));
    named.map_err(io)?;
    let before = if known.is_none() {
        let now = context.directory_state(names::SEGMENTS);
        if caller == Caller::Reader && context.missing.is_current(now, &number) {
            return Ok(None);
        }
        Some(now)
    } else {
        None
    };
    let sync = |commit, time| sync_state(context, caller, commit, time);
    let files = &context.segments;
    let base = Base {
        catalogue: &manifest.catalogue,
        next_blob: manifest.next_blob,
        last_commit: manifest.last_commit,
    };
    match ActiveRows::newest(files, number, known, base, sync)? {
        Newest::Commit(active) => Ok(Some(active)),
        Newest::NoCommit => Ok(None),
        Newest::Other => Err(restored(context.vfs.as_ref())),
        Newest::NoFile => {
            if let Some(before) = before {
                context.missing.store(before, number);
            }
            Ok(None)
        }
    }
}

/// What is known of the sync of a commit that was found, by what the writer says and whether there is one.
fn sync_state(
    context: &StoreContext,
    caller: Caller,
    commit: CommitNumber,
    time: i64,
) -> SyncState {
    let on_disk = |synced: Option<CommitNumber>| synced.is_some_and(|synced| synced >= commit);
    let synced = match caller {
        Caller::Writer(synced) => synced,
        Caller::Reader => read_synced(context.vfs.as_ref()),
    };
    if on_disk(synced) {
        return SyncState::Done;
    }
    if caller != Caller::Reader {
        return SyncState::Unknown;
    }
    let mut looks = 0;
    loop {
        match writer_state(context) {
            WriterState::Busy(text) | WriterState::Gone(text) if on_disk(text.synced) => {
                return SyncState::Done;
            }
            WriterState::Gone(_) => return SyncState::Unknown,
            // A writer before this one left the commit, and this one will vouch for it: a reader that opened in between
            // has seen it.
            WriterState::Busy(text) if text.since.is_some_and(|since| time < since) => {
                return SyncState::Unknown;
            }
            // A writer is between writing this commit and hearing that it is on disk; or it has just taken the lock and
            // is about to say so.
            WriterState::Busy(_) if looks < LOOKS => {
                looks += 1;
                std::thread::sleep(PAUSE);
            }
            WriterState::Busy(_) => return SyncState::Running,
        }
    }
}

/// Whether the writer's lock is held, and what its text says.
enum WriterState {
    Busy(LockText),
    Gone(LockText),
}

/// Tests whether the writer's lock is held at this moment.
fn writer_state(context: &StoreContext) -> WriterState {
    let Ok(file) = context.vfs.open(names::LOCK, Open::Read) else {
        return WriterState::Gone(LockText::default());
    };
    let busy = || matches!(file.holder(), Ok(Holder::Writer));
    if busy() {
        return WriterState::Busy(read_text(file.as_ref()));
    }
    let text = read_text(file.as_ref());
    // A writer may have come meanwhile and be changing the text.
    if busy() {
        return WriterState::Busy(read_text(file.as_ref()));
    }
    WriterState::Gone(text)
}
