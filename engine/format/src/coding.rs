//! The primitive values of the format: fixed little-endian integers, varints, zigzag numbers, strings; and a cursor
//! that reads them.
//!
//! The cursor does not panic and does not read past its bytes, and its errors name structure and offset. Lengths are
//! checked against the bytes at hand before memory is allocated.

use crate::checksum::checksum;
use crate::error::{FormatError, Reason, Result};
use crate::ids::Hash;

/// The most bytes of a varint.
pub const MAX_VARINT: usize = 10;

/// `n` rounded up to a multiple of 8; the highest multiple when there is none above.
pub const fn align8(n: u64) -> u64 {
    n.saturating_add(7) & !7
}

/// Appends an unsigned LEB128 number.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push((n & 0x7f) as u8);
}

/// How many bytes [`put_varint`] writes.
pub const fn varint_len(n: u64) -> usize {
    (70 - (n | 1).leading_zeros() as usize) / 7
}

/// A signed number as an unsigned one that is small when the number is near zero.
pub const fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub const fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -((n & 1).cast_signed())
}

/// Appends length and bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a `str`.
pub fn put_str(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

/// Appends a fixed u64.
pub fn put_u64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_le_bytes());
}

/// Appends zero bytes until the file offset of the end is a multiple of 8. The byte at index `from` of `out` is at
/// `start` in the file.
pub fn pad8(out: &mut Vec<u8>, from: usize, start: u64) {
    let mut end = start + (out.len() - from) as u64;
    while !end.is_multiple_of(8) {
        out.push(0);
        end += 1;
    }
}

/// Decodes one varint at the start of `bytes`: the number and the bytes behind it. `None` when it is cut off, too
/// large, or not in its shortest form.
#[inline]
pub fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    match bytes {
        [a, rest @ ..] if *a < 0x80 => Some((u64::from(*a), rest)),
        [a, b, rest @ ..] if *b < 0x80 => {
            (*b != 0).then_some((u64::from(*a & 0x7f) | u64::from(*b) << 7, rest))
        }
        _ => take_long_varint(bytes),
    }
}

fn take_long_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut n = 0_u64;
    let mut rest = bytes;
    for i in 0..MAX_VARINT {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        n |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            let overflows = i == MAX_VARINT - 1 && byte > 1;
            let padded = i > 0 && byte == 0;
            return (!overflows && !padded).then_some((n, rest));
        }
    }
    None
}

/// Reads the fields of one structure in order.
///
/// # Errors
/// Each method that reads a field fails with an error at the field's offset when the bytes end before it does, or when
/// its value is not allowed. The cursor then stays where it was or within that field.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    whole: &'a [u8],
    /// The end of `whole`.
    rest: &'a [u8],
    base: u64,
    what: &'static str,
}

#[allow(
    clippy::missing_errors_doc,
    reason = "the type says when its methods fail"
)]
impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`, which hold a `what` and begin at `base` in their file.
    #[inline]
    pub fn new(what: &'static str, bytes: &'a [u8], base: u64) -> Self {
        Self {
            whole: bytes,
            rest: bytes,
            base,
            what,
        }
    }

    /// The offset in the file of the next byte.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.base.wrapping_add(self.taken() as u64)
    }

    /// The number of bytes read so far.
    #[inline]
    pub fn taken(&self) -> usize {
        self.whole.len() - self.rest.len()
    }

    /// The number of bytes not read yet.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The bytes not read yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The bytes read since `earlier`, which [`Reader::rest`] gave.
    pub fn since(&self, earlier: &'a [u8]) -> Result<&'a [u8]> {
        earlier
            .len()
            .checked_sub(self.rest.len())
            .and_then(|len| earlier.get(..len))
            .ok_or_else(|| self.error(Reason::Internal("a mark is behind the cursor")))
    }

    /// True at the end.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error at the present offset.
    #[cold]
    pub fn error(&self, reason: Reason) -> FormatError {
        FormatError::new(self.what, self.offset(), reason)
    }

    /// The error of a forbidden value at the present offset.
    #[cold]
    pub fn value(&self, text: &'static str) -> FormatError {
        self.error(Reason::Value(text))
    }

    /// The next `n` bytes.
    #[inline]
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(n) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.error(Reason::Truncated)),
        }
    }

    /// The next `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.rest.split_first_chunk::<N>() {
            Some((chunk, rest)) => {
                self.rest = rest;
                Ok(*chunk)
            }
            None => Err(self.error(Reason::Truncated)),
        }
    }

    /// Magic bytes.
    pub fn magic<const N: usize>(&mut self, magic: &[u8; N]) -> Result<()> {
        let error = self.error(Reason::Magic);
        if self.array::<N>()? == *magic {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// `n` bytes that must be zero.
    pub fn zeros(&mut self, n: usize) -> Result<()> {
        let error = self.value("bytes that must be zero are not");
        if self.bytes(n)?.iter().all(|&b| b == 0) {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// A fixed u8.
    #[inline]
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// A fixed u16.
    #[inline]
    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// A fixed u32.
    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A fixed u64.
    #[inline]
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A fixed i64.
    #[inline]
    pub fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A hash.
    pub fn hash(&mut self) -> Result<Hash> {
        self.array().map(Hash)
    }

    /// A varint.
    #[inline]
    pub fn varint(&mut self) -> Result<u64> {
        match take_varint(self.rest) {
            Some((n, rest)) => {
                self.rest = rest;
                Ok(n)
            }
            None => Err(self.bad_varint()),
        }
    }

    #[cold]
    fn bad_varint(&self) -> FormatError {
        if self.rest.len() < MAX_VARINT && self.rest.iter().all(|&b| b >= 0x80) {
            self.error(Reason::Truncated)
        } else {
            self.value("a varint is too long or not in its shortest form")
        }
    }

    /// A zigzag number.
    pub fn zigzag(&mut self) -> Result<i64> {
        self.varint().map(unzigzag)
    }

    /// A varint that must fit 32 bits.
    #[inline]
    pub fn varint32(&mut self) -> Result<u32> {
        let start = self.clone();
        u32::try_from(self.varint()?).map_err(|_| start.value("a number is over 32 bits"))
    }

    /// The number of items that follow, of at least `least` bytes each: not more than the bytes that remain can hold.
    pub fn count(&mut self, least: usize) -> Result<usize> {
        let start = self.clone();
        let n = self.varint()?;
        usize::try_from(n)
            .ok()
            .filter(|n| *n <= self.remaining() / least.max(1))
            .ok_or_else(|| start.error(Reason::Truncated))
    }

    /// Length and bytes.
    pub fn block(&mut self) -> Result<&'a [u8]> {
        let n = self.count(1)?;
        self.bytes(n)
    }

    /// A `str`.
    pub fn str(&mut self) -> Result<&'a str> {
        let start = self.clone();
        std::str::from_utf8(self.block()?).map_err(|_| start.value("a text is not UTF-8"))
    }

    /// The checksum of everything read so far, as a file with this `salt` has it; returns the checksum.
    pub fn checksum(&mut self, salt: u64) -> Result<u64> {
        let error = self.error(Reason::Checksum);
        let found = checksum(salt, self.base, self.since(self.whole)?);
        if self.u64()? == found {
            Ok(found)
        } else {
            Err(error)
        }
    }

    /// The end: no byte may be left.
    pub fn finish(&self) -> Result<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.value("bytes follow the end of the structure"))
        }
    }
}

/// An iterator that ends after its first error.
pub(crate) fn until_error<T>(
    mut next: impl FnMut() -> Option<Result<T>>,
) -> impl Iterator<Item = Result<T>> {
    let mut failed = false;
    std::iter::from_fn(move || {
        let entry = if failed { None } else { next() };
        failed = matches!(entry, Some(Err(_)));
        entry
    })
}
