//! From a frame's bytes in a file to a decoded frame.

use std::sync::Arc;

use lakebed_format::{FormatError, FrameHeader, Reason, SegmentNumber};
use lakebed_vfs::ReadFile;

use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::segment::files::reading;
use crate::segment::interface::{ReadContext, StoredBlobs, StoredFrame};
use lakebed_codec::Decoded;

/// Read of a frame whose length is not known, at first.
const FIRST_READ: u64 = 20 << 10;
/// No frame header is longer.
const LONGEST_HEADER: u64 = 65_535;

/// Where a frame lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FramePlace {
    pub(crate) segment: SegmentNumber,
    pub(crate) salt: u64,
    pub(crate) offset: u64,
}

impl FramePlace {
    pub(crate) fn error(&self, error: &FormatError) -> Error {
        Error::of_format(self.segment, error)
    }
}

/// Checks and decodes the frame at the start of `bytes`, which may go on after it.
pub(crate) fn decode(read: ReadContext<'_>, place: FramePlace, bytes: &[u8]) -> Result<Decoded> {
    let header = FrameHeader::decode_checked(bytes, place.salt, place.offset)
        .map_err(|e| place.error(&e))?;
    decode_checked(read, place, &header, bytes)
}

/// Decodes the frame at the start of `bytes`, whose checksum was checked.
pub(crate) fn decode_checked(
    read: ReadContext<'_>,
    place: FramePlace,
    header: &FrameHeader<'_>,
    bytes: &[u8],
) -> Result<Decoded> {
    let stored = header
        .payload(bytes, place.offset)
        .map_err(|e| place.error(&e))?;
    let dictionary = match header.encoding.dictionary() {
        Some(number) => Some(read.dictionaries.dictionary(number)?),
        None => None,
    };
    let corrupt = |error: lakebed_codec::FrameError| {
        Error::corrupt(place.segment, place.offset, error.to_string())
    };
    let raw = lakebed_codec::decode(
        header.encoding,
        dictionary.as_deref(),
        stored,
        header.raw_len,
    )
    .map_err(corrupt)?;
    let decoded = Decoded::new(raw, header.ids.len()).map_err(corrupt)?;
    Ok(decoded.with_ids(header.ids.runs()))
}

/// The blobs of the frame at the start of `bytes` and how they are stored; decoded if `decode` is set.
pub(crate) fn stored(
    read: ReadContext<'_>,
    place: FramePlace,
    bytes: &[u8],
    decode: bool,
) -> Result<StoredBlobs> {
    let header = FrameHeader::decode(bytes, place.offset).map_err(|e| place.error(&e))?;
    let blobs = if decode {
        let frame = Arc::new(self::decode(read, place, bytes)?);
        let blobs = 0..frame.len();
        blobs
            .filter_map(|index| Blob::in_frame(Arc::clone(&frame), index))
            .collect()
    } else {
        Vec::new()
    };
    Ok(StoredBlobs {
        ids: header.ids.iter().collect(),
        encoding: header.encoding,
        offset: Some(place.offset),
        stored_len: header.stored_len,
        raw_len: header.raw_len,
        blobs,
    })
}

/// Passes the frame at the start of `bytes` as it is stored; its checksum is checked.
pub(crate) fn pass(
    place: FramePlace,
    bytes: &[u8],
    pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
) -> Result<()> {
    let header = FrameHeader::decode_checked(bytes, place.salt, place.offset)
        .map_err(|e| place.error(&e))?;
    let payload = header
        .payload(bytes, place.offset)
        .map_err(|e| place.error(&e))?;
    pass(&StoredFrame {
        segment: place.segment,
        offset: place.offset,
        encoding: header.encoding,
        raw_len: header.raw_len,
        ids: header.ids.runs().collect(),
        payload,
        is_made: false,
    })
}

/// Reads the bytes of the frame at `place`, which ends at or before `limit`; `next` is where the next frame begins, if
/// it is known.
pub(crate) fn read(
    file: &dyn ReadFile,
    place: FramePlace,
    next: Option<u64>,
    limit: u64,
) -> Result<Vec<u8>> {
    let room = limit.saturating_sub(place.offset);
    // Between two frames of different groups lie rows and an index block: what follows is a bound and not a length.
    let guess = next.map_or(FIRST_READ, |next| {
        let gap = next.saturating_sub(place.offset);
        if gap <= 8 * FIRST_READ {
            gap
        } else {
            FIRST_READ
        }
    });
    let mut bytes = Vec::new();
    extend(file, place, &mut bytes, guess.min(room))?;
    let length = loop {
        match FrameHeader::decode(&bytes, place.offset) {
            Ok(header) => break header.frame_len(),
            Err(FormatError {
                reason: Reason::Truncated,
                ..
            }) if (bytes.len() as u64) < room.min(LONGEST_HEADER) => {
                extend(file, place, &mut bytes, room.min(LONGEST_HEADER))?;
            }
            Err(error) => return Err(place.error(&error)),
        }
    };
    if length > room {
        return Err(place.error(&FormatError::new("frame", place.offset, Reason::Truncated)));
    }
    extend(file, place, &mut bytes, length)?;
    let whole = usize::try_from(length).map_err(|_| Error::internal("a frame is too long"))?;
    bytes.truncate(whole);
    Ok(bytes)
}

/// Makes `bytes` as long as `len` by reading what is missing.
fn extend(file: &dyn ReadFile, place: FramePlace, bytes: &mut Vec<u8>, len: u64) -> Result<()> {
    let have = bytes.len();
    let want = usize::try_from(len).map_err(|_| Error::internal("a frame is too long"))?;
    if want <= have {
        return Ok(());
    }
    bytes.resize(want, 0);
    let Some(rest) = bytes.get_mut(have..) else {
        return Err(Error::internal("a buffer did not grow"));
    };
    file.read_exact_at(rest, place.offset + have as u64)
        .map_err(|error| {
            if error.kind() == std::io::ErrorKind::UnexpectedEof {
                return Error::corrupt(place.segment, place.offset, "the file ends within a frame");
            }
            Error::io(&reading(place.segment), error)
        })
}
