//! Blobs gathered for one frame.

use lakebed_format::put_lengths;

/// Blobs gathered for one frame.
#[derive(Clone, Debug, Default)]
pub struct Page {
    lengths: Vec<u32>,
    bytes: Vec<u8>,
}

impl Page {
    /// Adds a blob. It must be smaller than 4 GiB, which the limits of stores ensure.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`limits::MAX_BLOB` fits 32 bits"
    )]
    #[inline]
    pub fn push(&mut self, blob: &[u8]) {
        self.lengths.push(blob.len() as u32);
        self.bytes.extend_from_slice(blob);
    }

    /// The number of blobs.
    #[inline]
    pub fn blobs(&self) -> usize {
        self.lengths.len()
    }

    /// Whether it has no blobs.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The bytes of the blobs together, to be compared with the page size.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The blob at `index`; `None` past the last.
    pub fn blob(&self, index: usize) -> Option<&[u8]> {
        let start: usize = self
            .lengths
            .get(..index)?
            .iter()
            .map(|&length| length as usize)
            .sum();
        let length = *self.lengths.get(index)? as usize;
        self.bytes.get(start..start + length)
    }

    /// An empty page with the capacity for about as much as this one holds.
    pub fn like(&self) -> Self {
        Self {
            lengths: Vec::with_capacity(self.lengths.len() + self.lengths.len() / 4),
            bytes: Vec::with_capacity(self.bytes.len() + self.bytes.len() / 4),
        }
    }

    /// The payload of the frame: the lengths, if there are two or more blobs, then the bytes. `scratch` is the buffer
    /// for that.
    pub fn payload<'a>(&'a self, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if self.lengths.len() < 2 {
            return &self.bytes;
        }
        scratch.clear();
        scratch.reserve(self.lengths.len() * 2 + self.bytes.len());
        put_lengths(
            self.lengths.iter().map(|&length| u64::from(length)),
            scratch,
        );
        scratch.extend_from_slice(&self.bytes);
        scratch
    }
}
