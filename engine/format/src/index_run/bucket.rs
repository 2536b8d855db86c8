//! Entries whose fingerprints begin with the same bits, packed: of a run, or of a segment's table.
//!
//! The remainders, which are the bits behind those, ascend. Their high parts are coded as in the lists of P. Elias
//! ("Efficient Storage and Retrieval by Content and Address of Static Files", 1974) and R. Fano: in unary, as
//! differences; the low parts are as they are. That takes about two bits more than the logarithm of the mean distance.

use std::ops::RangeInclusive;

use crate::coding::{Reader, put_varint};
use crate::error::{FormatError, Reason, Result};

const WHAT: &str = "bucket of fingerprints";

/// Widest remainder and widest value, in bits: one is read from 8 bytes, wherever it begins.
pub(super) const MAX_WIDTH: u32 = 56;

/// What the entries of all buckets of a run or table have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketShape {
    /// Bits of a fingerprint that are stored, less those that all entries of a bucket share.
    pub remainder_bits: u32,
    /// Bits of an entry's value.
    pub value_bits: u32,
}

impl BucketShape {
    /// Low bits of each remainder in a bucket of this many entries.
    fn low_bits(self, count: usize) -> u32 {
        self.remainder_bits
            .saturating_sub(count.checked_ilog2().unwrap_or(0))
    }
}

/// A bucket, read in its encoded form.
#[derive(Debug, Clone, Copy)]
pub struct Bucket<'a> {
    shape: BucketShape,
    count: usize,
    low_bits: u32,
    /// Bit `high + n` is set for the `n`-th entry, whose high part is `high`.
    highs: &'a [u8],
    /// Low part and value of each entry.
    rest: &'a [u8],
    /// Where the bucket is in its file.
    offset: u64,
}

impl<'a> Bucket<'a> {
    /// The bucket in `data`, which is at `offset` in its file; no bytes are a bucket without entries.
    ///
    /// # Errors
    /// The length is not that of its number of entries.
    pub fn new(data: &'a [u8], shape: BucketShape, offset: u64) -> Result<Self> {
        let mut r = Reader::new(WHAT, data, offset);
        if data.is_empty() {
            return Ok(Self {
                shape,
                count: 0,
                low_bits: 0,
                highs: &[],
                rest: &[],
                offset,
            });
        }
        let count = r.varint()?;
        let most = (r.remaining() as u64).saturating_mul(8);
        let Some(count) = usize::try_from(count)
            .ok()
            .filter(|count| *count > 0 && *count as u64 <= most)
        else {
            return Err(r.value("the number of entries is out of its range"));
        };
        let low_bits = shape.low_bits(count);
        let highs = r.bytes((count + (1 << (shape.remainder_bits - low_bits))).div_ceil(8))?;
        let width = (low_bits + shape.value_bits) as usize;
        let len = count.checked_mul(width).map(|bits| bits.div_ceil(8));
        let rest = r.bytes(len.ok_or_else(|| r.error(Reason::Truncated))?)?;
        r.finish()?;
        let ones: u32 = highs.iter().map(|byte| byte.count_ones()).sum();
        if ones as usize != count {
            return Err(r.value("the high parts are not as many as the entries"));
        }
        Ok(Self {
            shape,
            count,
            low_bits,
            highs,
            rest,
            offset,
        })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Passes the entries whose remainders lie in a range, each a remainder and a value, in order.
    pub fn find(&self, range: RangeInclusive<u64>, mut each: impl FnMut(u64, u64)) {
        let low_bits = self.low_bits;
        let wanted = range.start() >> low_bits;
        let Some(mut bit) = self.bit_behind_zeros(wanted) else {
            return;
        };
        let mut high = wanted;
        let Some(mut entry) = usize::try_from(wanted)
            .ok()
            .and_then(|zeros| bit.checked_sub(zeros))
        else {
            return;
        };
        while entry < self.count {
            match self.highs.get(bit / 8) {
                Some(byte) if byte >> (bit % 8) & 1 == 0 => high += 1,
                Some(_) => {
                    let (low, value) = self.rest_of(entry);
                    let remainder = high << low_bits | low;
                    if remainder > *range.end() {
                        return;
                    }
                    if remainder >= *range.start() {
                        each(remainder, value);
                    }
                    entry += 1;
                }
                None => return,
            }
            bit += 1;
        }
    }

    /// Appends all entries, each a remainder and a value, in order.
    ///
    /// # Errors
    /// They do not ascend, or are out of their range.
    pub fn entries(&self, out: &mut Vec<(u64, u64)>) -> Result<()> {
        let error = |text| FormatError::new(WHAT, self.offset, Reason::Value(text));
        let (mut high, mut entry) = (0_u64, 0);
        let mut last = None;
        for byte in self.highs {
            for bit in 0..8 {
                if byte >> bit & 1 == 0 {
                    high += 1;
                    continue;
                }
                let (low, value) = self.rest_of(entry);
                let found = (high << self.low_bits | low, value);
                if found.0 >> self.shape.remainder_bits != 0 {
                    return Err(error("a remainder is out of its range"));
                }
                if last.is_some_and(|last| last > found) {
                    return Err(error("the entries do not ascend"));
                }
                last = Some(found);
                out.push(found);
                entry += 1;
            }
        }
        Ok(())
    }

    /// The first bit with this many zeros before it.
    #[inline]
    fn bit_behind_zeros(&self, zeros: u64) -> Option<usize> {
        let mut left = zeros;
        let mut at = 0;
        if left == 0 {
            return Some(0);
        }
        let (words, _) = self.highs.as_chunks::<8>();
        for word in words {
            let mut free = !u64::from_le_bytes(*word);
            let here = u64::from(free.count_ones());
            if here >= left {
                for _ in 1..left {
                    free &= free - 1;
                }
                return Some(at + free.trailing_zeros() as usize + 1);
            }
            left -= here;
            at += 64;
        }
        loop {
            let byte = *self.highs.get(at / 8)?;
            if byte >> (at % 8) & 1 == 0 {
                left -= 1;
                if left == 0 {
                    return Some(at + 1);
                }
            }
            at += 1;
        }
    }

    /// Low part of the remainder, and value.
    #[inline]
    fn rest_of(&self, entry: usize) -> (u64, u64) {
        let at = entry * (self.low_bits + self.shape.value_bits) as usize;
        let low = bits(self.rest, at, self.low_bits);
        let value = bits(
            self.rest,
            at + self.low_bits as usize,
            self.shape.value_bits,
        );
        (low, value)
    }
}

/// Appends a bucket of these remainders and values, which ascend and fit the shape.
pub fn put_bucket(entries: &[(u64, u64)], shape: BucketShape, out: &mut Vec<u8>) {
    if entries.is_empty() {
        return;
    }
    put_varint(out, entries.len() as u64);
    let low_bits = shape.low_bits(entries.len());
    let len = (entries.len() + (1 << (shape.remainder_bits - low_bits))).div_ceil(8);
    let mut highs = vec![0_u8; len];
    let mut rest = BitWriter::default();
    for (n, (remainder, value)) in entries.iter().enumerate() {
        let high = usize::try_from(remainder >> low_bits).unwrap_or(usize::MAX);
        let bit = high.saturating_add(n);
        if let Some(byte) = highs.get_mut(bit / 8) {
            *byte |= 1 << (bit % 8);
        }
        rest.put(remainder & mask(low_bits), low_bits);
        rest.put(*value, shape.value_bits);
    }
    out.extend_from_slice(&highs);
    rest.finish(out);
}

const fn mask(width: u32) -> u64 {
    (1 << width) - 1
}

/// `width` bits, at most [`MAX_WIDTH`], that begin at bit `at`; beyond the end are zeros.
#[inline]
fn bits(bytes: &[u8], at: usize, width: u32) -> u64 {
    let rest = bytes.get(at / 8..).unwrap_or_default();
    let word = match rest.first_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    word >> (at % 8) & mask(width)
}

/// Numbers one after the other, lowest bit first.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    held: u128,
    count: u32,
}

impl BitWriter {
    fn put(&mut self, number: u64, width: u32) {
        self.held |= u128::from(number) << self.count;
        self.count += width;
        while self.count >= 8 {
            let [byte, ..] = self.held.to_le_bytes();
            self.bytes.push(byte);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        if self.count > 0 {
            let [byte, ..] = self.held.to_le_bytes();
            out.push(byte);
        }
    }
}
