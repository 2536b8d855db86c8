//! Sealing: the footer that closes a segment, and the manifest that says so.
//!
//! Order, each step durable before the next: footer; manifest. A crash between the two leaves a segment that ends in a footer and that the
//! manifest still calls active: opening takes it as sealed, and the next writer writes the manifest.

use std::sync::Arc;

use lakebed_format::{
    BlobId, BlockBuilder, Catalogue, CommitAt, CommitEntry, Extent, FooterTail, IdSet, IndexBlock,
    Layout, Manifest, Ordinals, RowEntry, SectionKind, SegmentEntry, SegmentNumber, TAIL_LEN,
    limits, names, wire,
};
use lakebed_vfs::{File, Lock, Open, Vfs};

use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;

/// A segment that is about to be sealed.
#[derive(Debug)]
pub(crate) struct Closing<'a> {
    pub(crate) file: &'a Arc<dyn File>,
    pub(crate) segment: SegmentNumber,
    pub(crate) salt: u64,
    /// First blob id that may occur in it, and one after the last.
    pub(crate) first_blob: BlobId,
    pub(crate) end_blob: BlobId,
    /// The index blocks of its groups, oldest first; they cover all of it.
    pub(crate) chain: &'a [IndexBlock],
    pub(crate) last_commit: CommitAt,
}

/// What the footer says, section by section, before the catalogue.
#[derive(Debug, Default)]
struct Contents {
    frames: Vec<u8>,
    ids: IdSet,
    rows: Vec<u8>,
    row_count: u64,
    commits: Vec<CommitEntry>,
    extents: Vec<Extent>,
    fingerprints: Vec<u64>,
}

/// Writes the footer and syncs it. `catalogue` gives the body of the manifest that will follow, with this entry among its segments.
/// Returns that body.
///
/// # Errors
/// `Io`, `StoreFull`: the segment is cut back and stays active. `Corrupt`: an index block of the segment is damaged. `Poisoned`: the sync
/// failed.
pub(crate) fn write_footer(
    home: &Home,
    closing: &Closing<'_>,
    mut catalogue: impl FnMut(SegmentEntry) -> Result<Catalogue>,
) -> Result<Catalogue> {
    let contents = read_contents(closing)?;
    let commits = &contents.commits;
    let mut entry = SegmentEntry {
        number: closing.segment,
        layout: Layout::Rows,
        len: 0,
        first_blob: closing.first_blob,
        end_blob: closing.end_blob,
        blobs: contents.ids.len(),
        rows: contents.row_count,
        first_commit: commits
            .first()
            .map_or(closing.last_commit.commit.number, |c| c.number),
        last_commit: closing.last_commit.commit.number,
        raw_bytes: commits.iter().map(|commit| commit.raw_bytes).sum(),
    };
    let block_offset = closing.last_commit.end();
    let mut builder = contents.builder();
    // The catalogue names the segment's length, which its own length decides: it settles at once or nearly so, for lengths are multiples
    // of 16 KiB.
    let body = loop {
        let body = catalogue(entry)?;
        let mut bytes = Vec::new();
        body.encode(&mut bytes);
        builder.set(SectionKind::Catalogue, false, bytes);
        let end = block_offset + builder.encoded_len() + TAIL_LEN as u64;
        let len = end.next_multiple_of(limits::SEGMENT_ALIGN);
        if len <= entry.len {
            break body;
        }
        entry.len = len;
    };
    let mut bytes = Vec::new();
    let block = builder
        .encode(closing.salt, block_offset, &mut bytes)
        .map_err(|e| damaged(closing.segment, &e))?;
    let tail_offset = entry.len - TAIL_LEN as u64;
    bytes.resize((tail_offset - block_offset) as usize, 0);
    let tail = FooterTail {
        block_offset,
        block_len: block.len,
        last_commit: closing.last_commit.offset,
        segment: closing.segment,
        blobs: entry.blobs,
        header_checksum: block.header_checksum,
    };
    tail.encode(closing.salt, tail_offset, &mut bytes);
    let what = format!("sealing segment {}", closing.segment);
    if let Err(e) = closing.file.write_all_at(&bytes, block_offset) {
        // What was written is behind the last COMMIT; if it cannot be cut now, the next writer takes it for a torn tail.
        let _ = closing.file.set_len(block_offset);
        return Err(Error::io(&what, e));
    }
    closing
        .file
        .sync_data()
        .map_err(|e| poisoned(home, &what, e))?;
    Ok(body)
}

/// Writes manifest `number` and makes it durable.
///
/// # Errors
/// `Io`, `StoreFull`: the manifest before still counts, and nothing is lost. `Poisoned`: the sync failed.
pub(crate) fn write_manifest(home: &Home, number: u64, catalogue: Catalogue) -> Result<()> {
    let manifest = Manifest {
        number,
        uuid: home.header.uuid,
        salt: super::random()?,
        catalogue,
    };
    let vfs = home.vfs.as_ref();
    let temporary = names::manifest_temporary(number);
    let what = format!("writing manifest {number}");
    let io = |e| Error::io(&what, e);
    let file = vfs.open(&temporary, Open::Create).map_err(io)?;
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all_at(&manifest.encode(), 0))
        .and_then(|()| file.sync_data());
    if let Err(e) = written {
        let _ = vfs.unlink(&temporary);
        return Err(Error::io(&what, e));
    }
    vfs.rename(&temporary, &names::manifest(number))
        .map_err(io)?;
    vfs.sync_dir(names::MANIFESTS)
        .map_err(|e| poisoned(home, &what, e))
}

/// Removes manifests below `number` that no reader holds, but for the one right before it, and temporary files. Failing is harmless.
pub(crate) fn prune_manifests(vfs: &dyn Vfs, number: u64) {
    for name in vfs.list(names::MANIFESTS).unwrap_or_default() {
        let path = format!("{}/{name}", names::MANIFESTS);
        match names::parse_manifest(&name) {
            Some(old) if old + 1 < number => {
                let free = vfs
                    .open(&path, Open::ReadWrite)
                    .and_then(|file| file.try_lock(Lock::Exclusive));
                if matches!(free, Ok(true)) {
                    let _ = vfs.unlink(&path);
                }
            }
            // Ours alone are written here; a leftover is from a crash.
            None if name.strip_suffix(".tmp").is_some() => {
                let _ = vfs.unlink(&path);
            }
            _ => {}
        }
    }
}

fn read_contents(closing: &Closing<'_>) -> Result<Contents> {
    let mut all = Contents::default();
    let mut expected = limits::FIRST_GROUP;
    for block in closing.chain {
        if block.first_group != expected {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "Segment {} cannot be sealed: its index blocks leave out the groups at {expected}.",
                    closing.segment
                ),
            ));
        }
        read_block(closing, block, &mut all)?;
        expected = wire::align8(block.end()) + lakebed_format::COMMIT_LEN as u64;
    }
    Ok(all)
}

fn read_block(closing: &Closing<'_>, block: &IndexBlock, all: &mut Contents) -> Result<()> {
    let (segment, salt, base) = (closing.segment, closing.salt, block.offset);
    let mut bytes = vec![0; block.len as usize];
    closing
        .file
        .read_exact_at(&mut bytes, base)
        .map_err(|e| Error::io(&format!("reading segment {segment}"), e))?;
    let section = |kind| {
        block
            .checked(kind, salt, &bytes, base)
            .map_err(|e| damaged(segment, &e))
    };
    all.frames.extend_from_slice(section(SectionKind::Frames)?);
    let rows = section(SectionKind::Rows)?;
    for entry in RowEntry::decode_all(rows, base) {
        all.row_count += entry.map_err(|e| damaged(segment, &e))?.rows;
    }
    all.rows.extend_from_slice(rows);
    for entry in CommitEntry::decode_all(section(SectionKind::Commits)?, base) {
        all.commits.push(entry.map_err(|e| damaged(segment, &e))?);
    }
    let ids = section(SectionKind::Ids)?;
    let ids = IdSet::decode(&mut wire::Reader::new("ids", ids, base))
        .map_err(|e| damaged(segment, &e))?;
    if let Some(where_) = block.section(SectionKind::Fingerprints) {
        let pages = where_.pages();
        all.extents.push(Extent {
            first_ordinal: all.ids.len(),
            count: pages.len / 8,
            offset: pages.offset,
            sums_offset: pages.sums_offset,
        });
        let (fingerprints, _) = section(SectionKind::Fingerprints)?.as_chunks::<8>();
        all.fingerprints
            .extend(fingerprints.iter().map(|f| u64::from_le_bytes(*f)));
    }
    all.ids.extend(&ids);
    if all.ids.len() != all.fingerprints.len() as u64 {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "Segment {segment} is damaged: its index block at {base} names more ids than fingerprints."
            ),
        ));
    }
    Ok(())
}

impl Contents {
    fn builder(self) -> BlockBuilder {
        let mut builder = BlockBuilder::footer();
        let mut ids = Vec::new();
        self.ids.encode(&mut ids);
        let mut extents = Vec::new();
        for extent in &self.extents {
            extent.encode(&mut extents);
        }
        let ordinals = ordinals_by(&self.fingerprints);
        let ordinals = if ordinals.is_empty() {
            Vec::new()
        } else {
            Ordinals::encode(&ordinals)
        };
        builder
            .set(SectionKind::Frames, true, self.frames)
            .set(SectionKind::Ids, false, ids)
            .set(SectionKind::Rows, false, self.rows)
            .set(
                SectionKind::Commits,
                false,
                CommitEntry::encode_all(&self.commits),
            )
            .set(SectionKind::Extents, false, extents)
            .set(SectionKind::Ordinals, true, ordinals);
        builder
    }
}

/// The ordinals 0, 1, ... ordered by their fingerprints.
fn ordinals_by(fingerprints: &[u64]) -> Vec<u32> {
    let mut pairs: Vec<(u64, u32)> = (0..).zip(fingerprints).map(|(n, &f)| (f, n)).collect();
    pairs.sort_unstable();
    pairs.into_iter().map(|(_, ordinal)| ordinal).collect()
}

fn damaged(segment: SegmentNumber, error: &lakebed_format::FormatError) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("Segment {segment} is damaged and cannot be sealed: {error}."),
    )
}

fn poisoned(home: &Home, what: &str, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Poisoned,
        format!(
            "{what} of {} failed at the sync ({error}); what was committed before is on disk. This store object reads on and writes no \
             more; open the store again.",
            home.vfs.describe()
        ),
    )
    .with_source(error)
}
