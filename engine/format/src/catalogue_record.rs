//! Catalogue records: the changes of a group besides its blobs and rows, in order.

use crate::coding::{Reader, put_str, put_varint, until_error};
use crate::error::{FormatError, Result};
use crate::id_set::IdSet;
use crate::ids::{BlobId, CollectionId, DictionaryNumber, FileNumber, SegmentNumber, Seq};
use crate::manifest::{DictionaryEntry, FileEntry, IngestEntry, LargeEntry, decode_name};

const WHAT: &str = "catalogue record";

/// A new collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCollection {
    /// Its id.
    pub id: CollectionId,
    /// Its name.
    pub name: String,
    /// When it was created, microseconds since 1970 UTC.
    pub created: i64,
}

/// One change of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogueRecord {
    /// A collection was created.
    CollectionCreated(NewCollection),
    /// A collection was dropped.
    CollectionDropped(CollectionId),
    /// A summary of values, to be merged into the collection's.
    Schema {
        /// The collection.
        collection: CollectionId,
        /// The summary; `docs/types.md` has its encoding.
        summary: Vec<u8>,
    },
    /// A dictionary was installed.
    Dictionary(DictionaryEntry),
    /// A number was given to a file.
    File(FileEntry),
    /// How far a file was ingested.
    Ingest(IngestEntry),
    /// A blob was deleted, and with it rows.
    Deleted {
        /// The blob; its id is not used again.
        blob: BlobId,
        /// How many rows each collection lost.
        rows: Vec<(CollectionId, u64)>,
    },
    /// Blobs were pinned.
    Pinned(IdSet),
    /// Rows before a sequence number were trimmed.
    Trimmed {
        /// The collection.
        collection: CollectionId,
        /// First live sequence number.
        first_live: Seq,
        /// How many of the rows trimmed had been counted as deleted before; they are no longer counted.
        deleted_rows: u64,
    },
    /// A large blob was written to a segment of its own.
    Large(LargeEntry),
    /// The next numbers to assign.
    Next {
        /// Next collection id.
        collection: CollectionId,
        /// Next file number.
        file: FileNumber,
        /// Next dictionary number.
        dictionary: DictionaryNumber,
        /// Next segment number.
        segment: SegmentNumber,
    },
    /// The next sequence number of a collection.
    NextRow {
        /// The collection.
        collection: CollectionId,
        /// Its next sequence number.
        next: Seq,
    },
}

impl CatalogueRecord {
    fn code(&self) -> u64 {
        match self {
            Self::CollectionCreated(_) => 1,
            Self::CollectionDropped(_) => 2,
            Self::Schema { .. } => 3,
            Self::Dictionary(_) => 4,
            Self::File(_) => 5,
            Self::Ingest(_) => 6,
            Self::Deleted { .. } => 7,
            Self::Pinned(_) => 8,
            Self::Trimmed { .. } => 9,
            Self::Large(_) => 10,
            Self::Next { .. } => 11,
            Self::NextRow { .. } => 12,
        }
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        self.encode_body(&mut body);
        put_varint(out, self.code());
        put_varint(out, body.len() as u64);
        out.extend_from_slice(&body);
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        match self {
            Self::CollectionCreated(name) => {
                put_varint(out, name.id.0);
                put_str(out, &name.name);
                out.extend_from_slice(&name.created.to_le_bytes());
            }
            Self::CollectionDropped(id) => put_varint(out, id.0),
            Self::Schema {
                collection,
                summary,
            } => {
                put_varint(out, collection.0);
                out.extend_from_slice(summary);
            }
            Self::Dictionary(entry) => entry.encode(out),
            Self::File(entry) => entry.encode(out),
            Self::Ingest(entry) => entry.encode(out),
            Self::Deleted { blob, rows } => {
                put_varint(out, blob.0);
                put_varint(out, rows.len() as u64);
                for (collection, rows) in rows {
                    put_varint(out, collection.0);
                    put_varint(out, *rows);
                }
            }
            Self::Pinned(ids) => ids.encode(out),
            Self::Trimmed {
                collection,
                first_live,
                deleted_rows,
            } => {
                put_varint(out, collection.0);
                put_varint(out, first_live.0);
                put_varint(out, *deleted_rows);
            }
            Self::Large(entry) => entry.encode(out),
            Self::Next {
                collection,
                file,
                dictionary,
                segment,
            } => {
                for number in [collection.0, file.0, dictionary.0, segment.0] {
                    put_varint(out, number);
                }
            }
            Self::NextRow { collection, next } => {
                put_varint(out, collection.0);
                put_varint(out, next.0);
            }
        }
    }

    fn decode(outer: &mut Reader<'_>) -> Result<Self> {
        let unknown: FormatError = outer.value("the type is unknown");
        let code = outer.varint()?;
        let body = outer.block()?;
        let mut reader = Reader::new(WHAT, body, outer.offset() - body.len() as u64);
        let r = &mut reader;
        let record = match code {
            1 => Self::CollectionCreated(NewCollection {
                id: CollectionId(r.varint()?),
                name: decode_name(r)?,
                created: r.i64()?,
            }),
            2 => Self::CollectionDropped(CollectionId(r.varint()?)),
            3 => {
                let collection = CollectionId(r.varint()?);
                Self::Schema {
                    collection,
                    summary: r.bytes(r.remaining())?.to_vec(),
                }
            }
            4 => Self::Dictionary(DictionaryEntry::decode(r)?),
            5 => Self::File(FileEntry::decode(r)?),
            6 => Self::Ingest(IngestEntry::decode(r)?),
            7 => {
                let blob = BlobId(r.varint()?);
                let count = r.count(2)?;
                let mut rows = Vec::with_capacity(count);
                for _ in 0..count {
                    rows.push((CollectionId(r.varint()?), r.varint()?));
                }
                Self::Deleted { blob, rows }
            }
            8 => Self::Pinned(IdSet::decode(r)?),
            9 => Self::Trimmed {
                collection: CollectionId(r.varint()?),
                first_live: Seq(r.varint()?),
                deleted_rows: r.varint()?,
            },
            10 => Self::Large(LargeEntry::decode(r)?),
            11 => Self::Next {
                collection: CollectionId(r.varint()?),
                file: FileNumber(r.varint()?),
                dictionary: DictionaryNumber(r.varint()?),
                segment: SegmentNumber(r.varint()?),
            },
            12 => Self::NextRow {
                collection: CollectionId(r.varint()?),
                next: Seq(r.varint()?),
            },
            _ => return Err(unknown),
        };
        r.finish()?;
        Ok(record)
    }

    /// Decodes a whole section, record by record; ends after an error. `base` is its offset in the file.
    pub fn decode_all(data: &[u8], base: u64) -> impl Iterator<Item = Result<Self>> + '_ {
        let mut r = Reader::new(WHAT, data, base);
        until_error(move || (!r.is_empty()).then(|| Self::decode(&mut r)))
    }
}
