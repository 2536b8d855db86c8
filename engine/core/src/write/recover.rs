//! What the next writer finds and puts right: a torn tail, a commit whose sync nobody vouches for, files of work that was never committed.

use std::sync::Arc;

use lakebed_format::{FooterTail, Layout, SegmentHeader, TAIL_LEN, names};
use lakebed_vfs::{File, Open};

use super::commit::Failure;
use super::lock::WriterLock;
use super::seal;
use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;
use crate::segment::chain::Chain;
use crate::snapshot::View;
use crate::snapshot::open::{Asking, newest};

/// Bytes copied at a time.
const STEP: u64 = 1 << 20;

/// Makes sure that the manifest to build on is on disk under its name: who renamed it may have been killed before it could sync the
/// directory, and what is committed from now on relies on it. One that is damaged or gone is made again.
pub(crate) fn manifest(home: &Arc<Home>, view: Arc<View>, lock: &WriterLock) -> Result<Arc<View>> {
    for dir in ["", names::MANIFESTS] {
        home.vfs
            .sync_dir(dir)
            .map_err(|e| Error::io(&format!("syncing {}", home.vfs.describe()), e))?;
    }
    let Some(body) = &view.base.rebuilt else {
        return Ok(view);
    };
    match seal::write_manifest(home, view.base.number + 1, (**body).clone()) {
        Ok(()) => {}
        Err(Failure::Undone(error) | Failure::Unsynced(error)) => return Err(error),
    }
    let view = newest(home, Some(&view), Asking::Writer(lock.synced()))?;
    Ok(Arc::new(view))
}

/// Opens the active segment for writing and makes sure that it ends with the last commit and that this commit is on disk. `None` when
/// it has no commit yet; what was left of it is then removed.
pub(crate) fn active_file(
    home: &Home,
    view: &View,
    lock: &mut WriterLock,
    known: Option<Arc<dyn File>>,
) -> Result<Option<Arc<dyn File>>> {
    view.check_whole()?;
    let number = view.base.active;
    let name = names::segment(number);
    let io = |error| Error::io(&format!("opening segment {number} for writing"), error);
    let file = match known {
        Some(file) => file,
        None => match home.vfs.open(&name, Open::ReadWrite) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && view.active.is_none() => {
                return Ok(None);
            }
            Err(error) => return Err(io(error)),
        },
    };
    let len = file.len().map_err(io)?;
    let Some(active) = &view.active else {
        // A first group that was never committed. Its name goes; a reader that has it open is not disturbed.
        set_aside(home, view, file.as_ref(), 0, len)?;
        home.vfs.unlink(&name).map_err(io)?;
        return Ok(None);
    };
    let end = active.end();
    if len > end {
        if !ends_in_footer(file.as_ref(), active.file.chain(), len)? {
            set_aside(home, view, file.as_ref(), end, len)?;
        }
        file.set_len(end).map_err(io)?;
        file.sync_data().map_err(io)?;
    }
    if lock.synced().is_none_or(|synced| synced < view.commit) {
        rewrite(home, view, file.as_ref(), lock)?;
    }
    Ok(Some(file))
}

/// Whether the file was about to be sealed: its footer is whole and nothing relies on it. It is made again when it is time.
fn ends_in_footer(file: &dyn File, chain: Chain<'_>, len: u64) -> Result<bool> {
    let Some(at) = len.checked_sub(TAIL_LEN as u64) else {
        return Ok(false);
    };
    let mut bytes = [0; TAIL_LEN];
    file.read_exact_at(&mut bytes, at)
        .map_err(|e| Error::io("reading a footer", e))?;
    Ok(FooterTail::decode(&bytes, chain.salt, at).is_ok())
}

/// Keeps a copy of bytes that are about to be cut off, and says so. Nothing is kept of bytes that are all zero.
fn set_aside(home: &Home, view: &View, file: &dyn File, start: u64, len: u64) -> Result<()> {
    let number = view.base.active;
    let io = |error| Error::io(&format!("reading segment {number}"), error);
    let name = format!(
        "{}/{:012}-{start}-{}.bin",
        names::ASIDE,
        number.0,
        home.options.clock.now()
    );
    let mut copy: Option<Arc<dyn File>> = None;
    let mut kept = true;
    let mut at = start;
    while at < len {
        let mut bytes = vec![0; STEP.min(len - at) as usize];
        file.read_exact_at(&mut bytes, at).map_err(io)?;
        if copy.is_none() && bytes.iter().any(|byte| *byte != 0) {
            copy = home
                .vfs
                .create_dir(names::ASIDE)
                .and_then(|()| home.vfs.open(&name, Open::Create))
                .ok();
            kept = copy.is_some();
        }
        if let Some(file) = &copy {
            kept &= file.write_all_at(&bytes, at - start).is_ok();
        }
        at += bytes.len() as u64;
    }
    let what = if kept && copy.is_some() {
        format!("they are kept in {name}")
    } else {
        "no copy of them was kept".to_owned()
    };
    home.warn(format!(
        "An earlier writer of {} stopped in the middle of a commit: {} bytes behind commit {} in segment {number} belong to no commit \
         and were cut off; {what}.",
        home.vfs.describe(),
        len - start,
        view.commit,
    ));
    Ok(())
}

/// A failed or missing sync may have left pages that look clean and are not on disk: they are written again.
fn rewrite(home: &Home, view: &View, file: &dyn File, lock: &mut WriterLock) -> Result<()> {
    let Some(active) = &view.active else {
        return Ok(());
    };
    let number = view.base.active;
    let io = |error| {
        Error::io(
            &format!("writing the last commit of segment {number} again"),
            error,
        )
    };
    let chain = Chain {
        file,
        ..active.file.chain()
    };
    let commit = &active.last;
    if commit.commit.group == lakebed_format::limits::FIRST_GROUP {
        let header = SegmentHeader {
            format: active.file.format,
            layout: Layout::Rows,
            number,
            uuid: home.header.uuid,
            salt: active.file.salt,
            first_blob: active.file.first_blob,
        };
        file.write_all_at(&header.encode(), 0).map_err(io)?;
    }
    let mut at = commit.commit.group;
    while at < commit.end() {
        let bytes = chain.read(at, STEP.min(commit.end() - at))?;
        file.write_all_at(&bytes, at).map_err(io)?;
        at += bytes.len() as u64;
    }
    file.sync_data().map_err(io)?;
    home.vfs.sync_dir(names::SEGMENTS).map_err(io)?;
    // The hint only spares the next writer this work.
    let _ = lock.set_synced(home.vfs.as_ref(), view.commit);
    Ok(())
}

/// Removes files of work that was never committed: segments with numbers that were not given, temporary names.
pub(crate) fn sweep(home: &Home, view: &View) -> Result<()> {
    let list = |dir: &str| match home.vfs.list(dir) {
        Ok(names) => Ok(names),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io(&format!("listing {dir}"), error)),
    };
    for name in list(names::SEGMENTS)? {
        let Some(number) = names::parse_segment(&name) else {
            continue;
        };
        if number >= view.catalogue.next_segment && number != view.base.active {
            remove(home, &names::segment(number))?;
        }
    }
    for dir in [names::MANIFESTS, names::INDEX] {
        for name in list(dir)? {
            let temporary = std::path::Path::new(&name)
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("tmp"));
            if name.starts_with('.') && temporary {
                remove(home, &format!("{dir}/{name}"))?;
            }
        }
    }
    Ok(())
}

fn remove(home: &Home, name: &str) -> Result<()> {
    match home.vfs.unlink(name) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(&format!("removing {name}"), error))
        }
        _ => Ok(()),
    }
}

/// A store that may not be written to by this code.
pub(crate) fn check_writable(home: &Home) -> Result<()> {
    home.header.check_writable().map_err(|error| {
        Error::new(
            ErrorKind::FormatTooNew,
            format!(
                "{} can be read but not written by this lakebed ({error}); upgrade lakebed to write to it.",
                home.vfs.describe()
            ),
        )
    })
}
