//! Where the segments of a store are read from.

use std::sync::Arc;

use lakebed_format::{Layout, SegmentFormat, SegmentNumber, StoreHeader, StoreUuid, names};
use lakebed_vfs::{ReadFile, ReadVfs};

use crate::error::{Error, Result};
use crate::place::replaced;

/// The files of a store's segments. Reading takes nothing else of the directory, so that segments may come from
/// elsewhere.
#[derive(Debug)]
pub(crate) struct SegmentFiles {
    vfs: Arc<dyn ReadVfs>,
    /// Whether files may be mapped.
    pub(crate) can_map: bool,
    /// The store whose segments these are.
    pub(crate) store: StoreUuid,
    /// The format of segments that are added to the store.
    pub(crate) format: SegmentFormat,
}

impl SegmentFiles {
    pub(crate) fn new(vfs: Arc<dyn ReadVfs>, header: &StoreHeader) -> Self {
        Self {
            can_map: vfs.can_map(),
            vfs,
            store: header.uuid,
            format: header.segment_format(),
        }
    }

    /// The same, read at positions of the files and never mapped.
    pub(crate) fn unmapped(vfs: Arc<dyn ReadVfs>, header: &StoreHeader) -> Self {
        Self {
            can_map: false,
            ..Self::new(vfs, header)
        }
    }

    /// Opens the file of a segment.
    ///
    /// # Errors
    /// `Corrupt` when it is missing; `Io`.
    pub(crate) fn open(&self, segment: SegmentNumber) -> Result<Arc<dyn ReadFile>> {
        let name = names::segment(segment);
        let opened = self.vfs.open_read(&name);
        opened.map_err(|error| self.cannot_open(segment, error))
    }

    /// Opens the file of a segment; `None` when there is none.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn open_if_there(
        &self,
        segment: SegmentNumber,
    ) -> Result<Option<Arc<dyn ReadFile>>> {
        match self.vfs.open_read(&names::segment(segment)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.cannot_open(segment, error)),
        }
    }

    /// The numbers of the segments whose files are there, ascending.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn numbers(&self) -> Result<Vec<SegmentNumber>> {
        let listed = self.vfs.list(names::SEGMENTS);
        let listed = listed.map_err(|e| Error::io("listing the segments", e))?;
        let mut numbers: Vec<SegmentNumber> = listed
            .iter()
            .filter_map(|name| names::parse_segment(name))
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn cannot_open(&self, segment: SegmentNumber, error: std::io::Error) -> Error {
        if error.kind() != std::io::ErrorKind::NotFound {
            return Error::io(&reading(segment), error);
        }
        if matches!(self.vfs.is_in_place(), Ok(false)) {
            return replaced(self.vfs.as_ref());
        }
        let name = names::segment(segment);
        Error::corrupt(segment, 0, format!("its file {name} is missing")).with_source(error)
    }
}

/// The names of a segment's files, relative to the store's directory, the one with its header first. What copies a
/// store copies these.
pub(crate) fn names_of(segment: SegmentNumber, layout: Layout) -> Vec<String> {
    match layout {
        Layout::Rows | Layout::Large => vec![names::segment(segment)],
    }
}

/// "reading segment 3"
pub(crate) fn reading(segment: SegmentNumber) -> String {
    format!("reading segment {segment}")
}

/// The length of a segment's file, in bytes.
///
/// # Errors
/// `Io`.
pub(crate) fn len_of(segment: SegmentNumber, file: &dyn ReadFile) -> Result<u64> {
    file.len().map_err(|e| Error::io(&reading(segment), e))
}
