//! A frame's raw payload: bytes that never change, and whether those of its blobs are text, which is found out once.

use std::ops::{Deref, Range};
use std::sync::OnceLock;

/// The raw payload of a frame. The bytes of its blobs begin at `blobs`.
#[derive(Debug)]
pub(super) struct Payload {
    bytes: Vec<u8>,
    blobs: usize,
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

    /// Bytes of memory it holds.
    pub(super) fn cost(&self) -> usize {
        self.bytes.capacity()
    }

    /// These bytes of a blob as text, if they are UTF-8.
    #[inline]
    pub(super) fn text(&self, range: Range<usize>) -> Option<&str> {
        match self.all_text() {
            // A blob that begins or ends within a character is no text, though the whole is.
            Some(all) => {
                all.get(range.start.checked_sub(self.blobs)?..range.end.checked_sub(self.blobs)?)
            }
            None => simdutf8::basic::from_utf8(self.bytes.get(range)?).ok(),
        }
    }

    #[expect(
        unsafe_code,
        reason = "that bytes were found to be UTF-8 before cannot be said in safe Rust without borrowing from oneself"
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
