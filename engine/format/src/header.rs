//! The two headers: of a store (`FORMAT`) and of a segment file.

use crate::checksum::sum;
use crate::error::{FormatError, Reason, Result};
use crate::ids::{BlobId, SegmentNumber, StoreUuid};
use crate::limits;
use crate::wire::{Reader, put_u64};

/// Bytes of either header.
pub const HEADER_LEN: usize = 64;

const STORE_MAGIC: [u8; 8] = *b"\x89LKB\r\n\x1a\n";
const SEGMENT_MAGIC: [u8; 8] = *b"\x89LKSEG\r\n";

/// Appends the checksum of the 56 bytes since `from`, which are at `offset` in a file with `salt`.
fn seal(out: &mut Vec<u8>, from: usize, salt: u64, offset: u64) {
    let sum = sum(salt, offset, out.get(from..).unwrap_or_default());
    put_u64(out, sum);
}

/// The file `FORMAT`: written once when a store is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreHeader {
    /// Major version; see [`StoreHeader::check_readable`].
    pub major: u16,
    /// Minor version.
    pub minor: u16,
    /// Identity of the store.
    pub uuid: StoreUuid,
    /// Features a reader must know.
    pub incompatible: u64,
    /// Features a writer must know.
    pub read_compatible: u64,
    /// When the store was made, microseconds since 1970 UTC.
    pub created: i64,
}

impl StoreHeader {
    /// The header of a new store of this version.
    pub fn new(uuid: StoreUuid, created: i64) -> Self {
        Self {
            major: limits::MAJOR,
            minor: limits::MINOR,
            uuid,
            incompatible: limits::FEATURE_ROW_COMMITS,
            read_compatible: 0,
            created,
        }
    }

    /// The format of the segments that a writer adds to the store. A store of version 1.0 keeps its own, so that a lakebed that knows no
    /// other still reads it.
    pub const fn segment_format(&self) -> SegmentFormat {
        if self.incompatible & limits::FEATURE_ROW_COMMITS == 0 {
            SegmentFormat::V1
        } else {
            SegmentFormat::V2
        }
    }

    /// The 64 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(&STORE_MAGIC);
        out.extend_from_slice(&self.major.to_le_bytes());
        out.extend_from_slice(&self.minor.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.uuid.0);
        put_u64(&mut out, self.incompatible);
        put_u64(&mut out, self.read_compatible);
        out.extend_from_slice(&self.created.to_le_bytes());
        seal(&mut out, 0, 0, 0);
        out
    }

    /// Reads the file. A newer version or unknown incompatible features are an error with [`FormatError::is_too_new`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("store header", bytes, 0);
        r.magic(&STORE_MAGIC)?;
        let major = r.u16()?;
        // A newer version may have another layout from here on, so its checksum cannot be asked for first.
        if major > limits::MAJOR {
            let reason = Reason::TooNew {
                found: u32::from(major),
                known: u32::from(limits::MAJOR),
            };
            return Err(FormatError::new("store header", 8, reason));
        }
        let minor = r.u16()?;
        r.zeros(4)?;
        let header = Self {
            major,
            minor,
            uuid: StoreUuid(r.array()?),
            incompatible: r.u64()?,
            read_compatible: r.u64()?,
            created: r.i64()?,
        };
        r.checksum(sum(0, 0, bytes.get(..56).unwrap_or_default()))?;
        r.finish()?;
        if major == 0 {
            return Err(FormatError::new(
                "store header",
                8,
                Reason::Value("version 0 does not exist"),
            ));
        }
        let unknown = header.incompatible & !limits::KNOWN_INCOMPATIBLE;
        if unknown != 0 {
            return Err(FormatError::new(
                "store header",
                32,
                Reason::UnknownFeatures(unknown),
            ));
        }
        Ok(header)
    }

    /// An error with [`FormatError::is_too_new`] when this code must not write the store.
    pub fn check_writable(&self) -> Result<()> {
        if self.read_compatible == 0 {
            return Ok(());
        }
        Err(FormatError::new(
            "store header",
            40,
            Reason::UnknownFeatures(self.read_compatible),
        ))
    }
}

/// How the data of a segment is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// Frames of whole blobs, in groups.
    #[default]
    Rows,
    /// One large blob in blocks.
    Large,
}

impl Layout {
    /// The number in the file.
    pub const fn code(self) -> u16 {
        match self {
            Self::Rows => 0,
            Self::Large => 1,
        }
    }

    /// The layout of a number; `None` for one this code does not know.
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            0 => Some(Self::Rows),
            1 => Some(Self::Large),
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
}

impl SegmentFormat {
    /// The newest format.
    pub const NEWEST: Self = Self::V2;

    /// The number in the file.
    pub const fn code(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    const fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
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
    /// The 64 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(&SEGMENT_MAGIC);
        out.extend_from_slice(&self.format.code().to_le_bytes());
        out.extend_from_slice(&self.layout.code().to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        put_u64(&mut out, self.number.0);
        out.extend_from_slice(&self.uuid.0);
        put_u64(&mut out, self.salt);
        put_u64(&mut out, self.first_blob.0);
        seal(&mut out, 0, self.salt, 0);
        out
    }

    /// Reads the header at the start of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("segment header", bytes, 0);
        r.magic(&SEGMENT_MAGIC)?;
        let version = r.u32()?;
        let layout = r.u16()?;
        r.zeros(2)?;
        let number = SegmentNumber(r.u64()?);
        let uuid = StoreUuid(r.array()?);
        let salt = r.u64()?;
        let first_blob = BlobId(r.u64()?);
        // The header of a later version is laid out the same (`FORMAT` would say otherwise): a damaged version is damage.
        r.checksum(sum(salt, 0, bytes.get(..56).unwrap_or_default()))?;
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
