//! What the footer of a segment repeats of its index blocks.

use std::sync::Arc;

use lakebed_format::{
    CommitEntry, Fingerprint, FingerprintExtent, FingerprintTable, IdSet, IndexBlockBuilder,
    Ordinals, SectionKind, TableExtent,
};

use super::walker::{Block, Walker};
use crate::error::{Error, Result};

/// A footer whose segment has more packed tables than this has one of its own in their place.
const MOST_TABLES: usize = 4;

/// The tables of a footer: the sum of a segment's index blocks.
#[derive(Debug, Default)]
pub(super) struct FooterTables {
    frames: Vec<u8>,
    pub(super) ids: IdSet,
    rows: Vec<u8>,
    pub(super) commits: Vec<CommitEntry>,
    extents: Vec<u8>,
    /// By ascending ids.
    fingerprints: Vec<Fingerprint>,
    parts: Vec<u8>,
    packed: bool,
}

impl FooterTables {
    /// Those of these blocks, which are all of a segment.
    ///
    /// # Errors
    /// `Corrupt` when an index block cannot be read; `Io`.
    pub(super) fn of(walker: Walker<'_>, blocks: &[Arc<Block>]) -> Result<Self> {
        let mut tables = Self {
            packed: walker.format.packs_fingerprints(),
            ..Self::default()
        };
        let count = |block: &Arc<Block>| {
            block
                .header
                .section(SectionKind::FingerprintTable)
                .is_some()
        };
        let mut listed = 0;
        let merged = blocks.iter().filter(|block| count(block)).count() > MOST_TABLES;
        for block in blocks {
            for frame in &block.frames {
                frame.encode(&mut tables.frames);
            }
            if let Some(section) = block.header.section(SectionKind::Fingerprints) {
                let pages = section.pages();
                FingerprintExtent {
                    first_ordinal: tables.ids.len(),
                    count: pages.len / 8,
                    offset: pages.offset,
                    sums_offset: pages.sums_offset,
                }
                .encode(&mut tables.extents);
            }
            if let Some(section) = block.header.section(SectionKind::FingerprintTable)
                && !merged
            {
                TableExtent {
                    count: block.ids.len(),
                    pages: section.pages(),
                }
                .encode(&mut tables.extents);
            }
            let fingerprints = walker.fingerprints(block)?;
            listed += fingerprints.len() as u64;
            if merged || !tables.packed {
                let fingerprints = fingerprints.into_iter();
                tables
                    .fingerprints
                    .extend(fingerprints.map(|(_, fingerprint)| fingerprint));
            }
            tables.ids.extend(&block.ids);
            let rows = walker.section(&block.header, SectionKind::Rows)?;
            tables.rows.extend_from_slice(&rows);
            tables.commits.extend(walker.commits(&block.header)?);
            let parts = walker.section(&block.header, SectionKind::Parts)?;
            tables.parts.extend_from_slice(&parts);
        }
        if listed != tables.ids.len() {
            return Err(Error::corrupt(
                walker.segment(),
                0,
                "it has more or fewer fingerprints than blobs",
            ));
        }
        Ok(tables)
    }

    /// The block of the footer, which also has this body of a manifest.
    pub(super) fn builder(self, catalogue: Vec<u8>) -> IndexBlockBuilder {
        let (mut table, mut ordinals) = (Vec::new(), Vec::new());
        if self.packed {
            table = FingerprintTable::encode(self.fingerprints);
        } else if !self.fingerprints.is_empty() {
            let mut sorted: Vec<(u64, u32)> =
                self.fingerprints.iter().map(|one| one.0).zip(0..).collect();
            sorted.sort_unstable();
            let order: Vec<u32> = sorted.into_iter().map(|(_, ordinal)| ordinal).collect();
            ordinals = Ordinals::encode(&order);
        }
        let mut ids = Vec::new();
        self.ids.encode(&mut ids);
        let mut builder = IndexBlockBuilder::footer();
        builder
            .set(SectionKind::Frames, true, self.frames)
            .set(SectionKind::Ids, false, ids)
            .set(SectionKind::Rows, false, self.rows)
            .set(
                SectionKind::Commits,
                false,
                CommitEntry::encode_all(&self.commits),
            )
            .set(SectionKind::Extents, false, self.extents)
            .set(SectionKind::Ordinals, true, ordinals)
            .set(SectionKind::ManifestBody, false, catalogue)
            .set(SectionKind::Parts, false, self.parts)
            .set(SectionKind::FingerprintTable, true, table);
        builder
    }
}
