//! The raw payload of a frame: immutable bytes, and whether those of its blobs are UTF-8, which is checked once.

use std::ops::{Deref, Range};
use std::sync::OnceLock;

/// The raw payload of a frame.
#[derive(Debug)]
pub(super) struct Payload {
    bytes: Vec<u8>,
    /// Offset of the bytes of the blobs.
    blobs: usize,
    /// Whether the bytes of the blobs are UTF-8.
    text: OnceLock<bool>,
}

impl Payload {
    pub(super) fn new(bytes: Vec<u8>, blobs: usize) -> Self {
        Self {
            bytes,
            blobs,
            text: OnceLock::new(),
        }
    }

    /// The bytes of memory it takes.
    pub(super) fn cost(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes of a blob as text; `None` where they are not UTF-8.
    #[inline]
    pub(super) fn text(&self, range: Range<usize>) -> Option<&str> {
        let in_all = || {
            let (start, end) = (
                range.start.checked_sub(self.blobs)?,
                range.end.checked_sub(self.blobs)?,
            );
            // Fails where a blob starts or ends inside a character. Such a blob is not text, unless it is empty.
            self.all_text()?.get(start..end)
        };
        in_all().or_else(|| simdutf8::basic::from_utf8(self.bytes.get(range.clone())?).ok())
    }

    #[expect(
        unsafe_code,
        reason = "safe Rust cannot keep the text beside the bytes it borrows from"
    )]
    #[inline]
    fn all_text(&self) -> Option<&str> {
        let blobs = self.bytes.get(self.blobs..)?;
        let is_text = self
            .text
            .get_or_init(|| simdutf8::basic::from_utf8(blobs).is_ok());
        // SAFETY: exactly these bytes passed the check above; nothing changes `bytes` or `blobs` after `new`.
        is_text.then(|| unsafe { std::str::from_utf8_unchecked(blobs) })
    }
}

impl Deref for Payload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
