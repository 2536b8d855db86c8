//! Checksums made again: after any byte of a store's files was changed, every checksum is right, as if a writer had
//! written those bytes.
//!
//! [`Checksums`] is found in whole files: each place that holds a checksum, and the bytes that it is of. The bytes are
//! then changed in place, lengths and offsets included, and [`Checksums::make`] computes every checksum from what is
//! there. Nothing is decoded then, so that structures may say anything.
//!
//! - Of a segment: header, frames, row batches, index blocks with their sections and pages, COMMITs with their groups
//!   and the link to the one before, footer and trailer, the blocks and tables of a large blob.
//! - `FORMAT`, manifests and index runs.
//! - [`Links`]: what one file repeats of another, so that a changed segment still fits the next one and the manifest.
//!
//! The checksums of Parquet files and their pages lie in a table that is mostly compressed: where it is not, a
//! [`Sum`] says where.

use std::collections::BTreeMap;
use std::ops::Range;

use lakebed_format::index_run::RUN_HEADER_LEN;
use lakebed_format::{
    COMMIT_LEN, Commit, CommitEntry, FooterTrailer, FrameHeader, FrameTable, HEADER_LEN,
    IndexBlock, IndexRunHeader, LargeTrailer, Layout, LocatedCommit, Manifest, Pages,
    RowBatchEntry, RunningChecksum, SectionKind, SegmentFormat, SegmentHeader, SegmentNumber,
    TRAILER_LEN, checksum, coding, find_last_commit, limits, names,
};

/// The files of a store by their names in its directory.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Where the salt of a segment lies, of a manifest, and of a run.
const SEGMENT_SALT: usize = 40;
const MANIFEST_SALT: usize = 32;
const RUN_SALT: usize = 16;
/// Bytes of a manifest before its body.
const MANIFEST_BODY: usize = 48;
/// Fields of a COMMIT.
const PREDECESSOR: usize = 64;
const GROUP_SUM: usize = 80;
const COMMIT_SUM: usize = 88;
/// An entry of an index block's header: where its checksum is.
const BLOCK_ENTRIES: usize = 16;
const BLOCK_ENTRY: usize = 32;
const ENTRY_SUM: usize = 24;
const PAGE: usize = 1 << limits::PAGE_SHIFT;

/// A checksum in a file.
#[derive(Clone, Debug)]
enum Site {
    /// That of some bytes, seeded with the file's salt and their offset.
    Of { at: usize, bytes: Range<usize> },
    /// That of a group, seeded with the salt alone.
    Group { at: usize, bytes: Range<usize> },
    /// What another place of the file says.
    Copy { at: usize, from: usize },
}

/// The checksums of one file, in the order in which they are made: one that covers others comes after them.
#[derive(Clone, Debug)]
pub struct Checksums {
    /// Where the salt lies; `None`: it is 0.
    salt: Option<usize>,
    sites: Vec<Site>,
    /// The COMMITs of a segment, in file order.
    commits: Vec<LocatedCommit>,
    /// Where the manifest in it repeats the last COMMIT.
    body: Option<usize>,
}

impl Checksums {
    /// The checksums of a file of a store; `None` when it has none, or is not whole.
    pub fn of_file(name: &str, bytes: &[u8]) -> Option<Self> {
        let short = name.rsplit_once('/').map_or(name, |(_, short)| short);
        if name == names::FORMAT {
            return (bytes.len() == 64).then(|| Self::new(None, vec![of(56, 0..56)]));
        }
        if name.starts_with(names::MANIFESTS) {
            names::parse_manifest(short)?;
            return Self::of_manifest(bytes);
        }
        if name.starts_with(names::INDEX) {
            return Self::of_run(bytes);
        }
        names::parse_segment(short)?;
        Self::of_segment(bytes)
    }

    fn new(salt: Option<usize>, sites: Vec<Site>) -> Self {
        Self {
            salt,
            sites,
            commits: Vec::new(),
            body: None,
        }
    }

    /// Computes every checksum from the bytes as they are now.
    ///
    /// Places beyond the end of `bytes`, which may be shorter than the file was, are left out.
    pub fn make(&self, bytes: &mut [u8]) {
        let salt = self.salt.and_then(|at| u64_at(bytes, at)).unwrap_or(0);
        for site in &self.sites {
            match site {
                Site::Of { at, bytes: summed } => {
                    let sum = bytes
                        .get(summed.clone())
                        .map(|part| checksum(salt, summed.start as u64, part));
                    put(bytes, *at, sum);
                }
                Site::Group { at, bytes: summed } => {
                    let sum = bytes.get(summed.clone()).map(|part| {
                        let mut sum = RunningChecksum::new(salt);
                        sum.update(part);
                        sum.finish()
                    });
                    put(bytes, *at, sum);
                }
                Site::Copy { at, from } => {
                    let value = u64_at(bytes, *from);
                    put(bytes, *at, value);
                }
            }
        }
    }

    fn of_manifest(bytes: &[u8]) -> Option<Self> {
        let manifest = Manifest::decode(bytes).ok()?;
        let at = bytes.len() - 8;
        let mut found = Self::new(Some(MANIFEST_SALT), vec![of(at, 0..at)]);
        let number = coding::varint_len(manifest.catalogue.last_commit.0);
        found.body = Some(MANIFEST_BODY + number);
        Some(found)
    }

    fn of_run(bytes: &[u8]) -> Option<Self> {
        let header = IndexRunHeader::decode(bytes).ok()?;
        let mut sites = vec![of(RUN_HEADER_LEN - 8, 0..RUN_HEADER_LEN - 8)];
        let start = size(header.buckets_offset());
        let directory = header.directory();
        let (mut at, mut from) = (size(directory.offset), start);
        for _ in 0..header.buckets() {
            let to = start.checked_add(size(u64_at(bytes, at)?));
            let to = to.filter(|to| *to >= from && *to <= bytes.len())?;
            sites.push(of(at + 8, from..to));
            (at, from) = (at + 16, to);
        }
        of_pages(directory, &mut sites);
        Some(Self::new(Some(RUN_SALT), sites))
    }

    /// The checksums of a segment of any layout.
    pub fn of_segment(bytes: &[u8]) -> Option<Self> {
        let header = SegmentHeader::decode(bytes).ok()?;
        let sites = vec![of(HEADER_LEN - 8, 0..HEADER_LEN - 8)];
        let mut found = Self::new(Some(SEGMENT_SALT), sites);
        if header.layout == Layout::Large {
            found.add_large(bytes, &header)?;
        } else {
            found.add_groups(bytes, &header)?;
        }
        Some(found)
    }

    fn add_large(&mut self, bytes: &[u8], header: &SegmentHeader) -> Option<()> {
        let at = bytes.len().checked_sub(TRAILER_LEN)?;
        let tail = LargeTrailer::decode(bytes.get(at..)?, header.salt, at as u64).ok()?;
        let table = size(tail.table_offset);
        let table = table..table + size(tail.table_len());
        let blocks = tail.decode_table(bytes.get(table.clone())?, header.salt);
        for (n, block) in blocks.ok()?.iter().enumerate() {
            let start = size(block.offset);
            let entry = table.start + n * (table.len() / size(tail.blocks));
            self.sites
                .push(of(entry + 16, start..start + block.stored_len as usize));
        }
        self.sites.push(of(at + 48, table));
        self.sites.push(of(at + 56, at..at + 56));
        Some(())
    }

    fn add_groups(&mut self, bytes: &[u8], header: &SegmentHeader) -> Option<()> {
        let (salt, format) = (header.salt, header.format);
        let tail_at = bytes.len().checked_sub(TRAILER_LEN)?;
        let tail = bytes.get(tail_at..)?;
        let tail = FooterTrailer::decode(tail, salt, tail_at as u64).ok();
        let end = tail.as_ref().map_or(bytes.len(), |tail| {
            size(tail.last_commit).saturating_add(COMMIT_LEN)
        });
        self.commits = commits_of(bytes.get(..end)?, header.number, salt)?;
        let mut before: Option<usize> = None;
        for commit in self.commits.clone() {
            let (at, group) = (size(commit.offset), size(commit.commit.group));
            let index = size(commit.commit.index_offset);
            let block = bytes.get(index..index + size(commit.commit.index_len))?;
            let block = IndexBlock::decode(block, salt, index as u64, commit.commit.index_len);
            let block = block.ok()?;
            self.add_frames(bytes, &block, group..index)?;
            self.add_batches(bytes, &block, format, group..index)?;
            self.add_block(&block);
            if let Some(before) = before {
                self.sites.push(Site::Copy {
                    at: at + PREDECESSOR,
                    from: before + COMMIT_SUM,
                });
            }
            self.sites.push(Site::Group {
                at: at + GROUP_SUM,
                bytes: group..at,
            });
            self.sites.push(of(at + COMMIT_SUM, at..at + COMMIT_SUM));
            before = Some(at);
        }
        let Some(tail) = tail else {
            return Some(());
        };
        let start = size(tail.block_offset);
        let block = bytes.get(start..start + size(tail.block_len))?;
        let block = IndexBlock::decode(block, salt, start as u64, tail.block_len).ok()?;
        if let (Some(section), Some(last)) = (
            block.section(SectionKind::ManifestBody),
            self.commits.last(),
        ) {
            let at = size(section.offset) + coding::varint_len(last.commit.number.0);
            if u64_at(bytes, at) == Some(last.checksum) {
                self.body = Some(at);
                self.sites.push(Site::Copy {
                    at,
                    from: size(last.offset) + COMMIT_SUM,
                });
            }
        }
        self.add_block(&block);
        self.sites.push(Site::Copy {
            at: tail_at + 48,
            from: start + BLOCK_ENTRIES + BLOCK_ENTRY * block.sections.len(),
        });
        self.sites.push(of(tail_at + 56, tail_at..tail_at + 56));
        Some(())
    }

    /// The frames that lie in a group.
    fn add_frames(&mut self, bytes: &[u8], block: &IndexBlock, group: Range<usize>) -> Option<()> {
        let Some(section) = block.section(SectionKind::Frames) else {
            return Some(());
        };
        let table = FrameTable::new(section.data(bytes, 0).ok()?).ok()?;
        for entry in table.iter_from(0) {
            let at = size(entry.offset);
            if group.contains(&at) {
                let frame = FrameHeader::decode(bytes.get(at..group.end)?, entry.offset).ok()?;
                self.sites
                    .push(of(at, at + 8..at + size(frame.frame_len())));
            }
        }
        Some(())
    }

    /// The row batches that lie in a group.
    fn add_batches(
        &mut self,
        bytes: &[u8],
        block: &IndexBlock,
        format: SegmentFormat,
        group: Range<usize>,
    ) -> Option<()> {
        let data = |kind| match block.section(kind) {
            Some(section) => section.data(bytes, 0).ok(),
            None => Some(&[][..]),
        };
        let commits: Vec<CommitEntry> =
            CommitEntry::decode_all(data(SectionKind::Commits)?, block.offset)
                .collect::<Result<_, _>>()
                .ok()?;
        let rows = data(SectionKind::Rows)?;
        for entry in RowBatchEntry::decode_all(rows, block.offset, format, &commits) {
            let entry = entry.ok()?;
            let at = size(entry.offset);
            if group.contains(&at) {
                self.sites.push(of(at, at + 8..at + size(entry.len)));
            }
        }
        Some(())
    }

    /// The sections of an index block, and its header.
    fn add_block(&mut self, block: &IndexBlock) {
        let start = size(block.offset);
        for (n, section) in block.sections.iter().enumerate() {
            let at = start + BLOCK_ENTRIES + n * BLOCK_ENTRY + ENTRY_SUM;
            let data = size(section.offset)..size(section.offset + section.len);
            if section.is_paged() {
                of_pages(section.pages(), &mut self.sites);
                let sums = size(section.pages().sums_offset)..size(section.pages().end());
                self.sites.push(of(at, sums));
            } else {
                self.sites.push(of(at, data));
            }
        }
        let end = start + BLOCK_ENTRIES + BLOCK_ENTRY * block.sections.len();
        self.sites.push(of(end, start..end));
    }
}

/// A checksum that lies elsewhere than beside what it is of.
#[derive(Clone, Debug)]
pub struct Sum {
    /// The file, and which of its bytes.
    pub of: (String, Range<usize>),
    /// Seeds the checksum.
    pub salt: u64,
    /// Whether it is the salt alone that seeds it, and not the offset, too.
    pub running: bool,
    /// The file it lies in, and where.
    pub to: (String, usize),
}

/// The checksums of all files of a store, and what they repeat of each other.
#[derive(Clone, Debug)]
pub struct Links {
    /// Made before all others, in this order.
    sums: Vec<Sum>,
    /// The files, segments first and in the order of their commits.
    files: Vec<(String, Checksums)>,
    copies: Vec<Link>,
}

/// A checksum that a file repeats from another.
#[derive(Clone, Debug)]
struct Link {
    to: String,
    at: usize,
    from: (String, usize),
}

impl Links {
    /// Finds them in the files of a whole store. Files that are not a store's, or not whole, are left as they are.
    pub fn of_store(files: &Files) -> Self {
        let mut segments = Vec::new();
        let mut others = Vec::new();
        for (name, bytes) in files {
            let Some(found) = Checksums::of_file(name, bytes) else {
                continue;
            };
            match found.commits.first().map(|commit| commit.commit.number) {
                Some(first) => segments.push((first, name.clone(), found)),
                None => others.push((name.clone(), found)),
            }
        }
        segments.sort_by_key(|(first, _, _)| *first);
        let segments: Vec<(String, Checksums)> = segments
            .into_iter()
            .map(|(_, name, found)| (name, found))
            .collect();
        let mut copies = Vec::new();
        for (before, after) in segments.iter().zip(segments.iter().skip(1)) {
            let (Some(last), Some(first)) = (before.1.commits.last(), after.1.commits.first())
            else {
                continue;
            };
            if first.commit.predecessor == last.checksum {
                copies.push(Link {
                    to: after.0.clone(),
                    at: size(first.offset) + PREDECESSOR,
                    from: (before.0.clone(), size(last.offset) + COMMIT_SUM),
                });
            }
        }
        for (name, found) in &others {
            let Some(at) = found.body else {
                continue;
            };
            let said = files.get(name).and_then(|bytes| u64_at(bytes, at));
            let ends = segments
                .iter()
                .filter_map(|(from, found)| Some((from, found.commits.last()?)));
            for (from, last) in ends {
                if said == Some(last.checksum) {
                    copies.push(Link {
                        to: name.clone(),
                        at,
                        from: (from.clone(), size(last.offset) + COMMIT_SUM),
                    });
                }
            }
        }
        Self {
            sums: Vec::new(),
            files: segments.into_iter().chain(others).collect(),
            copies,
        }
    }

    /// With further checksums, which are made before those that were found.
    #[must_use]
    pub fn with(self, sums: Vec<Sum>) -> Self {
        Self { sums, ..self }
    }

    /// The bytes that each checksum covers, with the name of their file.
    pub fn structures(&self) -> impl Iterator<Item = (String, Range<usize>)> {
        let sums = self.sums.iter().map(|sum| sum.of.clone());
        let own = self.files.iter().flat_map(|(name, found)| {
            let covered = found.sites.iter().filter_map(|site| match site {
                Site::Of { bytes, .. } | Site::Group { bytes, .. } => Some(bytes.clone()),
                Site::Copy { .. } => None,
            });
            covered.map(|bytes| (name.clone(), bytes))
        });
        own.chain(sums)
    }

    /// Computes every checksum of every file, and copies what one repeats of another.
    pub fn make(&self, files: &mut Files) {
        for sum in &self.sums {
            let (name, range) = &sum.of;
            let summed = files.get(name).and_then(|bytes| bytes.get(range.clone()));
            let value = summed.map(|part| {
                if sum.running {
                    let mut running = RunningChecksum::new(sum.salt);
                    running.update(part);
                    running.finish()
                } else {
                    checksum(sum.salt, range.start as u64, part)
                }
            });
            if let Some(bytes) = files.get_mut(&sum.to.0) {
                put(bytes, sum.to.1, value);
            }
        }
        for (name, found) in &self.files {
            for link in self.copies.iter().filter(|link| link.to == *name) {
                let from = files.get(&link.from.0);
                let value = from.and_then(|bytes| u64_at(bytes, link.from.1));
                if let Some(bytes) = files.get_mut(name) {
                    put(bytes, link.at, value);
                }
            }
            if let Some(bytes) = files.get_mut(name) {
                found.make(bytes);
            }
        }
    }
}

/// The COMMITs of a segment, in file order; `None` when one cannot be read.
fn commits_of(bytes: &[u8], segment: SegmentNumber, salt: u64) -> Option<Vec<LocatedCommit>> {
    let mut commits = Vec::new();
    let mut next = find_last_commit(bytes, 0, segment, salt);
    while let Some(commit) = next {
        commits.push(commit);
        let group = size(commit.commit.group);
        next = if commit.commit.group > limits::FIRST_GROUP {
            let at = group.checked_sub(COMMIT_LEN)?;
            Some(Commit::decode(bytes.get(at..)?, at as u64, segment, salt).ok()?)
        } else {
            None
        };
    }
    commits.reverse();
    Some(commits)
}

fn of(at: usize, bytes: Range<usize>) -> Site {
    Site::Of { at, bytes }
}

fn of_pages(pages: Pages, sites: &mut Vec<Site>) {
    let sums = size(pages.sums_offset);
    let (start, end) = (size(pages.offset), size(pages.offset + pages.len));
    for (n, page) in (start..end).step_by(PAGE).enumerate() {
        sites.push(of(sums + n * 8, page..end.min(page + PAGE)));
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*field))
}

fn put(bytes: &mut [u8], at: usize, value: Option<u64>) {
    let place = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<8>);
    if let (Some(place), Some(value)) = (place, value) {
        *place = value.to_le_bytes();
    }
}

/// An offset in a file that is in memory.
#[expect(
    clippy::cast_possible_truncation,
    reason = "tests run on 64 bits, and a wrong offset is found by the bounds"
)]
fn size(offset: u64) -> usize {
    offset as usize
}
