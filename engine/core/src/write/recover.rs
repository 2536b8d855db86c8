//! What the next writer repairs: a torn tail, a commit whose sync is unknown, files of work that was never committed.

use std::ops::Range;
use std::sync::Arc;

use lakebed_format::{CommitNumber, SegmentNumber, names};
use lakebed_vfs::{File, Open};

use super::commit::Failure;
use super::manifest::write_manifest;
use super::replaced::is_covered;
use crate::context::StoreContext;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::rows::active::ActiveRows;
use crate::segment::rows::walker::{WalkedBytes, Walker};
use crate::segment::unnamed::may_hold_commits;
use crate::snapshot::CommittedState;
use crate::snapshot::open::{Caller, newest};
use crate::writer_lock::WriterLock;

/// Bytes copied at a time.
const STEP: usize = 1 << 20;

/// Refuses to write where commits that an earlier writer acknowledged are missing: what follows the last commit that
/// can be read may be all that is left of them, and a writer would cut it off.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn check_acknowledged(
    context: &StoreContext,
    committed: &CommittedState,
    synced: Option<CommitNumber>,
) -> Result<()> {
    let Some(lost) = committed.lost_commits(synced) else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::Corrupt,
        format!(
            "{} has lost {lost}: the last writer had them on disk, and the last commit that can be read is {}, in segment {}. Nothing \
             was written, and everything up to that commit can be read. Keep a copy of the directory and restore the store from a \
             backup; to go on without what is lost, remove the file LOCK.",
            context.vfs.describe(),
            committed.commit,
            committed.manifest.active,
        ),
    ))
}

/// Makes sure that the manifest to build on is on disk under its name: its writer may have been killed before it could
/// sync the directory, and what is committed from now on relies on it. A damaged or missing one is written again.
///
/// # Errors
/// `Io`, `StoreFull`.
pub(crate) fn manifest(
    context: &Arc<StoreContext>,
    committed: Arc<CommittedState>,
    lock: &WriterLock,
) -> Result<Arc<CommittedState>> {
    for dir in ["", names::MANIFESTS] {
        context
            .vfs
            .sync_dir(dir)
            .map_err(|e| Error::io(&format!("syncing {}", context.vfs.describe()), e))?;
    }
    let Some(body) = &committed.manifest.rebuilt else {
        return Ok(committed);
    };
    write_manifest(context, committed.manifest.number + 1, (**body).clone())
        .map_err(Failure::into_error)?;
    let committed = newest(context, Some(&committed), Caller::Writer(lock.synced()))?;
    Ok(Arc::new(committed))
}

/// Opens the active segment for writing and makes sure that it ends with the last commit and that this commit is on
/// disk. `None` when it has no commit; what was left of it is then removed.
///
/// # Errors
/// `Corrupt`, `Io`, `StoreFull`.
pub(crate) fn active_file(
    context: &StoreContext,
    committed: &CommittedState,
    lock: &mut WriterLock,
    known: Option<Arc<dyn File>>,
) -> Result<Option<Arc<dyn File>>> {
    committed.check_whole()?;
    let number = committed.manifest.active;
    let name = names::segment(number);
    let io = |error| Error::io(&format!("opening segment {number} for writing"), error);
    let file = match known {
        Some(file) => file,
        None => match context.vfs.open(&name, Open::ReadWrite) {
            Ok(file) => file,
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && committed.active.is_none() =>
            {
                return Ok(None);
            }
            Err(error) => return Err(io(error)),
        },
    };
    let len = file.len().map_err(io)?;
    let Some(active) = &committed.active else {
        // A first group that was never committed. Its name goes; a reader that has it open is not disturbed.
        set_aside(context, committed, file.as_ref(), 0, len)?;
        context.vfs.unlink(&name).map_err(io)?;
        return Ok(None);
    };
    let end = active.end();
    if len > end {
        if !ends_in_footer(walker_of(active, file.as_ref()), len)? {
            set_aside(context, committed, file.as_ref(), end, len)?;
        }
        file.set_len(end).map_err(io)?;
        file.sync_data().map_err(io)?;
    }
    if lock.synced().is_none_or(|synced| synced < committed.commit) {
        rewrite(context, committed, file.as_ref(), lock)?;
    }
    Ok(Some(file))
}

/// Whether the file was about to be sealed: its footer is whole and nothing relies on it. It is written again when it
/// is time.
fn ends_in_footer(walker: Walker<'_>, len: u64) -> Result<bool> {
    match walker.footer_tail(len) {
        Ok(_) => Ok(true),
        Err(failure) => failure.into_damage().map(|_| false),
    }
}

/// Keeps a copy of bytes that are about to be cut off, unless they are all zero, and warns. The copy is complete and on
/// disk when this returns: without room for it nothing is cut.
///
/// # Errors
/// `Io`, `StoreFull`.
fn set_aside(
    context: &StoreContext,
    committed: &CommittedState,
    file: &dyn File,
    start: u64,
    len: u64,
) -> Result<()> {
    let number = committed.manifest.active;
    let name = free_name(context, &format!("{:012}-{start}", number.0), "bin")?;
    let keeping = |error| Error::io(&format!("keeping a copy of a torn commit in {name}"), error);
    let copied = copy_aside(context, file, start..len, &name);
    if copied.is_err() {
        // An incomplete copy only takes room.
        let _ = context.vfs.unlink(&name);
    }
    let fate = if copied.map_err(keeping)? {
        format!("they are kept in {name}")
    } else {
        "all of them were zero, and no copy was kept".to_owned()
    };
    context.warn(format!(
        "An earlier writer of {} stopped in the middle of a commit: {} bytes behind commit {} in segment {number} belong to no commit \
         and were cut off; {fate}.",
        context.vfs.describe(),
        len - start,
        committed.commit,
    ));
    Ok(())
}

/// Copies bytes of a file to a file in `aside/`, durably, unless they are all zero. Whether there is a copy.
fn copy_aside(
    context: &StoreContext,
    file: &dyn File,
    range: Range<u64>,
    name: &str,
) -> std::io::Result<bool> {
    let mut copy: Option<Arc<dyn File>> = None;
    let mut at = range.start;
    while at < range.end {
        let step = usize::try_from(range.end - at).map_or(STEP, |rest| rest.min(STEP));
        let mut bytes = vec![0; step];
        file.read_exact_at(&mut bytes, at)?;
        if copy.is_none() && bytes.iter().any(|byte| *byte != 0) {
            context.vfs.create_dir(names::ASIDE)?;
            copy = Some(context.vfs.open(name, Open::CreateNew)?);
        }
        if let Some(copy) = &copy {
            copy.write_all_at(&bytes, at - range.start)?;
        }
        at += step as u64;
    }
    let Some(copy) = copy else {
        return Ok(false);
    };
    copy.set_len(range.end - range.start)?;
    copy.sync_data()?;
    sync_aside(context)?;
    Ok(true)
}

/// `aside/STEM-TIME.EXTENSION`, a name that is free.
fn free_name(context: &StoreContext, stem: &str, extension: &str) -> Result<String> {
    let known = match context.vfs.list(names::ASIDE) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        known => known.map_err(|e| Error::io(&format!("listing {}", names::ASIDE), e))?,
    };
    let now = context.options.clock.now();
    (0..=known.len() as u64)
        .map(|step| format!("{stem}-{}.{extension}", now.saturating_add_unsigned(step)))
        .find(|name| !known.contains(name))
        .map(|name| format!("{}/{name}", names::ASIDE))
        .ok_or_else(|| Error::internal("no name is free in aside/"))
}

/// Makes the names in `aside/` durable, and its own.
fn sync_aside(context: &StoreContext) -> std::io::Result<()> {
    context.vfs.sync_dir(names::ASIDE)?;
    context.vfs.sync_dir("")
}

/// A failed or missing sync may have left pages that look clean and are not on disk: they are written again.
fn rewrite(
    context: &StoreContext,
    committed: &CommittedState,
    file: &dyn File,
    lock: &mut WriterLock,
) -> Result<()> {
    let Some(active) = &committed.active else {
        return Ok(());
    };
    let number = committed.manifest.active;
    let io = |error| {
        Error::io(
            &format!("writing the last commit of segment {number} again"),
            error,
        )
    };
    let commit = &active.last;
    if commit.commit.group == lakebed_format::limits::FIRST_GROUP {
        let header = active.file.writer(context.header.uuid).header();
        file.write_all_at(&header, 0).map_err(io)?;
    }
    walker_of(active, file).each_step(commit.commit.group, commit.end(), |at, bytes| {
        file.write_all_at(bytes, at).map_err(io)
    })?;
    file.sync_data().map_err(io)?;
    context.vfs.sync_dir(names::SEGMENTS).map_err(io)?;
    // Without the note the next writer does this again.
    let _ = lock.set_synced(context.vfs.as_ref(), committed.commit);
    Ok(())
}

/// Reads the structures of the active segment through the file that is written to.
fn walker_of<'a>(active: &ActiveRows, file: &'a dyn File) -> Walker<'a> {
    Walker {
        bytes: WalkedBytes::File(file),
        ..active.file.walker()
    }
}

/// Removes files of work that was never committed: segments whose numbers were never assigned, temporary files. A
/// segment that holds commits all the same is kept in `aside/`: an older manifest may have been put back.
///
/// # Errors
/// `Io`, `StoreFull`.
pub(crate) fn sweep(context: &StoreContext, committed: &CommittedState) -> Result<()> {
    // A writer that was stopped may have moved a segment there, and nothing more may be done about its old name before
    // the new one is on disk.
    match sync_aside(context) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io(&format!("syncing {}", names::ASIDE), error));
        }
        _ => {}
    }
    // The mark of a restore that was stopped after the store was whole.
    remove(context, names::UNFINISHED)?;
    let list = |dir: &str| match context.vfs.list(dir) {
        Ok(names) => Ok(names),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io(&format!("listing {dir}"), error)),
    };
    for name in list(names::SEGMENTS)? {
        let Some(number) = names::parse_segment(&name) else {
            continue;
        };
        if number < committed.catalogue.next_segment || number == committed.manifest.active {
            continue;
        }
        // What a compaction wrote before it could put it in the place of others holds nothing of its own.
        if may_hold_commits(&context.segments, number)? && !is_covered(context, committed, number)?
        {
            keep_segment(context, number)?;
        } else {
            remove(context, &names::segment(number))?;
        }
    }
    for dir in [names::SEGMENTS, names::MANIFESTS, names::INDEX] {
        for name in list(dir)? {
            let temporary = std::path::Path::new(&name)
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("tmp"));
            if name.starts_with('.') && temporary {
                remove(context, &format!("{dir}/{name}"))?;
            }
        }
    }
    Ok(())
}

/// Moves a segment file to `aside/` under a name that is free, and warns.
fn keep_segment(context: &StoreContext, number: SegmentNumber) -> Result<()> {
    let io = |error| {
        Error::io(
            &format!("moving segment {number} to {}", names::ASIDE),
            error,
        )
    };
    context.vfs.create_dir(names::ASIDE).map_err(io)?;
    let name = free_name(context, &format!("{:012}", number.0), "seg")?;
    let segment = names::segment(number);
    let file = context.vfs.open(&segment, Open::Read).map_err(io)?;
    // A rename that reports an error may have happened.
    if let Err(error) = context.vfs.rename(&segment, &name)
        && file.names().map_err(io)?.opened
    {
        return Err(io(error));
    }
    sync_aside(context).map_err(io)?;
    context.vfs.sync_dir(names::SEGMENTS).map_err(io)?;
    context.warn(format!(
        "Segment {number} of {} holds commits, and the newest manifest does not name it; it was moved to {name}. If an older manifest \
         was put back, restore the newer one together with this segment.",
        context.vfs.describe(),
    ));
    Ok(())
}

fn remove(context: &StoreContext, name: &str) -> Result<()> {
    match context.vfs.unlink(name) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(&format!("removing {name}"), error))
        }
        _ => Ok(()),
    }
}

/// Checks that this version of the code may write to the store.
///
/// # Errors
/// `FormatTooNew`.
pub(crate) fn check_writable(context: &StoreContext) -> Result<()> {
    if context.header.is_backup() {
        return Err(Error::new(
            ErrorKind::ReadOnly,
            format!(
                "{} is a backup, which nothing writes to; make a store of it with `lakebed restore` (lakebed.restore in Python).",
                context.vfs.describe()
            ),
        ));
    }
    context.header.check_writable().map_err(|error| {
        Error::new(
            ErrorKind::FormatTooNew,
            format!(
                "{} can be read but not written by this lakebed ({error}); upgrade lakebed to write to it.",
                context.vfs.describe()
            ),
        )
    })
}
