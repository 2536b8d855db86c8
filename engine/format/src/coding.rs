//! The alphabet of the format: fixed little-endian integers, varints, zigzag numbers, strings; and a cursor that reads them.
//!
//! The cursor never panics, never reads past its bytes, and names structure and position in every error. Lengths are checked against
//! what is there before anything is allocated.

use crate::error::{FormatError, Reason, Result};
use crate::ids::Hash;

/// The most bytes a varint takes.
pub const MAX_VARINT: usize = 10;

/// `n` rounded up to a multiple of 8; the highest multiple when there is none above.
pub const fn align8(n: u64) -> u64 {
    n.saturating_add(7) & !7
}

/// Appends an unsigned LEB128 number.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// How many bytes [`put_varint`] writes.
pub const fn varint_len(n: u64) -> usize {
    (70 - (n | 1).leading_zeros() as usize) / 7
}

/// A signed number as an unsigned one that is small when the number is near zero.
pub const fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub const fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
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

/// Appends zero bytes until `start + (bytes since from)` is a multiple of 8.
pub fn pad8(out: &mut Vec<u8>, from: usize, start: u64) {
    let at = start + (out.len() - from) as u64;
    out.resize(out.len() + (align8(at) - at) as usize, 0);
}

/// Decodes one varint at the start of `bytes`: the number and how many bytes it took. `None` when it is cut off, too large, or not in
/// its shortest form.
#[inline]
pub fn take_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    match *bytes {
        [a, ..] if a < 0x80 => Some((u64::from(a), 1)),
        [a, b, ..] if b < 0x80 => (b != 0).then_some((u64::from(a & 0x7f) | u64::from(b) << 7, 2)),
        _ => take_long_varint(bytes),
    }
}

fn take_long_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut n = 0_u64;
    for (i, &byte) in bytes.iter().enumerate().take(MAX_VARINT) {
        n |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            let overflows = i == MAX_VARINT - 1 && byte > 1;
            let padded = i > 0 && byte == 0;
            return (!overflows && !padded).then_some((n, i + 1));
        }
    }
    None
}

/// Reads the fields of one structure in order.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    base: u64,
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`, which hold a `what` and begin at `base` in their file.
    #[inline]
    pub fn new(what: &'static str, bytes: &'a [u8], base: u64) -> Self {
        Self {
            bytes,
            at: 0,
            base,
            what,
        }
    }

    /// Position in the file.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.base.wrapping_add(self.at as u64)
    }

    /// Bytes read so far.
    #[inline]
    pub fn taken(&self) -> usize {
        self.at
    }

    /// Bytes not read yet.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The bytes not read yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// True at the end.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// An error at the present position.
    #[cold]
    pub fn error(&self, reason: Reason) -> FormatError {
        FormatError::new(self.what, self.offset(), reason)
    }

    /// A forbidden value at the present position.
    #[cold]
    pub fn value(&self, text: &'static str) -> FormatError {
        self.error(Reason::Value(text))
    }

    /// The next `n` bytes.
    #[inline]
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        match self.rest().get(..n) {
            Some(bytes) => {
                self.at += n;
                Ok(bytes)
            }
            None => Err(self.error(Reason::Truncated)),
        }
    }

    /// The next `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.rest().first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
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
        match take_varint(self.rest()) {
            Some((n, len)) => {
                self.at += len;
                Ok(n)
            }
            None => Err(self.bad_varint()),
        }
    }

    #[cold]
    fn bad_varint(&self) -> FormatError {
        let rest = self.rest();
        if rest.len() < MAX_VARINT && rest.iter().all(|&b| b >= 0x80) {
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

    /// A number of things of at least `least` bytes each, which the remaining bytes can hold.
    pub fn count(&mut self, least: usize) -> Result<usize> {
        let start = self.clone();
        let n = self.varint()?;
        if n > (self.remaining() / least.max(1)) as u64 {
            return Err(start.error(Reason::Truncated));
        }
        Ok(n as usize)
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

    /// A checksum field, which must be `sum`.
    pub fn checksum(&mut self, sum: u64) -> Result<()> {
        let error = self.error(Reason::Checksum);
        if self.u64()? == sum {
            Ok(())
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
