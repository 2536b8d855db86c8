//! The values of a page.

use std::sync::Arc;

use crate::bits::{MAX_VALUES, deltas, hybrid};
use crate::directory::PageEncoding;
use crate::leaf::Physical;
use crate::limits::RAW_LIMIT;

/// Values of one leaf, those that are NULL left out.
#[derive(Debug)]
pub(crate) enum Values {
    Boolean(Vec<bool>),
    /// Also those of 32 bits.
    Integer(Vec<i64>),
    Double(Vec<f64>),
    Huge(Vec<i128>),
    Bytes(Texts),
    /// Places in a dictionary.
    Dictionary(Vec<u32>, Arc<Values>),
}

/// Byte strings one after the other.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    data: Vec<u8>,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Texts {
    fn with_capacity(count: usize) -> Self {
        Self {
            data: Vec::new(),
            ends: Vec::with_capacity(count),
        }
    }

    fn end(&mut self) -> Option<()> {
        self.ends.push(u32::try_from(self.data.len()).ok()?);
        Some(())
    }

    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.data
            .get(start as usize..*self.ends.get(index)? as usize)
    }
}

impl Values {
    /// Decodes `count` values. `None` when the bytes do not hold them.
    pub(crate) fn decode(
        physical: Physical,
        encoding: PageEncoding,
        bytes: &[u8],
        count: usize,
        dictionary: Option<&Arc<Values>>,
    ) -> Option<Self> {
        if count > MAX_VALUES {
            return None;
        }
        match encoding {
            PageEncoding::Plain => Self::plain(physical, bytes, count),
            PageEncoding::Dictionary => {
                let (width, bytes) = bytes.split_first()?;
                let places = hybrid(bytes, u32::from(*width), count, |value| value)?;
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
            PageEncoding::DeltaLength => {
                let (lengths, bytes) = deltas(bytes, Some(count))?;
                let mut texts = Texts::with_capacity(count);
                let mut end = 0_usize;
                for length in lengths {
                    end = end.checked_add(usize::try_from(length).ok()?)?;
                    texts.ends.push(u32::try_from(end).ok()?);
                }
                texts.data = bytes.get(..end)?.to_vec();
                (physical == Physical::Bytes).then_some(Self::Bytes(texts))
            }
            PageEncoding::DeltaBytes => {
                let texts = Self::prefixed(bytes, count)?;
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

    fn prefixed(bytes: &[u8], count: usize) -> Option<Texts> {
        let (prefixes, bytes) = deltas(bytes, Some(count))?;
        let (suffixes, mut bytes) = deltas(bytes, Some(count))?;
        let mut texts = Texts::with_capacity(count);
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
            texts.end()?;
            (before, bytes) = (start, rest);
        }
        Some(texts)
    }

    fn plain(physical: Physical, bytes: &[u8], count: usize) -> Option<Self> {
        let fixed = |width: usize| bytes.get(..count.checked_mul(width)?);
        Some(match physical {
            Physical::Boolean => {
                let bytes = bytes.get(..count.div_ceil(8))?;
                let bits = bytes
                    .iter()
                    .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
                Self::Boolean(bits.take(count).collect())
            }
            Physical::Int32 => {
                let (values, _) = fixed(4)?.as_chunks::<4>();
                let values = values
                    .iter()
                    .map(|value| i64::from(i32::from_le_bytes(*value)));
                Self::Integer(values.collect())
            }
            Physical::Int64 => {
                let (values, _) = fixed(8)?.as_chunks::<8>();
                Self::Integer(
                    values
                        .iter()
                        .map(|value| i64::from_le_bytes(*value))
                        .collect(),
                )
            }
            Physical::Double => {
                let (values, _) = fixed(8)?.as_chunks::<8>();
                Self::Double(
                    values
                        .iter()
                        .map(|value| f64::from_le_bytes(*value))
                        .collect(),
                )
            }
            Physical::Int128 => {
                let (values, _) = fixed(16)?.as_chunks::<16>();
                Self::Huge(
                    values
                        .iter()
                        .map(|value| i128::from_be_bytes(*value))
                        .collect(),
                )
            }
            Physical::Bytes => {
                let mut texts = Texts::with_capacity(count.min(bytes.len()));
                let mut rest = bytes;
                for _ in 0..count {
                    let (len, after) = rest.split_first_chunk::<4>()?;
                    let (text, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
                    texts.data.extend_from_slice(text);
                    texts.end()?;
                    rest = after;
                }
                Self::Bytes(texts)
            }
        })
    }

    pub(crate) fn boolean(&self, index: usize) -> Option<bool> {
        match self {
            Self::Boolean(values) => values.get(index).copied(),
            Self::Dictionary(places, values) => values.boolean(*places.get(index)? as usize),
            _ => None,
        }
    }

    pub(crate) fn integer(&self, index: usize) -> Option<i64> {
        match self {
            Self::Integer(values) => values.get(index).copied(),
            Self::Dictionary(places, values) => values.integer(*places.get(index)? as usize),
            _ => None,
        }
    }

    pub(crate) fn double(&self, index: usize) -> Option<f64> {
        match self {
            Self::Double(values) => values.get(index).copied(),
            Self::Dictionary(places, values) => values.double(*places.get(index)? as usize),
            _ => None,
        }
    }

    pub(crate) fn huge(&self, index: usize) -> Option<i128> {
        match self {
            Self::Huge(values) => values.get(index).copied(),
            Self::Dictionary(places, values) => values.huge(*places.get(index)? as usize),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self, index: usize) -> Option<&[u8]> {
        match self {
            Self::Bytes(texts) => texts.get(index),
            Self::Dictionary(places, values) => values.bytes(*places.get(index)? as usize),
            _ => None,
        }
    }

    /// Bytes of memory, without a dictionary, which pages share.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Boolean(values) => values.len(),
            Self::Integer(values) => values.len() * 8,
            Self::Double(values) => values.len() * 8,
            Self::Huge(values) => values.len() * 16,
            Self::Bytes(texts) => texts.data.capacity() + texts.ends.len() * 4,
            Self::Dictionary(places, _) => places.len() * 4,
        }
    }
}

fn huge(bytes: &[u8]) -> Option<i128> {
    Some(i128::from_be_bytes(bytes.try_into().ok()?))
}
