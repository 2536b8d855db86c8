//! The body of a manifest, which the footer of a sealed segment repeats.

use super::entries::{
    CollectionEntry, DictionaryEntry, FileEntry, IngestEntry, LargeEntry, SegmentEntry,
};
use crate::coding::{Reader, put_u64, put_varint};
use crate::error::{FormatError, Reason, Result};
use crate::id_set::IdSet;
use crate::ids::{BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, SegmentNumber};
use crate::limits;

/// The body of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestBody {
    /// The last commit before the seal.
    pub last_commit: CommitNumber,
    /// The last field of that COMMIT; 0 before the first.
    pub last_commit_checksum: u64,
    /// Next blob id.
    pub next_blob: BlobId,
    /// The segment that takes the next group; its file may not exist yet.
    pub active_segment: SegmentNumber,
    /// Next collection id.
    pub next_collection: CollectionId,
    /// Next file number.
    pub next_file: FileNumber,
    /// Next dictionary number.
    pub next_dictionary: DictionaryNumber,
    /// Next segment number.
    pub next_segment: SegmentNumber,
    /// Sealed segments.
    pub segments: Vec<SegmentEntry>,
    /// Collections.
    pub collections: Vec<CollectionEntry>,
    /// Dictionaries.
    pub dictionaries: Vec<DictionaryEntry>,
    /// Files.
    pub files: Vec<FileEntry>,
    /// Ingests.
    pub ingests: Vec<IngestEntry>,
    /// Pinned blobs.
    pub pinned: IdSet,
    /// Deleted blobs.
    pub deleted: IdSet,
    /// Large blobs.
    pub large: Vec<LargeEntry>,
}

fn encode_list<T>(entries: &[T], out: &mut Vec<u8>, mut encode: impl FnMut(&T, &mut Vec<u8>)) {
    put_varint(out, entries.len() as u64);
    for entry in entries {
        encode(entry, out);
    }
}

/// Decodes a number of entries, of at least `least` bytes each, and the entries.
fn decode_list<'a, T>(
    r: &mut Reader<'a>,
    least: usize,
    mut decode: impl FnMut(&mut Reader<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = r.count(least)?;
    // An entry in memory is larger than its smallest form in the file: reserve by what the bytes prove, not by what
    // they claim.
    let mut list = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        list.push(decode(r)?);
    }
    Ok(list)
}

impl ManifestBody {
    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.last_commit.0);
        put_u64(out, self.last_commit_checksum);
        for field in [
            self.next_blob.0,
            self.active_segment.0,
            self.next_collection.0,
            self.next_file.0,
            self.next_dictionary.0,
            self.next_segment.0,
        ] {
            put_varint(out, field);
        }
        encode_list(&self.segments, out, SegmentEntry::encode);
        encode_list(&self.collections, out, CollectionEntry::encode);
        encode_list(&self.dictionaries, out, DictionaryEntry::encode);
        encode_list(&self.files, out, FileEntry::encode);
        encode_list(&self.ingests, out, IngestEntry::encode);
        self.pinned.encode_counted(out);
        self.deleted.encode_counted(out);
        encode_list(&self.large, out, LargeEntry::encode);
    }

    /// Decodes a body; `base` is its offset in its file.
    ///
    /// # Errors
    /// The bytes are not a manifest's body.
    pub fn decode(bytes: &[u8], base: u64) -> Result<Self> {
        let mut reader = Reader::new("catalogue", bytes, base);
        let r = &mut reader;
        let catalogue = Self {
            last_commit: CommitNumber(r.varint()?),
            last_commit_checksum: r.u64()?,
            next_blob: BlobId(r.varint()?),
            active_segment: SegmentNumber(r.varint()?),
            next_collection: CollectionId(r.varint()?),
            next_file: FileNumber(r.varint()?),
            next_dictionary: DictionaryNumber(r.varint()?),
            next_segment: SegmentNumber(r.varint()?),
            segments: decode_list(r, 10, SegmentEntry::decode)?,
            collections: decode_list(r, 14, CollectionEntry::decode)?,
            dictionaries: decode_list(r, 37, DictionaryEntry::decode)?,
            files: decode_list(r, 2, FileEntry::decode)?,
            ingests: decode_list(r, 38, IngestEntry::decode)?,
            pinned: IdSet::decode_counted(r)?,
            deleted: IdSet::decode_counted(r)?,
            large: decode_list(r, 12, LargeEntry::decode)?,
        };
        r.finish()?;
        if catalogue.next_blob.0 > limits::MAX_NUMBER {
            return Err(FormatError::new(
                "catalogue",
                base,
                Reason::Value("the next blob id is out of its range"),
            ));
        }
        Ok(catalogue)
    }
}
