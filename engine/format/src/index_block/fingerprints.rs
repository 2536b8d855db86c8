//! The fingerprints of a segment's blobs, in id order, and their order by fingerprint.

use std::ops::Range;

use super::pages::Pages;
use crate::coding::{Reader, put_u64};
use crate::error::{FormatError, Result};
use crate::ids::Fingerprint;
use crate::limits;

/// Appends fingerprints, 8 bytes each.
pub fn put_fingerprints(fingerprints: impl IntoIterator<Item = Fingerprint>, out: &mut Vec<u8>) {
    for fingerprint in fingerprints {
        put_u64(out, fingerprint.0);
    }
}

/// An array of fingerprints, read in its encoded form.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprints<'a> {
    entries: &'a [[u8; 8]],
}

impl<'a> Fingerprints<'a> {
    /// The array in a section's data.
    ///
    /// # Errors
    /// The length is not a multiple of 8.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let (entries, rest) = data.as_chunks::<8>();
        if rest.is_empty() {
            Ok(Self { entries })
        } else {
            Err(FormatError::uneven_length("fingerprints"))
        }
    }

    /// Number of fingerprints.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Fingerprint `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Fingerprint> {
        self.entries
            .get(index)
            .map(|b| Fingerprint(u64::from_le_bytes(*b)))
    }

    /// All of them in order.
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = Fingerprint> + ExactSizeIterator + use<'a> {
        self.entries
            .iter()
            .map(|b| Fingerprint(u64::from_le_bytes(*b)))
    }
}

/// One of the arrays that together hold a sealed segment's fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FingerprintExtent {
    /// Ordinal (place among the segment's blobs by ascending id) of its first fingerprint.
    pub first_ordinal: u64,
    /// How many fingerprints.
    pub count: u64,
    /// Offset of the fingerprints in the segment.
    pub offset: u64,
    /// Offset of their page checksums.
    pub sums_offset: u64,
}

impl FingerprintExtent {
    /// Bytes of an entry.
    pub const LEN: usize = 32;

    /// The array and its page checksums.
    pub fn pages(&self) -> Pages {
        Pages {
            offset: self.offset,
            len: self.count.saturating_mul(8),
            sums_offset: self.sums_offset,
        }
    }

    /// Appends the entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.first_ordinal);
        put_u64(out, self.count);
        put_u64(out, self.offset);
        put_u64(out, self.sums_offset);
    }

    /// Decodes the whole section; `base` is its offset in the file.
    ///
    /// # Errors
    /// The bytes end within an extent, or an extent does not begin at the ordinal at which the one before ended.
    pub fn decode_all(data: &[u8], base: u64) -> Result<Vec<Self>> {
        let mut r = Reader::new("fingerprint extents", data, base);
        let mut extents = Vec::with_capacity(data.len() / Self::LEN);
        let mut next = 0_u64;
        while !r.is_empty() {
            let extent = Self {
                first_ordinal: r.u64()?,
                count: r.u64()?,
                offset: r.u64()?,
                sums_offset: r.u64()?,
            };
            if extent.first_ordinal != next
                || extent.count == 0
                || extent.count >= limits::MAX_NUMBER - next
            {
                return Err(r.value("the extents have holes"));
            }
            next += extent.count;
            extents.push(extent);
        }
        Ok(extents)
    }
}

/// Ordinals of a segment's blobs, ordered by fingerprint, read in their encoded form.
#[derive(Debug, Clone, Copy)]
pub struct Ordinals<'a> {
    width: usize,
    data: &'a [u8],
}

impl<'a> Ordinals<'a> {
    /// Bytes before the first ordinal.
    pub const START: usize = 8;

    /// The ordinals in a section's data, of which the first page was checked.
    ///
    /// # Errors
    /// The width is unknown, or the length is not a multiple of it.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let mut r = Reader::new("ordinals", data, 0);
        let width = usize::from(r.u8()?);
        r.zeros(7)?;
        if !matches!(width, 2..=4) {
            return Err(r.value("the width is not 2, 3 or 4"));
        }
        if !r.remaining().is_multiple_of(width) {
            return Err(FormatError::uneven_length("ordinals"));
        }
        Ok(Self { width, data })
    }

    /// Encodes a section's data. The width follows from the number of ordinals; each ordinal is below that number.
    pub fn encode(ordinals: &[u32]) -> Vec<u8> {
        let width: u8 = match ordinals.len() {
            0..=0x1_0000 => 2,
            0x1_0001..=0x100_0000 => 3,
            _ => 4,
        };
        let mut out = Vec::with_capacity(Self::START + ordinals.len() * usize::from(width));
        out.extend_from_slice(&[width, 0, 0, 0, 0, 0, 0, 0]);
        for ordinal in ordinals {
            out.extend(ordinal.to_le_bytes().into_iter().take(usize::from(width)));
        }
        out
    }

    /// Number of ordinals.
    pub fn len(&self) -> usize {
        (self.data.len() - Self::START) / self.width
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The range of ordinal `index` in the section's data: the pages to check before it is read.
    pub fn place(&self, index: usize) -> Range<u64> {
        let start = (Self::START + index * self.width) as u64;
        start..start + self.width as u64
    }

    /// The ordinal of the blob whose fingerprint has rank `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<u32> {
        let start = Self::START + index.checked_mul(self.width)?;
        match *self.data.get(start..start + self.width)? {
            [a, b] => Some(u32::from_le_bytes([a, b, 0, 0])),
            [a, b, c] => Some(u32::from_le_bytes([a, b, c, 0])),
            [a, b, c, d] => Some(u32::from_le_bytes([a, b, c, d])),
            _ => None,
        }
    }
}
