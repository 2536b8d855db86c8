//! A thread's place to decode in: a dictionary's bytes with the frame's right after them.
//!
//! zstd resolves matches into a dictionary that lies elsewhere by a slower path, with a test at each match and copies that are not
//! inlined. In one piece frames of 12 to 16 KiB decode 1.2 to 1.3 times as fast, the copy out of the window included.
#![expect(
    unsafe_code,
    reason = "zstd reads the front of a buffer while its back is written, which two Rust borrows of one buffer cannot say"
)]

use zstd_safe::{DCtx, DDict, SafeResult};

use super::memory::Memory;
use super::{Dictionary, ROOM};

/// Frames in a row that need another dictionary before the window is made anew for it, which takes as long as a few frames.
const PATIENCE: u32 = 8;

/// One dictionary and the room behind it. The order of the fields is load-bearing: what refers to the memory goes first.
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
        let memory = Memory::new(bytes, ROOM)?;
        // SAFETY: the slice is the initialised front of `memory`. It lives as long as `tables` does (dropped after it, and never
        // moved: the struct owns a pointer to it), and is never written again: `decode` writes behind it only.
        let front: &'static [u8] =
            unsafe { std::slice::from_raw_parts(memory.start().as_ptr(), bytes.len()) };
        Some(Self {
            tables: DDict::try_create_by_reference(front)?,
            memory,
            dictionary: bytes.len(),
            serial: dictionary.serial(),
        })
    }

    fn decode(
        &mut self,
        context: &mut DCtx<'_>,
        out: &mut Vec<u8>,
        stored: &[u8],
        raw_length: usize,
    ) -> SafeResult {
        let room = raw_length.min(self.memory.len() - self.dictionary);
        // SAFETY: within the back of `memory`, initialised and disjoint from the front that `tables` refers to; `&mut self` says that
        // nobody else writes it, and the slice ends with this call.
        let back: &mut [u8] = unsafe {
            std::slice::from_raw_parts_mut(self.memory.start().as_ptr().add(self.dictionary), room)
        };
        let len = context.decompress_using_ddict(back, stored, &self.tables)?;
        out.extend_from_slice(back.get(..len).unwrap_or_default());
        Ok(len)
    }
}

/// The window of a thread, for the dictionary that it meets most.
#[derive(Default)]
pub(crate) struct Windows {
    window: Option<Window>,
    /// The dictionary met last that was not the window's, and how often in a row.
    other: (u64, u32),
}

impl Windows {
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

    fn of(&mut self, dictionary: &Dictionary) -> Option<&mut Window> {
        let serial = dictionary.serial();
        if self.window.as_ref().is_none_or(|w| w.serial != serial) {
            let (last, times) = self.other;
            self.other = (serial, if last == serial { times + 1 } else { 1 });
            if self.other.1 < PATIENCE {
                return None;
            }
            self.window = Window::new(dictionary);
        }
        self.other = (0, 0);
        self.window.as_mut()
    }
}
