//! The values of a page.
//!
//! Values of fixed width and texts stay where they are in the body of the page, which is kept: a page is mostly decoded
//! for one of its rows.

use std::sync::Arc;

use crate::bits::{MAX_VALUES, PackedValues, deltas};
use crate::directory::PageEncoding;
use crate::leaf::Physical;
use crate::limits::RAW_LIMIT;

/// Values of one leaf, those that are NULL left out.
#[derive(Debug)]
pub(crate) enum Values {
    /// Bits, integers of 32 or 64 bits, doubles or integers of 128 bits, one after the other.
    Fixed(Fixed),
    /// Also those of 32 bits.
    Integer(Vec<i64>),
    Huge(Vec<i128>),
    Bytes(Texts),
    /// Places in a dictionary.
    Dictionary(PackedValues, Arc<Values>),
}

/// Values of a fixed width in the body of a page.
#[derive(Debug)]
pub(crate) struct Fixed {
    body: Vec<u8>,
    /// Where the first value begins.
    start: usize,
    count: usize,
    physical: Physical,
}

impl Fixed {
    fn get<const N: usize>(&self, index: usize, physical: Physical) -> Option<[u8; N]> {
        if index >= self.count || physical != self.physical {
            return None;
        }
        self.body
            .get(self.start + index * N..)?
            .first_chunk()
            .copied()
    }

    fn bit(&self, index: usize) -> Option<bool> {
        if index >= self.count || self.physical != Physical::Boolean {
            return None;
        }
        let byte = self.body.get(self.start + index / 8)?;
        Some(byte >> (index % 8) & 1 == 1)
    }
}

/// Byte strings one after the other.
#[derive(Debug)]
pub(crate) struct Texts {
    data: Vec<u8>,
    /// Where the first begins, or the length before it.
    start: u32,
    /// Bytes of the length before each.
    gap: u32,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Texts {
    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let before = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => self.start,
        };
        self.data.get((before + self.gap) as usize..end as usize)
    }

    /// Each after its length.
    fn with_lengths(body: Vec<u8>, start: usize, count: usize) -> Option<Self> {
        let mut ends = Vec::with_capacity(count.min(body.len() / 4 + 1));
        let mut at = start;
        for _ in 0..count {
            let len = body.get(at..)?.first_chunk::<4>()?;
            at = at
                .checked_add(4)?
                .checked_add(u32::from_le_bytes(*len) as usize)?;
            if at > body.len() {
                return None;
            }
            ends.push(u32::try_from(at).ok()?);
        }
        Some(Self {
            data: body,
            start: u32::try_from(start).ok()?,
            gap: 4,
            ends,
        })
    }

    /// The lengths of all, then the texts.
    fn behind_lengths(body: Vec<u8>, start: usize, count: usize) -> Option<Self> {
        let (lengths, rest) = deltas(body.get(start..)?, Some(count))?;
        let first = body.len() - rest.len();
        let mut ends = Vec::with_capacity(count);
        let mut end = first;
        for length in lengths {
            end = end.checked_add(usize::try_from(length).ok()?)?;
            ends.push(u32::try_from(end).ok()?);
        }
        (end <= body.len()).then_some(())?;
        Some(Self {
            data: body,
            start: u32::try_from(first).ok()?,
            gap: 0,
            ends,
        })
    }

    /// Of each the length of what it shares with the one before, then the lengths of the rest, then the rest.
    fn prefixed(body: &[u8], count: usize) -> Option<Self> {
        let (prefixes, rest) = deltas(body, Some(count))?;
        let (suffixes, mut bytes) = deltas(rest, Some(count))?;
        let mut texts = Self {
            data: Vec::with_capacity(bytes.len() * 2),
            start: 0,
            gap: 0,
            ends: Vec::with_capacity(count),
        };
        let mut before = 0;
        for (prefix, suffix) in prefixes.into_iter().zip(suffixes) {
            let prefix = usize::try_from(prefix).ok()?;
            let (suffix, rest) = bytes.split_at_checked(usize::try_from(suffix).ok()?)?;
            let start = texts.data.len();
            if prefix > start - before || prefix + suffix.len() > RAW_LIMIT {
                return None;
            }
            texts.data.extend_from_within(before..before + prefix);
            texts.data.extend_from_slice(suffix);
            // A prefix may be repeated very often.
            if texts.data.len() > RAW_LIMIT {
                return None;
            }
            texts.ends.push(u32::try_from(texts.data.len()).ok()?);
            (before, bytes) = (start, rest);
        }
        Some(texts)
    }
}

impl Values {
    /// Decodes `count` values that begin at `start` of a body. `None` when the bytes do not hold them.
    pub(crate) fn decode(
        physical: Physical,
        encoding: PageEncoding,
        body: Vec<u8>,
        start: usize,
        count: usize,
        dictionary: Option<&Arc<Values>>,
    ) -> Option<Self> {
        if count > MAX_VALUES {
            return None;
        }
        let bytes = body.get(start..)?;
        match encoding {
            PageEncoding::Plain if physical == Physical::Bytes => {
                Texts::with_lengths(body, start, count).map(Self::Bytes)
            }
            PageEncoding::Plain => {
                let len = match physical {
                    Physical::Boolean => count.div_ceil(8),
                    Physical::Int32 => count * 4,
                    Physical::Int128 => count * 16,
                    _ => count * 8,
                };
                (len <= bytes.len()).then_some(Self::Fixed(Fixed {
                    body,
                    start,
                    count,
                    physical,
                }))
            }
            PageEncoding::Dictionary => {
                let width = u32::from(*bytes.first()?);
                let places = PackedValues::new(body, start + 1, width, count)?;
                Some(Self::Dictionary(places, Arc::clone(dictionary?)))
            }
            PageEncoding::DeltaBinary => {
                let (mut values, _) = deltas(bytes, Some(count))?;
                if physical == Physical::Int32 {
                    for value in &mut values {
                        *value = i64::from(*value as i32);
                    }
                }
                matches!(physical, Physical::Int32 | Physical::Int64)
                    .then_some(Self::Integer(values))
            }
            PageEncoding::DeltaLength if physical == Physical::Bytes => {
                Texts::behind_lengths(body, start, count).map(Self::Bytes)
            }
            PageEncoding::DeltaLength => None,
            PageEncoding::DeltaBytes => {
                let texts = Texts::prefixed(bytes, count)?;
                match physical {
                    Physical::Bytes => Some(Self::Bytes(texts)),
                    Physical::Int128 => {
                        let values = (0..count).map(|index| huge(texts.get(index)?));
                        values.collect::<Option<_>>().map(Self::Huge)
                    }
                    _ => None,
                }
            }
        }
    }

    pub(crate) fn boolean(&self, index: usize) -> Option<bool> {
        match self {
            Self::Fixed(values) => values.bit(index),
            Self::Dictionary(places, values) => values.boolean(places.get(index)? as usize),
            _ => None,
        }
    }

    pub(crate) fn integer(&self, index: usize) -> Option<i64> {
        match self {
            Self::Integer(values) => values.get(index).copied(),
            Self::Fixed(values) if values.physical == Physical::Int32 => {
                let bytes = values.get(index, Physical::Int32)?;
                Some(i32::from_le_bytes(bytes).into())
            }
            Self::Fixed(values) => values.get(index, Physical::Int64).map(i64::from_le_bytes),
            Self::Dictionary(places, values) => values.integer(places.get(index)? as usize),
            _ => None,
        }
    }

    pub(crate) fn double(&self, index: usize) -> Option<f64> {
        match self {
            Self::Fixed(values) => values.get(index, Physical::Double).map(f64::from_le_bytes),
            Self::Dictionary(places, values) => values.double(places.get(index)? as usize),
            _ => None,
        }
    }

    pub(crate) fn huge(&self, index: usize) -> Option<i128> {
        match self {
            Self::Huge(values) => values.get(index).copied(),
            Self::Fixed(values) => values.get(index, Physical::Int128).map(i128::from_be_bytes),
            Self::Dictionary(places, values) => values.huge(places.get(index)? as usize),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self, index: usize) -> Option<&[u8]> {
        match self {
            Self::Bytes(texts) => texts.get(index),
            Self::Dictionary(places, values) => values.bytes(places.get(index)? as usize),
            _ => None,
        }
    }

    /// Bytes of memory, without a dictionary, which pages share.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Fixed(values) => values.body.capacity(),
            Self::Integer(values) => values.len() * 8,
            Self::Huge(values) => values.len() * 16,
            Self::Bytes(texts) => texts.data.capacity() + texts.ends.capacity() * 4,
            Self::Dictionary(places, _) => places.cost(),
        }
    }
}

fn huge(bytes: &[u8]) -> Option<i128> {
    Some(i128::from_be_bytes(bytes.try_into().ok()?))
}
