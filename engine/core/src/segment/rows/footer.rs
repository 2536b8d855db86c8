//! What the files of a store's segments say of themselves, without a manifest.

use lakebed_format::{Layout, ManifestBody as CatalogueBody, SegmentFormat, SegmentNumber};

use super::walker::{WalkedBytes, Walker, read_header};
use crate::error::Result;
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
    let file = files.open(number)?;
    let len = len_of(number, file.as_ref())?;
    let bytes = WalkedBytes::File(file.as_ref());
    let header = match read_header(bytes, number) {
        Ok(header) if header.number == number && header.uuid == files.store => header,
        Err(ReadFailure::Other(error)) if error.kind() == crate::ErrorKind::Io => {
            return Err(error);
        }
        _ => return Ok(FoundSegment::Open),
    };
    if header.layout == Layout::Large {
        return Ok(FoundSegment::Large);
    }
    let walker = Walker {
        bytes,
        segment: number,
        format: header.format,
        salt: header.salt,
    };
    match walker.footer_catalogue(len) {
        Ok(mut body) if body.segments.iter().any(|entry| entry.number == number) => {
            // The footer cannot know the length of the file it is in.
            for entry in body.segments.iter_mut().filter(|s| s.number == number) {
                entry.len = len;
            }
            Ok(FoundSegment::Sealed(Box::new(body)))
        }
        Err(ReadFailure::Other(error)) if error.kind() == crate::ErrorKind::Io => Err(error),
        _ => Ok(FoundSegment::Open),
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
        if header.format < SegmentFormat::V3 {
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
