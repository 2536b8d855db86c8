//! The header of a segment file: its format, layout, number and salt.

use crate::checksum::checksum;
use crate::coding::{Reader, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::{BlobId, Fingerprint, SegmentNumber, StoreUuid};
use crate::index_block::TABLE_FINGERPRINT_BITS;
use crate::limits;

/// Bytes of the header of a segment, and of a store's `FORMAT`.
pub const HEADER_LEN: usize = 64;

const MAGIC: [u8; 8] = *b"\x89LKSEG\r\n";

/// How the data of a segment is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// Frames of whole blobs, in groups.
    #[default]
    Rows,
    /// One large blob in blocks.
    Large,
    /// As rows, and with blobs in Parquet files beside the segment's own.
    Columns,
}

impl Layout {
    /// The number in the file.
    pub const fn code(self) -> u16 {
        match self {
            Self::Rows => 0,
            Self::Large => 1,
            Self::Columns => 2,
        }
    }

    /// The layout of a number; `None` for one this code does not know.
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            0 => Some(Self::Rows),
            1 => Some(Self::Large),
            2 => Some(Self::Columns),
            _ => None,
        }
    }
}

/// The version of the structures in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentFormat {
    /// Format 1.0: the commit of a row batch is the first one of the commit table that ends after the batch.
    V1,
    /// Format 1.1: row batches and their entries in the row directory carry the number of their commit.
    V2,
    /// Format 1.2: a segment that compaction wrote. Its structures are those of [`SegmentFormat::V2`]; its one group
    /// stands for the commits of its commit table.
    V3,
    /// Format 1.3: as [`SegmentFormat::V3`], of layout [`Layout::Columns`].
    V4,
    /// Format 1.5: as [`SegmentFormat::V2`], with [`crate::FingerprintTable`]s.
    V5,
    /// Format 1.5: as [`SegmentFormat::V3`], with [`crate::FingerprintTable`]s.
    V6,
    /// Format 1.5: as [`SegmentFormat::V4`], with [`crate::FingerprintTable`]s.
    V7,
}

impl SegmentFormat {
    /// The newest format.
    pub const NEWEST: Self = Self::V7;

    /// Whether row batches and their entries in the row directory carry the number of their commit.
    pub const fn rows_have_commits(self) -> bool {
        !matches!(self, Self::V1)
    }

    /// Whether compaction wrote it: its one group stands for the commits of its commit table.
    pub const fn is_rewritten(self) -> bool {
        matches!(self, Self::V3 | Self::V4 | Self::V6 | Self::V7)
    }

    /// Whether fingerprints are in [`crate::FingerprintTable`]s, in place of whole ones in the order of the ids and
    /// [`crate::Ordinals`].
    pub const fn packs_fingerprints(self) -> bool {
        matches!(self, Self::V5 | Self::V6 | Self::V7)
    }

    /// The fingerprint as its segments store it: bits that are not stored are zero.
    pub const fn stored_fingerprint(self, fingerprint: Fingerprint) -> Fingerprint {
        if self.packs_fingerprints() {
            fingerprint.shortened(TABLE_FINGERPRINT_BITS)
        } else {
            fingerprint
        }
    }

    /// The number in the file.
    pub const fn code(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
            Self::V4 => 4,
            Self::V5 => 5,
            Self::V6 => 6,
            Self::V7 => 7,
        }
    }

    const fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            4 => Some(Self::V4),
            5 => Some(Self::V5),
            6 => Some(Self::V6),
            7 => Some(Self::V7),
            _ => None,
        }
    }
}

/// The first 64 bytes of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The version of its structures.
    pub format: SegmentFormat,
    /// How its data is laid out.
    pub layout: Layout,
    /// Its number, which its name repeats.
    pub number: SegmentNumber,
    /// The store it belongs to.
    pub uuid: StoreUuid,
    /// Random; seeds the checksums of the file.
    pub salt: u64,
    /// First blob id that may occur.
    pub first_blob: BlobId,
}

impl SegmentHeader {
    /// Encodes the 64 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.format.code().to_le_bytes());
        out.extend_from_slice(&self.layout.code().to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        put_u64(&mut out, self.number.0);
        out.extend_from_slice(&self.uuid.0);
        put_u64(&mut out, self.salt);
        put_u64(&mut out, self.first_blob.0);
        let sum = checksum(self.salt, 0, &out);
        put_u64(&mut out, sum);
        out
    }

    /// Decodes the header at the start of `bytes`.
    ///
    /// # Errors
    /// The bytes are not a segment's header. For a newer format and an unknown layout [`FormatError::is_too_new`] is
    /// true.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("segment header", bytes, 0);
        r.magic(&MAGIC)?;
        let version = r.u32()?;
        let layout = r.u16()?;
        r.zeros(2)?;
        let number = SegmentNumber(r.u64()?);
        let uuid = StoreUuid(r.array()?);
        let salt = r.u64()?;
        let first_blob = BlobId(r.u64()?);
        // The header is the same in every format, so a version that fails the checksum is damage.
        r.checksum(salt)?;
        let known = SegmentFormat::NEWEST.code();
        if version > known {
            let reason = Reason::TooNew {
                found: version,
                known,
            };
            return Err(FormatError::new("segment header", 8, reason));
        }
        let format = SegmentFormat::from_code(version);
        let Some(format) = format.filter(|_| first_blob.0 <= limits::MAX_NUMBER) else {
            return Err(r.value("a field of the header is out of its range"));
        };
        let layout = Layout::from_code(layout)
            .ok_or_else(|| FormatError::new("segment header", 12, Reason::UnknownLayout(layout)))?;
        Ok(Self {
            format,
            layout,
            number,
            uuid,
            salt,
            first_blob,
        })
    }
}
