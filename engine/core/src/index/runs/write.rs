//! Writing runs: streaming, from sorted entries, so that memory does not grow with the store.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::vec::IntoIter;

use lakebed_format::index_run::put_bucket;
use lakebed_format::{
    BlobId, Fingerprint, IndexRunHeader, SegmentNumber, checksum, index_block, names,
};
use lakebed_vfs::{File, Open, Vfs};

use super::policy::{Merge, SegmentOutline};
use super::run::{Entries, Run, RunEntry, damaged};
use crate::error::{Error, Result};

/// Bytes of buckets that are written at once, or a few more.
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
    /// How many those segments are.
    pub(crate) places: u64,
    /// The first blob id of the first one.
    pub(crate) base: BlobId,
    /// Bits of each fingerprint that are stored, at least 1.
    pub(crate) fingerprint_bits: u32,
}

/// The entries of a run for a larger one, with so many bits of each fingerprint: at most as many as it stores. `first`
/// is the place of its first segment among those of the larger one.
pub(crate) fn moved_entries(run: &Arc<Run>, bits: u32, first: u64) -> Entries<'static> {
    let entries = run.entries();
    let moved = entries.map(move |entry| {
        entry.map(|(fingerprint, place)| (fingerprint.shortened(bits), place + first))
    });
    if bits == run.header().fingerprint_bits {
        return Box::new(moved);
    }
    let mut entries = moved.peekable();
    let mut equal: IntoIter<Result<RunEntry>> = Vec::new().into_iter();
    Box::new(std::iter::from_fn(move || {
        if let Some(entry) = equal.next() {
            return Some(entry);
        }
        let first = match entries.next()? {
            Ok(entry) => entry,
            error => return Some(error),
        };
        // What is equal now was in the order of bits that are gone.
        let mut found = vec![first];
        while let Some(Ok(next)) =
            entries.next_if(|next| matches!(next, Ok(next) if next.0 == first.0))
        {
            found.push(next);
        }
        found.sort_unstable();
        let found: Vec<Result<RunEntry>> = found.into_iter().map(Ok).collect();
        equal = found.into_iter();
        equal.next()
    }))
}

/// Writes `index/N.segs`: to a temporary file, synced, renamed, the directory synced. `entries` must be as many as the
/// spec says and ascend, with shortened fingerprints and places inside the spec's range; otherwise, and when writing
/// fails, there is an error and no run.
pub(crate) fn write_run(
    vfs: &dyn Vfs,
    spec: &RunSpec,
    entries: impl Iterator<Item = Result<RunEntry>>,
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

/// Writes the run that the policy chose, from the entries of what it is made of. Afterwards the merge's runs are
/// obsolete. An error of `check_interrupted` ends it, and there is no run.
pub(crate) fn carry_out(
    vfs: &dyn Vfs,
    check_interrupted: &dyn Fn() -> Result<()>,
    (number, salt): (u64, u64),
    fingerprint_bits: u32,
    merge: &Merge,
    sealed: &[SegmentOutline],
    sources: Vec<Entries<'_>>,
) -> Result<()> {
    let extent = merge
        .extent(sealed)
        .ok_or_else(|| damaged(number, "it was to cover no segment"))?;
    let spec = RunSpec {
        number,
        salt,
        segments: extent.segments,
        entries: extent.blobs,
        places: extent.places,
        base: extent.base,
        fingerprint_bits,
    };
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
    entries: impl Iterator<Item = Result<RunEntry>>,
    temporary: &str,
) -> Result<()> {
    let mut header = IndexRunHeader {
        number: spec.number,
        salt: spec.salt,
        entries: spec.entries,
        first_segment: *spec.segments.start(),
        last_segment: *spec.segments.end(),
        segments: spec.places,
        base: spec.base,
        fingerprint_bits: spec.fingerprint_bits,
        bucket_bits: IndexRunHeader::bucket_bits_for(spec.entries).min(spec.fingerprint_bits),
        len: 0,
    };
    let io = |error| io(spec, error);
    vfs.create_dir(names::INDEX).map_err(io)?;
    let file = vfs.open(temporary, Open::Create).map_err(io)?;
    file.set_len(0).map_err(io)?;

    let mut buckets = Buckets::new(header, file.as_ref());
    let (mut count, mut last) = (0, None);
    for entry in entries {
        let entry = entry?;
        let fits = last.is_none_or(|last| last <= entry)
            && count < spec.entries
            && entry.1 < spec.places
            && entry.0.shortened(spec.fingerprint_bits) == entry.0;
        if !fits {
            return Err(mismatch(spec));
        }
        last = Some(entry);
        count += 1;
        buckets.put(entry).map_err(io)?;
    }
    if count != spec.entries {
        return Err(mismatch(spec));
    }
    let directory;
    (directory, header.len) = buckets.finish().map_err(io)?;
    let pages = header.directory();
    let mut sums = Vec::new();
    index_block::put_page_sums(spec.salt, pages.offset, &directory, &mut sums);
    file.write_all_at(&directory, pages.offset).map_err(io)?;
    file.write_all_at(&sums, pages.sums_offset).map_err(io)?;
    file.write_all_at(&header.encode(), 0).map_err(io)?;
    file.sync_data().map_err(io)
}

fn mismatch(spec: &RunSpec) -> Error {
    damaged(
        spec.number,
        "the segments it was to be made from hold other blobs than the catalogue says",
    )
}

/// The buckets on their way to the file.
struct Buckets<'a> {
    header: IndexRunHeader,
    file: &'a dyn File,
    /// Of the next bucket: its number and its entries so far.
    number: u64,
    entries: Vec<(u64, u64)>,
    /// Bytes in the file.
    written: u64,
    buffer: Vec<u8>,
    directory: Vec<u8>,
}

impl<'a> Buckets<'a> {
    fn new(header: IndexRunHeader, file: &'a dyn File) -> Self {
        Self {
            header,
            file,
            number: 0,
            entries: Vec::new(),
            written: 0,
            buffer: Vec::new(),
            directory: Vec::new(),
        }
    }

    fn put(&mut self, (fingerprint, place): RunEntry) -> std::io::Result<()> {
        let (bucket, remainder) = self.header.split(self.header.stored(fingerprint));
        while self.number < bucket {
            self.end_bucket()?;
        }
        self.entries.push((remainder, place));
        Ok(())
    }

    fn end_bucket(&mut self) -> std::io::Result<()> {
        let start = self.buffer.len();
        put_bucket(&self.entries, self.header.shape(), &mut self.buffer);
        self.entries.clear();
        let (_, bytes) = self.buffer.split_at(start);
        let offset = self.header.buckets_offset() + self.written + start as u64;
        let sum = checksum(self.header.salt, offset, bytes);
        let end = self.written + self.buffer.len() as u64;
        self.directory.extend_from_slice(&end.to_le_bytes());
        self.directory.extend_from_slice(&sum.to_le_bytes());
        self.number += 1;
        if self.buffer.len() >= CHUNK {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> std::io::Result<()> {
        let at = self.header.buckets_offset() + self.written;
        self.file.write_all_at(&self.buffer, at)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// The directory, and the bytes of all buckets.
    fn finish(mut self) -> std::io::Result<(Vec<u8>, u64)> {
        while self.number < self.header.buckets() {
            self.end_bucket()?;
        }
        self.write()?;
        Ok((self.directory, self.written))
    }
}

/// Sorted entries of several sources as one, ascending. Constant memory; ends after the first error of any source.
pub(crate) fn merge_sorted(sources: Vec<Entries<'_>>) -> Merged<'_> {
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
pub(crate) struct Merged<'a> {
    heads: BinaryHeap<Reverse<(Fingerprint, u64, usize)>>,
    sources: Vec<Entries<'a>>,
    state: State,
}

impl Merged<'_> {
    fn step(&mut self) -> Result<Option<RunEntry>> {
        if matches!(self.state, State::Fresh) {
            self.state = State::Running;
            for (i, source) in self.sources.iter_mut().enumerate() {
                if let Some((fingerprint, place)) = source.next().transpose()? {
                    self.heads.push(Reverse((fingerprint, place, i)));
                }
            }
        }
        let Some(mut head) = self.heads.peek_mut() else {
            return Ok(None);
        };
        let Reverse((fingerprint, place, i)) = *head;
        // Replacing the head in place sifts once, where taking it out and putting the next in would sift twice.
        match self
            .sources
            .get_mut(i)
            .and_then(Iterator::next)
            .transpose()?
        {
            Some((fingerprint, place)) => *head = Reverse((fingerprint, place, i)),
            None => {
                PeekMut::pop(head);
            }
        }
        Ok(Some((fingerprint, place)))
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<RunEntry>;

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
