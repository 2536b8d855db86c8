//! Decoded pages of a part, from the cache or the file.

use std::sync::Arc;

use lakebed_columns::{
    ColumnsError, Page, PageDictionary, PageDirectory, PageEncoding, PageEntry, PageRef, Pages,
};
use lakebed_format::{CollectionId, SegmentNumber, checksum, names};

use crate::error::{Error, ErrorKind, Result};
use crate::segment::bytes::{SegmentBytes, Slice};
use crate::segment::frame_cache::{Cached, Dictionaries, FrameCache, FrameKey};
use crate::spelling::quoted;

/// Bits of a key that tell the offset in a part's file.
const OFFSET_BITS: u32 = 48;

/// How many columns a part has behind the typed ones.
pub(super) const SYSTEM: usize = 7;

/// The file of a part, and where its pages lie.
#[derive(Debug)]
pub(super) struct PartFile {
    pub(super) segment: SegmentNumber,
    /// Its place among the parts of its segment, from 0.
    pub(super) place: u64,
    pub(super) collection: CollectionId,
    /// Of the checksums of the file.
    pub(super) salt: u64,
    pub(super) bytes: Arc<SegmentBytes>,
    pub(super) directory: PageDirectory,
}

impl PartFile {
    /// A key of something at an offset of the file, or at a row.
    pub(super) fn key_at(&self, offset: u64) -> FrameKey {
        FrameKey {
            segment: self.segment,
            offset: (self.place + 1) << OFFSET_BITS | offset,
        }
    }

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
    /// Of each leaf the dictionary that was used last, and where it lies.
    pub(super) dictionaries: Dictionaries,
    /// Why the last page could not be read.
    pub(super) error: Option<Error>,
}

impl Pages for PartPages<'_> {
    fn page(&mut self, leaf: usize, row: u64) -> Option<Arc<Page>> {
        let found = self.part.directory.page(leaf, row)?;
        match self.read(leaf, found) {
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
    pub(super) fn read(&mut self, leaf: usize, found: PageRef<'_>) -> Result<Arc<Page>> {
        if let Some(Cached::Page(page)) = self.cached(found.page) {
            return Ok(page);
        }
        let dictionary = match found.dictionary {
            Some(entry) if found.page.encoding == PageEncoding::Dictionary => {
                Some(self.dictionary(leaf, found, entry)?)
            }
            _ => None,
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
                Cached::Frame(_) => page,
            },
        )
    }

    fn dictionary(
        &mut self,
        leaf: usize,
        found: PageRef<'_>,
        entry: &PageEntry,
    ) -> Result<PageDictionary> {
        let held = self.dictionaries.get(leaf);
        if let Some(Some((offset, dictionary))) = held
            && *offset == entry.offset
        {
            return Ok(dictionary.clone());
        }
        let dictionary = self.kept_dictionary(found, entry)?;
        if self.dictionaries.len() <= leaf {
            self.dictionaries.resize(leaf + 1, None);
        }
        if let Some(held) = self.dictionaries.get_mut(leaf) {
            *held = Some((entry.offset, dictionary.clone()));
        }
        Ok(dictionary)
    }

    fn kept_dictionary(&self, found: PageRef<'_>, entry: &PageEntry) -> Result<PageDictionary> {
        let (Keeping::Always(cache) | Keeping::WithRoom(cache)) = self.keeping else {
            return self.decode_dictionary(found, entry);
        };
        let key = self.key(entry);
        if let Some(dictionary) = cache.dictionary(key) {
            return Ok(dictionary);
        }
        let dictionary = self.decode_dictionary(found, entry)?;
        cache.keep_dictionary(key, &dictionary);
        Ok(dictionary)
    }

    fn decode_dictionary(&self, found: PageRef<'_>, entry: &PageEntry) -> Result<PageDictionary> {
        if entry.values == 0 {
            // Pages of nothing but NULL need none of its bytes, and stay readable where those are damaged.
            return PageDictionary::empty(found.leaf, entry)
                .map_err(|error| self.damaged(found, entry, &error));
        }
        let bytes = self.bytes(found, entry)?;
        PageDictionary::decode(found.leaf, entry, &bytes)
            .map_err(|error| self.damaged(found, entry, &error))
    }

    /// Checks the checksums of a page and of the dictionary it needs.
    ///
    /// # Errors
    /// As [`PartPages::read`].
    pub(super) fn check(&self, found: PageRef<'_>) -> Result<()> {
        if let Some(dictionary) = found.dictionary {
            self.bytes(found, dictionary)?;
        }
        self.check_values(found)
    }

    /// Checks the checksum of a page alone, whose dictionary was checked.
    ///
    /// # Errors
    /// As [`PartPages::check`].
    pub(super) fn check_values(&self, found: PageRef<'_>) -> Result<()> {
        self.bytes(found, found.page)?;
        Ok(())
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
                "a page of column {}, rows {first} to {} of the part, cannot be read ({detail})",
                quoted(&found.leaf.name),
                first + found.rows as u64,
            ),
        )
    }

    fn key(&self, entry: &PageEntry) -> FrameKey {
        self.part.key_at(entry.offset)
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
