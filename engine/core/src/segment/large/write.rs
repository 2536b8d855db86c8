//! Writing a blob into a segment of its own: whole and synced before the group that names it.
#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths of parts of a blob that is in memory"
)]

use lakebed_codec::Encoder;
use lakebed_format::{
    BlobId, Hash, LargeBlock, LargeEncoding, LargeEntry, LargeTrailer, Layout, SegmentFormat,
    SegmentHeader, SegmentNumber, StoreUuid, TRAILER_LEN, checksum, limits, names,
};
use lakebed_vfs::Vfs;

use super::file_len;
use crate::error::{Error, Result};
use crate::random::random_u64;
use crate::segment::create::create_file;

/// Blocks tried before the whole blob is compressed.
const TRIED: usize = 3;

/// What a large blob's segment is written with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargeWriter<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) store: StoreUuid,
    pub(crate) format: SegmentFormat,
    /// zstd level of blocks.
    pub(crate) level: i32,
}

impl LargeWriter<'_> {
    /// Writes the segment of a blob. After an error no file is left, as far as that is possible.
    ///
    /// # Errors
    /// `Io`, `StoreFull`.
    pub(crate) fn write(
        &self,
        segment: SegmentNumber,
        id: BlobId,
        hash: &Hash,
        bytes: &[u8],
    ) -> Result<LargeEntry> {
        let result = write_file(*self, segment, id, hash, bytes);
        if result.is_err() {
            let _ = self.vfs.unlink(&names::segment(segment));
        }
        result
    }
}

fn write_file(
    writer: LargeWriter<'_>,
    segment: SegmentNumber,
    id: BlobId,
    hash: &Hash,
    bytes: &[u8],
) -> Result<LargeEntry> {
    let io = |error| Error::io(&format!("writing segment {segment}"), error);
    let header = SegmentHeader {
        format: writer.format,
        layout: Layout::Large,
        number: segment,
        uuid: writer.store,
        salt: random_u64()?,
        first_blob: id,
    };
    let salt = header.salt;
    let mut encoder = Encoder::new(writer.level).map_err(|e| Error::compressing(&e))?;
    let encoding = if shrinks(&mut encoder, bytes)? {
        LargeEncoding::Zstd
    } else {
        LargeEncoding::Raw
    };
    let file = create_file(writer.vfs, segment)?;
    file.write_all_at(&header.encode(), 0).map_err(io)?;
    let mut offset = limits::LARGE_START;
    let mut table = Vec::new();
    for block in bytes.chunks(limits::LARGE_BLOCK as usize) {
        let compressed = match encoding {
            LargeEncoding::Raw => None,
            LargeEncoding::Zstd => encoder
                .encode(block, None)
                .map_err(|e| Error::compressing(&e))?,
        };
        let stored = compressed.as_ref().map_or(block, |(_, stored)| stored);
        file.write_all_at(stored, offset).map_err(io)?;
        LargeBlock {
            offset,
            stored_len: stored.len() as u32,
            checksum: checksum(salt, offset, stored),
        }
        .encode(&mut table);
        offset += stored.len() as u64;
    }
    let stored_len = offset - limits::LARGE_START;
    let table_offset = offset.next_multiple_of(8);
    let tail = LargeTrailer {
        blob: id,
        len: bytes.len() as u64,
        encoding,
        table_offset,
        blocks: (table.len() / LargeBlock::LEN) as u64,
        table_checksum: checksum(salt, table_offset, &table),
    };
    let tail_at = file_len(table_offset + table.len() as u64) - TRAILER_LEN as u64;
    table.resize((tail_at - table_offset) as usize, 0);
    tail.encode(salt, tail_at, &mut table);
    file.write_all_at(&table, table_offset).map_err(io)?;
    file.sync_data().map_err(io)?;
    writer.vfs.sync_dir(names::SEGMENTS).map_err(io)?;
    Ok(LargeEntry {
        segment,
        blob: id,
        len: bytes.len() as u64,
        stored_len,
        fingerprint: hash.fingerprint(),
    })
}

/// Whether some blocks from front to back get smaller by a tenth. Images and archives do not, and are then handed out
/// as they lie.
fn shrinks(encoder: &mut Encoder, bytes: &[u8]) -> Result<bool> {
    let block = limits::LARGE_BLOCK as usize;
    let blocks = bytes.len().div_ceil(block);
    let (mut raw, mut stored) = (0, 0);
    for turn in 0..TRIED {
        let index = turn * blocks.saturating_sub(1) / (TRIED - 1);
        let start = index * block;
        let part = bytes
            .get(start..bytes.len().min(start + block))
            .unwrap_or_default();
        raw += part.len();
        stored += encoder
            .encode(part, None)
            .map_err(|e| Error::compressing(&e))?
            .map_or(part.len(), |(_, bytes)| bytes.len());
    }
    Ok(stored * 10 < raw * 9)
}
