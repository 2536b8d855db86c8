//! Writing an index block.

use super::header::{
    BlockKind, ENTRY, FIXED, FOOTER_LEVEL, IndexBlock, Section, SectionKind, WHAT,
};
use super::pages::put_page_sums;
use crate::checksum::checksum;
use crate::coding::{align8, pad8, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::limits::{self, PAGE_SHIFT};

/// Collects the sections of a block and encodes the block.
#[derive(Debug, Clone)]
pub struct IndexBlockBuilder {
    kind: BlockKind,
    level: u8,
    first_group: u64,
    sections: Vec<(SectionKind, u8, Vec<u8>)>,
}

impl IndexBlockBuilder {
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

    /// Sets a section, in place of one of the same kind; empty data removes it.
    pub fn set(&mut self, kind: SectionKind, paged: bool, data: Vec<u8>) -> &mut Self {
        self.sections.retain(|(old, ..)| *old != kind);
        if !data.is_empty() {
            let at = self.sections.partition_point(|(old, ..)| *old < kind);
            self.sections
                .insert(at, (kind, if paged { PAGE_SHIFT } else { 0 }, data));
        }
        self
    }

    /// Length of the block in bytes; it does not depend on the offset.
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

    /// Offset of the COMMIT behind the block, if the block is at `offset`.
    pub fn commit_offset(&self, offset: u64) -> u64 {
        align8(offset.saturating_add(self.encoded_len()))
    }

    /// Appends the block, which will be at `offset` (a multiple of 8) in a file with `salt`, and returns its header as
    /// [`IndexBlock::decode`] gives it.
    ///
    /// # Errors
    /// The offset is not a multiple of 8.
    pub fn encode(&self, salt: u64, offset: u64, out: &mut Vec<u8>) -> Result<IndexBlock> {
        if !offset.is_multiple_of(8) {
            return Err(FormatError::new(
                WHAT,
                offset,
                Reason::Value("the offset is not a multiple of 8"),
            ));
        }
        let header_len = FIXED + self.sections.len() * ENTRY + 8;
        let data_len: usize = self.sections.iter().map(|(_, _, data)| data.len()).sum();
        let mut body = Vec::with_capacity(data_len + data_len / 256);
        let body_at = offset + header_len as u64;
        let mut sections = Vec::with_capacity(self.sections.len());
        for (kind, page_shift, data) in &self.sections {
            pad8(&mut body, 0, body_at);
            let at = body_at + body.len() as u64;
            body.extend_from_slice(data);
            let checksum = if *page_shift == 0 {
                checksum(salt, at, data)
            } else {
                pad8(&mut body, 0, body_at);
                let mut sums = Vec::new();
                put_page_sums(salt, at, data, &mut sums);
                let sums_at = body_at + body.len() as u64;
                body.extend_from_slice(&sums);
                checksum(salt, sums_at, &sums)
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
        let internal = |_| {
            let reason = Reason::Internal("a block has more sections than kinds");
            FormatError::new(WHAT, offset, reason)
        };
        let count = u16::try_from(sections.len()).map_err(internal)?;
        let mut header = Vec::with_capacity(header_len);
        header.extend_from_slice(&self.kind.magic());
        header.extend_from_slice(&[self.level, 0]);
        header.extend_from_slice(&count.to_le_bytes());
        put_u64(&mut header, self.first_group);
        for section in &sections {
            header.extend_from_slice(&section.kind.code().to_le_bytes());
            header.extend_from_slice(&[section.page_shift, 0, 0, 0, 0, 0]);
            put_u64(&mut header, section.offset);
            put_u64(&mut header, section.len);
            put_u64(&mut header, section.checksum);
        }
        let header_checksum = checksum(salt, offset, &header);
        put_u64(&mut header, header_checksum);
        out.extend_from_slice(&header);
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
