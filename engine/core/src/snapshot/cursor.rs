//! Reads many blobs one after the other, mostly in ascending order: each frame is decoded once, and nothing is evicted
//! from the cache.

use std::sync::Arc;

use lakebed_format::BlobId;

use super::Snapshot;
use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use lakebed_codec::Decoded;

/// A jump ahead of more than this many ids is random access.
const NEAR: u64 = 4096;

/// In which order blobs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Mostly ascending: after a jump blobs are kept in the cache, because they may be read again.
    MostlyAscending,
    /// Only ascending: nothing is read twice.
    Ascending,
    /// Any: all blobs are kept in the cache.
    Any,
}

/// What holds the bytes of a blob; a clone keeps them alive.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder<'a> {
    Frame(&'a Arc<Decoded>),
    Blob(&'a Blob),
}

/// Reads blobs of a snapshot and remembers where the last one was.
#[derive(Debug)]
pub(crate) struct Cursor {
    snapshot: Snapshot,
    frame: Option<Arc<Decoded>>,
    /// The last blob, if it is not in a frame.
    other: Option<Blob>,
    last: BlobId,
    order: Order,
}

impl Cursor {
    /// For rows in their order, which is mostly that of their blobs.
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        Self::with(snapshot, Order::MostlyAscending)
    }

    /// For very many blobs in ascending order.
    pub(crate) fn ascending(snapshot: &Snapshot) -> Self {
        Self::with(snapshot, Order::Ascending)
    }

    /// For a few blobs.
    pub(crate) fn anywhere(snapshot: &Snapshot) -> Self {
        Self::with(snapshot, Order::Any)
    }

    fn with(snapshot: &Snapshot, order: Order) -> Self {
        Self {
            snapshot: snapshot.clone(),
            frame: None,
            other: None,
            last: BlobId(0),
            order,
        }
    }

    /// The snapshot that is read.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The bytes of a blob, dead or alive.
    ///
    /// # Errors
    /// `Corrupt`, also when there is no such blob: ids come from rows; `Io`.
    pub(crate) fn bytes(&mut self, id: BlobId) -> Result<&[u8]> {
        let place = self.find(id)?;
        let bytes = match (place, &self.frame, &self.other) {
            (Some(place), Some(frame), _) => frame.blob(place),
            (_, _, Some(blob)) => Some(blob.as_slice()),
            _ => None,
        };
        bytes.ok_or_else(|| missing(id))
    }

    /// The bytes of a blob as text, and what holds them; `None` when they are not UTF-8.
    ///
    /// # Errors
    /// As [`Cursor::bytes`].
    pub(crate) fn text(&mut self, id: BlobId) -> Result<Option<(&str, Holder<'_>)>> {
        let place = self.find(id)?;
        match (place, &self.frame, &self.other) {
            (Some(place), Some(frame), _) if frame.blob(place).is_some() => {
                Ok(frame.text(place).map(|text| (text, Holder::Frame(frame))))
            }
            (_, _, Some(blob)) => {
                let text = simdutf8::basic::from_utf8(blob).ok();
                Ok(text.map(|text| (text, Holder::Blob(blob))))
            }
            _ => Err(missing(id)),
        }
    }

    /// A blob, dead or alive.
    ///
    /// # Errors
    /// As [`Cursor::bytes`].
    pub(crate) fn blob(&mut self, id: BlobId) -> Result<Blob> {
        let place = self.find(id)?;
        let blob = match (place, &self.frame, &self.other) {
            (Some(place), Some(frame), _) => Blob::in_frame(Arc::clone(frame), place),
            (_, _, Some(blob)) => Some(blob.clone()),
            _ => None,
        };
        blob.ok_or_else(|| missing(id))
    }

    /// Moves to this id; returns its place if it is in a frame.
    #[inline]
    fn find(&mut self, id: BlobId) -> Result<Option<usize>> {
        let place = self.frame.as_ref().and_then(|frame| frame.place(id));
        let place = match place {
            Some(place) => Some(place),
            None => self.load(id)?,
        };
        self.last = id;
        Ok(place)
    }

    /// Reads what holds this id; returns its place if that is a frame.
    fn load(&mut self, id: BlobId) -> Result<Option<usize>> {
        self.snapshot.committed.context.check_not_forked()?;
        self.frame = None;
        self.other = None;
        let pass = match self.order {
            Order::Ascending => true,
            Order::MostlyAscending => {
                self.last == BlobId(0) || id >= self.last && id.0 - self.last.0 <= NEAR
            }
            Order::Any => false,
        };
        if pass
            && let Some(frame) = self
                .snapshot
                .committed
                .blobs_from(self.snapshot.reader(), id)?
        {
            let place = frame.place(id);
            self.frame = Some(frame);
            return Ok(place);
        }
        let Some(blob) = self.snapshot.read(id)? else {
            return Err(missing(id));
        };
        if let Some((frame, _)) = blob.frame()
            && let Some(place) = frame.place(id)
        {
            self.frame = Some(Arc::clone(frame));
            return Ok(Some(place));
        }
        self.other = Some(blob);
        Ok(None)
    }
}

fn missing(id: BlobId) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "Blob {id} is named by a row and is not in the store; `lakebed verify` lists all damage, and `lakebed repair` mends what can be mended."
        ),
    )
}
