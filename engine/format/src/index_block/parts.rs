//! The list of the Parquet files of a segment of layout columns.

use crate::coding::{Reader, put_u64, put_varint};
use crate::error::Result;
use crate::id_set::IdSet;
use crate::ids::CollectionId;

/// A Parquet file with records of one collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartEntry {
    /// The collection whose records it holds.
    pub collection: CollectionId,
    /// Rows of the file.
    pub rows: u64,
    /// Bytes of the file.
    pub len: u64,
    /// Checksum of the whole file, with the salt that [`PartEntry::salt`] gives.
    pub checksum: u64,
    /// Offset of its table in the segment.
    pub table_offset: u64,
    /// Bytes of the table in the segment.
    pub table_len: u64,
}

/// What a segment of layout columns says of its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartList {
    /// By their collections.
    pub parts: Vec<PartEntry>,
    /// Blobs that are read alone: a reader that decodes neighbours together leaves them out.
    pub alone: IdSet,
}

impl PartEntry {
    /// The salt of the checksums of a part: no other file of the segment has it.
    pub const fn salt(segment_salt: u64, collection: CollectionId) -> u64 {
        segment_salt.wrapping_add(collection.0)
    }
}

impl PartList {
    /// Encodes a section's data.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.parts.len() as u64);
        for part in &self.parts {
            put_varint(&mut out, part.collection.0);
            put_varint(&mut out, part.rows);
            put_varint(&mut out, part.len);
            put_u64(&mut out, part.checksum);
            put_u64(&mut out, part.table_offset);
            put_varint(&mut out, part.table_len);
        }
        self.alone.encode(&mut out);
        out
    }

    /// Decodes the whole section. `base` is its offset in the file.
    ///
    /// # Errors
    /// The bytes are not such a list.
    pub fn decode(data: &[u8], base: u64) -> Result<Self> {
        let mut r = Reader::new("list of parts", data, base);
        let mut parts: Vec<PartEntry> = Vec::new();
        for _ in 0..r.count(20)? {
            let part = PartEntry {
                collection: CollectionId(r.varint()?),
                rows: r.varint()?,
                len: r.varint()?,
                checksum: r.u64()?,
                table_offset: r.u64()?,
                table_len: r.varint()?,
            };
            if parts
                .last()
                .is_some_and(|last| last.collection >= part.collection)
            {
                return Err(r.value("the parts are not in the order of their collections"));
            }
            parts.push(part);
        }
        let alone = IdSet::decode(&mut r)?;
        Ok(Self { parts, alone })
    }
}
