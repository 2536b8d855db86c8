//! Manifests: the catalogue in a file of its own.

mod body;
mod entries;

use crate::checksum::checksum;
use crate::coding::{Reader, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::StoreUuid;

pub use body::ManifestBody;
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
    /// The whole file.
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

    /// Reads a whole file.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new(WHAT, bytes, 0);
        r.magic(&MAGIC)?;
        let number = r.u64()?;
        let uuid = StoreUuid(r.array()?);
        let salt = r.u64()?;
        let len = r.u64()?;
        if len > r.remaining() as u64 {
            return Err(FormatError::new(WHAT, 40, Reason::Truncated));
        }
        let body = r.bytes(len as usize)?;
        let summed = bytes.get(..FIXED + body.len()).unwrap_or_default();
        r.checksum(checksum(salt, 0, summed))?;
        r.finish()?;
        Ok(Self {
            number,
            uuid,
            salt,
            catalogue: ManifestBody::decode(body, FIXED as u64)?,
        })
    }
}
