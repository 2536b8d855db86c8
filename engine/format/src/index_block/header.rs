//! The header of an index block, and the sections that it lists.

use super::pages::Pages;
use crate::checksum::checksum;
use crate::coding::{Reader, align8};
use crate::error::{FormatError, Reason, Result};
use crate::limits::{self, PAGE_SHIFT};

pub(super) const WHAT: &str = "index block";
pub(super) const FIXED: usize = 16;
pub(super) const ENTRY: usize = 32;

/// Level of a footer's block.
pub const FOOTER_LEVEL: u8 = 255;
/// Bytes of the longest header of a block.
pub const MAX_BLOCK_HEADER: usize = FIXED + ENTRY * SectionKind::ALL.len() + 8;

/// The kinds of index blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// That of one group, or of several that it covers.
    Group,
    /// That of a sealed segment's footer.
    Footer,
}

impl BlockKind {
    pub(super) const fn magic(self) -> [u8; 4] {
        match self {
            Self::Group => *b"LKIX",
            Self::Footer => *b"LKFT",
        }
    }
}

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum SectionKind {
    /// [`crate::FrameTable`].
    Frames = 1,
    /// [`crate::Fingerprints`] of the blobs in ascending id order; always paged.
    Fingerprints = 2,
    /// The ids of the blobs: an [`crate::IdSet`] without count.
    Ids = 3,
    /// The row directory: [`crate::RowBatchEntry`].
    Rows = 4,
    /// The commits covered: [`crate::CommitEntry`].
    Commits = 5,
    /// Catalogue records in order: [`crate::CatalogueRecord`].
    Records = 6,
    /// Where the segment's fingerprints are: [`crate::FingerprintExtent`].
    Extents = 7,
    /// [`crate::Ordinals`].
    Ordinals = 8,
    /// The body of the manifest as of the seal: [`crate::ManifestBody`].
    ManifestBody = 9,
    /// The Parquet files of the segment: [`crate::PartList`].
    Parts = 10,
    /// [`crate::FingerprintTable`]; always paged.
    FingerprintTable = 11,
}

impl SectionKind {
    const ALL: [Self; 11] = [
        Self::Frames,
        Self::Fingerprints,
        Self::Ids,
        Self::Rows,
        Self::Commits,
        Self::Records,
        Self::Extents,
        Self::Ordinals,
        Self::ManifestBody,
        Self::Parts,
        Self::FingerprintTable,
    ];

    fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The number in the file.
    pub(super) const fn code(self) -> u16 {
        self as u16
    }
}

/// `len` bytes at `offset` in the file, out of `bytes`, which begin at `base`.
fn slice<'a>(
    bytes: &'a [u8],
    base: u64,
    offset: u64,
    len: u64,
    what: &'static str,
) -> Result<&'a [u8]> {
    let range = || {
        let start = usize::try_from(offset.checked_sub(base)?).ok()?;
        bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    };
    range().ok_or_else(|| FormatError::new(what, offset, Reason::Truncated))
}

fn misplaced(offset: u64) -> FormatError {
    FormatError::new(
        WHAT,
        offset,
        Reason::Value("length, level or place of the block is wrong"),
    )
}

/// A section as the header of its block lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// What it holds.
    pub kind: SectionKind,
    /// 0: one checksum for the data; 12: one for each page of 4 KiB.
    pub page_shift: u8,
    /// Offset of its data in the file; a multiple of 8.
    pub offset: u64,
    /// Bytes of data.
    pub len: u64,
    /// Checksum of the data, or of the page checksums if it is paged.
    pub checksum: u64,
}

impl Section {
    /// True when each page has a checksum.
    pub fn is_paged(&self) -> bool {
        self.page_shift != 0
    }

    /// Data and page checksums of a paged section.
    pub fn pages(&self) -> Pages {
        Pages {
            offset: self.offset,
            len: self.len,
            sums_offset: align8(self.offset.saturating_add(self.len)),
        }
    }

    /// The offset in the file behind its last byte, page checksums included.
    pub fn end(&self) -> u64 {
        if self.is_paged() {
            self.pages().end()
        } else {
            self.offset.saturating_add(self.len)
        }
    }

    /// Its data, out of bytes of the file that begin at `base`; not checked.
    ///
    /// # Errors
    /// The bytes do not hold it.
    pub fn data<'a>(&self, bytes: &'a [u8], base: u64) -> Result<&'a [u8]> {
        slice(bytes, base, self.offset, self.len, "section")
    }

    /// Its page checksums, out of bytes of the file that begin at `base`; none when it is not paged.
    ///
    /// # Errors
    /// The bytes do not hold them.
    pub fn sums<'a>(&self, bytes: &'a [u8], base: u64) -> Result<&'a [u8]> {
        let pages = self.pages();
        let len = if self.is_paged() { pages.sums_len() } else { 0 };
        slice(bytes, base, pages.sums_offset, len, "page checksums")
    }

    /// Checks the page checksums themselves, before pages are checked against them.
    ///
    /// # Errors
    /// Their number or checksum does not match.
    pub fn check_sums(&self, salt: u64, sums: &[u8]) -> Result<()> {
        let at = self.pages().sums_offset;
        if sums.len() as u64 != self.pages().sums_len() || checksum(salt, at, sums) != self.checksum
        {
            return Err(FormatError::new("page checksums", at, Reason::Checksum));
        }
        Ok(())
    }

    /// Checks the whole section, out of bytes of the file that begin at `base`, and returns its data.
    ///
    /// # Errors
    /// The bytes do not hold it, or a checksum does not match.
    pub fn check_whole<'a>(&self, salt: u64, bytes: &'a [u8], base: u64) -> Result<&'a [u8]> {
        let data = self.data(bytes, base)?;
        if self.is_paged() {
            let sums = self.sums(bytes, base)?;
            self.check_sums(salt, sums)?;
            self.pages().check_all(salt, data, sums)?;
        } else if checksum(salt, self.offset, data) != self.checksum {
            return Err(FormatError::new("section", self.offset, Reason::Checksum));
        }
        Ok(data)
    }
}

/// The header of an index block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexBlock {
    /// Group or footer.
    pub kind: BlockKind,
    /// 0 when it covers its own group alone; [`FOOTER_LEVEL`] in footers.
    pub level: u8,
    /// Offset of the first group covered.
    pub first_group: u64,
    /// Offset of the block in the file.
    pub offset: u64,
    /// Bytes of the whole block.
    pub len: u64,
    /// The checksum of the header; a footer's trailer repeats it.
    pub header_checksum: u64,
    /// The sections, by ascending kind; one that is absent has no data.
    pub sections: Vec<Section>,
}

impl IndexBlock {
    /// Decodes the header of the block of `len` bytes at `offset`. `bytes` begin there and hold at least the header:
    /// [`MAX_BLOCK_HEADER`] bytes, or `len` if that is less.
    ///
    /// # Errors
    /// The bytes are not the header of a block of this offset and length.
    pub fn decode(bytes: &[u8], salt: u64, offset: u64, len: u64) -> Result<Self> {
        let found = Self::find(bytes, salt, offset)?;
        if found.len != len {
            return Err(misplaced(offset));
        }
        Ok(found)
    }

    /// Decodes the header of the block at `offset`, of whatever length. `bytes` begin there and hold at least the
    /// header.
    ///
    /// # Errors
    /// The bytes are not the header of a block of this offset.
    pub fn find(bytes: &[u8], salt: u64, offset: u64) -> Result<Self> {
        let mut r = Reader::new(WHAT, bytes, offset);
        let kind = if bytes.starts_with(&BlockKind::Footer.magic()) {
            BlockKind::Footer
        } else {
            BlockKind::Group
        };
        r.magic(&kind.magic())?;
        let level = r.u8()?;
        r.zeros(1)?;
        let count = usize::from(r.u16()?);
        let first_group = r.u64()?;
        if count > SectionKind::ALL.len() {
            return Err(r.value("there are more sections than kinds"));
        }
        let mut end_of_header = r.clone();
        end_of_header.bytes(count * ENTRY)?;
        let header_checksum = end_of_header.checksum(salt)?;

        let mut sections: Vec<Section> = Vec::with_capacity(count);
        let mut end = end_of_header.offset();
        for _ in 0..count {
            let code = r.u16()?;
            let Some(section_kind) = SectionKind::from_code(code) else {
                return Err(r.value("the kind of a section is unknown"));
            };
            let page_shift = r.u8()?;
            r.zeros(5)?;
            let section = Section {
                kind: section_kind,
                page_shift,
                offset: r.u64()?,
                len: r.u64()?,
                checksum: r.u64()?,
            };
            let ascending = sections.last().is_none_or(|last| last.kind < section_kind);
            if !ascending
                || section.len == 0
                || !matches!(page_shift, 0 | PAGE_SHIFT)
                || section.offset != align8(end)
            {
                return Err(r.value("a section is out of order, empty or misplaced"));
            }
            end = section.end();
            sections.push(section);
        }
        let footer_level = (kind == BlockKind::Footer) == (level == FOOTER_LEVEL);
        let placed =
            offset.is_multiple_of(8) && first_group >= limits::FIRST_GROUP && first_group <= offset;
        if end == u64::MAX || !footer_level || !placed {
            return Err(misplaced(offset));
        }
        Ok(Self {
            kind,
            level,
            first_group,
            offset,
            len: end - offset,
            header_checksum,
            sections,
        })
    }

    /// A section; `None` when it is absent.
    pub fn section(&self, kind: SectionKind) -> Option<&Section> {
        self.sections.iter().find(|section| section.kind == kind)
    }

    /// The offset in the file behind the block's last byte.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }

    /// A section's data out of bytes of the file that begin at `base`, checked; empty when the section is absent.
    ///
    /// # Errors
    /// As [`Section::check_whole`].
    pub fn checked<'a>(
        &self,
        kind: SectionKind,
        salt: u64,
        bytes: &'a [u8],
        base: u64,
    ) -> Result<&'a [u8]> {
        self.section(kind)
            .map_or(Ok(&[]), |section| section.check_whole(salt, bytes, base))
    }
}
