//! Backups: copies of a store as of one commit, consistent while others write, and stores made of them.
//!
//! A backup is a directory laid out like a store, with a bit in `FORMAT` that keeps writers away. A *series* is a
//! directory of such backups, named by time; a sealed segment that an earlier one has is linked and not copied again.
//! What is copied is read back and verified. `FORMAT` is written last, after everything else is synced: a directory
//! without it is not a store, and is continued or removed by the next backup.

mod copying;
mod report;
mod restore;
mod reuse;
mod series;
mod stamp;

use std::sync::Arc;

use lakebed_format::{CommitNumber, StoreHeader, limits};
use lakebed_vfs::{Subdirectory, Vfs};

use self::copying::{Copied, Target, copy_state};
pub use self::report::{BackupOptions, BackupReport, RestoreOptions, RestoreReport};
pub(crate) use self::restore::restore;
use self::reuse::Earlier;
use self::series::{Series, remove_tree};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Meter;
use crate::snapshot::CommittedState;

/// Backs a committed state up into a series. `synced` is the last commit that was on disk before the state was read.
///
/// # Errors
/// `InvalidArgument` when the place is a store or holds backups of another one; `Corrupt` when the state is damaged or
/// lacks acknowledged commits; `StoreFull`, `Io`, `Interrupted`. The backups there were stay.
pub(crate) fn backup(
    committed: &Arc<CommittedState>,
    synced: Option<CommitNumber>,
    place: &Arc<dyn Vfs>,
    options: BackupOptions,
) -> Result<BackupReport> {
    let context = &committed.context;
    check_whole(committed, synced)?;
    let io = |error| {
        let what = format!("making the backup directory {}", place.describe());
        Error::io(&what, error)
    };
    place.create_dir("").map_err(io)?;
    let series = Series::read(place)?;
    series.check_owner(&context.header.uuid, &context.vfs.describe())?;
    let name = series.next_name(context.options.clock.now());
    let vfs: Arc<dyn Vfs> = Arc::new(Subdirectory::new(Arc::clone(place), &name).map_err(io)?);
    let target = Target {
        header: StoreHeader {
            read_compatible: context.header.read_compatible | limits::FEATURE_BACKUP,
            ..context.header
        },
        vfs,
    };
    let earlier = Earlier {
        root: place.as_ref(),
        name: &name,
        unfinished: &series.unfinished,
        whole: &series.whole,
    };
    let mut meter = Meter::new(options.progress);
    let copied = copy_state(committed, &target, Some(&earlier), &mut meter)?;
    // From here on the new backup is whole, synced and checked.
    for unfinished in &series.unfinished {
        remove_tree(place.as_ref(), &unfinished.name)?;
    }
    let mut removed = Vec::new();
    if let Some(keep) = options.keep {
        let old = (series.whole.len() + 1).saturating_sub(keep.get());
        for name in series.whole.iter().take(old) {
            series::remove_backup(place.as_ref(), name)?;
            removed.push(name.clone());
        }
    }
    meter.finish();
    let Copied {
        segments,
        linked,
        bytes,
        new_bytes,
    } = copied;
    Ok(BackupReport {
        path: target.vfs.describe(),
        commit: committed.commit,
        segments,
        linked_segments: linked,
        bytes,
        copied_bytes: new_bytes,
        removed,
        seconds: meter.seconds(),
    })
}

/// Refuses a state that is known to lack something: a copy of it would look whole. `synced` is the last commit that was
/// on disk before the state was read.
fn check_whole(committed: &CommittedState, synced: Option<CommitNumber>) -> Result<()> {
    committed.check_whole()?;
    match committed.lost_commits(synced) {
        None => Ok(()),
        Some(lost) => Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "{} has lost {lost}, so that a copy of it would lack them, too; nothing was copied.",
                committed.context.vfs.describe()
            ),
        )),
    }
}
