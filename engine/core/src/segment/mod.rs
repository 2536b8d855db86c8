//! Reading one segment: a blob by its id, the blobs of a range in order.
//!
//! How blobs lie in a segment is known here and nowhere else. Three kinds: the [`active`] one, read at positions of its file and never
//! mapped; [`sealed`] ones, mapped when first touched; [`large`] blobs. Nothing here knows hashes or collections: who asks for a
//! number gets bytes that passed their checksums, or an error that names segment and offset.

use std::sync::Arc;

use lakebed_format::{BlobId, DictionaryNumber, SegmentNumber};

use crate::blob::Blob;
use crate::error::Result;
use crate::home::Home;
use lakebed_codec::{Decoded, Dictionary};

pub(crate) mod active;
pub(crate) mod chain;
pub(crate) mod frame;
pub(crate) mod large;
pub(crate) mod paged;
pub(crate) mod sealed;
pub(crate) mod source;

pub(crate) use active::{Active, ActiveFile};
pub(crate) use sealed::Sealed;

/// Something unreadable in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) segment: SegmentNumber,
    pub(crate) offset: u64,
    pub(crate) detail: String,
}

impl Damage {
    pub(crate) fn error(&self) -> crate::Error {
        crate::Error::corrupt(self.segment, self.offset, &self.detail)
    }
}

/// Gives dictionaries to whoever decodes frames.
pub(crate) trait FindDictionary {
    fn dictionary(&self, number: DictionaryNumber) -> Result<Arc<Dictionary>>;
}

/// What reading needs besides the segment.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) home: &'a Home,
    pub(crate) dictionaries: &'a dyn FindDictionary,
}

/// How what is read will be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Here and there.
    Random,
    /// From front to back.
    Sequential,
}

/// Blobs in frames.
pub(crate) trait Frames {
    /// The blob of this id, for random access: what had to be decoded is kept. `None` when the segment does not hold it.
    fn blob(&self, reading: Reading<'_>, id: BlobId) -> Result<Option<Blob>>;

    /// The decoded frame that holds this id, for reading on from there: used if it was kept, and not kept. `None` when the segment
    /// does not hold the id.
    fn frame(&self, reading: Reading<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>>;
}

/// A blob out of a frame that should hold it.
fn in_frame(frame: Arc<Decoded>, id: BlobId) -> Option<Blob> {
    let place = frame.place(id)?;
    Blob::in_frame(frame, place)
}
