//! A directory of backups of one store, each named by its time.

use std::io::ErrorKind as Os;
use std::sync::Arc;

use lakebed_format::{StoreHeader, StoreUuid, names};
use lakebed_vfs::{File, Lock, Open, Vfs};

use super::stamp;
use crate::error::{Error, ErrorKind, Result};

/// What a directory of backups holds; anything else in it is left alone.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// Names of whole backups, the oldest first.
    pub(super) whole: Vec<String>,
    /// Those that were interrupted.
    pub(super) unfinished: Vec<Unfinished>,
    /// The stores of the whole ones; one, unless somebody put backups together.
    owners: Vec<StoreUuid>,
    /// The last name of all, those of backups at work included.
    last: Option<String>,
}

/// A backup that was interrupted. It is locked, so that nobody else continues it.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) name: String,
    _claim: Arc<dyn File>,
}

impl Series {
    /// Reads the directory.
    ///
    /// # Errors
    /// `InvalidArgument` when it is a store; `Io`.
    pub(super) fn read(place: &Arc<dyn Vfs>) -> Result<Self> {
        if is_store(place.as_ref()) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "{} is itself a store or a backup; name a directory to keep backups in, each in a directory of its own.",
                    place.describe()
                ),
            ));
        }
        let io = |error| Error::io(&format!("looking into {}", place.describe()), error);
        let mut series = Self::default();
        for name in place.list("").map_err(io)? {
            if stamp::parse(&name).is_none() {
                continue;
            }
            match header(place.as_ref(), &name).map_err(io)? {
                Found::Backup(header) => {
                    if !series.owners.contains(&header.uuid) {
                        series.owners.push(header.uuid);
                    }
                    series.whole.push(name.clone());
                }
                // Without the mark it may be what is left of a backup that lost its `FORMAT`.
                Found::Nothing if is_marked(place.as_ref(), &name).map_err(io)? => {
                    if let Some(claim) = claim(place.as_ref(), &name).map_err(io)? {
                        series.unfinished.push(Unfinished {
                            name: name.clone(),
                            _claim: claim,
                        });
                    }
                }
                Found::Nothing | Found::Other => {}
            }
            series.last = Some(name);
        }
        Ok(series)
    }

    /// The name of the newest whole backup; nothing is claimed.
    ///
    /// # Errors
    /// `InvalidArgument` when there are backups of several stores; `Io`.
    pub(super) fn newest_in(place: &Arc<dyn Vfs>) -> Result<Option<String>> {
        let io = |error| Error::io(&format!("looking into {}", place.describe()), error);
        let mut newest: Option<(String, StoreUuid)> = None;
        for name in place.list("").map_err(io)? {
            if stamp::parse(&name).is_none() {
                continue;
            }
            if let Found::Backup(header) = header(place.as_ref(), &name).map_err(io)? {
                if newest.is_some_and(|(_, uuid)| uuid != header.uuid) {
                    return Err(Error::new(
                        ErrorKind::InvalidArgument,
                        format!(
                            "{} has backups of several stores; name the directory of the one to restore.",
                            place.describe()
                        ),
                    ));
                }
                newest = Some((name, header.uuid));
            }
        }
        Ok(newest.map(|(name, _)| name))
    }

    /// Refuses a series of another store.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(super) fn check_owner(&self, store: &StoreUuid, described: &str) -> Result<()> {
        if self.owners.iter().all(|owner| owner == store) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "The backups there are of another store than {described} (a store that was restored counts as another one, too); give \
                 each store a directory of its own for its backups."
            ),
        ))
    }

    /// The name for a backup that is made at this time.
    pub(super) fn next_name(&self, now: i64) -> String {
        stamp::next(now, self.last.as_deref())
    }
}

enum Found {
    Backup(StoreHeader),
    /// No file `FORMAT`.
    Nothing,
    /// A store, or a file.
    Other,
}

fn header(place: &dyn Vfs, name: &str) -> std::io::Result<Found> {
    match place.read(&format!("{name}/{}", names::FORMAT)) {
        Ok(bytes) => Ok(match StoreHeader::decode(&bytes) {
            Ok(header) if header.is_backup() => Found::Backup(header),
            _ => Found::Other,
        }),
        Err(error) if error.kind() == Os::NotFound => Ok(Found::Nothing),
        Err(error) if matches!(error.kind(), Os::NotADirectory | Os::IsADirectory) => {
            Ok(Found::Other)
        }
        Err(error) => Err(error),
    }
}

/// Whether the directory holds a store or a backup.
pub(super) fn is_store(vfs: &dyn Vfs) -> bool {
    vfs.open_read(names::FORMAT).is_ok()
}

/// Whether a directory is one that was to become a backup: it says so, or nothing is in it yet.
fn is_marked(place: &dyn Vfs, name: &str) -> std::io::Result<bool> {
    let inside = there(place.list(name))?;
    Ok(inside.is_empty() || inside.iter().any(|file| file == names::UNFINISHED))
}

/// Marks a directory as one that is to become a store, and locks the mark. `None` when another program has it.
///
/// # Errors
/// The system's.
pub(super) fn claim(place: &dyn Vfs, name: &str) -> std::io::Result<Option<Arc<dyn File>>> {
    let file = match place.open(&mark_of(name), Open::Create) {
        Ok(file) => file,
        // Removed by another backup since it was listed.
        Err(error) if error.kind() == Os::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let own = file.try_lock(Lock::Write)? && file.names()?.opened;
    Ok(own.then_some(file))
}

fn mark_of(dir: &str) -> String {
    if dir.is_empty() {
        names::UNFINISHED.to_owned()
    } else {
        format!("{dir}/{}", names::UNFINISHED)
    }
}

/// Removes a whole backup: first what makes it one.
///
/// # Errors
/// `Io`.
pub(super) fn remove_backup(place: &dyn Vfs, name: &str) -> Result<()> {
    let format = format!("{name}/{}", names::FORMAT);
    let removing = || -> std::io::Result<()> {
        there(place.open(&mark_of(name), Open::Create).map(drop))?;
        there(place.sync_dir(name))?;
        there(place.unlink(&format))?;
        there(place.sync_dir(name))
    };
    removing().map_err(|e| Error::io(&format!("removing the backup {name}"), e))?;
    remove_tree(place, name)
}

/// Removes a directory and everything in it.
///
/// # Errors
/// `Io`.
pub(super) fn remove_tree(place: &dyn Vfs, name: &str) -> Result<()> {
    let removing = || -> std::io::Result<()> {
        empty(place, name)?;
        there(place.sync_dir(name))?;
        there(place.unlink(&mark_of(name)))?;
        there(place.remove_dir(name))?;
        place.sync_dir("")
    };
    removing().map_err(|e| Error::io(&format!("removing {name}"), e))
}

/// Removes everything in a directory, at most two levels deep, as stores are; not the mark, which goes last.
fn empty(place: &dyn Vfs, dir: &str) -> std::io::Result<()> {
    for name in there(place.list(dir))? {
        if name == names::UNFINISHED {
            continue;
        }
        let name = format!("{dir}/{name}");
        match place.list(&name) {
            Ok(inside) => {
                for file in inside {
                    there(place.unlink(&format!("{name}/{file}")))?;
                }
                there(place.remove_dir(&name))?;
            }
            Err(error) if error.kind() == Os::NotADirectory => there(place.unlink(&name))?,
            Err(error) if error.kind() == Os::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What is removed already is removed.
fn there<T: Default>(result: std::io::Result<T>) -> std::io::Result<T> {
    match result {
        Err(error) if error.kind() == Os::NotFound => Ok(T::default()),
        other => other,
    }
}
