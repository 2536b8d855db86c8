//! A buffer whose front zstd reads while its back is written.
#![expect(
    unsafe_code,
    reason = "the buffer is freed as it was made, through a pointer"
)]

use std::ptr::NonNull;

/// Memory that is written and read through one pointer, so that zstd may read a part of it while another is written. All of it is
/// initialised. It does not move as long as this lives.
pub(super) struct Memory {
    start: NonNull<u8>,
    len: usize,
}

impl Memory {
    /// `front`, and `room` bytes behind it; `None` without memory for them.
    pub(super) fn new(front: &[u8], room: usize) -> Option<Self> {
        let len = front.len().checked_add(room)?;
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
        // SAFETY: `new` leaked exactly this box, and nothing borrows from it any more: who owns this drops it after what does.
        drop(unsafe { Box::from_raw(bytes.as_ptr()) });
    }
}
