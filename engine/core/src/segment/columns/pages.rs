//! Decoded pages of a part, from the cache or the file.

use std::sync::Arc;

use lakebed_columns::{
    ColumnsError, Page, PageDictionary, PageDirectory, PageEntry, PageRef, Pages,
};
use lakebed_format::{CollectionId, SegmentNumber, checksum, names};

use crate::error::{Error, ErrorKind, Result};
use crate::segment::bytes::{SegmentBytes, Slice};
use crate::segment::frame_cache::{Cached, FrameCache, FrameKey};

/// Bits of a key that tell the offset in a part's file.
const OFFSET_BITS: u32 = 48;

/// The file of a part, and where its pages lie.
#[derive(Debug)]
pub(super) struct PartFile {
    pub(super) segment: SegmentNumber,
    /// Its place among the parts of its segment, from 0.
    pub(super) place: u64,
    pub(super) collection: CollectionId,
    /// Of the checksums of the file.
    pub(super) salt: u64,
    pub(super) bytes: SegmentBytes,
    pub(super) directory: PageDirectory,
}

impl PartFile {
    /// Damage at an offset of the file.
    pub(super) fn damaged(&self, offset: u64, detail: &str) -> Error {
        let name = names::part(self.segment, self.collection);
        Error::corrupt(self.segment, offset, format!("in its file {name} {detail}"))
    }
}

/// What happens to pages that were decoded.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keeping<'a> {
    /// They are kept in the cache.
    Always(&'a FrameCache),
    /// They are kept where there is room.
    WithRoom(&'a FrameCache),
    /// They are not looked for in a cache.
    Never,
}

/// Gives the pages of a part.
#[derive(Debug)]
pub(super) struct PartPages<'a> {
    pub(super) part: &'a PartFile,
    pub(super) keeping: Keeping<'a>,
    /// Why the last page could not be read.
    pub(super) error: Option<Error>,
}

impl Pages for PartPages<'_> {
    fn page(&mut self, leaf: usize, row: u64) -> Option<Arc<Page>> {
        let found = self.part.directory.page(leaf, row)?;
        match self.read(found) {
            Ok(page) => Some(page),
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}

impl PartPages<'_> {
    /// Reads a page and the dictionary it needs.
    ///
    /// # Errors
    /// `Corrupt` names the column and the rows; `Io`.
    pub(super) fn read(&self, found: PageRef<'_>) -> Result<Arc<Page>> {
        if let Some(Cached::Page(page)) = self.cached(found.page) {
            return Ok(page);
        }
        let dictionary = match found.dictionary {
            Some(entry) => Some(self.dictionary(found, entry)?),
            None => None,
        };
        let bytes = self.bytes(found, found.page)?;
        let page = Page::decode(
            found.leaf,
            found.page,
            found.rows,
            dictionary.as_ref(),
            &bytes,
        )
        .map_err(|error| self.damaged(found, found.page, &error))?;
        let page = Arc::new(page);
        Ok(
            match self.keep(found.page, Cached::Page(Arc::clone(&page))) {
                Cached::Page(kept) => kept,
                _ => page,
            },
        )
    }

    fn dictionary(&self, found: PageRef<'_>, entry: &PageEntry) -> Result<PageDictionary> {
        if let Some(Cached::Dictionary(dictionary)) = self.cached(entry) {
            return Ok(dictionary);
        }
        let bytes = self.bytes(found, entry)?;
        let dictionary = PageDictionary::decode(found.leaf, entry, &bytes)
            .map_err(|error| self.damaged(found, entry, &error))?;
        self.keep(entry, Cached::Dictionary(dictionary.clone()));
        Ok(dictionary)
    }

    /// The bytes of a page, whose checksum is right.
    fn bytes(&self, found: PageRef<'_>, entry: &PageEntry) -> Result<Slice> {
        let bytes = self.part.bytes.slice(entry.offset, u64::from(entry.len));
        let bytes = match bytes {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                return Err(self.wrong(found, entry, "the file ends before it does"));
            }
            bytes => bytes?,
        };
        bytes.prefetch(0..bytes.len());
        if checksum(self.part.salt, entry.offset, &bytes) != entry.checksum {
            let error = "it does not have its checksum";
            return Err(self.wrong(found, entry, error));
        }
        Ok(bytes)
    }

    fn damaged(&self, found: PageRef<'_>, entry: &PageEntry, error: &ColumnsError) -> Error {
        self.wrong(found, entry, &error.to_string())
    }

    fn wrong(&self, found: PageRef<'_>, entry: &PageEntry, detail: &str) -> Error {
        let first = found.page.first_row;
        self.part.damaged(
            entry.offset,
            &format!(
                "a page of column {:?}, rows {first} to {} of the part, cannot be read ({detail})",
                found.leaf.name,
                first + found.rows as u64,
            ),
        )
    }

    fn key(&self, entry: &PageEntry) -> FrameKey {
        FrameKey {
            segment: self.part.segment,
            offset: (self.part.place + 1) << OFFSET_BITS | entry.offset,
        }
    }

    fn cached(&self, entry: &PageEntry) -> Option<Cached> {
        match self.keeping {
            Keeping::Always(cache) => cache.get_any(self.key(entry)),
            Keeping::WithRoom(cache) => cache.peek_any(self.key(entry)),
            Keeping::Never => None,
        }
    }

    fn keep(&self, entry: &PageEntry, what: Cached) -> Cached {
        match self.keeping {
            Keeping::Always(cache) => cache.insert_any(self.key(entry), what),
            Keeping::WithRoom(cache) => {
                cache.fill_any(self.key(entry), &what);
                what
            }
            Keeping::Never => what,
        }
    }
}
