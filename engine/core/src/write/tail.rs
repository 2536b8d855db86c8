//! The end of a group: row batches, the index block, COMMIT, one sync.
//!
//! So that a segment of very many small commits still opens quickly, index blocks merge like a counter (docs/format.md): the block of a
//! commit covers the blocks before it when there would be [`FANOUT`] of one level at the segment's end.

use lakebed_format::{
    BlockBuilder, Commit, CommitAt, CommitEntry, CommitNumber, Fingerprint, IdSet, IndexBlock,
    Record, RowEntry, SectionKind, names, put_fingerprints, wire,
};
use lakebed_vfs::File;

use super::group::Group;
use crate::error::{Error, ErrorKind, Result};

/// So many blocks of one level become one of the next.
const FANOUT: usize = 16;
/// Section 2 is always paged; the frame table is when it is large.
const PAGED_FROM: usize = 4096;

/// A group that is on disk.
#[derive(Debug)]
pub(crate) struct Committed {
    /// Its COMMIT.
    pub(crate) at: CommitAt,
    /// Its index block, as the chain of the segment now ends.
    pub(crate) block: IndexBlock,
    /// The segment's salt.
    pub(crate) salt: u64,
    /// New blobs and rows.
    pub(crate) blobs: u64,
    pub(crate) rows: u64,
}

/// The parts of an index block's sections, in file order.
#[derive(Debug, Default)]
struct Parts {
    frames: Vec<u8>,
    fingerprints: Vec<u8>,
    ids: IdSet,
    rows: Vec<u8>,
    commits: Vec<CommitEntry>,
    records: Vec<u8>,
}

impl Group {
    /// Writes what is left of the group and its COMMIT, and syncs: when this returns, the commit is on disk.
    ///
    /// `chain` are the index blocks of the segment so far, oldest first, as opening walks them; `number` and `predecessor` are the
    /// commit's number and the checksum of the COMMIT before it.
    ///
    /// # Errors
    /// Before the sync: `Io`, `StoreFull`; the caller abandons the group. When the sync fails: `Poisoned`; nobody knows then what is on
    /// disk, and the group must neither be abandoned nor written again.
    pub(crate) fn finish(
        &mut self,
        number: CommitNumber,
        predecessor: u64,
        chain: &[IndexBlock],
    ) -> Result<Committed> {
        self.cut_page()?;
        self.drain()?;
        let mut own = Parts {
            ids: std::mem::take(&mut self.ids),
            ..Parts::default()
        };
        let rows = self.write_batches(&mut own)?;
        for frame in &self.frames {
            frame.encode(&mut own.frames);
        }
        let first = self.place.next_blob.0;
        let hashes = &self.hashes;
        let of = |id: lakebed_format::BlobId| -> Option<Fingerprint> {
            Some(hashes.get((id.0 - first) as usize)?.fingerprint())
        };
        put_fingerprints(own.ids.iter().filter_map(of), &mut own.fingerprints);
        for record in &self.records {
            Record::encode(record, &mut own.records);
        }

        wire::pad8(&mut self.buffer, 0, self.buffer_at);
        let block_offset = self.buffer_at + self.buffer.len() as u64;
        let (level, first_group, mut parts) =
            cover(chain, self.place.start, self.file.as_ref(), self.salt)?;
        parts.append(own);
        let blobs = self.hashes.len() as u64;
        parts.commits.push(CommitEntry {
            number,
            time: self.time,
            offset: 0,
            blobs,
            rows,
            raw_bytes: self.raw_bytes(),
        });
        let mut builder = parts.builder(level, first_group);
        let commit_offset = builder.commit_offset(block_offset);
        if let Some(last) = parts.commits.last_mut() {
            last.offset = commit_offset;
        }
        builder.set(
            SectionKind::Commits,
            false,
            CommitEntry::encode_all(&parts.commits),
        );
        let block = builder
            .encode(self.salt, block_offset, &mut self.buffer)
            .map_err(|e| impossible(&e))?;
        self.buffer
            .resize((commit_offset - self.buffer_at) as usize, 0);

        self.summer.update(&self.buffer);
        let commit = Commit {
            number,
            time: self.time,
            group: self.place.start,
            index_offset: block_offset,
            index_len: block.len,
            segment: self.place.segment,
            salt: self.salt,
            predecessor,
            next_blob: self.next_blob(),
            group_checksum: self.summer.finish(),
        };
        let at = commit.encode(commit_offset, &mut self.buffer);
        self.file
            .write_all_at(&self.buffer, self.buffer_at)
            .map_err(|e| Error::io(&format!("writing segment {}", self.place.segment), e))?;
        self.buffer_at += self.buffer.len() as u64;
        self.buffer.clear();
        self.sync(number)?;
        Ok(Committed {
            at,
            block,
            salt: self.salt,
            blobs,
            rows,
        })
    }

    fn write_batches(&mut self, parts: &mut Parts) -> Result<u64> {
        let mut total = 0;
        for batch in std::mem::take(&mut self.batches) {
            let head = *batch.writer.head();
            let rows = batch.writer.rows();
            let offset = self.buffer_at + self.buffer.len() as u64;
            let len = batch
                .writer
                .encode(self.salt, offset, &mut self.buffer)
                .map_err(|e| impossible(&e))?;
            let entry = RowEntry {
                collection: head.collection,
                first_seq: head.first_seq,
                rows,
                file: head.file,
                time: head.time,
                offset,
                len,
                min_blob: batch.smallest,
                max_blob: batch.largest,
            };
            entry.encode(&mut parts.rows);
            total += rows;
        }
        Ok(total)
    }

    fn sync(&self, number: CommitNumber) -> Result<()> {
        let poisoned = |e: std::io::Error| {
            Error::new(
                ErrorKind::Poisoned,
                format!(
                    "Syncing commit {number} of {} failed ({e}): it may or may not be on disk. This store object reads on and writes no \
                     more; open the store again, which checks the last commit before trusting it.",
                    self.home.vfs.describe()
                ),
            )
            .with_source(e)
        };
        self.file.sync_data().map_err(poisoned)?;
        if self.fresh {
            self.home.vfs.sync_dir(names::SEGMENTS).map_err(poisoned)?;
        }
        Ok(())
    }
}

impl Parts {
    fn append(&mut self, later: Self) {
        self.frames.extend_from_slice(&later.frames);
        self.fingerprints.extend_from_slice(&later.fingerprints);
        self.ids.extend(&later.ids);
        self.rows.extend_from_slice(&later.rows);
        self.commits.extend(later.commits);
        self.records.extend_from_slice(&later.records);
    }

    fn builder(&mut self, level: u8, first_group: u64) -> BlockBuilder {
        let mut builder = BlockBuilder::group(level, first_group);
        let mut ids = Vec::new();
        self.ids.encode(&mut ids);
        let frames = std::mem::take(&mut self.frames);
        builder
            .set(SectionKind::Frames, frames.len() >= PAGED_FROM, frames)
            .set(
                SectionKind::Fingerprints,
                true,
                std::mem::take(&mut self.fingerprints),
            )
            .set(SectionKind::Ids, false, ids)
            .set(SectionKind::Rows, false, std::mem::take(&mut self.rows))
            .set(
                SectionKind::Commits,
                false,
                CommitEntry::encode_all(&self.commits),
            )
            .set(
                SectionKind::Records,
                false,
                std::mem::take(&mut self.records),
            );
        builder
    }
}

/// Which blocks at the chain's end the next block covers: its level, and how many.
fn merge_plan(levels: &[u8]) -> (u8, usize) {
    let (mut level, mut covered) = (0_u8, 0);
    loop {
        let left = levels.get(..levels.len() - covered).unwrap_or_default();
        let same = left.iter().rev().take_while(|&&l| l == level).count();
        if same + 1 < FANOUT || level == lakebed_format::block::FOOTER_LEVEL - 1 {
            return (level, covered);
        }
        covered += same;
        level += 1;
    }
}

/// The level and the first group of the next block, and the parts of the blocks it covers.
fn cover(chain: &[IndexBlock], group: u64, file: &dyn File, salt: u64) -> Result<(u8, u64, Parts)> {
    let levels: Vec<u8> = chain.iter().map(|block| block.level).collect();
    let (level, covered) = merge_plan(&levels);
    let mut parts = Parts::default();
    let mut first_group = group;
    for block in chain.get(chain.len() - covered..).unwrap_or_default() {
        first_group = first_group.min(block.first_group);
        parts.append(read_parts(block, file, salt)?);
    }
    Ok((level, first_group, parts))
}

fn read_parts(block: &IndexBlock, file: &dyn File, salt: u64) -> Result<Parts> {
    let mut bytes = vec![0; block.len as usize];
    file.read_exact_at(&mut bytes, block.offset)
        .map_err(|e| Error::io("reading an index block", e))?;
    let base = block.offset;
    let section = |kind| {
        block
            .checked(kind, salt, &bytes, base)
            .map_err(|e| damaged(&e))
    };
    let ids = IdSet::decode(&mut wire::Reader::new(
        "ids",
        section(SectionKind::Ids)?,
        base,
    ))
    .map_err(|e| damaged(&e))?;
    let commits = CommitEntry::decode_all(section(SectionKind::Commits)?, base)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| damaged(&e))?;
    Ok(Parts {
        frames: section(SectionKind::Frames)?.to_vec(),
        fingerprints: section(SectionKind::Fingerprints)?.to_vec(),
        ids,
        rows: section(SectionKind::Rows)?.to_vec(),
        commits,
        records: section(SectionKind::Records)?.to_vec(),
    })
}

fn damaged(error: &lakebed_format::FormatError) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("The active segment is damaged: {error}; nothing was written."),
    )
}

/// What the group was built from always fits the format: the limits are checked where things are added.
fn impossible(error: &lakebed_format::FormatError) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!("The group cannot be stored: {error}."),
    )
}

#[cfg(test)]
mod tests {
    use super::merge_plan;

    #[test]
    fn blocks_merge_like_a_counter() {
        assert_eq!(merge_plan(&[]), (0, 0));
        assert_eq!(merge_plan(&[0; 14]), (0, 0));
        assert_eq!(merge_plan(&[0; 15]), (1, 15));
        let mut levels = vec![1; 15];
        levels.extend([0; 15]);
        assert_eq!(merge_plan(&levels), (2, 30));
        let mut levels: Vec<u8> = Vec::new();
        let mut longest = 0;
        for _ in 0..70_000 {
            let (level, covered) = merge_plan(&levels);
            levels.truncate(levels.len() - covered);
            levels.push(level);
            longest = longest.max(levels.len());
        }
        assert!(longest <= 5 * 15, "{longest}");
    }
}
