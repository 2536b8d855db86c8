//! Index runs: the fingerprints of many sealed segments in order, and which segment has each. Derived; may be deleted.

mod bucket;

pub use bucket::{Bucket, BucketShape, put_bucket};

use crate::checksum::checksum;
use crate::coding::{Reader, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::{BlobId, Fingerprint, SegmentNumber};
use crate::index_block::Pages;
use crate::limits;

const WHAT: &str = "run header";
/// Bytes of the padded header.
const START: usize = 4096;
const MAGIC: [u8; 8] = *b"LKSEGS\0\n";

/// Offset of the directory of a run: behind its header, which is padded.
pub const RUN_START: u64 = START as u64;
/// Bytes of a run's header.
pub const RUN_HEADER_LEN: usize = 96;
/// Bytes of an entry of the directory.
pub const BUCKET_ENTRY: u64 = 16;
/// Bits of a fingerprint that a new run stores.
pub const RUN_FINGERPRINT_BITS: u32 = 29;
/// Entries that a bucket has on average, as a power of two: as many at least, and fewer than twice as many.
const BUCKET_ENTRIES_LOG: u32 = 9;

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
    /// Number of segments covered: an entry has the place of its segment among them, from 0.
    pub segments: u64,
    /// The first blob id of the first segment covered.
    pub base: BlobId,
    /// Leading bits of each fingerprint that are stored.
    pub fingerprint_bits: u32,
    /// Leading bits of a fingerprint that choose its bucket.
    pub bucket_bits: u32,
    /// Bytes of all buckets.
    pub len: u64,
}

/// Where a bucket is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketPlace {
    /// Offset of its first byte.
    pub offset: u64,
    /// Number of bytes; 0 when it has no entries.
    pub len: u64,
    /// Of those bytes.
    pub checksum: u64,
}

impl IndexRunHeader {
    /// Bits that choose the bucket, in a run or table with this many entries.
    pub const fn bucket_bits_for(entries: u64) -> u32 {
        (entries | 1).ilog2().saturating_sub(BUCKET_ENTRIES_LOG)
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
            self.segments,
            self.base.0,
            u64::from(self.fingerprint_bits),
            u64::from(self.bucket_bits),
            self.len,
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
        let (segments, base) = (r.u64()?, BlobId(r.u64()?));
        let (fingerprint_bits, bucket_bits, len) = (r.u64()?, r.u64()?, r.u64()?);
        r.checksum(salt)?;
        let fits = entries <= limits::MAX_NUMBER / 16
            && base.0 <= limits::MAX_NUMBER
            && (1..=1 << bucket::MAX_WIDTH).contains(&segments)
            && (1..=u64::from(bucket::MAX_WIDTH)).contains(&fingerprint_bits)
            && bucket_bits <= fingerprint_bits
            && bucket_bits <= u64::from(entries.max(1).ilog2())
            && len <= limits::MAX_NUMBER;
        // All of them are at most 64.
        let small = |bits| u32::try_from(bits).unwrap_or(u32::MAX);
        if fits {
            Ok(Self {
                number,
                salt,
                entries,
                first_segment,
                last_segment,
                segments,
                base,
                fingerprint_bits: small(fingerprint_bits),
                bucket_bits: small(bucket_bits),
                len,
            })
        } else {
            let reason = Reason::Value("a field of the header is out of its range");
            Err(FormatError::new(WHAT, 0, reason))
        }
    }

    /// Number of buckets.
    pub const fn buckets(&self) -> u64 {
        1 << self.bucket_bits
    }

    /// The directory: for each bucket where it ends, counted from the start of the first, and its checksum.
    pub fn directory(&self) -> Pages {
        let len = self.buckets() * BUCKET_ENTRY;
        Pages {
            offset: RUN_START,
            len,
            sums_offset: RUN_START + len,
        }
    }

    /// Offset of the first bucket.
    pub fn buckets_offset(&self) -> u64 {
        self.directory().end()
    }

    /// Bytes of the whole file.
    pub fn file_len(&self) -> u64 {
        self.buckets_offset() + self.len
    }

    /// What all buckets have in common.
    pub const fn shape(&self) -> BucketShape {
        BucketShape {
            remainder_bits: self.fingerprint_bits - self.bucket_bits,
            value_bits: bits_below(self.segments),
        }
    }

    /// The bits of a fingerprint that are stored, as a number.
    pub const fn stored(&self, fingerprint: Fingerprint) -> u64 {
        fingerprint.0 >> (u64::BITS - self.fingerprint_bits)
    }

    /// The smallest fingerprint with these stored bits.
    pub const fn fingerprint(&self, stored: u64) -> Fingerprint {
        Fingerprint(stored << (u64::BITS - self.fingerprint_bits))
    }

    /// The bucket of a fingerprint's stored bits, and what remains of them.
    pub const fn split(&self, stored: u64) -> (u64, u64) {
        let remainder_bits = self.fingerprint_bits - self.bucket_bits;
        (
            stored >> remainder_bits,
            stored & ((1 << remainder_bits) - 1),
        )
    }

    /// The stored bits of an entry of a bucket.
    pub const fn join(&self, bucket: u64, remainder: u64) -> u64 {
        bucket << (self.fingerprint_bits - self.bucket_bits) | remainder
    }

    /// Where a bucket is; `before` is the end of the one before it, and `entry` what the directory says of it.
    ///
    /// # Errors
    /// It does not begin where the one before ended, or ends behind the last.
    pub fn place(&self, before: u64, entry: &[u8]) -> Result<BucketPlace> {
        let mut r = Reader::new("directory of a run", entry, RUN_START);
        let (end, checksum) = (r.u64()?, r.u64()?);
        if before > end || end > self.len {
            return Err(r.value("the end of a bucket is out of its range"));
        }
        Ok(BucketPlace {
            offset: self.buckets_offset() + before,
            len: end - before,
            checksum,
        })
    }

    /// The entries in the bytes of a bucket.
    ///
    /// # Errors
    /// The bytes have another checksum, or are no bucket.
    pub fn bucket<'a>(
        &self,
        place: &BucketPlace,
        bytes: &'a [u8],
        checked: bool,
    ) -> Result<Bucket<'a>> {
        if !checked && checksum(self.salt, place.offset, bytes) != place.checksum {
            return Err(FormatError::new(
                "bucket of fingerprints",
                place.offset,
                Reason::Checksum,
            ));
        }
        Bucket::new(bytes, self.shape(), place.offset)
    }
}

/// The bits that numbers below `count` have.
pub(crate) const fn bits_below(count: u64) -> u32 {
    u64::BITS - count.saturating_sub(1).leading_zeros()
}
