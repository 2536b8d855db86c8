//! The values of a page.
//!
//! Values of fixed width and texts stay where they are in the body of the page, which is kept: a page is mostly decoded
//! for one of its rows.

use std::sync::{Arc, OnceLock};

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
    Prefixed(Prefixed),
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
    /// Where each ends, counted from the start.
    ends: Vec<u32>,
}

impl Texts {
    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = range(&self.ends, index)?;
        let (start, end) = (self.start + start + self.gap, self.start + end);
        self.data.get(start as usize..end as usize)
    }

    /// Each after its length.
    fn with_lengths(body: Vec<u8>, start: usize, count: usize) -> Option<Self> {
        let stored = body.get(start..)?;
        let mut ends = Vec::with_capacity(count.min(stored.len() / 4 + 1));
        let mut at = 0_usize;
        for _ in 0..count {
            let len = stored.get(at..)?.first_chunk::<4>()?;
            at = at
                .checked_add(4)?
                .checked_add(u32::from_le_bytes(*len) as usize)?;
            if at > stored.len() {
                return None;
            }
            ends.push(at as u32);
        }
        u32::try_from(body.len()).ok()?;
        Some(Self {
            data: body,
            start: start as u32,
            gap: 4,
            ends,
        })
    }

    /// The lengths of all, then the texts.
    fn behind_lengths(body: Vec<u8>, start: usize, count: usize) -> Option<Self> {
        let (ends, rest) = ends(body.get(start..)?, count)?;
        let start = body.len() - rest.len();
        u32::try_from(body.len()).ok()?;
        (last(&ends) as usize <= rest.len()).then_some(())?;
        Some(Self {
            data: body,
            start: start as u32,
            gap: 0,
            ends,
        })
    }
}

/// Byte strings that are stored without what they share with the ones before. Mostly one of them is asked for, and
/// put together alone; where more are, all are.
#[derive(Debug)]
pub(crate) struct Prefixed {
    body: Vec<u8>,
    /// Where the first suffix begins.
    start: usize,
    /// Of each, how many bytes it shares with the one before.
    prefixes: Vec<u32>,
    /// Where the suffix of each ends.
    ends: Vec<u32>,
    /// Bytes of all, whole.
    bytes: usize,
    one: OnceLock<(usize, Option<Vec<u8>>)>,
    all: OnceLock<Texts>,
}

impl Prefixed {
    fn new(body: Vec<u8>, start: usize, count: usize) -> Option<Self> {
        let mut is_right = true;
        let (prefixes, rest) = deltas(body.get(start..)?, Some(count), |length| {
            is_right &= u32::try_from(length).is_ok();
            length as u32
        })?;
        let (ends, rest) = ends(rest, count)?;
        let start = body.len() - rest.len();
        (is_right && last(&ends) as usize <= rest.len()).then_some(())?;
        let (mut before, mut suffix_start, mut bytes) = (0_usize, 0, 0_usize);
        for (prefix, end) in prefixes.iter().zip(&ends) {
            let len = *prefix as usize + (end - suffix_start) as usize;
            bytes += len;
            // A prefix may be repeated very often.
            if *prefix as usize > before || bytes > RAW_LIMIT {
                return None;
            }
            (before, suffix_start) = (len, *end);
        }
        Some(Self {
            body,
            start,
            prefixes,
            ends,
            bytes,
            one: OnceLock::new(),
            all: OnceLock::new(),
        })
    }

    fn suffix(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = range(&self.ends, index)?;
        self.body
            .get(self.start + start as usize..self.start + end as usize)
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        if index >= self.ends.len() {
            return None;
        }
        if self.all.get().is_none() {
            let one = self.one.get_or_init(|| (index, self.put_together(index)));
            if one.0 == index {
                return one.1.as_deref();
            }
        }
        self.all
            .get_or_init(|| self.all_together().unwrap_or_else(Texts::none))
            .get(index)
    }

    /// One, from its suffix and the beginnings of those before it.
    fn put_together(&self, index: usize) -> Option<Vec<u8>> {
        let suffix = self.suffix(index)?;
        let mut missing = *self.prefixes.get(index)? as usize;
        let mut text = vec![0; missing + suffix.len()];
        text.get_mut(missing..)?.copy_from_slice(suffix);
        let mut at = index;
        while missing > 0 {
            at = at.checked_sub(1)?;
            let prefix = *self.prefixes.get(at)? as usize;
            if prefix < missing {
                let part = self.suffix(at)?.get(..missing - prefix)?;
                text.get_mut(prefix..missing)?.copy_from_slice(part);
                missing = prefix;
            }
        }
        Some(text)
    }

    fn all_together(&self) -> Option<Texts> {
        let mut data = Vec::with_capacity(self.bytes);
        let mut ends = Vec::with_capacity(self.ends.len());
        let mut before = 0;
        for (index, prefix) in self.prefixes.iter().enumerate() {
            let start = data.len();
            let end = before + *prefix as usize;
            (end <= start).then_some(())?;
            data.extend_from_within(before..end);
            data.extend_from_slice(self.suffix(index)?);
            ends.push(u32::try_from(data.len()).ok()?);
            before = start;
        }
        Some(Texts {
            data,
            start: 0,
            gap: 0,
            ends,
        })
    }
}

impl Texts {
    fn none() -> Self {
        Self {
            data: Vec::new(),
            start: 0,
            gap: 0,
            ends: Vec::new(),
        }
    }
}

/// From where to where the piece with this index goes.
#[inline]
fn range(ends: &[u32], index: usize) -> Option<(u32, u32)> {
    let end = *ends.get(index)?;
    let start = match index.checked_sub(1) {
        Some(before) => *ends.get(before)?,
        None => 0,
    };
    Some((start, end))
}

fn last(ends: &[u32]) -> u32 {
    ends.last().copied().unwrap_or(0)
}

/// Where pieces end whose lengths are stored here; also the bytes behind the lengths.
fn ends(bytes: &[u8], count: usize) -> Option<(Vec<u32>, &[u8])> {
    let mut end = Some(0_u32);
    let (ends, rest) = deltas(bytes, Some(count), |length| {
        let length = u32::try_from(length).ok();
        end = end.and_then(|end| end.checked_add(length?));
        end.unwrap_or(0)
    })?;
    end.map(|_| (ends, rest))
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
                let (mut values, _) = deltas(bytes, Some(count), |value| value)?;
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
                let texts = Prefixed::new(body, start, count)?;
                match physical {
                    Physical::Bytes => Some(Self::Prefixed(texts)),
                    Physical::Int128 => {
                        let texts = texts.all_together()?;
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
            Self::Prefixed(texts) => texts.get(index),
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
            // Also what it comes to when all are put together.
            Self::Prefixed(texts) => texts.body.capacity() + texts.bytes + texts.ends.len() * 12,
            Self::Dictionary(places, _) => places.cost(),
        }
    }
}

fn huge(bytes: &[u8]) -> Option<i128> {
    Some(i128::from_be_bytes(bytes.try_into().ok()?))
}
