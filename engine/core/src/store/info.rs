//! What a store can tell about itself.

use lakebed_format::{CommitNumber, names};

use super::{CollectionInfo, CommitInfo, DictionaryInfo, SegmentInfo, SegmentState, Stats, Store};
use crate::catalogue::Collection;
use crate::error::Result;
use crate::snapshot::Snapshot;

impl Snapshot {
    /// The collections, by name.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        let all = self.catalogue().collections();
        Ok(all.map(|collection| self.about(collection)).collect())
    }

    /// The collection of this name.
    ///
    /// # Errors
    /// `CollectionNotFound`.
    pub fn collection(&self, name: &str) -> Result<CollectionInfo> {
        self.named(name).map(|collection| self.about(collection))
    }

    fn about(&self, collection: &Collection) -> CollectionInfo {
        CollectionInfo {
            id: collection.id,
            name: collection.name.to_string(),
            created: collection.created,
            rows: collection.rows(),
            deleted_rows: collection.deleted_rows,
            first_seq: collection.first_live,
            next_seq: collection.next_seq,
            dictionary: self
                .catalogue()
                .dictionary_of(collection.id)
                .map(|entry| entry.number),
        }
    }

    /// The dictionaries, in order.
    pub fn dictionaries(&self) -> Result<Vec<DictionaryInfo>> {
        let catalogue = self.catalogue();
        Ok(catalogue
            .dictionaries()
            .map(|entry| DictionaryInfo {
                number: entry.number,
                collection: entry.collection,
                collection_name: catalogue
                    .collection(entry.collection)
                    .map(|collection| collection.name.to_string()),
                generation: entry.generation,
                hash: entry.hash,
                size: entry.size,
                blob: entry.blob,
            })
            .collect())
    }

    /// The segments, in order of their numbers.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>> {
        let manifest = &self.committed.manifest;
        let mut segments: Vec<SegmentInfo> = manifest
            .sealed
            .iter()
            .map(|sealed| sealed.entry)
            .map(|entry| SegmentInfo {
                number: entry.number,
                state: SegmentState::Sealed,
                layout: "rows",
                file_bytes: entry.len,
                raw_bytes: entry.raw_bytes,
                first_id: entry.first_blob,
                end_id: entry.end_blob,
                blobs: entry.blobs,
                rows: entry.rows,
                first_commit: entry.first_commit,
                last_commit: entry.last_commit,
            })
            .collect();
        let mut active_large = Vec::new();
        for large in self.committed.catalogue.large_blobs() {
            let known = manifest
                .large
                .iter()
                .find(|entry| entry.number == large.segment);
            if known.is_none() {
                active_large.push(large.blob);
            }
            segments.push(SegmentInfo {
                number: large.segment,
                state: SegmentState::Sealed,
                layout: "large",
                file_bytes: crate::segment::large::len_of(large),
                raw_bytes: large.len,
                first_id: large.blob,
                end_id: large.blob.next(),
                blobs: 1,
                rows: 0,
                first_commit: known.map_or(CommitNumber(0), |entry| entry.first_commit),
                last_commit: known.map_or(CommitNumber(0), |entry| entry.last_commit),
            });
        }
        if let Some(active) = &self.committed.active {
            let commits = active.commits()?;
            let large: u64 = self
                .committed
                .catalogue
                .large_blobs()
                .filter(|entry| active_large.contains(&entry.blob))
                .map(|entry| entry.len)
                .sum();
            let raw: u64 = commits.iter().map(|commit| commit.raw_bytes).sum();
            segments.push(SegmentInfo {
                number: active.file.number,
                state: SegmentState::Active,
                layout: "rows",
                file_bytes: active.end(),
                raw_bytes: raw.saturating_sub(large),
                first_id: active.file.first_blob,
                end_id: active.next_blob(),
                blobs: active.blobs(),
                rows: commits.iter().map(|commit| commit.rows).sum(),
                first_commit: commits.first().map_or(self.committed.commit, |c| c.number),
                last_commit: self.committed.commit,
            });
        }
        segments.sort_by_key(|segment| segment.number);
        Ok(segments)
    }

    /// The commits, oldest first.
    pub fn commits(&self) -> Result<Vec<CommitInfo>> {
        let mut all = Vec::new();
        let mut add = |segment, commits: Vec<lakebed_format::CommitEntry>| {
            all.extend(commits.into_iter().map(|commit| CommitInfo {
                number: commit.number,
                time: commit.time,
                segment,
                offset: commit.offset,
                blobs: commit.blobs,
                rows: commit.rows,
            }));
        };
        for sealed in &self.committed.manifest.sealed {
            add(
                sealed.entry.number,
                sealed.commits(&self.committed.context)?,
            );
        }
        if let Some(active) = &self.committed.active {
            add(active.file.number, active.commits()?);
        }
        all.sort_by_key(|commit| commit.number);
        Ok(all)
    }
}

impl Store {
    /// The collections, by name.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>> {
        self.reader()?.collections()
    }

    /// The segments, in order of their numbers.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>> {
        self.reader()?.segments()
    }

    /// The dictionaries, in order.
    pub fn dictionaries(&self) -> Result<Vec<DictionaryInfo>> {
        self.reader()?.dictionaries()
    }

    /// The commits, oldest first.
    pub fn commits(&self) -> Result<Vec<CommitInfo>> {
        self.reader()?.commits()
    }

    /// The store in numbers.
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
        let segment_bytes = segments.iter().map(|segment| segment.file_bytes).sum();
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
            disk_bytes: segment_bytes + index_bytes + other_bytes,
            segment_bytes,
            index_bytes,
            other_bytes,
            pending_blobs: snapshot.pending.as_ref().map_or(0, |p| p.new_blobs),
            pending_rows: snapshot.pending.as_ref().map_or(0, |p| p.rows),
            cache_bytes: cache.bytes,
            cache_capacity: cache.budget,
            cache_hits: cache.hits,
            cache_misses: cache.misses,
            oldest_snapshot: self
                .shared
                .oldest_snapshot()
                .unwrap_or(snapshot.committed.commit)
                .0,
        })
    }

    /// Bytes of the files of a directory; what cannot be read counts as nothing, for this is information.
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
