//! Finding the newest state of a store: the highest whole manifest, and the commits after it in the active segment.
//!
//! The same code opens a store and brings an open one up to date; what did not change since is taken over. It never writes.

use std::sync::Arc;
use std::time::Duration;

use lakebed_format::{
    CommitNumber, Layout, LocatedCommit, LockText, Manifest, ManifestBody, limits, names,
};
use lakebed_vfs::{File, Lock, Open};

use super::committed::{CommittedState, HeldManifest};
use super::rebuild::from_footers;
use crate::catalogue::Catalogue;
use crate::context::StoreContext;
use crate::directory_cache::DirectoryState;
use crate::error::{Error, ErrorKind, Result};
use crate::index::lookup::Lookup;
use crate::segment::bytes::missing;
use crate::segment::rows::walker::Chain;
use crate::segment::{Active, ActiveFile, Sealed};
use crate::writer_lock::{read_synced, read_text};

/// How often a reader that is overtaken by seals tries again.
const TRIES: usize = 100;
/// How often, and how far apart, a reader looks again at what the writer says before it takes the last commit for one under way.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_micros(250);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Anybody.
    Reader,
    /// Who holds the writer's lock: what others left is final. With the last commit that is known to be on disk.
    Writer(Option<CommitNumber>),
}

/// The newest state. `before` is what this object saw last.
pub(crate) fn newest(
    context: &Arc<StoreContext>,
    before: Option<&CommittedState>,
    caller: Caller,
) -> Result<CommittedState> {
    let (manifest, active) = look(context, before, caller)?;
    Ok(CommittedState::new(Arc::clone(context), manifest, active))
}

/// The newest state, if it is another one than this object saw last.
pub(crate) fn newer(
    context: &Arc<StoreContext>,
    before: &CommittedState,
) -> Result<Option<CommittedState>> {
    let (manifest, active) = look(context, Some(before), Caller::Reader)?;
    let same = Arc::ptr_eq(&manifest, &before.manifest)
        && match (&active, &before.active) {
            (Some(found), Some(known)) => Arc::ptr_eq(found, known),
            (found, known) => found.is_none() && known.is_none(),
        };
    Ok((!same).then(|| CommittedState::new(Arc::clone(context), manifest, active)))
}

fn look(
    context: &Arc<StoreContext>,
    before: Option<&CommittedState>,
    caller: Caller,
) -> Result<(Arc<HeldManifest>, Option<Arc<Active>>)> {
    let manifest = hold_manifest(context, before, caller)?;
    let known = before
        .filter(|committed| committed.manifest.active == manifest.active)
        .and_then(|committed| committed.active.as_ref());
    let active = open_active(context, &manifest, known, caller)?;
    Ok((manifest, active))
}

/// The highest manifest, with a shared lock on it; when it is damaged or gone, what the footers say it said.
fn hold_manifest(
    context: &Arc<StoreContext>,
    before: Option<&CommittedState>,
    caller: Caller,
) -> Result<Arc<HeldManifest>> {
    let mut none = 0;
    for _ in 0..TRIES {
        let now = DirectoryState::of(context, names::MANIFESTS);
        if let Some(committed) = before
            && caller == Caller::Reader
            && context.manifests.still(now, &committed.manifest.number)
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
            context.manifests.keep(now, committed.manifest.number);
            return Ok(Arc::clone(&committed.manifest));
        }
        let Some(number) = numbers.last() else {
            // A listing may miss the old one that goes and the new one that comes.
            none += 1;
            if none < 3 {
                continue;
            }
            return rebuild(context, None, before, no_manifest(context));
        };
        match hold(context, *number, before) {
            Ok(Some(manifest)) => return Ok(manifest),
            // Gone: a newer one has taken its place since, so look again.
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

/// What the footers say in place of a manifest that is damaged, `number`, or gone.
fn rebuild(
    context: &Arc<StoreContext>,
    number: Option<u64>,
    before: Option<&CommittedState>,
    error: Error,
) -> Result<Arc<HeldManifest>> {
    let Some(body) = from_footers(context)? else {
        return Err(error);
    };
    let seals = body.segments.iter().filter(|s| s.layout == Layout::Rows);
    let number = number.unwrap_or(0).max(seals.count() as u64 + 1);
    context.warn(format!(
        "The newest manifest of {} is damaged or missing; the footers of its segments say the same. The next writer makes a new \
         one.",
        context.vfs.describe()
    ));
    // There is no file to hold: whoever removes segments makes a manifest first, and that one can be held.
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
            "{} has no whole manifest, and the footers of its segments do not tell for certain what it said; restore the \
             directory manifests from a backup.",
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
            // All of it was removed while it was open.
            Err(_) => crate::context::missing(context.vfs.as_ref()).with_source(error),
        }
    })?;
    Ok(list
        .iter()
        .filter_map(|name| names::parse_manifest(name))
        .collect())
}

/// The manifest of this number with a shared lock on it; `None` when it is gone, or about to be removed.
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
        // Without locks, as on some read-only media, nobody removes anything either.
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {}
        Err(error) => return Err(io(error)),
    }
    if !file.is_linked().map_err(io)? {
        return Ok(None);
    }
    let len = file.len().map_err(io)?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0).map_err(io)?;
    let manifest = match Manifest::decode(&bytes) {
        Ok(manifest) if manifest.number == number && manifest.uuid == context.header.uuid => {
            manifest
        }
        Ok(_) => {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("{name} belongs to another store; restore it from a backup."),
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
                format!("{name} is damaged ({error}); restore it from a backup."),
            ));
        }
    };
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
    for entry in &body.segments {
        if entry.layout == Layout::Large {
            large.push(*entry);
            continue;
        }
        let known = before.and_then(|committed| {
            committed
                .manifest
                .sealed
                .iter()
                .find(|known| known.entry == *entry)
                .cloned()
        });
        sealed.push(known.unwrap_or_else(|| Arc::new(Sealed::new(*entry))));
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

/// The active segment as far as it counts; `known` is what this object saw of it before.
fn open_active(
    context: &StoreContext,
    manifest: &HeldManifest,
    known: Option<&Arc<Active>>,
    caller: Caller,
) -> Result<Option<Arc<Active>>> {
    let number = manifest.active;
    let (file, damage) = if let Some(known) = known {
        (Arc::clone(&known.file), known.damage.clone())
    } else {
        let now = DirectoryState::of(context, names::SEGMENTS);
        if caller == Caller::Reader && context.missing.still(now, &number) {
            return Ok(None);
        }
        let name = names::segment(number);
        let file = match context.vfs.open(&name, Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                context.missing.keep(now, number);
                return Ok(None);
            }
            Err(error) => return Err(missing(number, &name, error)),
        };
        let len = length(number, file.as_ref())?;
        match ActiveFile::open(context, number, file, len)? {
            Some((file, damage)) => (Arc::new(file), damage),
            None => return Ok(None),
        }
    };
    let len = length(number, file.file.as_ref())?;
    let chain = file.chain();
    let Some(found) = chain.last_commit(len)? else {
        return Ok(None);
    };
    if let Some(known) = known.filter(|known| known.last.offset >= found.offset) {
        return Ok(Some(Arc::clone(known)));
    }
    let Some(last) = settled(context, chain, found, !damage.is_empty(), caller)? else {
        return Ok(None);
    };
    if let Some(known) = known.filter(|known| known.last.offset >= last.offset) {
        return Ok(Some(Arc::clone(known)));
    }
    let before = known.map_or(&[][..], |known| known.blocks.as_slice());
    let walk = chain.walk(last, before, &manifest.catalogue)?;
    Ok(Some(Arc::new(Active::new(file, walk, damage, last))))
}

fn length(number: lakebed_format::SegmentNumber, file: &dyn File) -> Result<u64> {
    file.len()
        .map_err(|e| Error::io(&crate::segment::bytes::reading(number), e))
}

/// The commit that may be shown, given the last one found: that one if its sync is known to have returned or if nobody is writing and
/// it is whole, else the one before. `headless`: the segment's header is damaged.
fn settled(
    context: &StoreContext,
    chain: Chain<'_>,
    found: LocatedCommit,
    headless: bool,
    caller: Caller,
) -> Result<Option<LocatedCommit>> {
    let on_disk = |synced: Option<CommitNumber>| synced.is_some_and(|n| n >= found.commit.number);
    let synced = match caller {
        Caller::Writer(synced) => synced,
        Caller::Reader => read_synced(context.vfs.as_ref()),
    };
    if on_disk(synced) {
        return Ok(Some(found));
    }
    if caller == Caller::Reader {
        let mut looks = 0;
        loop {
            match probe(context) {
                Writer::Busy(text) | Writer::Gone(text) if on_disk(text.synced) => {
                    return Ok(Some(found));
                }
                Writer::Gone(_) => break,
                // It was left by a writer before this one, who will vouch for it: whoever opened in between has seen it.
                Writer::Busy(text) if text.since.is_some_and(|since| found.commit.time < since) => {
                    break;
                }
                // A writer is between writing this commit and hearing that it is on disk; or it has just become the writer and
                // is about to say so.
                Writer::Busy(_) if looks < LOOKS => {
                    looks += 1;
                    std::thread::sleep(PAUSE);
                }
                Writer::Busy(_) => return chain.before(found.commit.group),
            }
        }
    }
    // The header is written with the first group and is on disk when that one is.
    let torn = headless && found.commit.group == limits::FIRST_GROUP;
    if !torn && chain.group_is_whole(&found)? {
        Ok(Some(found))
    } else {
        chain.before(found.commit.group)
    }
}

/// Whether somebody holds the writer's lock, and what its text says.
enum Writer {
    Busy(LockText),
    Gone(LockText),
}

/// Looks whether somebody holds the writer's lock at this moment.
fn probe(context: &StoreContext) -> Writer {
    let Ok(file) = context.vfs.open(names::LOCK, Open::Read) else {
        return Writer::Gone(LockText::default());
    };
    let busy = matches!(file.try_lock(Lock::Shared), Ok(false));
    // Read under the lock where there is nobody, so that nobody changes it.
    let text = read_text(file.as_ref());
    if busy {
        return Writer::Busy(text);
    }
    // An error would only mean that closing the file gives the lock up.
    let _ = file.unlock();
    Writer::Gone(text)
}
