//! The bytes of a blob: in a decoded frame, in a mapped segment, or in a buffer of their own.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use lakebed_format::limits;
use lakebed_vfs::Mapping;

use crate::error::{Error, ErrorKind, Result};
use lakebed_codec::Decoded;

/// The bytes of a blob. It keeps the decoded frame or mapping that holds them alive, also after the store is closed.
/// Cheap to clone.
#[derive(Clone)]
pub struct Blob {
    bytes: Bytes,
}

#[derive(Clone)]
enum Bytes {
    Owned(Arc<[u8]>),
    /// The frame, and the blob's place in it, which it has.
    Frame(Arc<Decoded>, usize),
    /// The mapping, and a range within it.
    Mapped(Mapping, Range<usize>),
}

impl Blob {
    /// Checks that a blob may have this many bytes; to be called before they are copied or hashed.
    ///
    /// # Errors
    /// `InvalidArgument` when they are too many.
    pub fn check_len(bytes: u64) -> Result<()> {
        if bytes <= limits::MAX_BLOB {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "A blob of {bytes} bytes is larger than the {} bytes a blob may have; store it in parts.",
                limits::MAX_BLOB
            ),
        ))
    }

    /// A blob of bytes of its own.
    pub(crate) fn owned(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            bytes: Bytes::Owned(bytes.into()),
        }
    }

    /// The blob at `index` of a frame; `None` when the frame has fewer blobs.
    pub(crate) fn in_frame(frame: Arc<Decoded>, index: usize) -> Option<Self> {
        frame.blob(index)?;
        Some(Self {
            bytes: Bytes::Frame(frame, index),
        })
    }

    /// A part of a mapping; `None` when it is not within it.
    pub(crate) fn in_mapping(mapping: Mapping, range: Range<usize>) -> Option<Self> {
        mapping.get(range.clone())?;
        Some(Self {
            bytes: Bytes::Mapped(mapping, range),
        })
    }

    /// The frame it lies in and its place there, if it lies in one.
    pub(crate) fn frame(&self) -> Option<(&Arc<Decoded>, usize)> {
        match &self.bytes {
            Bytes::Frame(frame, index) => Some((frame, *index)),
            Bytes::Owned(_) | Bytes::Mapped(..) => None,
        }
    }

    /// Whether the bytes are mapped from the store's file and were not copied.
    pub fn is_mapped(&self) -> bool {
        matches!(self.bytes, Bytes::Mapped(..))
    }

    /// The bytes.
    #[expect(
        clippy::indexing_slicing,
        clippy::expect_used,
        reason = "places are checked when a blob is made; a frame and a mapping never change"
    )]
    pub fn as_slice(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Owned(bytes) => bytes,
            Bytes::Frame(frame, index) => frame.blob(*index).expect("a blob of its frame"),
            Bytes::Mapped(bytes, range) => &bytes[range.start..range.end],
        }
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("len", &self.len())
            .field("mapped", &self.is_mapped())
            .finish_non_exhaustive()
    }
}
