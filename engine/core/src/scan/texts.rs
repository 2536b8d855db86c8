//! The column `_json`: records as text, copied, or as views of the memory they were decoded into.
#![expect(
    unsafe_code,
    reason = "Arrow cannot see that memory is owned by what is kept beside it, nor that texts were checked before"
)]

use std::panic::AssertUnwindSafe;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, make_view};
use arrow_array::{ArrayRef, StringViewArray};
use arrow_buffer::{Buffer, ScalarBuffer, alloc::Allocation};

use crate::blob::Blob;
use crate::snapshot::Holder;
use lakebed_codec::Decoded;

/// Views with longer texts point into a buffer; shorter ones hold their text.
const INLINE: usize = 12;

/// The texts of a batch so far.
pub(super) enum Texts {
    Copied(StringBuilder),
    Views(Views),
}

/// Views, and the buffers they point into. The first buffer is for texts of which nothing outside is known to last.
#[derive(Default)]
pub(super) struct Views {
    texts: Vec<u128>,
    copied: Vec<u8>,
    buffers: Vec<Buffer>,
    /// Whose the last buffer is.
    frame: Option<Arc<Decoded>>,
}

impl Texts {
    /// Views or copies of this many texts; copies of about so many bytes together.
    pub(super) fn new(views: bool, rows: usize, bytes: usize) -> Self {
        if views {
            Self::Views(Views {
                texts: Vec::with_capacity(rows),
                ..Views::default()
            })
        } else {
            Self::Copied(StringBuilder::with_capacity(rows, bytes))
        }
    }

    /// Adds a text; `holder` has it, if it may be kept.
    #[inline]
    pub(super) fn push(&mut self, text: &str, holder: Option<Holder<'_>>) {
        match self {
            Self::Copied(texts) => texts.append_value(text),
            Self::Views(views) => views.push(text, holder),
        }
    }

    pub(super) fn finish(self) -> ArrayRef {
        match self {
            Self::Copied(mut texts) => Arc::new(texts.finish()),
            Self::Views(views) => views.finish(),
        }
    }
}

impl Views {
    #[inline]
    fn push(&mut self, text: &str, holder: Option<Holder<'_>>) {
        if text.len() <= INLINE {
            self.texts.push(make_view(text.as_bytes(), 0, 0));
            return;
        }
        let held = match holder {
            Some(Holder::Frame(frame)) => self.in_frame(text, frame),
            Some(Holder::Blob(blob)) => self.in_blob(text, blob),
            None => None,
        };
        let (buffer, offset) = held.unwrap_or_else(|| {
            let offset = self.copied.len() as u32;
            self.copied.extend_from_slice(text.as_bytes());
            (0, offset)
        });
        self.texts.push(make_view(text.as_bytes(), buffer, offset));
    }

    /// The buffer of a frame, and where the text is in it.
    #[inline]
    fn in_frame(&mut self, text: &str, frame: &Arc<Decoded>) -> Option<(u32, u32)> {
        let payload = frame.payload();
        let offset = offset_in(payload, text)?;
        if !self
            .frame
            .as_ref()
            .is_some_and(|last| Arc::ptr_eq(last, frame))
        {
            self.buffers
                .push(buffer_of(payload, Arc::clone(frame) as _));
            self.frame = Some(Arc::clone(frame));
        }
        Some((self.last(), offset))
    }

    fn in_blob(&mut self, text: &str, blob: &Blob) -> Option<(u32, u32)> {
        let offset = offset_in(blob, text)?;
        let owner = Arc::new(AssertUnwindSafe(blob.clone()));
        self.buffers.push(buffer_of(blob, owner));
        self.frame = None;
        Some((self.last(), offset))
    }

    /// The number of the last buffer, after the one of what was copied.
    fn last(&self) -> u32 {
        self.buffers.len() as u32
    }

    fn finish(self) -> ArrayRef {
        let mut buffers = vec![Buffer::from_vec(self.copied)];
        buffers.extend(self.buffers);
        let views = ScalarBuffer::from(self.texts);
        // SAFETY: each view was made of a `str` and of the buffer and the offset where its bytes are: in `copied`, where they were put,
        // or where `offset_in` found them. Buffers are only added, in the order of their numbers.
        Arc::new(unsafe { StringViewArray::new_unchecked(views, buffers.into(), None) })
    }
}

/// Where in these bytes the text lies; `None` when it does not, or too far behind for a view.
#[inline]
fn offset_in(bytes: &[u8], text: &str) -> Option<u32> {
    let offset = (text.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
    let end = offset.checked_add(text.len())?;
    // Offsets are signed to some readers.
    (end <= bytes.len() && i32::try_from(end).is_ok()).then_some(offset as u32)
}

/// A buffer of bytes that `owner` has and never changes or moves.
fn buffer_of(bytes: &[u8], owner: Arc<dyn Allocation>) -> Buffer {
    let start = NonNull::from(bytes).cast();
    // SAFETY: the bytes are those of a decoded frame or of a blob, which are immutable, and live at the same place for as long as the
    // `Arc` in `owner` does, which the buffer keeps.
    unsafe { Buffer::from_custom_allocation(start, bytes.len(), owner) }
}
