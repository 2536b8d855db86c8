//! Putting one new segment in the place of neighbouring sealed ones, and removing those that were replaced.
//!
//! The new segment is on disk under its name before the manifest that names it is. That manifest decides: before it is
//! there the store is as it was, and the new file belongs to nobody; afterwards the old files do. They are removed when
//! no reader holds an older manifest any more.

use std::ops::Range;
use std::sync::Arc;

use lakebed_format::{ManifestBody, SegmentEntry, SegmentNumber, names};

use super::commit::Failure;
use super::manifest::write_manifest;
use super::replaced::remove_files;
use super::seal::body_of;
use super::session::Session;
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::snapshot::CommittedState;

/// Makes a segment of this number, given what its manifest will say of it.
pub(crate) type MakeSegment<'a> = dyn FnMut(SegmentNumber, &dyn Fn(SegmentEntry) -> Result<ManifestBody>) -> Result<SegmentEntry>
    + 'a;

impl Session<'_> {
    /// The committed state that this session builds on.
    pub(crate) fn state(&self) -> Arc<CommittedState> {
        Arc::clone(&self.committed)
    }

    /// Puts the segment that `make` writes and syncs in the place of the sealed segments at these places of the
    /// manifest. The new manifest says what `catalogue` says. Nothing may be active or pending.
    ///
    /// # Errors
    /// Those of `make`; `StoreFull`, `Io`: the store is as it was. `Poisoned`.
    pub(crate) fn replace(
        &mut self,
        places: Range<usize>,
        mut catalogue: Catalogue,
        make: &mut MakeSegment<'_>,
    ) -> Result<SegmentEntry> {
        let context = Arc::clone(&self.shared.context);
        let committed = Arc::clone(&self.committed);
        if committed.active.is_some() {
            return Err(Error::internal(
                "segments are replaced while another is written to",
            ));
        }
        let number = catalogue.next_segment;
        // Numbers of active segments ascend above those of all sealed ones, so that the footer of the highest sealed
        // segment always repeats the newest manifest.
        let active = number.next();
        catalogue.next_segment = active.next();
        let body = |entry: SegmentEntry| {
            let sealed = committed.manifest.sealed.iter().map(|s| s.entry);
            let mut segments: Vec<SegmentEntry> = sealed.collect();
            segments.splice(places.clone(), [entry]);
            body_of(&committed, &catalogue, segments, active)
        };
        let name = names::segment(number);
        let made = make(number, &body).and_then(|entry| {
            let synced = context.vfs.sync_dir(names::SEGMENTS);
            synced.map_err(|e| Error::io(&format!("writing {name}"), e))?;
            self.check_lock()?;
            Ok((entry, body(entry)?))
        });
        let (entry, new) = match made {
            Ok(made) => made,
            Err(error) => {
                // What stays is removed by the next writer.
                remove_files(&context, number);
                return Err(error);
            }
        };
        let manifest = committed.manifest.number + 1;
        match write_manifest(&context, manifest, new) {
            Ok(()) => {}
            Err(Failure::Undone(error)) => {
                remove_files(&context, number);
                return Err(error);
            }
            // The manifest may count: nothing of either state may be removed.
            Err(Failure::Unsynced(error)) => {
                self.poison(&error);
                return Err(error);
            }
        }
        // Its lock on the old manifest must not be the one that keeps the old files.
        drop(committed);
        self.adopt_manifest()?;
        Ok(entry)
    }
}
