//! Manifests: the catalogue of a store as of a seal, in a file.

mod body;
mod contradiction;
mod difference;
mod entries;

use crate::checksum::checksum;
use crate::coding::{Reader, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::StoreUuid;

pub use body::ManifestBody;
pub use difference::{BodyDifference, put_body_difference};
pub(crate) use entries::decode_name;
pub use entries::{
    CollectionEntry, DictionaryEntry, FileEntry, IngestEntry, LargeEntry, SegmentEntry,
};

const WHAT: &str = "manifest";
const MAGIC: [u8; 8] = *b"LKMANIF\n";
/// Bytes before the body.
const FIXED: usize = 48;

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its number, which its name repeats; the highest whole one counts.
    pub number: u64,
    /// The store it belongs to.
    pub uuid: StoreUuid,
    /// Random; seeds its checksum.
    pub salt: u64,
    /// What the store holds.
    pub catalogue: ManifestBody,
}

impl Manifest {
    /// Encodes the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        self.catalogue.encode(&mut body);
        let mut out = Vec::with_capacity(FIXED + body.len() + 8);
        out.extend_from_slice(&MAGIC);
        put_u64(&mut out, self.number);
        out.extend_from_slice(&self.uuid.0);
        put_u64(&mut out, self.salt);
        put_u64(&mut out, body.len() as u64);
        out.extend_from_slice(&body);
        let sum = checksum(self.salt, 0, &out);
        put_u64(&mut out, sum);
        out
    }

    /// Decodes a file.
    ///
    /// # Errors
    /// The bytes are not a manifest. [`FormatError::is_too_new`] is true when a segment has an unknown layout.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new(WHAT, bytes, 0);
        r.magic(&MAGIC)?;
        let number = r.u64()?;
        let uuid = StoreUuid(r.array()?);
        let salt = r.u64()?;
        let len = usize::try_from(r.u64()?);
        let len = len.map_err(|_| FormatError::new(WHAT, 40, Reason::Truncated))?;
        let body_at = r.offset();
        let body = r.bytes(len)?;
        r.checksum(salt)?;
        r.finish()?;
        Ok(Self {
            number,
            uuid,
            salt,
            catalogue: ManifestBody::decode(body, body_at)?,
        })
    }
}
