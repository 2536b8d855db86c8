//! Builds the column `_json`: the records as text, either copied or as views into decoded frames.
#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets and numbers of Arrow views have 32 bits, and a batch is far smaller"
)]
#![expect(
    unsafe_code,
    reason = "Arrow cannot verify that the owner beside a buffer keeps its memory, nor that its texts are UTF-8"
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

/// Bytes of a text up to which its view contains it; the views of longer texts point into a buffer.
const INLINE: usize = 12;

/// The column `_json` of the current batch.
pub(super) enum JsonColumn {
    Copied(StringBuilder),
    Views(Views),
}

/// Views, and the buffers they point into. The first buffer holds copies of the texts without an owner.
#[derive(Default)]
pub(super) struct Views {
    texts: Vec<u128>,
    copied: Vec<u8>,
    buffers: Vec<Buffer>,
    /// The frame that owns the last buffer.
    frame: Option<Arc<Decoded>>,
}

impl JsonColumn {
    /// With the capacity for `rows` texts, as views or as copies of about `bytes` together.
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

    /// Adds a text. `holder` owns its memory, if a view may point there.
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

    /// The index of the frame's buffer, and the offset of the text in it.
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

    /// The index of the last buffer; the copies have index 0.
    fn last(&self) -> u32 {
        self.buffers.len() as u32
    }

    fn finish(self) -> ArrayRef {
        let mut buffers = vec![Buffer::from_vec(self.copied)];
        buffers.extend(self.buffers);
        let views = ScalarBuffer::from(self.texts);
        // SAFETY: each view was made of a `str` and of the buffer and the offset where its bytes are: in `copied`,
        // where they were added, or where `offset_in` found them. Buffers are only added, in the order of their
        // indices.
        Arc::new(unsafe { StringViewArray::new_unchecked(views, buffers.into(), None) })
    }
}

/// The offset of the text in these bytes; `None` where it is not part of them, or the offset does not fit a view.
#[inline]
fn offset_in(bytes: &[u8], text: &str) -> Option<u32> {
    let offset = (text.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
    let end = offset.checked_add(text.len())?;
    // Some readers take offsets as signed.
    (end <= bytes.len() && i32::try_from(end).is_ok()).then_some(offset as u32)
}

/// A buffer of the bytes of `owner`, which never changes or moves them.
fn buffer_of(bytes: &[u8], owner: Arc<dyn Allocation>) -> Buffer {
    let start = NonNull::from(bytes).cast();
    // SAFETY: the bytes are those of a decoded frame or of a blob, which are immutable, and live at the same place for
    // as long as the `Arc` in `owner` does, which the buffer keeps.
    unsafe { Buffer::from_custom_allocation(start, bytes.len(), owner) }
}
