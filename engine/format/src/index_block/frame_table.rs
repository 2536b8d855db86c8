//! The frame table: which frame holds a blob, and where the frame is.

use super::pages::Pages;
use crate::coding::put_u64;
use crate::error::{FormatError, Result};
use crate::ids::BlobId;

/// Two little-endian numbers: first blob id and offset.
type EncodedEntry = [[u8; 8]; 2];

/// A frame: the id of its first blob, and its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameEntry {
    /// Smallest blob id in the frame.
    pub first: BlobId,
    /// Offset of the frame in the segment.
    pub offset: u64,
}

impl FrameEntry {
    /// Bytes of an entry.
    pub const LEN: usize = 16;

    /// Appends the entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.first.0);
        put_u64(out, self.offset);
    }

    fn decode([first, offset]: &EncodedEntry) -> Self {
        Self {
            first: BlobId(u64::from_le_bytes(*first)),
            offset: u64::from_le_bytes(*offset),
        }
    }
}

/// The frame table, searched in its encoded form.
#[derive(Debug, Clone, Copy)]
pub struct FrameTable<'a> {
    entries: &'a [EncodedEntry],
}

impl<'a> FrameTable<'a> {
    /// The table in a section's data.
    ///
    /// # Errors
    /// The length is not a multiple of an entry's.
    pub fn new(data: &'a [u8]) -> Result<Self> {
        let (numbers, rest) = data.as_chunks::<8>();
        let (entries, odd) = numbers.as_chunks::<2>();
        if rest.is_empty() && odd.is_empty() {
            Ok(Self { entries })
        } else {
            Err(FormatError::uneven_length("frame table"))
        }
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Frame `index`.
    pub fn entry(&self, index: usize) -> Option<FrameEntry> {
        self.entries.get(index).map(FrameEntry::decode)
    }

    /// All frames from `index` on, in file order.
    pub fn iter_from(
        &self,
        index: usize,
    ) -> impl DoubleEndedIterator<Item = FrameEntry> + ExactSizeIterator + use<'a> {
        self.entries.iter().skip(index).map(FrameEntry::decode)
    }

    /// Index of the frame that holds `id`, if any does: the last one whose first id is not above it.
    #[inline]
    pub fn find(&self, id: BlobId) -> Option<usize> {
        self.entries
            .partition_point(|entry| FrameEntry::decode(entry).first <= id)
            .checked_sub(1)
    }

    /// [`FrameTable::find`], which calls `check` with each page of the section (see [`Pages`]) before it reads it.
    ///
    /// # Errors
    /// Those of `check`.
    pub fn find_checked<E>(
        &self,
        id: BlobId,
        mut check: impl FnMut(u64) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<usize>, E> {
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = low + (high - low) / 2;
            check(Pages::page_of((middle * FrameEntry::LEN) as u64))?;
            if self.entry(middle).is_some_and(|entry| entry.first <= id) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.checked_sub(1))
    }
}
