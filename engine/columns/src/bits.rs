//! Integers of few bits: Parquet's hybrid of run lengths and bit packing, and its delta encoding of integers.

#[cfg(test)]
mod tests;

use lakebed_format::coding::{take_varint, unzigzag};

/// More values than a page ever has: a wrong count allocates no more than this.
pub(crate) const MAX_VALUES: usize = 1 << 24;

/// The number of bits that hold `max`.
pub(crate) fn width_of(max: u32) -> u32 {
    u32::BITS - max.leading_zeros()
}

/// A piece of the hybrid encoding.
enum Run<'a> {
    /// One value as often.
    Same(u32, usize),
    /// As many values in these bytes.
    Packed(&'a [u8], usize),
}

/// Passes the runs that `count` values of `width` bits consist of. `None` when the bytes do not hold them.
fn runs(
    bytes: &[u8],
    width: u32,
    count: usize,
    mut each: impl FnMut(Run<'_>) -> Option<()>,
) -> Option<()> {
    if count > MAX_VALUES || width > 32 {
        return None;
    }
    let mut rest = bytes;
    let mut left = count;
    while left > 0 {
        let (header, after) = take_varint(rest)?;
        let len = usize::try_from(header >> 1).ok()?;
        if len == 0 {
            return None;
        }
        let taken;
        if header & 1 == 0 {
            let (value, after) = after.split_at_checked(width.div_ceil(8) as usize)?;
            let mut word = [0; 4];
            word.get_mut(..value.len())?.copy_from_slice(value);
            taken = len.min(left);
            each(Run::Same(u32::from_le_bytes(word), taken))?;
            rest = after;
        } else {
            // The last run may end with the bytes, before its groups do.
            let packed = len.checked_mul(width as usize)?.min(after.len());
            let (packed, after) = after.split_at(packed);
            taken = left.min(len.checked_mul(8)?);
            each(Run::Packed(packed, taken))?;
            rest = after;
        }
        left -= taken;
    }
    Some(())
}

/// Decodes `count` values of `width` bits. `None` when the bytes do not hold them.
pub(crate) fn hybrid<T: Copy>(
    bytes: &[u8],
    width: u32,
    count: usize,
    of: impl Fn(u32) -> T,
) -> Option<Vec<T>> {
    let mut out = Vec::with_capacity(count.min(MAX_VALUES));
    runs(bytes, width, count, |run| {
        match run {
            Run::Same(value, len) => out.resize(out.len() + len, of(value)),
            Run::Packed(packed, len) => {
                unpack(packed, width, len, &mut |value| out.push(of(value as u32)))?;
            }
        }
        Some(())
    })?;
    Some(out)
}

/// Values in the hybrid encoding, which stay as they are stored.
#[derive(Debug)]
pub(crate) struct PackedValues {
    bytes: Vec<u8>,
    width: u32,
    count: usize,
    runs: Vec<StoredRun>,
}

/// A run among stored ones.
#[derive(Debug)]
struct StoredRun {
    /// The index of its first value.
    first: u32,
    /// Its one value, or where its packed values begin.
    at: u32,
    is_packed: bool,
}

impl PackedValues {
    /// `count` values of `width` bits from `start` on. `None` when the bytes do not hold them.
    pub(crate) fn new(bytes: Vec<u8>, start: usize, width: u32, count: usize) -> Option<Self> {
        let stored = bytes.get(start..)?;
        let mut found = Vec::new();
        let mut first = 0;
        runs(stored, width, count, |run| {
            let (at, is_packed, len) = match run {
                Run::Same(value, len) => (value, false, len),
                Run::Packed(packed, len) => {
                    (len.checked_mul(width as usize)? <= packed.len() * 8).then_some(())?;
                    let before = packed.as_ptr().addr() - bytes.as_ptr().addr();
                    (u32::try_from(before).ok()?, true, len)
                }
            };
            found.push(StoredRun {
                first,
                at,
                is_packed,
            });
            first += u32::try_from(len).ok()?;
            Some(())
        })?;
        Some(Self {
            bytes,
            width,
            count,
            runs: found,
        })
    }

    /// A value.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<u32> {
        if index >= self.count {
            return None;
        }
        let after = self.runs.partition_point(|run| run.first as usize <= index);
        let run = self.runs.get(after.checked_sub(1)?)?;
        if !run.is_packed {
            return Some(run.at);
        }
        let bit = (index - run.first as usize) * self.width as usize;
        let word = word_at(&self.bytes, run.at as usize + bit / 8) >> (bit % 8);
        Some((word & !(u64::MAX << self.width)) as u32)
    }

    /// Bytes of memory.
    pub(crate) fn cost(&self) -> usize {
        self.bytes.capacity() + self.runs.capacity() * size_of::<StoredRun>()
    }
}

/// One bit for each of some rows, and how many are set before each word of 64.
#[derive(Debug, Default)]
pub(crate) struct RowBits {
    words: Vec<u64>,
    before: Vec<u32>,
    len: usize,
    ones: u32,
}

impl RowBits {
    /// Which of `count` levels are the highest. `None` when the bytes do not hold them, or one is higher.
    pub(crate) fn of_levels(bytes: &[u8], count: usize, highest: u8) -> Option<Self> {
        let highest = u32::from(highest);
        let width = width_of(highest);
        let mut bits = Self {
            words: Vec::with_capacity(count.min(MAX_VALUES).div_ceil(64)),
            ..Self::default()
        };
        runs(bytes, width, count, |run| match run {
            Run::Same(level, mut len) => {
                (level <= highest).then_some(())?;
                while len > 0 {
                    let step = len.min(64);
                    let all = u64::MAX >> (64 - step);
                    bits.push(if level == highest { all } else { 0 }, step);
                    len -= step;
                }
                Some(())
            }
            Run::Packed(packed, len) if width == 1 => {
                (len <= packed.len() * 8).then_some(())?;
                let mut left = len;
                for piece in packed.chunks(8) {
                    let step = left.min(64);
                    if step == 0 {
                        break;
                    }
                    bits.push(word_at(piece, 0) & (u64::MAX >> (64 - step)), step);
                    left -= step;
                }
                Some(())
            }
            Run::Packed(packed, len) => {
                let mut is_right = true;
                unpack(packed, width, len, &mut |level| {
                    let level = level as u32;
                    is_right &= level <= highest;
                    bits.push(u64::from(level == highest), 1);
                })?;
                is_right.then_some(())
            }
        })?;
        for word in &bits.words {
            bits.before.push(bits.ones);
            bits.ones += word.count_ones();
        }
        Some(bits)
    }

    /// Adds at most 64 bits, at least one; those above are 0.
    #[inline]
    fn push(&mut self, bits: u64, len: usize) {
        let at = self.len % 64;
        match self.words.last_mut() {
            Some(last) if at > 0 => {
                *last |= bits << at;
                if at + len > 64 {
                    self.words.push(bits >> (64 - at));
                }
            }
            _ => self.words.push(bits),
        }
        self.len += len;
    }

    /// How many are set.
    pub(crate) fn ones(&self) -> usize {
        self.ones as usize
    }

    /// How many are set before a row, and whether its own is.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<(usize, bool)> {
        let word = *self.words.get(row / 64)?;
        let before = *self.before.get(row / 64)?;
        let lower = word & !(u64::MAX << (row % 64));
        let ones = (before + lower.count_ones()) as usize;
        Some((ones, word >> (row % 64) & 1 == 1))
    }

    /// Bytes of memory.
    pub(crate) fn cost(&self) -> usize {
        self.words.len() * 12
    }
}

/// Eight bytes from a place on; zeros behind the end.
#[inline]
fn word_at(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(word) = rest.first_chunk::<8>() {
        return u64::from_le_bytes(*word);
    }
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(rest) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

/// Passes `count` values of `width` bits, at most 64.
#[inline]
fn unpack(bytes: &[u8], width: u32, count: usize, each: &mut impl FnMut(u64)) -> Option<()> {
    if width == 0 {
        (0..count).for_each(|_| each(0));
        return Some(());
    }
    let bits = width as usize;
    if count.checked_mul(bits)? > bytes.len() * 8 {
        return None;
    }
    let mask = u64::MAX >> (64 - width);
    let mut at = 0;
    // More bits may reach into a ninth byte.
    if width <= 57 {
        for _ in 0..count {
            each(word_at(bytes, at / 8) >> (at % 8) & mask);
            at += bits;
        }
    } else {
        for _ in 0..count {
            let (low, high) = (word_at(bytes, at / 8), word_at(bytes, at / 8 + 8));
            let both = u128::from(high) << 64 | u128::from(low);
            each((both >> (at % 8)) as u64 & mask);
            at += bits;
        }
    }
    Some(())
}

/// Decodes DELTA_BINARY_PACKED integers, of which there are `count` unless that is `None`; also the bytes behind them.
/// They are exact modulo 2^64. `of` takes them one after the other.
pub(crate) fn deltas<T>(
    bytes: &[u8],
    count: Option<usize>,
    mut of: impl FnMut(i64) -> T,
) -> Option<(Vec<T>, &[u8])> {
    let (block, rest) = take_varint(bytes)?;
    let (minis, rest) = take_varint(rest)?;
    let (total, rest) = take_varint(rest)?;
    let (first, mut rest) = take_varint(rest)?;
    let total = usize::try_from(total).ok()?;
    let minis = usize::try_from(minis).ok()?;
    let per_mini = usize::try_from(block).ok()?.checked_div(minis)?;
    if total > MAX_VALUES || count.is_some_and(|count| count != total) || per_mini % 8 != 0 {
        return None;
    }
    let mut values = Vec::with_capacity(total);
    let mut last = unzigzag(first);
    if total > 0 {
        values.push(of(last));
    }
    while values.len() < total {
        let (least, after) = take_varint(rest)?;
        let least = unzigzag(least);
        let (widths, after) = after.split_at_checked(minis)?;
        rest = after;
        for &width in widths {
            let left = total - values.len();
            if left == 0 {
                break;
            }
            let width = u32::from(width);
            if width > 64 {
                return None;
            }
            let len = per_mini.checked_mul(width as usize)? / 8;
            let (packed, after) = rest.split_at_checked(len)?;
            unpack(packed, width, left.min(per_mini), &mut |delta| {
                last = last.wrapping_add(least).wrapping_add(delta.cast_signed());
                values.push(of(last));
            })?;
            rest = after;
        }
        if per_mini == 0 {
            return None;
        }
    }
    Some((values, rest))
}
