//! Writing runs: streaming, from sorted entries, so that memory does not grow with the store.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use lakebed_format::{
    BlobId, Fingerprint, IndexRunHeader, Pages, SegmentNumber, index_block, names,
};
use lakebed_vfs::{File, Open, Vfs};

use super::policy::{Merge, SegmentOutline};
use super::run::{Entries, Run, damaged};
use crate::error::{Error, Result};

/// Bytes that are written at once; a multiple of the page.
const CHUNK: usize = 1 << 20;
/// Entries between two checks for an interrupt.
const STEP: usize = 1 << 16;

/// What a new run holds; the catalogue knows it before a byte is written.
#[derive(Debug, Clone)]
pub(crate) struct RunSpec {
    /// Its number, above all that were given.
    pub(crate) number: u64,
    /// Random.
    pub(crate) salt: u64,
    /// The first and the last segment covered.
    pub(crate) segments: RangeInclusive<SegmentNumber>,
    /// Blobs in those segments.
    pub(crate) entries: u64,
    /// The ids they lie between.
    pub(crate) ids: Range<BlobId>,
}

/// Writes `index/N.run`: to a temporary file, synced, renamed, the directory synced. `entries` must be as many as the
/// spec says and ascend, ids inside the spec's range; otherwise, and when writing fails, there is an error and no run.
pub(crate) fn write_run(
    vfs: &dyn Vfs,
    spec: &RunSpec,
    entries: impl Iterator<Item = Result<(Fingerprint, BlobId)>>,
) -> Result<()> {
    let temporary = names::run_temporary(spec.number);
    let written = write_temporary(vfs, spec, entries, &temporary).and_then(|()| {
        vfs.rename(&temporary, &names::run(spec.number))
            .and_then(|()| vfs.sync_dir(names::INDEX))
            .map_err(|error| io(spec, error))
    });
    if written.is_err() {
        // What cannot be removed is overwritten by the next run of that number, and never read.
        let _ = vfs.unlink(&temporary);
    }
    written
}

/// Writes the run that the policy chose. `runs` are those the merge names, opened; `footers` the sorted entries of
/// the segments it names. Afterwards the merge's runs are obsolete. An error of `check_interrupted` ends it, and there
/// is no run.
pub(crate) fn carry_out(
    vfs: &dyn Vfs,
    check_interrupted: &dyn Fn() -> Result<()>,
    (number, salt): (u64, u64),
    merge: &Merge,
    sealed: &[SegmentOutline],
    runs: &[Arc<Run>],
    footers: Vec<Entries>,
) -> Result<()> {
    let extent = merge
        .extent(sealed)
        .ok_or_else(|| damaged(number, "it was to cover no segment"))?;
    let spec = RunSpec {
        number,
        salt,
        segments: extent.segments,
        entries: extent.blobs,
        ids: extent.ids,
    };
    let mut sources = footers;
    sources.extend(runs.iter().map(Run::entries));
    let entries = merge_sorted(sources).enumerate().map(|(n, entry)| {
        if n % STEP == 0 {
            check_interrupted()?;
        }
        entry
    });
    write_run(vfs, &spec, entries)
}

fn io(spec: &RunSpec, error: std::io::Error) -> Error {
    Error::io(&format!("writing {}", names::run(spec.number)), error)
}

fn write_temporary(
    vfs: &dyn Vfs,
    spec: &RunSpec,
    entries: impl Iterator<Item = Result<(Fingerprint, BlobId)>>,
    temporary: &str,
) -> Result<()> {
    let header = IndexRunHeader {
        number: spec.number,
        salt: spec.salt,
        entries: spec.entries,
        first_segment: *spec.segments.start(),
        last_segment: *spec.segments.end(),
        id_width: IndexRunHeader::width_for(spec.ids.end.0.saturating_sub(spec.ids.start.0)),
        base: spec.ids.start,
    };
    let io = |error| io(spec, error);
    vfs.create_dir(names::INDEX).map_err(io)?;
    let file = vfs.open(temporary, Open::Create).map_err(io)?;
    file.set_len(0).map_err(io)?;
    file.write_all_at(&header.encode(), 0).map_err(io)?;

    let mut fingerprints = PagedWriter::new(header.fingerprints(), spec.salt);
    let mut ids = PagedWriter::new(header.ids(), spec.salt);
    let (mut count, mut last) = (0, None);
    for entry in entries {
        let (fingerprint, id) = entry?;
        let ascends = last.is_none_or(|last| last < (fingerprint, id));
        if !ascends || count == spec.entries || !spec.ids.contains(&id) {
            return Err(mismatch(spec));
        }
        last = Some((fingerprint, id));
        count += 1;
        fingerprints
            .buffer
            .extend_from_slice(&fingerprint.0.to_le_bytes());
        header.put_id(id, &mut ids.buffer);
        fingerprints.spill(file.as_ref(), CHUNK).map_err(io)?;
        ids.spill(file.as_ref(), CHUNK).map_err(io)?;
    }
    if count != spec.entries {
        return Err(mismatch(spec));
    }
    fingerprints.finish(file.as_ref()).map_err(io)?;
    ids.finish(file.as_ref()).map_err(io)?;
    file.sync_data().map_err(io)
}

fn mismatch(spec: &RunSpec) -> Error {
    damaged(
        spec.number,
        "the segments it was to be made from hold other blobs than the catalogue says",
    )
}

/// One of the two arrays on its way to the file.
struct PagedWriter {
    pages: Pages,
    salt: u64,
    at: u64,
    buffer: Vec<u8>,
    sums: Vec<u8>,
}

impl PagedWriter {
    fn new(pages: Pages, salt: u64) -> Self {
        Self {
            pages,
            salt,
            at: pages.offset,
            buffer: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// Writes whole chunks of `chunk` bytes, once there is one. The rest stays for the next.
    fn spill(&mut self, file: &dyn File, chunk: usize) -> std::io::Result<()> {
        if self.buffer.len() < chunk {
            return Ok(());
        }
        let rest = self.buffer.split_off(chunk);
        self.write(file)?;
        self.buffer = rest;
        Ok(())
    }

    fn write(&mut self, file: &dyn File) -> std::io::Result<()> {
        index_block::put_page_sums(self.salt, self.at, &self.buffer, &mut self.sums);
        file.write_all_at(&self.buffer, self.at)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self, file: &dyn File) -> std::io::Result<()> {
        self.write(file)?;
        file.write_all_at(&self.sums, self.pages.sums_offset)?;
        // Only where there is no entry at all does nothing reach the end.
        if file.len()? < self.pages.end() {
            file.set_len(self.pages.end())?;
        }
        Ok(())
    }
}

/// Sorted entries of several sources as one, ascending. Constant memory; ends after the first error of any source.
pub(crate) fn merge_sorted(sources: Vec<Entries>) -> Merged {
    Merged {
        heads: BinaryHeap::new(),
        sources,
        state: State::Fresh,
    }
}

enum State {
    Fresh,
    Running,
    Ended,
}

/// Iterator of [`merge_sorted`].
pub(crate) struct Merged {
    heads: BinaryHeap<Reverse<(Fingerprint, BlobId, usize)>>,
    sources: Vec<Entries>,
    state: State,
}

impl Merged {
    fn step(&mut self) -> Result<Option<(Fingerprint, BlobId)>> {
        if matches!(self.state, State::Fresh) {
            self.state = State::Running;
            for (i, source) in self.sources.iter_mut().enumerate() {
                if let Some((fingerprint, id)) = source.next().transpose()? {
                    self.heads.push(Reverse((fingerprint, id, i)));
                }
            }
        }
        let Some(mut head) = self.heads.peek_mut() else {
            return Ok(None);
        };
        let Reverse((fingerprint, id, i)) = *head;
        // Replacing the head in place sifts once, where taking it out and putting the next in would sift twice.
        match self
            .sources
            .get_mut(i)
            .and_then(Iterator::next)
            .transpose()?
        {
            Some((fingerprint, id)) => *head = Reverse((fingerprint, id, i)),
            None => {
                PeekMut::pop(head);
            }
        }
        Ok(Some((fingerprint, id)))
    }
}

impl Iterator for Merged {
    type Item = Result<(Fingerprint, BlobId)>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.state, State::Ended) {
            return None;
        }
        let step = self.step().transpose();
        if !matches!(step, Some(Ok(_))) {
            self.state = State::Ended;
        }
        step
    }
}
