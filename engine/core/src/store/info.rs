//! Information about a store.

use lakebed_format::names;

use super::{CollectionInfo, CommitInfo, DictionaryInfo, SegmentInfo, Stats, Store};
use crate::error::Result;

impl Store {
    /// The collections, by name.
    ///
    /// # Errors
    /// `Closed`.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        self.reader()?.collections()
    }

    /// The segments, in order of their numbers.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>> {
        self.reader()?.segments()
    }

    /// The dictionaries, in order of their numbers.
    ///
    /// # Errors
    /// `Closed`.
    pub fn dictionaries(&self) -> Result<Vec<DictionaryInfo>> {
        self.reader()?.dictionaries()
    }

    /// The commits, oldest first.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn commits(&self) -> Result<Vec<CommitInfo>> {
        self.reader()?.commits()
    }

    /// Counts and sizes.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn stats(&self) -> Result<Stats> {
        let snapshot = self.reader()?;
        let context = &snapshot.committed.context;
        let segments = snapshot.segments()?;
        let cache = context.cache.stats();
        let index_bytes = self.bytes_in(names::INDEX);
        let other_bytes = self.bytes_in(names::MANIFESTS)
            + self.bytes_in(names::ASIDE)
            + [names::FORMAT, names::LOCK, names::RESERVE]
                .into_iter()
                .map(|name| self.bytes_of(name))
                .sum::<u64>();
        let held = crate::write::replaced::replaced(context, &snapshot.committed)?;
        let held_bytes: u64 = held.iter().map(|(_, bytes)| bytes).sum();
        let segment_bytes: u64 = segments.iter().map(|segment| segment.file_bytes).sum();
        Ok(Stats {
            path: context.vfs.describe(),
            uuid: context
                .header
                .uuid
                .0
                .iter()
                .fold(String::new(), |text, byte| format!("{text}{byte:02x}")),
            created: context.header.created,
            commit: snapshot.committed.commit.0,
            collections: snapshot.catalogue().collections().len() as u64,
            rows: snapshot.catalogue().collections().map(|c| c.rows()).sum(),
            blobs: snapshot.len(),
            dictionaries: snapshot.catalogue().dictionaries().len() as u64,
            segments: segments.len() as u64,
            raw_bytes: segments.iter().map(|segment| segment.raw_bytes).sum(),
            disk_bytes: segment_bytes + index_bytes + other_bytes + held_bytes,
            segment_bytes,
            index_bytes,
            other_bytes,
            held_bytes,
            pending_blobs: snapshot.pending.as_ref().map_or(0, |p| p.new_blobs),
            pending_rows: snapshot.pending.as_ref().map_or(0, |p| p.rows),
            cache_bytes: cache.bytes,
            cache_capacity: cache.budget,
            cache_hits: cache.hits,
            cache_misses: cache.misses,
            oldest_snapshot: self
                .shared
                .here()?
                .oldest_snapshot()
                .unwrap_or(snapshot.committed.commit)
                .0,
        })
    }

    /// Bytes of the files of a directory. What cannot be read counts as 0: other processes may remove files meanwhile.
    fn bytes_in(&self, dir: &str) -> u64 {
        let list = self.shared.context.vfs.list(dir).unwrap_or_default();
        list.iter()
            .map(|name| self.bytes_of(&format!("{dir}/{name}")))
            .sum()
    }

    fn bytes_of(&self, name: &str) -> u64 {
        self.shared
            .context
            .vfs
            .open(name, lakebed_vfs::Open::Read)
            .and_then(|file| file.len())
            .unwrap_or(0)
    }
}
