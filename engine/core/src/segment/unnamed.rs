//! Segment files that no catalogue names: what is left of work that was never committed, or commits that an older
//! manifest does not know.

use lakebed_format::{CommitEntry, CommitNumber, LargeTrailer, Layout, SegmentNumber, TRAILER_LEN};
use lakebed_vfs::ReadFile;

use super::damage::{ReadFailure, ReadResult};
use super::files::{SegmentFiles, len_of, reading};
use super::rows::active_file::ActiveFile;
use super::rows::walker::{WalkedBytes, Walker, read_header};
use crate::error::{Error, ErrorKind, Result};

/// Whether a file may hold acknowledged work: a whole COMMIT, a whole large blob, or bytes of another store. What a
/// writer left that was stopped before its first commit holds none of these.
///
/// # Errors
/// `Io`.
pub(crate) fn may_hold_commits(files: &SegmentFiles, number: SegmentNumber) -> Result<bool> {
    let file = files.open(number)?;
    let len = len_of(number, file.as_ref())?;
    if let Ok(header) = read_header(WalkedBytes::File(file.as_ref()), number)
        && header.layout == Layout::Large
    {
        return is_whole_large_blob(file.as_ref(), number, header.salt, len);
    }
    if let Ok(header) = read_header(WalkedBytes::File(file.as_ref()), number)
        && header.layout == Layout::Columns
        && header.uuid == files.store
    {
        let walker = Walker {
            bytes: WalkedBytes::File(file.as_ref()),
            segment: number,
            format: header.format,
            salt: header.salt,
        };
        return has_commit(file.as_ref(), &walker, len);
    }
    let opened = match ActiveFile::open(files, number, file, len) {
        Ok(Some((opened, _))) => opened,
        Ok(None) => return Ok(false),
        Err(error) if error.kind() == ErrorKind::Io => return Err(error),
        // Another store's, or of a format that this code does not know.
        Err(_) => return Ok(true),
    };
    has_commit(opened.file.as_ref(), &opened.walker(), len)
}

/// Whether a file holds a whole COMMIT, or what may have been one.
fn has_commit(file: &dyn ReadFile, walker: &Walker<'_>, len: u64) -> Result<bool> {
    let stored = file.data_end();
    let stored = stored.map_err(|error| Error::io(&reading(walker.segment), error))?;
    match walker.last_commit(len, stored) {
        Ok(found) => Ok(found.is_some()),
        Err(ReadFailure::Damaged(_)) => Ok(true),
        Err(ReadFailure::Other(error)) => Err(error),
    }
}

/// Whether a file is the segment of a large blob.
///
/// # Errors
/// `Io`.
pub(crate) fn is_large(files: &SegmentFiles, number: SegmentNumber) -> Result<bool> {
    let file = files.open(number)?;
    match read_header(WalkedBytes::File(file.as_ref()), number) {
        Ok(header) => Ok(header.layout == Layout::Large),
        Err(ReadFailure::Other(error)) if error.kind() == ErrorKind::Io => Err(error),
        Err(_) => Ok(false),
    }
}

/// The first and the last commit of a segment that was sealed or that compaction wrote, as its footer lists them;
/// `None` for every other file.
///
/// # Errors
/// `Io`.
pub(crate) fn sealed_commits(
    files: &SegmentFiles,
    number: SegmentNumber,
) -> Result<Option<(CommitNumber, CommitNumber)>> {
    let file = files.open(number)?;
    let len = len_of(number, file.as_ref())?;
    let bytes = WalkedBytes::File(file.as_ref());
    let read = || -> ReadResult<Vec<CommitEntry>> {
        let header = read_header(bytes, number)?;
        let walker = Walker {
            bytes,
            segment: number,
            format: header.format,
            salt: header.salt,
        };
        walker.commits(&walker.footer(len)?)
    };
    match read() {
        Ok(commits) => {
            let (first, last) = (commits.first(), commits.last());
            Ok(first
                .zip(last)
                .map(|(first, last)| (first.number, last.number)))
        }
        Err(ReadFailure::Other(error)) if error.kind() == ErrorKind::Io => Err(error),
        Err(_) => Ok(None),
    }
}

/// Whether the file of a large blob was written to its end.
fn is_whole_large_blob(
    file: &dyn ReadFile,
    number: SegmentNumber,
    salt: u64,
    len: u64,
) -> Result<bool> {
    let Some(at) = len.checked_sub(TRAILER_LEN as u64) else {
        return Ok(false);
    };
    let mut bytes = [0; TRAILER_LEN];
    file.read_exact_at(&mut bytes, at)
        .map_err(|error| Error::io(&reading(number), error))?;
    Ok(LargeTrailer::decode(&bytes, salt, at).is_ok())
}
