//! Integers of few bits: Parquet's hybrid of run lengths and bit packing, and its delta encoding of integers.

use lakebed_format::coding::{take_varint, unzigzag};

/// More values than a page ever has: a wrong count allocates no more than this.
pub(crate) const MAX_VALUES: usize = 1 << 24;

/// The number of bits that hold `max`.
pub(crate) fn width_of(max: u32) -> u32 {
    u32::BITS - max.leading_zeros()
}

/// Decodes `count` values of `width` bits. `None` when the bytes do not hold them.
pub(crate) fn hybrid<T: Copy>(
    bytes: &[u8],
    width: u32,
    count: usize,
    of: impl Fn(u32) -> T,
) -> Option<Vec<T>> {
    if count > MAX_VALUES || width > 32 {
        return None;
    }
    let mut out = Vec::with_capacity(count);
    let mut rest = bytes;
    while out.len() < count {
        let left = count - out.len();
        let (header, after) = take_varint(rest)?;
        let len = usize::try_from(header >> 1).ok()?;
        if len == 0 {
            return None;
        }
        if header & 1 == 0 {
            let (value, after) = after.split_at_checked(width.div_ceil(8) as usize)?;
            let mut word = [0; 4];
            word.get_mut(..value.len())?.copy_from_slice(value);
            out.resize(out.len() + len.min(left), of(u32::from_le_bytes(word)));
            rest = after;
        } else {
            // The last run may end with the bytes, before its groups do.
            let packed = len.checked_mul(width as usize)?.min(after.len());
            let (packed, after) = after.split_at(packed);
            unpack(packed, width, left.min(len.checked_mul(8)?), &mut |value| {
                out.push(of(value));
            })?;
            rest = after;
        }
    }
    Some(out)
}

/// Passes `count` values of `width` bits, at most 32, read in words of four bytes.
fn unpack(bytes: &[u8], width: u32, count: usize, each: &mut impl FnMut(u32)) -> Option<()> {
    if width == 0 {
        (0..count).for_each(|_| each(0));
        return Some(());
    }
    if count.checked_mul(width as usize)? > bytes.len() * 8 {
        return None;
    }
    let mask = (1_u64 << width) - 1;
    let (words, tail) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last.get_mut(..tail.len())?.copy_from_slice(tail);
    let mut words = words.iter().chain([&last]);
    let (mut buffer, mut have) = (0_u64, 0);
    for _ in 0..count {
        if have < width {
            buffer |= u64::from(u32::from_le_bytes(*words.next()?)) << have;
            have += 32;
        }
        each((buffer & mask) as u32);
        buffer >>= width;
        have -= width;
    }
    Some(())
}

/// Passes `count` values of `width` bits, at most 64.
fn unpack_wide(bytes: &[u8], width: u32, count: usize, each: &mut impl FnMut(u64)) -> Option<()> {
    if width <= 32 {
        return unpack(bytes, width, count, &mut |value| each(u64::from(value)));
    }
    if count.checked_mul(width as usize)? > bytes.len() * 8 {
        return None;
    }
    let mask = (1_u128 << width) - 1;
    let (words, tail) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last.get_mut(..tail.len())?.copy_from_slice(tail);
    let mut words = words.iter().chain([&last]);
    let (mut buffer, mut have) = (0_u128, 0);
    for _ in 0..count {
        if have < width {
            buffer |= u128::from(u64::from_le_bytes(*words.next()?)) << have;
            have += 64;
        }
        each((buffer & mask) as u64);
        buffer >>= width;
        have -= width;
    }
    Some(())
}

/// Decodes DELTA_BINARY_PACKED integers, of which there are `count` unless that is `None`; also the bytes behind them.
/// They are exact modulo 2^64.
pub(crate) fn deltas(bytes: &[u8], count: Option<usize>) -> Option<(Vec<i64>, &[u8])> {
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
        values.push(last);
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
            unpack_wide(packed, width, left.min(per_mini), &mut |delta| {
                last = last.wrapping_add(least).wrapping_add(delta.cast_signed());
                values.push(last);
            })?;
            rest = after;
        }
        if per_mini == 0 {
            return None;
        }
    }
    Some((values, rest))
}
