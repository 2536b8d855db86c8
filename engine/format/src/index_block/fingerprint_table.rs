//! The fingerprints of a segment's blobs in their order, packed, with the ordinal of each blob.

use std::ops::{Range, RangeInclusive};

use super::pages::Pages;
use crate::coding::{Reader, align8, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::ids::Fingerprint;
use crate::index_run::{Bucket, BucketShape, IndexRunHeader, bits_below, put_bucket};
use crate::limits;

const WHAT: &str = "table of fingerprints";
/// Bytes of the number of entries, and of the end of a bucket.
const WORD: usize = 8;

/// Leading bits of each fingerprint that a table stores.
pub const TABLE_FINGERPRINT_BITS: u32 = 33;

/// A table, read in its encoded form: an entry for each blob, by ascending fingerprint and then by ordinal, which is
/// the place of the blob among those of the table, by ascending ids. A bucket holds the entries whose fingerprints
/// begin with the same bits.
#[derive(Debug, Clone, Copy)]
pub struct FingerprintTable<'a> {
    data: &'a [u8],
    count: u64,
    bucket_bits: u32,
    /// Where the first bucket is in the data.
    start: usize,
}

impl<'a> FingerprintTable<'a> {
    /// The bytes of a section's data that [`FingerprintTable::new`] reads.
    pub const HEAD: Range<u64> = 0..WORD as u64;

    /// The table in a section's data, of which only [`FingerprintTable::HEAD`] was checked.
    ///
    /// # Errors
    /// The data is too short for its number of entries.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new(WHAT, data, 0);
        let count = r.u64()?;
        if count == 0 || count > limits::MAX_NUMBER {
            return Err(r.value("the number of entries is out of its range"));
        }
        let bucket_bits = bucket_bits_for(count);
        // Each bucket has 512 entries or more on average, unless it is the only one.
        let start = WORD + (WORD << bucket_bits);
        if start > data.len() {
            return Err(r.error(Reason::Truncated));
        }
        Ok(Self {
            data,
            count,
            bucket_bits,
            start,
        })
    }

    /// Number of entries, at least 1.
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// False: a table without entries is not stored.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Encodes a section's data: the fingerprints of blobs by ascending ids. No fingerprints, no data.
    pub fn encode(fingerprints: impl IntoIterator<Item = Fingerprint>) -> Vec<u8> {
        let mut entries: Vec<(u64, u64)> = fingerprints
            .into_iter()
            .map(|fingerprint| fingerprint.0 >> (u64::BITS - TABLE_FINGERPRINT_BITS))
            .zip(0..)
            .collect();
        let mut out = Vec::new();
        if entries.is_empty() {
            return out;
        }
        entries.sort_unstable();
        let count = entries.len() as u64;
        let bucket_bits = bucket_bits_for(count);
        let shape = shape_for(count);
        put_u64(&mut out, count);
        let mut buckets = Vec::with_capacity(entries.len() * 5);
        let mut rest = entries.as_mut_slice();
        for number in 0..1_u64 << bucket_bits {
            let inside =
                rest.partition_point(|(stored, _)| stored >> shape.remainder_bits <= number);
            let (bucket, behind) = rest.split_at_mut(inside);
            for (stored, _) in bucket.iter_mut() {
                *stored &= (1 << shape.remainder_bits) - 1;
            }
            put_bucket(bucket, shape, &mut buckets);
            put_u64(&mut out, buckets.len() as u64);
            rest = behind;
        }
        out.extend_from_slice(&buckets);
        out
    }

    /// Passes the entries whose stored bits are those of a fingerprint in the range, in order. `check` is given each
    /// range of the data before it is read, and `refused` makes an error of it.
    ///
    /// # Errors
    /// The table is not whole; those of `check`.
    pub fn find<E>(
        &self,
        range: &RangeInclusive<Fingerprint>,
        mut check: impl FnMut(Range<u64>) -> std::result::Result<(), E>,
        refused: impl Fn(FormatError) -> E,
        mut each: impl FnMut(Fingerprint, u64),
    ) -> std::result::Result<(), E> {
        if range.is_empty() {
            return Ok(());
        }
        let shape = shape_for(self.count);
        let mask = (1 << shape.remainder_bits) - 1;
        let stored =
            |fingerprint: &Fingerprint| fingerprint.0 >> (u64::BITS - TABLE_FINGERPRINT_BITS);
        let (low, high) = (stored(range.start()), stored(range.end()));
        let (first, last) = (low >> shape.remainder_bits, high >> shape.remainder_bits);
        for number in first..=last {
            let place = Self::directory_place(number);
            check(place.start as u64..place.end as u64)?;
            let place = self.bucket_place(number).map_err(&refused)?;
            if place.is_empty() {
                continue;
            }
            check(place.start as u64..place.end as u64)?;
            let bucket = self.bucket(place).map_err(&refused)?;
            let from = if number == first { low & mask } else { 0 };
            let to = if number == last { high & mask } else { mask };
            let mut wrong = false;
            bucket.find(from..=to, |remainder, ordinal| {
                wrong |= ordinal >= self.count;
                each(fingerprint(number, remainder, shape), ordinal);
            });
            if wrong {
                return Err(refused(value("an ordinal is out of its range")));
            }
        }
        Ok(())
    }

    /// The fingerprints of the blobs by ascending ids, of which the bits that are not stored are zero. All of the data
    /// was checked.
    ///
    /// # Errors
    /// The table is not whole, or not in order, or does not have each ordinal once.
    pub fn by_ordinal(&self) -> Result<Vec<Fingerprint>> {
        let shape = shape_for(self.count);
        let count = usize::try_from(self.count).map_err(|_| value("there are too many entries"))?;
        // An entry has a bit at least.
        if count / 8 > self.data.len() {
            return Err(value("there are more entries than bytes"));
        }
        let mut found = vec![None; count];
        let mut entries = Vec::new();
        let mut end = self.start;
        for number in 0..1_u64 << self.bucket_bits {
            let place = self.bucket_place(number)?;
            end = place.end;
            entries.clear();
            self.bucket(place)?.entries(&mut entries)?;
            for (remainder, ordinal) in &entries {
                let place = usize::try_from(*ordinal).ok();
                let slot = place.and_then(|place| found.get_mut(place));
                match slot {
                    Some(slot) if slot.is_none() => {
                        *slot = Some(fingerprint(number, *remainder, shape));
                    }
                    _ => return Err(value("an ordinal is out of its range, or there twice")),
                }
            }
        }
        let found: Option<Vec<Fingerprint>> = found.into_iter().collect();
        match found {
            Some(found) if end == self.data.len() => Ok(found),
            _ => Err(value("there are more or fewer entries than it says")),
        }
    }

    /// The place in the data of the ends of a bucket and of the one before it.
    fn directory_place(number: u64) -> Range<usize> {
        let number = usize::try_from(number).unwrap_or(usize::MAX / WORD / 4);
        WORD * number.max(1)..WORD * (number + 2)
    }

    /// The place in the data of a bucket, by the directory.
    fn bucket_place(&self, number: u64) -> Result<Range<usize>> {
        let word = |number: usize| {
            let bytes = self.data.get(WORD * (number + 1)..)?.first_chunk::<WORD>();
            usize::try_from(u64::from_le_bytes(*bytes?)).ok()
        };
        let range = || {
            let number = usize::try_from(number).ok()?;
            let before = number.checked_sub(1).map_or(Some(0), word)?;
            let start = self.start.checked_add(before)?;
            let end = self.start.checked_add(word(number)?)?;
            (start <= end && end <= self.data.len()).then_some(start..end)
        };
        range().ok_or_else(|| value("the end of a bucket is out of its range"))
    }

    fn bucket(&self, place: Range<usize>) -> Result<Bucket<'a>> {
        let at = place.start as u64;
        Bucket::new(
            self.data.get(place).unwrap_or_default(),
            shape_for(self.count),
            at,
        )
    }
}

/// Where the table of one of a segment's index blocks is, for its footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableExtent {
    /// Number of entries.
    pub count: u64,
    /// The table in the segment.
    pub pages: Pages,
}

impl TableExtent {
    /// Bytes of an extent.
    pub const LEN: usize = 24;

    /// Appends the extent.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.count);
        put_u64(out, self.pages.offset);
        put_u64(out, self.pages.len);
    }

    /// Decodes the whole section; `base` is its offset in the file.
    ///
    /// # Errors
    /// The bytes end within an extent, or a field is out of its range.
    pub fn decode_all(data: &[u8], base: u64) -> Result<Vec<Self>> {
        let mut r = Reader::new("extents of tables", data, base);
        let mut extents = Vec::with_capacity(data.len() / Self::LEN);
        let mut all = 0_u64;
        while !r.is_empty() {
            let (count, offset, len) = (r.u64()?, r.u64()?, r.u64()?);
            if count == 0
                || count >= limits::MAX_NUMBER - all
                || len > limits::MAX_NUMBER
                || offset > limits::MAX_NUMBER
            {
                return Err(r.value("an extent is out of its range"));
            }
            all += count;
            let sums_offset = align8(offset + len);
            extents.push(Self {
                count,
                pages: Pages {
                    offset,
                    len,
                    sums_offset,
                },
            });
        }
        Ok(extents)
    }
}

/// Leading bits of a fingerprint that choose its bucket.
fn bucket_bits_for(count: u64) -> u32 {
    IndexRunHeader::bucket_bits_for(count).min(TABLE_FINGERPRINT_BITS)
}

fn shape_for(count: u64) -> BucketShape {
    BucketShape {
        remainder_bits: TABLE_FINGERPRINT_BITS - bucket_bits_for(count),
        value_bits: bits_below(count).min(56),
    }
}

fn fingerprint(bucket: u64, remainder: u64, shape: BucketShape) -> Fingerprint {
    let stored = bucket << shape.remainder_bits | remainder;
    Fingerprint(stored << (u64::BITS - TABLE_FINGERPRINT_BITS))
}

fn value(text: &'static str) -> FormatError {
    FormatError::new(WHAT, 0, Reason::Value(text))
}
