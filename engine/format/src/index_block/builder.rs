//! Writing an index block.

use super::pages::put_page_sums;
use super::{BlockKind, ENTRY, FIXED, FOOTER_LEVEL, IndexBlock, Section, SectionKind, WHAT};
use crate::checksum::checksum;
use crate::coding::{align8, pad8, put_u64};
use crate::error::{FormatError, Reason, Result};
use crate::limits::{self, PAGE_SHIFT};

/// Collects the sections of a block and lays them out.
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
                checksum(salt, at, data)
            } else {
                pad8(&mut body, 0, body_at);
                let sums = body.len();
                put_page_sums(salt, at, data, &mut body);
                checksum(
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
        let header_checksum = checksum(salt, offset, out.get(from..).unwrap_or_default());
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
