//! The memory of a window: zstd reads its front while its back is written.
#![expect(
    unsafe_code,
    reason = "the buffer is freed as it was made, through a pointer"
)]

use std::ptr::NonNull;

/// Raw bytes of a frame up to which it is encoded and decoded in a window.
pub(super) const ROOM: usize = 64 << 10;

/// Memory that is read and written through one pointer, so that zstd may read one part of it while another is written.
/// All of it is initialised, and it does not move during the life of this value.
pub(super) struct Memory {
    start: NonNull<u8>,
    len: usize,
}

impl Memory {
    /// A copy of `front` with [`ROOM`] bytes behind it; `None` where there is no memory for that.
    pub(super) fn new(front: &[u8]) -> Option<Self> {
        let len = front.len().checked_add(ROOM)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).ok()?;
        bytes.extend_from_slice(front);
        bytes.resize(len, 0);
        let bytes = Box::leak(bytes.into_boxed_slice());
        Some(Self {
            start: NonNull::from(&mut *bytes).cast(),
            len,
        })
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let bytes = NonNull::slice_from_raw_parts(self.start, self.len);
        // SAFETY: `new` leaked exactly this box, and nothing borrows from it: its owner drops the borrowers first.
        drop(unsafe { Box::from_raw(bytes.as_ptr()) });
    }
}
