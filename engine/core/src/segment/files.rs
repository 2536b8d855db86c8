//! Where the segments of a store are read from.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakebed_format::{CollectionId, SegmentFormat, SegmentNumber, StoreHeader, StoreUuid, names};
use lakebed_vfs::{ReadFile, ReadVfs, is_out_of_files};

use super::open_files::{OpenFiles, SegmentFile};
use crate::error::{Error, Result};
use crate::place::replaced;

/// The files of a store's segments. Reading takes nothing else of the directory, so that segments may come from
/// elsewhere.
#[derive(Debug)]
pub(crate) struct SegmentFiles {
    vfs: Arc<dyn ReadVfs>,
    /// Those that are read and not mapped.
    open: Arc<OpenFiles>,
    /// Whether files may be mapped.
    pub(crate) can_map: bool,
    /// The store whose segments these are.
    pub(crate) store: StoreUuid,
    /// The format of segments that are added to the store.
    pub(crate) format: SegmentFormat,
    /// Names of files that are not where they belong.
    elsewhere: BTreeMap<SegmentNumber, String>,
}

impl SegmentFiles {
    pub(crate) fn new(vfs: Arc<dyn ReadVfs>, header: &StoreHeader) -> Self {
        Self {
            can_map: vfs.can_map(),
            open: Arc::new(OpenFiles::new(Arc::clone(&vfs))),
            vfs,
            store: header.uuid,
            format: header.segment_format(),
            elsewhere: BTreeMap::new(),
        }
    }

    /// The same, read at positions of the files and never mapped.
    pub(crate) fn unmapped(vfs: Arc<dyn ReadVfs>, header: &StoreHeader) -> Self {
        Self {
            can_map: false,
            ..Self::new(vfs, header)
        }
    }

    /// The same files, read and never mapped.
    pub(crate) fn without_mapping(&self) -> Self {
        Self {
            vfs: Arc::clone(&self.vfs),
            open: Arc::clone(&self.open),
            can_map: false,
            elsewhere: self.elsewhere.clone(),
            ..*self
        }
    }

    /// Reads these segments from these files.
    pub(crate) fn with(self, elsewhere: BTreeMap<SegmentNumber, String>) -> Self {
        Self { elsewhere, ..self }
    }

    /// The name of a segment's file.
    pub(crate) fn name(&self, segment: SegmentNumber) -> String {
        let elsewhere = self.elsewhere.get(&segment).cloned();
        elsewhere.unwrap_or_else(|| names::segment(segment))
    }

    /// Opens the file of a segment.
    ///
    /// # Errors
    /// `Corrupt` when it is missing; `Io`.
    pub(crate) fn open(&self, segment: SegmentNumber) -> Result<Arc<dyn ReadFile>> {
        self.open_named(segment, &self.name(segment))
    }

    /// Opens the part of a collection in a segment of layout columns.
    ///
    /// # Errors
    /// `Corrupt` when it is missing; `Io`.
    pub(crate) fn open_part(
        &self,
        segment: SegmentNumber,
        collection: CollectionId,
    ) -> Result<Arc<dyn ReadFile>> {
        self.open_named(segment, &names::part(segment, collection))
    }

    /// Opens the file of a segment that has this name.
    ///
    /// # Errors
    /// `Corrupt` when it is missing; `Io`.
    pub(crate) fn open_named(
        &self,
        segment: SegmentNumber,
        name: &str,
    ) -> Result<Arc<dyn ReadFile>> {
        let opened = match self.vfs.open_read(name) {
            Err(error) if is_out_of_files(&error) => {
                self.open.close();
                self.vfs.open_read(name)
            }
            opened => opened,
        };
        opened.map_err(|error| self.cannot_open_file(segment, name, error))
    }

    /// Closes a file that is to be removed, and whose name another one may get.
    pub(crate) fn forget(&self, name: &str) {
        self.open.forget(name);
    }

    /// A file that is there, to be opened when it is read.
    pub(crate) fn file(&self, name: &Arc<str>) -> Arc<dyn ReadFile> {
        Arc::new(SegmentFile {
            files: Arc::clone(&self.open),
            name: Arc::clone(name),
        })
    }

    /// Opens the file of a segment; `None` when there is none.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn open_if_there(
        &self,
        segment: SegmentNumber,
    ) -> Result<Option<Arc<dyn ReadFile>>> {
        match self.vfs.open_read(&self.name(segment)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.cannot_open(segment, error)),
        }
    }

    /// The parts whose files are there, of all segments, by their names.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn parts(&self) -> Result<Vec<(SegmentNumber, CollectionId)>> {
        let listed = self.vfs.list(names::SEGMENTS);
        let listed = listed.map_err(|e| Error::io("listing the segments", e))?;
        let mut parts: Vec<_> = listed
            .iter()
            .filter_map(|name| names::parse_part(name))
            .collect();
        parts.sort_unstable();
        Ok(parts)
    }

    /// Files that may be the part of a collection in a segment, of which `len` bytes were written: the one of its name,
    /// those that were moved to `aside/`, and those of that length under another part's name.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn part_candidates(
        &self,
        segment: SegmentNumber,
        collection: CollectionId,
        len: u64,
    ) -> Result<Vec<String>> {
        let own = names::part(segment, collection);
        let stem = format!("{:012}-{}-", segment.0, collection.0);
        let aside = self.vfs.list(names::ASIDE).unwrap_or_default();
        let aside = aside
            .iter()
            .filter(|name| name.starts_with(&stem) && is_parquet(name));
        let mut found: Vec<String> = aside
            .map(|name| format!("{}/{name}", names::ASIDE))
            .collect();
        for (other, of) in self.parts()? {
            let name = names::part(other, of);
            if name == own {
                found.insert(0, name);
            } else if self.vfs.open_read(&name).and_then(|file| file.len()).ok() == Some(len) {
                found.push(name);
            }
        }
        Ok(found)
    }

    /// Closes what is open and not in use at this moment.
    pub(crate) fn close_files(&self) {
        self.open.close();
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
        self.cannot_open_file(segment, &names::segment(segment), error)
    }

    fn cannot_open_file(&self, segment: SegmentNumber, name: &str, error: std::io::Error) -> Error {
        if error.kind() != std::io::ErrorKind::NotFound {
            return Error::io(&reading(segment), error);
        }
        if matches!(self.vfs.is_in_place(), Ok(false)) {
            return replaced(self.vfs.as_ref());
        }
        Error::corrupt(segment, 0, format!("its file {name} is missing")).with_source(error)
    }
}

fn is_parquet(name: &str) -> bool {
    let extension = std::path::Path::new(name).extension();
    extension.is_some_and(|extension| extension == "parquet")
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
