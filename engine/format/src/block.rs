//! Index blocks of groups and footers: a small header that says where sections are, and the sections.
//!
//! The header is read alone; a section is sliced and checked when it is wanted, large ones page by page.

use std::ops::Range;

use crate::checksum::sum;
use crate::error::{FormatError, Reason, Result};
use crate::limits::{self, PAGE_SHIFT};
use crate::wire::{Reader, align8, pad8, put_u64};

const WHAT: &str = "index block";
const FIXED: usize = 16;
const ENTRY: usize = 32;

/// Level of a footer's block.
pub const FOOTER_LEVEL: u8 = 255;
/// No header of a block is longer than this: what to read at least, where the block has that many bytes.
pub const MAX_BLOCK_HEADER: usize = FIXED + ENTRY * SectionKind::ALL.len() + 8;

/// Which block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// Of one group, or of several that it covers.
    Group,
    /// Of a sealed segment.
    Footer,
}

impl BlockKind {
    const fn magic(self) -> [u8; 4] {
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
    /// [`crate::sections::FrameTable`].
    Frames = 1,
    /// Fingerprints of the blobs in ascending id order, 8 bytes each; always paged.
    Fingerprints = 2,
    /// The ids of the blobs: an [`crate::IdSet`] without count.
    Ids = 3,
    /// The row directory: [`crate::sections::RowEntry`].
    Rows = 4,
    /// The commits covered: [`crate::sections::CommitEntry`].
    Commits = 5,
    /// Catalogue records in order: [`crate::Record`].
    Records = 6,
    /// Where the segment's fingerprints are: [`crate::sections::Extent`].
    Extents = 7,
    /// [`crate::sections::Ordinals`].
    Ordinals = 8,
    /// The body of the manifest as of the seal: [`crate::Catalogue`].
    Catalogue = 9,
}

impl SectionKind {
    const ALL: [Self; 9] = [
        Self::Frames,
        Self::Fingerprints,
        Self::Ids,
        Self::Rows,
        Self::Commits,
        Self::Records,
        Self::Extents,
        Self::Ordinals,
        Self::Catalogue,
    ];

    fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == code)
    }
}

/// Bytes in a file whose pages of 4 KiB have a checksum each. The last page may be short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// Where the bytes are in the file.
    pub offset: u64,
    /// How many they are.
    pub len: u64,
    /// Where the page checksums are in the file: one u64 a page.
    pub sums_offset: u64,
}

impl Pages {
    /// Number of pages.
    pub const fn count(&self) -> u64 {
        self.len.div_ceil(1 << PAGE_SHIFT)
    }

    /// Bytes of the checksums.
    pub const fn sums_len(&self) -> u64 {
        self.count().saturating_mul(8)
    }

    /// One after the last byte of the checksums in the file.
    pub const fn end(&self) -> u64 {
        self.sums_offset.saturating_add(self.sums_len())
    }

    /// The page that holds byte `at` of the data.
    pub const fn page_of(at: u64) -> u64 {
        at >> PAGE_SHIFT
    }

    /// Where page `n` is within the data.
    pub fn range(&self, n: u64) -> Range<u64> {
        let start = n.saturating_mul(1 << PAGE_SHIFT).min(self.len);
        start..start.saturating_add(1 << PAGE_SHIFT).min(self.len)
    }

    /// The checksum of page `n` as `sums` (all of them) has it.
    pub fn sum_of(&self, n: u64, sums: &[u8]) -> Result<u64> {
        let at = usize::try_from(n).ok().and_then(|n| n.checked_mul(8));
        let bytes = at
            .and_then(|at| sums.get(at..))
            .and_then(<[u8]>::first_chunk::<8>);
        let truncated = || FormatError::new("page checksums", self.sums_offset, Reason::Truncated);
        bytes.map(|b| u64::from_le_bytes(*b)).ok_or_else(truncated)
    }

    /// Checks page `n`, the bytes of which are `page`, against `stored`.
    pub fn check(&self, salt: u64, n: u64, page: &[u8], stored: u64) -> Result<()> {
        let range = self.range(n);
        let at = self.offset.wrapping_add(range.start);
        if page.len() as u64 != range.end - range.start || page.is_empty() {
            return Err(FormatError::new("page", at, Reason::Truncated));
        }
        if sum(salt, at, page) != stored {
            return Err(FormatError::new("page", at, Reason::Checksum));
        }
        Ok(())
    }

    /// Checks all pages.
    pub fn check_all(&self, salt: u64, data: &[u8], sums: &[u8]) -> Result<()> {
        for n in 0..self.count() {
            let range = self.range(n);
            let page = data
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default();
            self.check(salt, n, page, self.sum_of(n, sums)?)?;
        }
        Ok(())
    }
}

/// Appends the checksums of the pages of `data`, which is at `offset` in a file with `salt`.
pub fn put_page_sums(salt: u64, offset: u64, data: &[u8], out: &mut Vec<u8>) {
    let mut at = offset;
    for page in data.chunks(1 << PAGE_SHIFT) {
        put_u64(out, sum(salt, at, page));
        at = at.wrapping_add(page.len() as u64);
    }
}

/// The part of `bytes` at `offset` in the file, where `bytes` begin at `base`.
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

/// Where a section is and how it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// What it holds.
    pub kind: SectionKind,
    /// 0: one checksum; 12: one a page of 4 KiB.
    pub page_shift: u8,
    /// Where its data is in the file; a multiple of 8.
    pub offset: u64,
    /// Bytes of data.
    pub len: u64,
    /// Checksum of the data; for a paged section, of the page checksums.
    pub checksum: u64,
}

impl Section {
    /// True when each page has its checksum.
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

    /// One after its last byte in the file, page checksums included.
    pub fn end(&self) -> u64 {
        if self.is_paged() {
            self.pages().end()
        } else {
            self.offset.saturating_add(self.len)
        }
    }

    /// Its data, out of bytes of the file that begin at `base`.
    pub fn data<'a>(&self, bytes: &'a [u8], base: u64) -> Result<&'a [u8]> {
        slice(bytes, base, self.offset, self.len, "section")
    }

    /// Its page checksums, out of bytes of the file that begin at `base`; none when it is not paged.
    pub fn sums<'a>(&self, bytes: &'a [u8], base: u64) -> Result<&'a [u8]> {
        let pages = self.pages();
        let len = if self.is_paged() { pages.sums_len() } else { 0 };
        slice(bytes, base, pages.sums_offset, len, "page checksums")
    }

    /// Checks the page checksums themselves, before pages are checked against them.
    pub fn check_sums(&self, salt: u64, sums: &[u8]) -> Result<()> {
        let at = self.pages().sums_offset;
        if sums.len() as u64 != self.pages().sums_len() || sum(salt, at, sums) != self.checksum {
            return Err(FormatError::new("page checksums", at, Reason::Checksum));
        }
        Ok(())
    }

    /// Checks the whole section, out of bytes of the file that begin at `base`, and returns its data.
    pub fn check_whole<'a>(&self, salt: u64, bytes: &'a [u8], base: u64) -> Result<&'a [u8]> {
        let data = self.data(bytes, base)?;
        if self.is_paged() {
            let sums = self.sums(bytes, base)?;
            self.check_sums(salt, sums)?;
            self.pages().check_all(salt, data, sums)?;
        } else if sum(salt, self.offset, data) != self.checksum {
            return Err(FormatError::new("section", self.offset, Reason::Checksum));
        }
        Ok(data)
    }
}

/// The header of an index block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexBlock {
    /// Which block.
    pub kind: BlockKind,
    /// Level: 0 covers its own group; [`FOOTER_LEVEL`] in footers.
    pub level: u8,
    /// Offset of the first group covered.
    pub first_group: u64,
    /// Where the block is in the file.
    pub offset: u64,
    /// Bytes of the whole block.
    pub len: u64,
    /// The checksum of the header; a footer's tail repeats it.
    pub header_checksum: u64,
    /// The sections, by ascending kind; absent ones are empty.
    pub sections: Vec<Section>,
}

impl IndexBlock {
    /// Reads the header of the block of `len` bytes at `offset`. `bytes` begin there and hold at least the header: the first
    /// [`MAX_BLOCK_HEADER`] bytes, or all when there are fewer.
    pub fn decode(bytes: &[u8], salt: u64, offset: u64, len: u64) -> Result<Self> {
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
        let header_len = FIXED + count * ENTRY + 8;
        let Some(summed) = bytes.get(..header_len - 8) else {
            return Err(r.error(Reason::Truncated));
        };
        let header_checksum = sum(salt, offset, summed);
        let mut end_of_header = r.clone();
        end_of_header.bytes(count * ENTRY)?;
        end_of_header.checksum(header_checksum)?;

        let mut sections: Vec<Section> = Vec::with_capacity(count);
        let mut end = offset.saturating_add(header_len as u64);
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
        if end == u64::MAX || end != offset.saturating_add(len) || !footer_level || !placed {
            return Err(FormatError::new(
                WHAT,
                offset,
                Reason::Value("length, level or place of the block is wrong"),
            ));
        }
        Ok(Self {
            kind,
            level,
            first_group,
            offset,
            len,
            header_checksum,
            sections,
        })
    }

    /// A section; `None` when it is empty.
    pub fn section(&self, kind: SectionKind) -> Option<&Section> {
        self.sections.iter().find(|section| section.kind == kind)
    }

    /// One after the block's last byte in the file.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }

    /// A section's data out of bytes that begin at `base`, checked whole; empty when the section is absent.
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

/// Collects the sections of a block and lays them out.
#[derive(Debug, Clone)]
pub struct BlockBuilder {
    kind: BlockKind,
    level: u8,
    first_group: u64,
    sections: Vec<(SectionKind, u8, Vec<u8>)>,
}

impl BlockBuilder {
    /// The block of a group; `first_group` is the offset of the first group it covers.
    pub fn group(level: u8, first_group: u64) -> Self {
        Self {
            kind: BlockKind::Group,
            level: level.min(FOOTER_LEVEL - 1),
            first_group,
            sections: Vec::new(),
        }
    }

    /// The block of a footer.
    pub fn footer() -> Self {
        let first_group = limits::FIRST_GROUP;
        Self {
            kind: BlockKind::Footer,
            level: FOOTER_LEVEL,
            first_group,
            sections: Vec::new(),
        }
    }

    /// Puts a section in, in the place of one of the same kind; empty data takes it out.
    pub fn set(&mut self, kind: SectionKind, paged: bool, data: Vec<u8>) -> &mut Self {
        self.sections.retain(|(old, ..)| *old != kind);
        if !data.is_empty() {
            let at = self.sections.partition_point(|(old, ..)| *old < kind);
            self.sections
                .insert(at, (kind, if paged { PAGE_SHIFT } else { 0 }, data));
        }
        self
    }

    /// Bytes the block will have, at whatever place.
    pub fn encoded_len(&self) -> u64 {
        let mut end = (FIXED + self.sections.len() * ENTRY + 8) as u64;
        for (kind, page_shift, data) in &self.sections {
            let len = data.len() as u64;
            end = Section {
                kind: *kind,
                page_shift: *page_shift,
                offset: align8(end),
                len,
                checksum: 0,
            }
            .end();
        }
        end
    }

    /// Where the COMMIT behind the block will be, when the block is at `offset`.
    pub fn commit_offset(&self, offset: u64) -> u64 {
        align8(offset.saturating_add(self.encoded_len()))
    }

    /// Appends the block, which will be at `offset` (a multiple of 8) in a file with `salt`, and returns its header as
    /// [`IndexBlock::decode`] will.
    pub fn encode(&self, salt: u64, offset: u64, out: &mut Vec<u8>) -> Result<IndexBlock> {
        if !offset.is_multiple_of(8) {
            return Err(FormatError::new(
                WHAT,
                offset,
                Reason::Value("the offset is no multiple of 8"),
            ));
        }
        let header_len = FIXED + self.sections.len() * ENTRY + 8;
        let mut body = Vec::with_capacity(self.encoded_len() as usize - header_len);
        let body_at = offset + header_len as u64;
        let mut sections = Vec::with_capacity(self.sections.len());
        for (kind, page_shift, data) in &self.sections {
            pad8(&mut body, 0, body_at);
            let at = body_at + body.len() as u64;
            body.extend_from_slice(data);
            let checksum = if *page_shift == 0 {
                sum(salt, at, data)
            } else {
                pad8(&mut body, 0, body_at);
                let sums = body.len();
                put_page_sums(salt, at, data, &mut body);
                sum(
                    salt,
                    body_at + sums as u64,
                    body.get(sums..).unwrap_or_default(),
                )
            };
            let len = data.len() as u64;
            sections.push(Section {
                kind: *kind,
                page_shift: *page_shift,
                offset: at,
                len,
                checksum,
            });
        }
        let from = out.len();
        out.extend_from_slice(&self.kind.magic());
        out.extend_from_slice(&[self.level, 0]);
        out.extend_from_slice(&(sections.len() as u16).to_le_bytes());
        put_u64(out, self.first_group);
        for section in &sections {
            out.extend_from_slice(&(section.kind as u16).to_le_bytes());
            out.extend_from_slice(&[section.page_shift, 0, 0, 0, 0, 0]);
            put_u64(out, section.offset);
            put_u64(out, section.len);
            put_u64(out, section.checksum);
        }
        let header_checksum = sum(salt, offset, out.get(from..).unwrap_or_default());
        put_u64(out, header_checksum);
        out.extend_from_slice(&body);
        Ok(IndexBlock {
            kind: self.kind,
            level: self.level,
            first_group: self.first_group,
            offset,
            len: (header_len + body.len()) as u64,
            header_checksum,
            sections,
        })
    }
}
