//! The header of a store: the file `FORMAT`.

use crate::checksum::checksum;
use crate::coding::{Reader, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::StoreUuid;
use crate::limits;
use crate::segment_header::{HEADER_LEN, SegmentFormat};

const MAGIC: [u8; 8] = *b"\x89LKB\r\n\x1a\n";

/// The file `FORMAT`, which is written once, when a store is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreHeader {
    /// Major version: readers refuse one above theirs.
    pub major: u16,
    /// Minor version: readers accept any.
    pub minor: u16,
    /// Identity of the store.
    pub uuid: StoreUuid,
    /// Features that a reader must know, a bit each.
    pub incompatible: u64,
    /// Features that a writer must know, a bit each.
    pub read_compatible: u64,
    /// When the store was made, microseconds since 1970 UTC.
    pub created: i64,
}

impl StoreHeader {
    /// Bytes of the file.
    pub const LEN: usize = HEADER_LEN;

    /// The header of a new store of the newest version.
    pub fn new(uuid: StoreUuid, created: i64) -> Self {
        Self {
            major: limits::MAJOR,
            minor: limits::MINOR,
            uuid,
            incompatible: limits::FEATURE_ROW_COMMITS | limits::FEATURE_PACKED,
            read_compatible: 0,
            created,
        }
    }

    /// The format of the segments that a writer adds to the store. A store of an older version keeps its own, so
    /// that a lakebed that knows no other still reads it.
    pub const fn segment_format(&self) -> SegmentFormat {
        if self.incompatible & limits::FEATURE_PACKED != 0 {
            SegmentFormat::V5
        } else if self.incompatible & limits::FEATURE_ROW_COMMITS != 0 {
            SegmentFormat::V2
        } else {
            SegmentFormat::V1
        }
    }

    /// Encodes the 64 bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.major.to_le_bytes());
        out.extend_from_slice(&self.minor.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.uuid.0);
        put_u64(&mut out, self.incompatible);
        put_u64(&mut out, self.read_compatible);
        out.extend_from_slice(&self.created.to_le_bytes());
        let sum = checksum(0, 0, &out);
        put_u64(&mut out, sum);
        out
    }

    /// Decodes the file.
    ///
    /// # Errors
    /// The bytes are not a store's header. For a newer version and for unknown incompatible features
    /// [`FormatError::is_too_new`] is true.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new("store header", bytes, 0);
        r.magic(&MAGIC)?;
        let major = r.u16()?;
        // The header of a newer version may continue differently, so the version is judged before the checksum.
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
        r.checksum(0)?;
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

    /// Whether it is a backup, which nobody writes to.
    pub const fn is_backup(&self) -> bool {
        self.read_compatible & limits::FEATURE_BACKUP != 0
    }

    /// Whether this code may write to the store, if it is not a backup.
    ///
    /// # Errors
    /// The store has read-compatible features that this code does not know; [`FormatError::is_too_new`] is true.
    pub fn check_writable(&self) -> Result<()> {
        let unknown = self.read_compatible & !limits::FEATURE_BACKUP;
        if unknown == 0 {
            return Ok(());
        }
        Err(FormatError::new(
            "store header",
            40,
            Reason::UnknownFeatures(unknown),
        ))
    }
}
