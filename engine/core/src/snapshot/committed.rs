//! The committed store as of one commit: an immutable value that readers share.

use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use lakebed_format::{
    BlobId, CommitNumber, Fingerprint, ManifestBody, SegmentEntry, SegmentNumber,
};
use lakebed_vfs::File;

use crate::blob::Blob;
use crate::catalogue::Catalogue;
use crate::context::StoreContext;
use crate::error::Result;
use crate::index::lookup::Lookup;
use crate::reach::{Reach, ReachSource};
use crate::segment::damage::Damage;
use crate::segment::rows::active::ActiveRows;
use crate::segment::{ReadContext, SealedSegment, Segment};
use lakebed_codec::Decoded;

/// Bytes of decoded blobs for each byte in the active segment: an estimate, only for the sizes of tasks.
const UNPACKED: u64 = 4;

/// What a manifest says, and a shared lock on its file: while it is held, no segment that it names is removed.
#[derive(Debug)]
pub(crate) struct HeldManifest {
    pub(crate) number: u64,
    pub(crate) catalogue: Catalogue,
    pub(crate) last_commit: CommitNumber,
    pub(crate) last_checksum: u64,
    pub(crate) next_blob: BlobId,
    pub(crate) active: SegmentNumber,
    /// Its segments but those of large blobs, by ascending ids.
    pub(crate) sealed: Vec<SealedSegment>,
    /// Searches their fingerprints.
    pub(crate) lookup: Lookup,
    /// Segments of large blobs.
    pub(crate) large: Vec<SegmentEntry>,
    /// The open file, which holds the lock.
    pub(crate) held: Arc<dyn File>,
    /// What the manifest should say, if it is damaged or missing and this was rebuilt from footers.
    pub(crate) rebuilt: Option<Box<ManifestBody>>,
}

/// The store as of one commit.
#[derive(Debug)]
pub(crate) struct CommittedState {
    pub(crate) context: Arc<StoreContext>,
    pub(crate) manifest: Arc<HeldManifest>,
    /// `None` until the active segment has a commit.
    pub(crate) active: Option<Arc<ActiveRows>>,
    pub(crate) catalogue: Catalogue,
    pub(crate) commit: CommitNumber,
    /// The checksum of that COMMIT.
    pub(crate) checksum: u64,
    pub(crate) next_blob: BlobId,
    /// Whether rows were ever released.
    released: bool,
    /// The blobs that are reached, once somebody asked.
    reach: OnceLock<Arc<Reach>>,
}

impl CommittedState {
    /// The state of a manifest and what the active segment adds to it.
    pub(crate) fn new(
        context: Arc<StoreContext>,
        manifest: Arc<HeldManifest>,
        active: Option<Arc<ActiveRows>>,
    ) -> Self {
        let (catalogue, commit, checksum, next_blob) = match &active {
            Some(active) => (
                active.catalogue().unwrap_or(&manifest.catalogue).clone(),
                active.last.commit.number,
                active.last.checksum,
                active.next_blob(),
            ),
            None => (
                manifest.catalogue.clone(),
                manifest.last_commit,
                manifest.last_checksum,
                manifest.next_blob,
            ),
        };
        let released = catalogue.has_released();
        Self {
            context,
            manifest,
            active,
            catalogue,
            commit,
            checksum,
            next_blob,
            released,
            reach: OnceLock::new(),
        }
    }

    /// What is unreadable in the active segment.
    pub(crate) fn damage(&self) -> &[Damage] {
        self.active
            .as_ref()
            .map_or(&[], |active| active.damage.as_slice())
    }

    /// `commit 7` or `commits 7 to 9`: those that were on disk when `synced` was written and are not in this state;
    /// `None` when there are none.
    pub(crate) fn lost_commits(&self, synced: Option<CommitNumber>) -> Option<String> {
        let last = synced.filter(|synced| *synced > self.commit)?;
        let first = self.commit.next();
        Some(if first == last {
            format!("commit {last}")
        } else {
            format!("commits {first} to {last}")
        })
    }

    /// Checks that all of the active segment's tables are readable, so that what is unreadable is not taken for
    /// missing.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn check_whole(&self) -> Result<()> {
        match self.damage().first() {
            Some(damage) => Err(damage.error()),
            None => Ok(()),
        }
    }

    /// The blobs that are reached. Computed when it is first needed.
    ///
    /// # Errors
    /// `Io`, `Interrupted`.
    pub(crate) fn reach(&self) -> Result<&Arc<Reach>> {
        if let Some(reach) = self.reach.get() {
            return Ok(reach);
        }
        let source = ReachSource {
            commit: self.commit,
            next_blob: self.next_blob,
            catalogue: &self.catalogue,
            files: &self.context.segments,
            options: &self.context.options,
        };
        let sealed = self.manifest.sealed.iter();
        let sealed = sealed.map(|s| (Arc::clone(&s.segment), s.entry.last_commit));
        let active = self.active.iter();
        let active = active.map(|active| (Arc::clone(active) as Arc<dyn Segment>, self.commit));
        let damage = self.damage().first().map(Damage::error);
        let found = self
            .context
            .reach(|before| Reach::of(source, sealed.chain(active), damage, before))?;
        Ok(self.reach.get_or_init(|| found))
    }

    /// Whether some blobs may be there that nothing reaches, or some ids have no blob any more.
    pub(crate) fn has_gaps(&self) -> bool {
        self.released || self.blobs() != self.next_blob.0
    }

    /// Whether a committed blob is reached: nothing is computed while nothing was released.
    ///
    /// # Errors
    /// `Io`, `Interrupted`.
    pub(crate) fn is_reached(&self, id: BlobId) -> Result<bool> {
        if !self.released {
            return Ok(!self.catalogue.is_deleted(id));
        }
        Ok(self.reach()?.contains(id))
    }

    /// All blobs, deleted ones included.
    pub(crate) fn blobs(&self) -> u64 {
        let sealed: u64 = self.manifest.sealed.iter().map(|s| s.entry.blobs).sum();
        let active = self.active.as_ref().map_or(0, |active| active.blobs());
        sealed + active + self.catalogue.large_blobs().len() as u64
    }

    /// Estimated average length of a blob that is not large, in bytes; `None` without any.
    pub(crate) fn average_blob(&self) -> Option<u64> {
        let sealed = self.manifest.sealed.iter().map(|sealed| sealed.entry);
        let (bytes, blobs) = sealed.fold((0, 0), |(bytes, blobs), entry| {
            (bytes + entry.raw_bytes, blobs + entry.blobs)
        });
        // How long the active segment's blobs are is said in each of its index blocks, of which there may be many.
        let active = self.active.as_deref();
        let (packed, newer) = active.map_or((0, 0), |active| (active.end(), active.blobs()));
        (bytes + packed * UNPACKED).checked_div(blobs + newer)
    }

    /// The sealed segments and the active one, in the order of their ids; without those of large blobs.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Arc<dyn Segment>> {
        let sealed = self.manifest.sealed.iter().map(|s| Arc::clone(&s.segment));
        let active = self.active.iter().map(|active| Arc::clone(active) as _);
        sealed.chain(active)
    }

    /// Passes the committed ids whose fingerprints lie in the range to `each`, dead ones included, source by source,
    /// the newest first, until it returns false.
    ///
    /// # Errors
    /// `Corrupt` when a source cannot be read and no other one ended the search; `Io`; those of `each`.
    pub(crate) fn search(
        &self,
        range: &RangeInclusive<Fingerprint>,
        each: &mut dyn FnMut(&[BlobId]) -> Result<bool>,
    ) -> Result<()> {
        self.context.check_not_forked()?;
        let files = &self.context.segments;
        let mut found = Vec::new();
        let searched = match &self.active {
            Some(active) => active.find(files, range.clone(), &mut found),
            None => Ok(()),
        };
        // Another segment may have what is wanted; only if none does, damage matters.
        let unreadable = match searched {
            Err(error) if error.kind().is_of_one_segment() => Some(error),
            other => {
                other?;
                None
            }
        };
        self.catalogue.find_large(range.clone(), &mut found);
        if !found.is_empty() && !each(&found)? {
            return Ok(());
        }
        self.manifest
            .lookup
            .search(&self.context, &self.manifest.sealed, range, each)?;
        unreadable.map_or(Ok(()), Err)
    }

    /// The segment whose range of ids this id lies in.
    fn segment_of(&self, id: BlobId) -> Option<&dyn Segment> {
        if id >= self.manifest.next_blob {
            let active = self.active.as_deref()?;
            return Some(active);
        }
        let after = self
            .manifest
            .sealed
            .partition_point(|sealed| sealed.entry.first_blob <= id);
        let sealed = self.manifest.sealed.get(after.checked_sub(1)?)?;
        (id < sealed.entry.end_blob).then_some(sealed.segment.as_ref())
    }

    /// The committed blob of this id, dead or alive; `None` when there never was one.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn blob(
        &self,
        read: ReadContext<'_>,
        catalogue: &Catalogue,
        id: BlobId,
    ) -> Result<Option<Blob>> {
        if let Some(entry) = catalogue.large(id) {
            return self.context.large.get(entry).whole(read.files).map(Some);
        }
        if id >= self.next_blob {
            return Ok(None);
        }
        let found = match self.segment_of(id) {
            Some(segment) => segment.blob(read, id)?,
            None => None,
        };
        if found.is_none() && id >= self.manifest.next_blob {
            self.check_whole()?;
        }
        Ok(found)
    }

    /// The decoded blobs around this committed id, for reading on from there; `None` for a large blob and for no blob.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn blobs_from(
        &self,
        read: ReadContext<'_>,
        id: BlobId,
    ) -> Result<Option<Arc<Decoded>>> {
        if id >= self.next_blob {
            return Ok(None);
        }
        match self.segment_of(id) {
            Some(segment) => segment.blobs_from(read, id),
            None => Ok(None),
        }
    }
}
