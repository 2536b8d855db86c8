//! Decoding in a window.
//!
//! For a dictionary in memory of its own, zstd resolves matches by a slower path, with a test at each match and copies
//! that are not inlined. Frames of 12 to 16 KiB decode 1.2 to 1.3 times as fast in a window, the copy out of it
//! included.
#![expect(
    unsafe_code,
    reason = "zstd reads the front of a buffer while its back is written, which two Rust borrows of one buffer cannot say"
)]

use zstd_safe::{DCtx, DDict, SafeResult};

use super::memory::{Memory, ROOM};
use crate::dictionary::Dictionary;

/// Consecutive frames of another dictionary after which the window is rebuilt for it, which takes as long as a few
/// frames.
const FRAMES_BEFORE_SWITCH: u32 = 8;

/// A dictionary and the room behind it. The order of the fields matters: `tables`, which refer to `memory`, are dropped
/// first.
struct Window {
    tables: DDict<'static>,
    memory: Memory,
    /// Bytes of the dictionary, at the start of the memory.
    dictionary: usize,
    serial: u64,
}

impl Window {
    fn new(dictionary: &Dictionary) -> Option<Self> {
        let bytes = dictionary.bytes();
        let memory = Memory::new(bytes)?;
        // SAFETY: the slice is the initialised front of `memory`. It lives as long as `tables` does (dropped after it,
        // and never moved: the struct owns a pointer to it), and is never written again: `decode` writes behind it
        // only.
        let front: &'static [u8] =
            unsafe { std::slice::from_raw_parts(memory.start().as_ptr(), bytes.len()) };
        Some(Self {
            tables: DDict::try_create_by_reference(front)?,
            memory,
            dictionary: bytes.len(),
            serial: dictionary.serial(),
        })
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "zstd wrote `len` bytes of this slice"
    )]
    fn decode(
        &mut self,
        context: &mut DCtx<'_>,
        out: &mut Vec<u8>,
        stored: &[u8],
        raw_length: usize,
    ) -> SafeResult {
        let room = raw_length.min(self.memory.len() - self.dictionary);
        // SAFETY: within the back of `memory`, initialised and disjoint from the front that `tables` refers to. `&mut
        // self` excludes any other access to the back, and the slice does not outlive this call.
        let back: &mut [u8] = unsafe {
            std::slice::from_raw_parts_mut(self.memory.start().as_ptr().add(self.dictionary), room)
        };
        let len = context.decompress_using_ddict(back, stored, &self.tables)?;
        out.extend_from_slice(&back[..len]);
        Ok(len)
    }
}

/// The window of a thread, for the dictionary that it uses most.
#[derive(Default)]
pub(crate) struct DecodeWindow {
    window: Option<Window>,
    /// The serial number of the last dictionary that was not the window's, and the number of consecutive frames with
    /// it.
    other: (u64, u32),
}

impl DecodeWindow {
    /// Decodes a frame of at most `raw_length` bytes and appends it to `out`.
    pub(crate) fn decode(
        &mut self,
        context: &mut DCtx<'_>,
        dictionary: &Dictionary,
        out: &mut Vec<u8>,
        stored: &[u8],
        raw_length: usize,
    ) -> SafeResult {
        if raw_length <= ROOM
            && let Some(window) = self.of(dictionary)
        {
            return window.decode(context, out, stored, raw_length);
        }
        context.decompress_using_ddict(out, stored, dictionary.for_decoding())
    }

    /// The window, if it is for that dictionary.
    fn of(&mut self, dictionary: &Dictionary) -> Option<&mut Window> {
        let serial = dictionary.serial();
        if self.window.as_ref().is_none_or(|w| w.serial != serial) {
            let (last, times) = self.other;
            self.other = (serial, if last == serial { times + 1 } else { 1 });
            if self.other.1 < FRAMES_BEFORE_SWITCH {
                return None;
            }
            self.window = Window::new(dictionary);
        }
        self.other = (0, 0);
        self.window.as_mut()
    }
}
