//! What the files of a store's segments say of themselves, without a manifest.

use lakebed_format::manifest::BodyDifference;
use lakebed_format::{Layout, ManifestBody as CatalogueBody, SegmentNumber};

use super::walker::{WalkedBytes, Walker, read_header};
use crate::error::{Error, Result};
use crate::segment::damage::ReadFailure;
use crate::segment::files::{SegmentFiles, len_of};

/// A segment file, as it is found.
pub(crate) enum FoundSegment {
    /// Sealed: with the catalogue that its footer repeats.
    Sealed(Box<CatalogueBody>),
    /// Without a whole header and footer.
    Open,
    /// A large blob, which a catalogue or a group names.
    Large,
}

/// Reads the header and, if it has one, the footer of a segment file.
///
/// # Errors
/// `Io`.
pub(crate) fn inspect(files: &SegmentFiles, number: SegmentNumber) -> Result<FoundSegment> {
    let (len, stored) = match stored_body(files, number)? {
        Stored::Body { len, bytes } => (len, bytes),
        Stored::Nothing => return Ok(FoundSegment::Open),
        Stored::Large => return Ok(FoundSegment::Large),
    };
    let body = match whole(files, number, stored) {
        Ok(Some(body)) => body,
        Err(error) if !error.kind().is_of_stored_bytes() => return Err(error),
        _ => return Ok(FoundSegment::Open),
    };
    match CatalogueBody::decode(&body.bytes, 0) {
        Ok(mut body)
            if body.contradiction().is_none()
                && body.segments.iter().any(|entry| entry.number == number) =>
        {
            // The footer cannot know the length of the file it is in.
            for entry in body.segments.iter_mut().filter(|s| s.number == number) {
                entry.len = len;
            }
            Ok(FoundSegment::Sealed(Box::new(body)))
        }
        _ => Ok(FoundSegment::Open),
    }
}

/// The body of a manifest, encoded.
pub(crate) struct RepeatedBody {
    pub(crate) bytes: Vec<u8>,
    /// The segment whose footer has one whole, and that one.
    pub(crate) base: (SegmentNumber, Vec<u8>),
}

/// What the footer of a sealed segment repeats; `None` when it does not tell.
///
/// # Errors
/// `Io`.
pub(crate) fn repeated(
    files: &SegmentFiles,
    number: SegmentNumber,
) -> Result<Option<RepeatedBody>> {
    match stored_body(files, number)? {
        Stored::Body { bytes, .. } => match whole(files, number, bytes) {
            Err(error) if error.kind().is_of_stored_bytes() => Ok(None),
            whole => whole,
        },
        Stored::Nothing | Stored::Large => Ok(None),
    }
}

/// The whole body that the footer of segment `number` has stored so; `None` when the footer with the rest is not there.
///
/// # Errors
/// `Corrupt` when it is the difference from another body; `Io`.
pub(super) fn whole(
    files: &SegmentFiles,
    number: SegmentNumber,
    stored: Vec<u8>,
) -> Result<Option<RepeatedBody>> {
    let refused = |error| Error::of_format(number, &error);
    let Some(difference) = BodyDifference::decode(&stored, 0).map_err(refused)? else {
        return Ok(Some(RepeatedBody {
            base: (number, stored.clone()),
            bytes: stored,
        }));
    };
    // A compaction or a repair may have put another segment in its place.
    if !files.numbers()?.contains(&difference.base) {
        return Ok(None);
    }
    let Stored::Body { bytes: base, .. } = stored_body(files, difference.base)? else {
        return Ok(None);
    };
    Ok(Some(RepeatedBody {
        bytes: difference.apply(&base).map_err(refused)?,
        base: (difference.base, base),
    }))
}

/// What a segment file says.
enum Stored {
    /// A body, or the difference from another one, in a file of this length.
    Body { len: u64, bytes: Vec<u8> },
    /// It has no whole header and footer.
    Nothing,
    /// It is a large blob.
    Large,
}

fn stored_body(files: &SegmentFiles, number: SegmentNumber) -> Result<Stored> {
    let file = files.open(number)?;
    let len = len_of(number, file.as_ref())?;
    let bytes = WalkedBytes::File(file.as_ref());
    let header = match read_header(bytes, number) {
        Ok(header) if header.number == number && header.uuid == files.store => header,
        Err(ReadFailure::Other(error)) if error.kind() == crate::ErrorKind::Io => {
            return Err(error);
        }
        _ => return Ok(Stored::Nothing),
    };
    if header.layout == Layout::Large {
        return Ok(Stored::Large);
    }
    let walker = Walker {
        bytes,
        segment: number,
        format: header.format,
        salt: header.salt,
    };
    match walker.footer_body(len) {
        Ok(bytes) => Ok(Stored::Body {
            len,
            bytes: bytes.to_vec(),
        }),
        Err(ReadFailure::Other(error)) if error.kind() == crate::ErrorKind::Io => Err(error),
        _ => Ok(Stored::Nothing),
    }
}

/// Whether a sealed segment that compaction or repair wrote was written to its end: its footer alone does not tell,
/// while nothing relies on it.
///
/// # Errors
/// `Io`.
pub(crate) fn is_written(files: &SegmentFiles, number: SegmentNumber) -> Result<bool> {
    let file = files.open(number)?;
    let len = len_of(number, file.as_ref())?;
    let bytes = WalkedBytes::File(file.as_ref());
    let whole = || {
        let header = read_header(bytes, number)?;
        if !header.format.is_rewritten() {
            return Ok(true);
        }
        let walker = Walker {
            bytes,
            segment: number,
            format: header.format,
            salt: header.salt,
        };
        walker.group_is_whole(&walker.commit_at(walker.footer_tail(len)?.last_commit)?)
    };
    match whole() {
        Ok(whole) => Ok(whole),
        Err(ReadFailure::Other(error)) if error.kind() == crate::ErrorKind::Io => Err(error),
        Err(_) => Ok(false),
    }
}
