//! Entries of the catalogue: what a store holds besides blobs and rows.

use crate::coding::{Reader, put_bytes, put_str, put_u64, put_varint};
use crate::error::{Reason, Result};
use crate::ids::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, FileNumber, Fingerprint, Hash,
    SegmentNumber, Seq,
};
use crate::limits;
use crate::segment_header::Layout;

const INGEST_COMPLETE: u8 = 1;
const INGEST_RAW_DIGEST: u8 = 2;

/// A name of at most 1,024 bytes.
pub(crate) fn decode_name(r: &mut Reader<'_>) -> Result<String> {
    let error = r.value("a name is too long");
    let name = r.str()?;
    if name.len() > limits::MAX_NAME {
        Err(error)
    } else {
        Ok(name.to_owned())
    }
}

/// A sealed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Its number.
    pub number: SegmentNumber,
    /// How its data is laid out.
    pub layout: Layout,
    /// Bytes of the file.
    pub len: u64,
    /// The first blob id that may occur.
    pub first_blob: BlobId,
    /// The id behind the last blob id that may occur.
    pub end_blob: BlobId,
    /// Blobs in it.
    pub blobs: u64,
    /// Rows in it.
    pub rows: u64,
    /// First commit in it.
    pub first_commit: CommitNumber,
    /// Last commit in it.
    pub last_commit: CommitNumber,
    /// Raw bytes of its blobs.
    pub raw_bytes: u64,
}

impl SegmentEntry {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for field in [
            self.number.0,
            u64::from(self.layout.code()),
            self.len,
            self.first_blob.0,
            self.end_blob.0,
            self.blobs,
            self.rows,
            self.first_commit.0,
            self.last_commit.0,
            self.raw_bytes,
        ] {
            put_varint(out, field);
        }
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let number = SegmentNumber(r.varint()?);
        // A number over 16 bits is as unknown as the highest.
        let code = u16::try_from(r.varint()?).unwrap_or(u16::MAX);
        let layout = Layout::from_code(code).ok_or_else(|| r.error(Reason::UnknownLayout(code)))?;
        let entry = Self {
            number,
            layout,
            len: r.varint()?,
            first_blob: BlobId(r.varint()?),
            end_blob: BlobId(r.varint()?),
            blobs: r.varint()?,
            rows: r.varint()?,
            first_commit: CommitNumber(r.varint()?),
            last_commit: CommitNumber(r.varint()?),
            raw_bytes: r.varint()?,
        };
        if entry.first_blob > entry.end_blob || entry.end_blob.0 > limits::MAX_NUMBER {
            return Err(r.value("the blob ids of a segment are out of their range"));
        }
        Ok(entry)
    }
}

/// A collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionEntry {
    /// Its id.
    pub id: CollectionId,
    /// Its name.
    pub name: String,
    /// When it was created, microseconds since 1970 UTC.
    pub created: i64,
    /// The next sequence number.
    pub next_seq: Seq,
    /// The first live sequence number; rows before it were trimmed.
    pub first_live: Seq,
    /// Rows from the first live one on that were deleted with their blobs.
    pub deleted_rows: u64,
    /// The summary of its values; `docs/types.md` has its encoding.
    pub schema: Vec<u8>,
}

impl CollectionEntry {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.id.0);
        put_str(out, &self.name);
        out.extend_from_slice(&self.created.to_le_bytes());
        put_varint(out, self.next_seq.0);
        put_varint(out, self.first_live.0);
        put_varint(out, self.deleted_rows);
        put_bytes(out, &self.schema);
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            id: CollectionId(r.varint()?),
            name: decode_name(r)?,
            created: r.i64()?,
            next_seq: Seq(r.varint()?),
            first_live: Seq(r.varint()?),
            deleted_rows: r.varint()?,
            schema: r.block()?.to_vec(),
        })
    }
}

/// A dictionary; its bytes are a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DictionaryEntry {
    /// Its number, which frames name.
    pub number: DictionaryNumber,
    /// The collection it was trained on.
    pub collection: CollectionId,
    /// Its generation in that collection, from 1.
    pub generation: u64,
    /// The blob that is the dictionary.
    pub blob: BlobId,
    /// Its hash.
    pub hash: Hash,
    /// Its length in bytes.
    pub size: u64,
}

impl DictionaryEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for field in [
            self.number.0,
            self.collection.0,
            self.generation,
            self.blob.0,
        ] {
            put_varint(out, field);
        }
        out.extend_from_slice(&self.hash.0);
        put_varint(out, self.size);
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            number: DictionaryNumber(r.varint()?),
            collection: CollectionId(r.varint()?),
            generation: r.varint()?,
            blob: BlobId(r.varint()?),
            hash: r.hash()?,
            size: r.varint()?,
        })
    }
}

/// A file that rows came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its number, from 1.
    pub number: FileNumber,
    /// Its name.
    pub name: String,
}

impl FileEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.number.0);
        put_str(out, &self.name);
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            number: FileNumber(r.varint()?),
            name: decode_name(r)?,
        })
    }
}

/// How far a file was ingested into a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestEntry {
    /// The collection.
    pub collection: CollectionId,
    /// The file.
    pub file: FileNumber,
    /// True when the file was ingested to its end.
    pub complete: bool,
    /// Bytes of the file as it lies on disk, possibly compressed; 0 when not known.
    pub raw_size: u64,
    /// Hash of those bytes, if the file was read to its end.
    pub raw_digest: Option<Hash>,
    /// Bytes of decompressed content that were ingested.
    pub content_offset: u64,
    /// Lines that were ingested.
    pub lines: u64,
    /// Hash of that content.
    pub prefix_digest: Hash,
}

impl IngestEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.collection.0);
        put_varint(out, self.file.0);
        let complete = if self.complete { INGEST_COMPLETE } else { 0 };
        let digest = if self.raw_digest.is_some() {
            INGEST_RAW_DIGEST
        } else {
            0
        };
        out.push(complete | digest);
        put_varint(out, self.raw_size);
        if let Some(digest) = &self.raw_digest {
            out.extend_from_slice(&digest.0);
        }
        put_varint(out, self.content_offset);
        put_varint(out, self.lines);
        out.extend_from_slice(&self.prefix_digest.0);
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        let collection = CollectionId(r.varint()?);
        let file = FileNumber(r.varint()?);
        let flags = r.u8()?;
        if flags & !(INGEST_COMPLETE | INGEST_RAW_DIGEST) != 0 {
            return Err(r.value("a flag of an ingest is unknown"));
        }
        Ok(Self {
            collection,
            file,
            complete: flags & INGEST_COMPLETE != 0,
            raw_size: r.varint()?,
            raw_digest: if flags & INGEST_RAW_DIGEST == 0 {
                None
            } else {
                Some(r.hash()?)
            },
            content_offset: r.varint()?,
            lines: r.varint()?,
            prefix_digest: r.hash()?,
        })
    }
}

/// A large blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargeEntry {
    /// The segment that holds it alone.
    pub segment: SegmentNumber,
    /// The blob.
    pub blob: BlobId,
    /// Its length in bytes.
    pub len: u64,
    /// Bytes of all blocks in the file.
    pub stored_len: u64,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
}

impl LargeEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for field in [self.segment.0, self.blob.0, self.len, self.stored_len] {
            put_varint(out, field);
        }
        put_u64(out, self.fingerprint.0);
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            segment: SegmentNumber(r.varint()?),
            blob: BlobId(r.varint()?),
            len: r.varint()?,
            stored_len: r.varint()?,
            fingerprint: Fingerprint(r.u64()?),
        })
    }
}
