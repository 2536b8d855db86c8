//! Bytes of a blob, wherever they lie: in a decoded frame, in a mapped segment, or in memory of their own.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use lakebed_format::limits;
use lakebed_vfs::Mapping;

use crate::error::{Error, ErrorKind, Result};
use lakebed_codec::Decoded;

/// The bytes of a blob. Keeps alive what holds them (a decoded frame, a mapping), also after the store is closed; cheap to clone.
#[derive(Clone)]
pub struct Blob {
    bytes: Bytes,
}

#[derive(Clone)]
enum Bytes {
    Own(Arc<[u8]>),
    Frame(Arc<Decoded>, usize),
    Mapped(Mapping, Range<usize>),
}

impl Blob {
    /// Whether a blob may have this many bytes: to be asked before they are copied or hashed.
    ///
    /// # Errors
    /// `InvalidArgument`.
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

    pub(crate) fn own(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            bytes: Bytes::Own(bytes.into()),
        }
    }

    /// The blob at `index` of a frame; `None` when the frame has fewer.
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

    /// The frame it lies in and its place there.
    pub(crate) fn frame(&self) -> Option<(&Arc<Decoded>, usize)> {
        match &self.bytes {
            Bytes::Frame(frame, index) => Some((frame, *index)),
            Bytes::Own(_) | Bytes::Mapped(..) => None,
        }
    }

    /// Whether the bytes lie in the store's file and were not copied.
    pub fn is_mapped(&self) -> bool {
        matches!(self.bytes, Bytes::Mapped(..))
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Own(bytes) => bytes,
            Bytes::Frame(frame, index) => frame.blob(*index).unwrap_or_default(),
            Bytes::Mapped(bytes, range) => bytes.get(range.clone()).unwrap_or_default(),
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
