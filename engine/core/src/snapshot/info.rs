//! What a snapshot tells about its collections, segments, dictionaries and commits.

use lakebed_format::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, Hash, Layout, SegmentEntry,
    SegmentNumber, Seq,
};

use super::Snapshot;
use crate::catalogue::Collection;
use crate::error::Result;
use crate::segment::Segment as _;
use crate::segment::large::file_len_of;
use crate::segment::rows::walker::{WalkedBytes, read_header};

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its number; a re-created collection has a new one.
    pub id: CollectionId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: i64,
    /// Rows there are: neither trimmed nor deleted.
    pub rows: u64,
    /// Rows that were deleted with their blobs.
    pub deleted_rows: u64,
    /// The first sequence number that was not trimmed.
    pub first_seq: Seq,
    /// The sequence number the next row will get.
    pub next_seq: Seq,
    /// The dictionary new rows are compressed with.
    pub dictionary: Option<DictionaryNumber>,
}

/// Whether a segment is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// The one that is written to.
    Active,
    /// Finished and immutable.
    Sealed,
}

impl SegmentState {
    /// `active` or `sealed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            SegmentState::Active => "active",
            SegmentState::Sealed => "sealed",
        }
    }
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub number: SegmentNumber,
    /// Active or sealed.
    pub state: SegmentState,
    /// How blobs lie in it: `rows` or `large`.
    pub layout: &'static str,
    /// Its size as a file.
    pub file_bytes: u64,
    /// Bytes of its blobs.
    pub raw_bytes: u64,
    /// The first blob id that may be in it.
    pub first_id: BlobId,
    /// The first blob id after it.
    pub end_id: BlobId,
    /// Blobs in it.
    pub blobs: u64,
    /// Rows in it.
    pub rows: u64,
    /// The first commit in it.
    pub first_commit: CommitNumber,
    /// The last commit in it.
    pub last_commit: CommitNumber,
}

/// A dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DictionaryInfo {
    /// Its number in the store.
    pub number: DictionaryNumber,
    /// The collection it was trained on.
    pub collection: CollectionId,
    /// That collection's name, unless it was dropped.
    pub collection_name: Option<String>,
    /// Its generation in the collection, from 1.
    pub generation: u64,
    /// Its identity.
    pub hash: Hash,
    /// Its size.
    pub size: u64,
    /// The blob that holds it.
    pub blob: BlobId,
}

/// A commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its number.
    pub number: CommitNumber,
    /// When it was made.
    pub time: i64,
    /// The segment it lies in.
    pub segment: SegmentNumber,
    /// Where its trailer lies in the segment.
    pub offset: u64,
    /// Blobs it added.
    pub blobs: u64,
    /// Rows it added.
    pub rows: u64,
}

impl Snapshot {
    /// Whether the bytes that the manifest says of a sealed segment contain its large blobs: not of one that
    /// compaction wrote.
    fn counts_large(&self, number: SegmentNumber) -> bool {
        let file = self.committed.context.segments.open(number);
        file.is_ok_and(|file| {
            let header = read_header(WalkedBytes::File(file.as_ref()), number);
            header.is_ok_and(|header| !header.format.is_rewritten())
        })
    }
}

impl SegmentInfo {
    /// What a manifest says of a sealed segment.
    fn of_entry(entry: &SegmentEntry) -> Self {
        Self {
            number: entry.number,
            state: SegmentState::Sealed,
            layout: layout_name(entry.layout),
            file_bytes: entry.len,
            raw_bytes: entry.raw_bytes,
            first_id: entry.first_blob,
            end_id: entry.end_blob,
            blobs: entry.blobs,
            rows: entry.rows,
            first_commit: entry.first_commit,
            last_commit: entry.last_commit,
        }
    }
}

fn layout_name(layout: Layout) -> &'static str {
    match layout {
        Layout::Rows => "rows",
        Layout::Large => "large",
        Layout::Columns => "columns",
    }
}

impl Snapshot {
    /// The collections, by name.
    ///
    /// # Errors
    /// None today.
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

    /// The dictionaries, in order of their numbers.
    ///
    /// # Errors
    /// None today.
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
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>> {
        self.committed.context.check_not_forked()?;
        let manifest = &self.committed.manifest;
        let mut segments: Vec<SegmentInfo> = manifest
            .sealed
            .iter()
            .map(|sealed| {
                let file_bytes = sealed.bytes(&self.committed.context.segments)?;
                Ok(SegmentInfo {
                    file_bytes,
                    ..SegmentInfo::of_entry(&sealed.entry)
                })
            })
            .collect::<Result<_>>()?;
        // Bytes of large blobs that the active segment's commits count.
        let mut active_large = 0;
        for large in self.committed.catalogue.large_blobs() {
            let known = manifest
                .large
                .iter()
                .find(|entry| entry.number == large.segment);
            if known.is_none() {
                active_large += large.len;
            } else if let Some(holder) = segments.iter_mut().find(|one| {
                one.layout != layout_name(Layout::Large)
                    && one.first_id <= large.blob
                    && large.blob < one.end_id
            }) && self.counts_large(holder.number)
            {
                holder.raw_bytes = holder.raw_bytes.saturating_sub(large.len);
            }
            segments.push(SegmentInfo {
                number: large.segment,
                state: SegmentState::Sealed,
                layout: layout_name(Layout::Large),
                file_bytes: file_len_of(large),
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
            let commits = active.commits(&self.committed.context.segments)?;
            let raw: u64 = commits.iter().map(|commit| commit.raw_bytes).sum();
            segments.push(SegmentInfo {
                number: active.number(),
                state: SegmentState::Active,
                layout: layout_name(Layout::Rows),
                file_bytes: active.end(),
                raw_bytes: raw.saturating_sub(active_large),
                first_id: active.file.first_blob,
                end_id: active.next_blob(),
                blobs: active.blobs(),
                rows: commits.iter().map(|commit| commit.rows).sum(),
                first_commit: commits
                    .first()
                    .map_or(self.committed.commit, |commit| commit.number),
                last_commit: self.committed.commit,
            });
        }
        segments.sort_by_key(|segment| segment.number);
        Ok(segments)
    }

    /// The commits, oldest first.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn commits(&self) -> Result<Vec<CommitInfo>> {
        self.committed.context.check_not_forked()?;
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
        for segment in self.committed.segments() {
            add(
                segment.number(),
                segment.commits(&self.committed.context.segments)?,
            );
        }
        all.sort_by_key(|commit| commit.number);
        Ok(all)
    }
}
