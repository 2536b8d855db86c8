//! Finds the next special byte of a string: `"`, `\` or a control character.
//!
//! Sixteen bytes at a time with SSE2, which every x86-64 has; eight at a time with plain integers elsewhere. Measured,
//! AVX2 is not faster: most strings of records end within 32 bytes (docs/types.md).

/// Position of the first `"`, `\` or byte below 0x20 in `bytes`, searched from `from`; the length if there is none,
/// also where `from` is past the end.
#[inline]
pub(crate) fn special(bytes: &[u8], from: usize) -> usize {
    let mut rest = bytes.get(from..).unwrap_or(&[]);
    while let Some((chunk, after)) = rest.split_first_chunk::<BLOCK>() {
        let found = block(chunk);
        if found != 0 {
            return bytes.len() - rest.len() + (found.trailing_zeros() as usize >> SHIFT);
        }
        rest = after;
    }
    bytes.len() - rest.len() + short(rest)
}

/// As [`special`], in fewer bytes than a block: two words that may overlap.
#[inline]
fn short(rest: &[u8]) -> usize {
    if let (Some(first), Some(last)) = (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        let found = word(u64::from_le_bytes(*first));
        if found != 0 {
            return found.trailing_zeros() as usize / 8;
        }
        let found = word(u64::from_le_bytes(*last));
        // Without any, 64 zeros: the length.
        return rest.len() - 8 + found.trailing_zeros() as usize / 8;
    }
    let found = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
    found.unwrap_or(rest.len())
}

/// Whether a word has special bytes: the lowest set bit lies in the first of them; higher bits may be set without one.
#[inline]
fn word(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let zero = |value: u64| value.wrapping_sub(ONES) & !value & HIGH;
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    zero(word ^ (ONES * b'"' as u64)) | zero(word ^ (ONES * b'\\' as u64)) | control
}

#[cfg(target_arch = "x86_64")]
const BLOCK: usize = 16;
#[cfg(target_arch = "x86_64")]
const SHIFT: u32 = 0;

/// A bit mask of the special bytes of the block.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(
    unsafe_code,
    reason = "vector instructions; measured twice as fast as the portable block"
)]
fn block(chunk: &[u8; 16]) -> u32 {
    // SAFETY: `sse2` asks only for a processor with SSE2, which is part of x86-64.
    unsafe { sse2(chunk) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a word is taken apart into its halves"
)]
fn sse2(chunk: &[u8; 16]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8,
    };
    let half = |bytes: &[u8]| {
        let word = bytes
            .first_chunk()
            .map_or(0, |bytes| u128::from_le_bytes(*bytes));
        let bytes = _mm_set_epi64x((word >> 64) as i64, word as i64);
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
        let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)).cast_unsigned()
    };
    half(chunk)
}

#[cfg(not(target_arch = "x86_64"))]
const BLOCK: usize = 8;
#[cfg(not(target_arch = "x86_64"))]
const SHIFT: u32 = 3;

/// As [`word`].
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn block(chunk: &[u8; 8]) -> u64 {
    word(u64::from_le_bytes(*chunk))
}
