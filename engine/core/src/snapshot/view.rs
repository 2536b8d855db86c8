//! The committed store as of one commit: an immutable value that readers share.

use std::ops::RangeInclusive;
use std::sync::Arc;

use lakebed_format::{
    BlobId, Catalogue as Body, CommitNumber, Fingerprint, SegmentEntry, SegmentNumber,
};
use lakebed_vfs::File;

use crate::blob::Blob;
use crate::catalogue::Catalogue;
use crate::error::{ErrorKind, Result};
use crate::home::Home;
use crate::index::lookup::Lookup;
use crate::segment::{Active, Damage, Frames, Reading, Sealed};
use lakebed_codec::Decoded;

/// What blobs take unpacked, as a multiple of what they take in a segment: a guess, for sizes of pieces of work only.
const UNPACKED: u64 = 4;

/// What a manifest says, and the hold on it: while a shared lock is on its file, no segment it names is removed.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) number: u64,
    pub(crate) catalogue: Catalogue,
    pub(crate) last_commit: CommitNumber,
    pub(crate) last_checksum: u64,
    pub(crate) next_blob: BlobId,
    pub(crate) active: SegmentNumber,
    /// Segments of frames, by ascending ids.
    pub(crate) sealed: Vec<Arc<Sealed>>,
    /// How their fingerprints are looked up.
    pub(crate) lookup: Lookup,
    /// Segments of large blobs.
    pub(crate) large: Vec<SegmentEntry>,
    /// Open and locked for as long as anybody reads by this manifest.
    #[expect(dead_code, reason = "it is held, not read")]
    pub(crate) held: Arc<dyn File>,
    /// What the manifest should say, when it is damaged or gone and was made up from footers.
    pub(crate) rebuilt: Option<Box<Body>>,
}

/// The store as of one commit.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) home: Arc<Home>,
    pub(crate) base: Arc<Base>,
    /// `None` until the active segment has a commit.
    pub(crate) active: Option<Arc<Active>>,
    pub(crate) catalogue: Catalogue,
    pub(crate) commit: CommitNumber,
    /// The checksum of that COMMIT.
    pub(crate) checksum: u64,
    pub(crate) next_blob: BlobId,
}

impl View {
    /// The view of a manifest and what the active segment adds to it.
    pub(crate) fn new(home: Arc<Home>, base: Arc<Base>, active: Option<Arc<Active>>) -> Self {
        let (catalogue, commit, checksum, next_blob) = match &active {
            Some(active) => (
                active.catalogue().unwrap_or(&base.catalogue).clone(),
                active.last.commit.number,
                active.last.checksum,
                active.next_blob(),
            ),
            None => (
                base.catalogue.clone(),
                base.last_commit,
                base.last_checksum,
                base.next_blob,
            ),
        };
        Self {
            home,
            base,
            active,
            catalogue,
            commit,
            checksum,
            next_blob,
        }
    }

    /// What is unreadable in the active segment.
    pub(crate) fn damage(&self) -> &[Damage] {
        self.active
            .as_ref()
            .map_or(&[], |active| active.damage.as_slice())
    }

    /// An error if part of the active segment's tables is unreadable, so that nobody takes what is missing for what is not there.
    pub(crate) fn check_whole(&self) -> Result<()> {
        match self.damage().first() {
            Some(damage) => Err(damage.error()),
            None => Ok(()),
        }
    }

    /// Blobs in frames, dead ones included, and large ones.
    pub(crate) fn blobs(&self) -> u64 {
        let sealed: u64 = self.base.sealed.iter().map(|s| s.entry.blobs).sum();
        let active = self.active.as_ref().map_or(0, |active| active.blobs());
        sealed + active + self.catalogue.large_blobs().len() as u64
    }

    /// Bytes that a blob in a frame has on average, about; `None` without any.
    pub(crate) fn average_blob(&self) -> Option<u64> {
        let sealed = self.base.sealed.iter().map(|sealed| sealed.entry);
        let (bytes, blobs) = sealed.fold((0, 0), |(bytes, blobs), entry| {
            (bytes + entry.raw_bytes, blobs + entry.blobs)
        });
        // What the active segment's blobs take unpacked is said in each of its blocks, of which there may be many.
        let active = self.active.as_deref();
        let (packed, newer) = active.map_or((0, 0), |active| (active.end(), active.blobs()));
        (bytes + packed * UNPACKED).checked_div(blobs + newer)
    }

    /// Tells `each` the committed ids whose fingerprints lie in the range, dead ones included, source by source, the newest first, until
    /// it wants no more.
    pub(crate) fn search(
        &self,
        range: &RangeInclusive<Fingerprint>,
        each: &mut dyn FnMut(&[BlobId]) -> Result<bool>,
    ) -> Result<()> {
        let mut found = Vec::new();
        let looked = match &self.active {
            Some(active) if range.start() == range.end() => active.find(*range.start(), &mut found),
            Some(active) => active.find_range(range.clone(), &mut found),
            None => Ok(()),
        };
        // Another segment may have what is wanted; only if none does, damage matters.
        let unreadable = match looked {
            Err(error) if error.kind() == ErrorKind::Corrupt => Some(error),
            other => {
                other?;
                None
            }
        };
        self.catalogue.find_large(range.clone(), &mut found);
        if !found.is_empty() && !each(&found)? {
            return Ok(());
        }
        self.base
            .lookup
            .search(&self.home, &self.base.sealed, range, each)?;
        unreadable.map_or(Ok(()), Err)
    }

    /// The segment whose range of ids this id lies in.
    fn segment_of(&self, id: BlobId) -> Option<&dyn Frames> {
        if id >= self.base.next_blob {
            let active = self.active.as_deref()?;
            return Some(active);
        }
        let after = self
            .base
            .sealed
            .partition_point(|sealed| sealed.entry.first_blob <= id);
        let sealed = self.base.sealed.get(after.checked_sub(1)?)?;
        (id < sealed.entry.end_blob).then_some(&**sealed as &dyn Frames)
    }

    /// The committed blob of this id, dead or alive; `None` when there never was one.
    pub(crate) fn blob(
        &self,
        reading: Reading<'_>,
        catalogue: &Catalogue,
        id: BlobId,
    ) -> Result<Option<Blob>> {
        if let Some(entry) = catalogue.large(id) {
            return self.home.large(entry).map(Some);
        }
        if id >= self.next_blob {
            return Ok(None);
        }
        let found = match self.segment_of(id) {
            Some(segment) => segment.blob(reading, id)?,
            None => None,
        };
        if found.is_none() && id >= self.base.next_blob {
            self.check_whole()?;
        }
        Ok(found)
    }

    /// The frame that holds this committed id, for reading on from there; `None` for a large blob and for no blob.
    pub(crate) fn frame(&self, reading: Reading<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>> {
        if id >= self.next_blob {
            return Ok(None);
        }
        match self.segment_of(id) {
            Some(segment) => segment.frame(reading, id),
            None => Ok(None),
        }
    }
}
