//! Index runs: the fingerprints of many sealed segments in order, and the ids of their blobs. Derived; may be deleted.

use crate::checksum::checksum;
use crate::coding::{Reader, align8, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::{BlobId, SegmentNumber};
use crate::index_block::Pages;
use crate::limits;

const WHAT: &str = "run header";
/// Bytes of the padded header.
const START: usize = 4096;
const MAGIC: [u8; 8] = *b"LKRUN\0\0\n";

/// Offset of the fingerprints of a run: behind its header, which is padded.
pub const RUN_START: u64 = START as u64;
/// Bytes of a run's header.
pub const RUN_HEADER_LEN: usize = 72;

/// The header of a run file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexRunHeader {
    /// Its number, which its name repeats.
    pub number: u64,
    /// Random; seeds its checksums.
    pub salt: u64,
    /// Number of entries.
    pub entries: u64,
    /// First segment covered.
    pub first_segment: SegmentNumber,
    /// Last segment covered.
    pub last_segment: SegmentNumber,
    /// Bytes of an id in the file, 1 to 8.
    pub id_width: u8,
    /// Subtracted from each id.
    pub base: BlobId,
}

impl IndexRunHeader {
    /// The width in bytes for ids that are at most `largest` above the base.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "64 bits are at most 8 bytes"
    )]
    pub const fn width_for(largest: u64) -> u8 {
        (64 - (largest | 1).leading_zeros()).div_ceil(8) as u8
    }

    /// The first 4,096 bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(START);
        out.extend_from_slice(&MAGIC);
        for field in [
            self.number,
            self.salt,
            self.entries,
            self.first_segment.0,
            self.last_segment.0,
            u64::from(self.id_width),
            self.base.0,
        ] {
            put_u64(&mut out, field);
        }
        let sum = checksum(self.salt, 0, &out);
        put_u64(&mut out, sum);
        out.resize(START, 0);
        out
    }

    /// Decodes the header at the start of `bytes`.
    ///
    /// # Errors
    /// The bytes are not the header of a run.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new(WHAT, bytes, 0);
        r.magic(&MAGIC)?;
        let (number, salt, entries) = (r.u64()?, r.u64()?, r.u64()?);
        let (first_segment, last_segment) = (SegmentNumber(r.u64()?), SegmentNumber(r.u64()?));
        let (width, base) = (r.u64()?, BlobId(r.u64()?));
        r.checksum(salt)?;
        let id_width = u8::try_from(width)
            .ok()
            .filter(|width| (1..=8).contains(width));
        let fits = entries <= limits::MAX_NUMBER / 16
            && base.0 <= limits::MAX_NUMBER
            && first_segment <= last_segment;
        match id_width {
            Some(id_width) if fits => Ok(Self {
                number,
                salt,
                entries,
                first_segment,
                last_segment,
                id_width,
                base,
            }),
            _ => Err(FormatError::new(
                WHAT,
                0,
                Reason::Value("a field of the header is out of its range"),
            )),
        }
    }

    /// The fingerprints: 8 bytes each, ascending.
    pub fn fingerprints(&self) -> Pages {
        let len = self.entries * 8;
        Pages {
            offset: RUN_START,
            len,
            sums_offset: RUN_START + len,
        }
    }

    /// The ids less the base, in the order of the fingerprints.
    pub fn ids(&self) -> Pages {
        let offset = self.fingerprints().end();
        let len = self.entries * u64::from(self.id_width);
        Pages {
            offset,
            len,
            sums_offset: align8(offset + len),
        }
    }

    /// Bytes of the whole file.
    pub fn file_len(&self) -> u64 {
        self.ids().end()
    }

    /// Appends an id, which must be at least the base and fit the width.
    pub fn put_id(&self, id: BlobId, out: &mut Vec<u8>) {
        let bytes = id.0.saturating_sub(self.base.0).to_le_bytes();
        out.extend(bytes.into_iter().take(usize::from(self.id_width)));
    }

    /// The id in the first bytes of `bytes`.
    #[inline]
    pub fn id(&self, bytes: &[u8]) -> Option<BlobId> {
        let mut number = [0_u8; 8];
        let width = usize::from(self.id_width);
        number
            .get_mut(..width)?
            .copy_from_slice(bytes.get(..width)?);
        let id = self.base.0.checked_add(u64::from_le_bytes(number))?;
        (id < limits::MAX_NUMBER).then_some(BlobId(id))
    }
}
