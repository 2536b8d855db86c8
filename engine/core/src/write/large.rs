//! Writing a large blob into a segment of its own, whole and synced, before the group that names it.
//!
//! A crash in between leaves a file that no catalogue knows; its number is given again and the file written over.

use lakebed_format::{
    BlobId, Encoding, Hash, LargeBlock, LargeEncoding, LargeEntry, LargeTail, Layout,
    SegmentHeader, SegmentNumber, TAIL_LEN, checksum::sum, limits, names,
};
use lakebed_vfs::{File, Open};

use crate::error::{Error, ErrorKind, Result};
use crate::frames::{Encoder, FrameError};
use crate::home::Home;
use crate::segment::large::file_len;

/// Blocks that are tried before a blob is kept raw, spread over it: images and archives do not shrink, and raw bytes can be handed out
/// from the mapping.
const TRIED_BLOCKS: usize = 4;
/// A blob is compressed when the tried blocks shrink below this share of their size.
const WORTH: f64 = 0.95;

/// Writes a blob into segment `segment`.
///
/// # Errors
/// `Io`, `StoreFull`: the file is removed again.
pub(crate) fn write_large(
    home: &Home,
    segment: SegmentNumber,
    id: BlobId,
    hash: &Hash,
    bytes: &[u8],
) -> Result<LargeEntry> {
    let name = names::segment(segment);
    let what = format!("writing a blob of {} bytes to {name}", bytes.len());
    let file = home
        .vfs
        .open(&name, Open::Create)
        .map_err(|e| Error::io(&what, e))?;
    let salt = super::random()?;
    let header = SegmentHeader {
        layout: Layout::Large,
        number: segment,
        uuid: home.header.uuid,
        salt,
        first_blob: id,
    };
    let mut writer = Writer {
        file: file.as_ref(),
        salt,
        end: limits::LARGE_START,
        blocks: Vec::with_capacity(bytes.len().div_ceil(limits::LARGE_BLOCK as usize)),
    };
    let written = writer
        .write(&header, id, bytes, home.options.level)
        .and_then(|stored| {
            let io = |e| Error::io(&what, e);
            file.sync_data().map_err(io)?;
            home.vfs.sync_dir(names::SEGMENTS).map_err(io)?;
            Ok(stored)
        });
    match written {
        Ok(stored_len) => Ok(LargeEntry {
            segment,
            blob: id,
            len: bytes.len() as u64,
            stored_len,
            fingerprint: hash.fingerprint(),
        }),
        Err(error) => {
            // Nothing names the file: leaving it would only take room.
            let _ = home.vfs.unlink(&name);
            Err(error)
        }
    }
}

struct Writer<'a> {
    file: &'a dyn File,
    salt: u64,
    end: u64,
    blocks: Vec<LargeBlock>,
}

impl Writer<'_> {
    /// Writes the whole file and returns the bytes its blocks take.
    fn write(
        &mut self,
        header: &SegmentHeader,
        id: BlobId,
        bytes: &[u8],
        level: i32,
    ) -> Result<u64> {
        self.put(0, &header.encode())?;
        let mut encoder = Encoder::new(level).map_err(|e| failed(&e))?;
        let blocks = || bytes.chunks(limits::LARGE_BLOCK as usize);
        let step = blocks().len().div_ceil(TRIED_BLOCKS).max(1);
        let (mut tried, mut shrunk) = (0, 0);
        for block in blocks().step_by(step) {
            tried += block.len();
            shrunk += stored(&mut encoder, block)?.map_or(block.len(), |bytes| bytes.len());
        }
        let encoding = if (shrunk as f64) < tried as f64 * WORTH {
            LargeEncoding::Zstd
        } else {
            LargeEncoding::Raw
        };
        for block in blocks() {
            match encoding {
                LargeEncoding::Raw => self.block(block)?,
                LargeEncoding::Zstd => match stored(&mut encoder, block)? {
                    Some(smaller) => self.block(&smaller)?,
                    None => self.block(block)?,
                },
            }
        }
        let stored_len = self.end - limits::LARGE_START;
        self.finish(id, bytes.len() as u64, encoding)?;
        Ok(stored_len)
    }

    fn block(&mut self, stored: &[u8]) -> Result<()> {
        self.blocks.push(LargeBlock {
            offset: self.end,
            stored_len: stored.len() as u32,
            checksum: sum(self.salt, self.end, stored),
        });
        self.put(self.end, stored)?;
        self.end += stored.len() as u64;
        Ok(())
    }

    /// The block table, and the tail that ends the file.
    fn finish(&mut self, blob: BlobId, len: u64, encoding: LargeEncoding) -> Result<()> {
        let table_offset = self.end.next_multiple_of(8);
        let mut table = Vec::with_capacity(self.blocks.len() * LargeBlock::LEN);
        for block in &self.blocks {
            block.encode(&mut table);
        }
        let tail = LargeTail {
            blob,
            len,
            encoding,
            table_offset,
            blocks: self.blocks.len() as u64,
            table_checksum: sum(self.salt, table_offset, &table),
        };
        let tail_at = file_len(table_offset + table.len() as u64) - TAIL_LEN as u64;
        // From the end of the blocks on, so that whatever an earlier attempt left there is overwritten.
        let mut bytes = vec![0; (table_offset - self.end) as usize];
        bytes.extend_from_slice(&table);
        bytes.resize((tail_at - self.end) as usize, 0);
        tail.encode(self.salt, tail_at, &mut bytes);
        self.put(self.end, &bytes)?;
        let len = tail_at + TAIL_LEN as u64;
        self.file
            .set_len(len)
            .map_err(|e| Error::io("writing a large blob", e))
    }

    fn put(&self, at: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(bytes, at)
            .map_err(|e| Error::io("writing a large blob", e))
    }
}

/// A block as it is stored; `None` when it does not shrink.
fn stored(encoder: &mut Encoder, block: &[u8]) -> Result<Option<Vec<u8>>> {
    match encoder.encode(block, None).map_err(|e| failed(&e))? {
        Some((Encoding::Zstd, smaller)) => Ok(Some(smaller)),
        _ => Ok(None),
    }
}

fn failed(error: &FrameError) -> Error {
    Error::new(
        ErrorKind::Io,
        format!("Compressing a large blob failed: {error}."),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lakebed_format::{BlobId, Hash, SegmentNumber, StoreHeader, StoreUuid, names};
    use lakebed_vfs::{MemVfs, Open, Vfs};

    use super::write_large;
    use crate::home::Home;
    use crate::options::Options;
    use crate::segment::large::Large;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        (0..len)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 33) as u8
            })
            .collect()
    }

    fn home() -> Home {
        let vfs = MemVfs::new();
        let header = StoreHeader::new(StoreUuid([7; 16]), 0);
        vfs.create_dir(names::SEGMENTS).unwrap();
        let file = vfs.open(names::FORMAT, Open::CreateNew).unwrap();
        file.write_all_at(&header.encode(), 0).unwrap();
        Home::open(Arc::new(vfs), Options::default()).unwrap()
    }

    #[test]
    fn large_blobs_come_back_and_noise_is_handed_out_in_place() {
        let home = home();
        let text = b"lorem ipsum dolor ".repeat(1 << 20);
        for (number, bytes) in [(3, noise((17 << 20) + 5)), (4, text)] {
            let segment = SegmentNumber(number);
            let entry = write_large(&home, segment, BlobId(9), &Hash::of(&bytes), &bytes).unwrap();
            let blob = Large::open(&home, &entry).unwrap().blob().unwrap();
            assert_eq!(blob.as_slice(), bytes);
            assert_eq!(blob.is_mapped(), number == 3);
            if number == 4 {
                assert!(entry.stored_len < entry.len / 100);
            }
        }
    }
}
