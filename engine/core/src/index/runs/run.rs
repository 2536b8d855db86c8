//! One open run.
#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths of pages, and numbers of entries of a file that is mapped or read piece by piece"
)]

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lakebed_format::index_run::{RUN_HEADER_LEN, RUN_START};
use lakebed_format::{
    BlobId, Fingerprint, Fingerprints, FormatError, IndexRunHeader, Pages, names,
};
use lakebed_vfs::{Advice, Mapping, ReadFile, ReadVfs};

use crate::error::{Error, ErrorKind, Result};
use crate::fingerprints::search;

const PAGE: usize = 1 << lakebed_format::limits::PAGE_SHIFT;
/// Fingerprints in a page.
const PER_PAGE: u64 = (PAGE / 8) as u64;
/// Pages that are read at once from front to back.
const STREAM_PAGES: u64 = 64;

/// Fingerprints and their blobs, ascending by both; ends after an error.
pub(crate) type Entries = Box<dyn Iterator<Item = Result<(Fingerprint, BlobId)>> + Send>;

/// An open run.
#[derive(Debug)]
pub(crate) struct Run {
    header: IndexRunHeader,
    file: Arc<dyn ReadFile>,
    /// Where files can be mapped.
    mapping: Option<Mapping>,
    fingerprints: Checked,
    ids: Checked,
}

/// One of the two arrays, and which of its pages were found whole.
#[derive(Debug)]
struct Checked {
    pages: Pages,
    seen: Vec<AtomicU64>,
}

impl Checked {
    fn new(pages: Pages) -> Self {
        let words = pages.count().div_ceil(64);
        Self {
            pages,
            seen: (0..words).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn word(&self, page: u64) -> Option<&AtomicU64> {
        self.seen.get((page / 64) as usize)
    }

    fn is_seen(&self, page: u64) -> bool {
        // A page that two threads check at once is checked twice; nothing else hangs on the order.
        self.word(page)
            .is_some_and(|word| word.load(Ordering::Relaxed) >> (page % 64) & 1 == 1)
    }

    fn set_seen(&self, page: u64) {
        if let Some(word) = self.word(page) {
            word.fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
    }
}

impl Run {
    /// Opens `index/N.run` and checks its header and length. Its pages are checked when they are first touched.
    ///
    /// `map`: whether it may be mapped.
    pub(crate) fn open(vfs: &dyn ReadVfs, number: u64, map: bool) -> Result<Self> {
        let name = names::run(number);
        let reading = |error| Error::io(&format!("reading {name}"), error);
        let file = vfs.open_read(&name).map_err(reading)?;
        let len = file.len().map_err(reading)?;
        if len < RUN_START {
            return Err(damaged(number, "it is too short"));
        }
        let mut head = [0; RUN_HEADER_LEN];
        file.read_exact_at(&mut head, 0).map_err(reading)?;
        let header = IndexRunHeader::decode(&head).map_err(|error| broken(number, &error))?;
        if header.number != number || header.file_len() != len {
            return Err(damaged(number, "its name or length is not what it says"));
        }
        let mapping = match map.then(|| file.map(len)).transpose() {
            // The process can have no more mappings: it is read.
            Err(error) if error.kind() == std::io::ErrorKind::OutOfMemory => None,
            mapped => mapped.map_err(reading)?,
        };
        if let Some(mapping) = &mapping {
            // A lookup touches single pages; reading ahead would cost many times what it reads. Without effect is fine.
            let _ = mapping.advise(Advice::Random, 0..mapping.len());
        }
        Ok(Self {
            header,
            file,
            mapping,
            fingerprints: Checked::new(header.fingerprints()),
            ids: Checked::new(header.ids()),
        })
    }

    /// Its header: number, entries, segments covered.
    pub(crate) fn header(&self) -> &IndexRunHeader {
        &self.header
    }

    /// Appends the ids that have this fingerprint, lowest first.
    #[cfg(test)]
    pub(crate) fn find(&self, fingerprint: Fingerprint, found: &mut Vec<BlobId>) -> Result<()> {
        self.range(fingerprint..=fingerprint, usize::MAX, found)
    }

    /// Appends the ids whose fingerprints lie in the range, by ascending fingerprint, at most `most`: for hash
    /// prefixes.
    pub(crate) fn range(
        &self,
        range: RangeInclusive<Fingerprint>,
        most: usize,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        let before = found.len();
        let searched = self.search(range, most, found);
        if self.mapping.as_ref().is_some_and(Mapping::has_failed) {
            found.truncate(before);
            let text = "a part of it could not be read";
            return Err(damaged(self.header.number, text));
        }
        searched
    }

    fn search(
        &self,
        range: RangeInclusive<Fingerprint>,
        most: usize,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        let mut buffer = Buffer::default();
        let first = self.lower_bound(range.start().0, &mut buffer)?;
        let (mut at, mut left) = (first, most);
        let mut ids = Buffer::default();
        while at < self.header.entries && left > 0 {
            let page = self.fingerprints(at / PER_PAGE, &mut buffer)?;
            let Some(fingerprint) = page.get((at % PER_PAGE) as usize) else {
                break;
            };
            if fingerprint > *range.end() {
                break;
            }
            found.push(self.id(at, &mut ids)?);
            at += 1;
            left -= 1;
        }
        Ok(())
    }

    /// All entries in order. They are read from the file, not through the mapping, which is set up for single pages.
    pub(crate) fn entries(self: &Arc<Self>) -> Entries {
        let mut fingerprints = Stream::new(self.header.fingerprints());
        let mut ids = Stream::new(self.header.ids());
        let run = Arc::clone(self);
        let mut left = run.header.entries;
        Box::new(std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let entry = run.next_entry(&mut fingerprints, &mut ids);
            if entry.is_err() {
                left = 0;
            }
            Some(entry)
        }))
    }

    fn next_entry(
        &self,
        fingerprints: &mut Stream,
        ids: &mut Stream,
    ) -> Result<(Fingerprint, BlobId)> {
        let bytes = fingerprints.take(self, 8)?;
        let fingerprint = bytes
            .first_chunk()
            .map(|b| Fingerprint(u64::from_le_bytes(*b)));
        let id = self
            .header
            .id(ids.take(self, usize::from(self.header.id_width))?);
        fingerprint
            .zip(id)
            .ok_or_else(|| damaged(self.header.number, "an entry is out of its range"))
    }

    /// Index of the first entry whose fingerprint is not below `wanted`; the number of entries when there is none.
    fn lower_bound(&self, wanted: u64, buffer: &mut Buffer) -> Result<u64> {
        let len = self.header.entries as usize;
        let found = search::lower_bound(len, wanted, |entry| {
            let entry = entry as u64;
            let page = self.fingerprints(entry / PER_PAGE, buffer)?;
            page.get((entry % PER_PAGE) as usize)
                .map(|fingerprint| fingerprint.0)
                .ok_or_else(|| damaged(self.header.number, "a page is too short"))
        })?;
        Ok(found as u64)
    }

    fn fingerprints<'a>(&'a self, page: u64, buffer: &'a mut Buffer) -> Result<Fingerprints<'a>> {
        let bytes = self.page(&self.fingerprints, page, buffer)?;
        Fingerprints::new(bytes).map_err(|error| broken(self.header.number, &error))
    }

    /// The id of an entry.
    fn id(&self, entry: u64, buffer: &mut Buffer) -> Result<BlobId> {
        let width = u64::from(self.header.id_width);
        let start = entry * width;
        let (first, at) = (Pages::page_of(start), (start % PAGE as u64) as usize);
        let bytes = self.page(&self.ids, first, buffer)?;
        let short = || damaged(self.header.number, "a page is too short");
        let head = bytes.get(at..).ok_or_else(short)?;
        let id = if at + width as usize > PAGE {
            // It continues in the next page.
            let mut joined = head.to_vec();
            let missing = width as usize - joined.len();
            let next = self.page(&self.ids, first + 1, buffer)?;
            joined.extend_from_slice(next.get(..missing).ok_or_else(short)?);
            self.header.id(&joined)
        } else {
            self.header.id(head)
        };
        id.ok_or_else(|| damaged(self.header.number, "an id is out of its range"))
    }

    /// The bytes of a page, checked when it is touched for the first time.
    fn page<'a>(&'a self, part: &Checked, n: u64, buffer: &'a mut Buffer) -> Result<&'a [u8]> {
        let range = part.pages.range(n);
        let start = part.pages.offset + range.start;
        let len = (range.end - range.start) as usize;
        let sum_at = part.pages.sums_offset + n * 8;
        let checked = part.is_seen(n);
        let page = match &self.mapping {
            Some(mapping) => self.slice(mapping, start, len)?,
            None => buffer
                .load(self.file.as_ref(), start, len)
                .map_err(|error| self.unreadable(error))?,
        };
        if !checked {
            let mut sum = [0; 8];
            match &self.mapping {
                Some(mapping) => sum.copy_from_slice(self.slice(mapping, sum_at, 8)?),
                None => self
                    .file
                    .read_exact_at(&mut sum, sum_at)
                    .map_err(|error| self.unreadable(error))?,
            }
            part.pages
                .check(self.header.salt, n, page, u64::from_le_bytes(sum))
                .map_err(|error| broken(self.header.number, &error))?;
            part.set_seen(n);
        }
        Ok(page)
    }

    /// `len` bytes of the mapping at `start`.
    fn slice<'a>(&self, mapping: &'a Mapping, start: u64, len: usize) -> Result<&'a [u8]> {
        usize::try_from(start)
            .ok()
            .and_then(|start| mapping.get(start..start.checked_add(len)?))
            .ok_or_else(|| damaged(self.header.number, "it is too short"))
    }

    fn unreadable(&self, error: std::io::Error) -> Error {
        Error::io(
            &format!("Reading {}", names::run(self.header.number)),
            error,
        )
    }
}

/// The page that was read last, for files that are not mapped.
#[derive(Debug, Default)]
struct Buffer {
    start: u64,
    bytes: Vec<u8>,
}

impl Buffer {
    fn load(&mut self, file: &dyn ReadFile, start: u64, len: usize) -> std::io::Result<&[u8]> {
        if self.start != start || self.bytes.len() != len {
            self.bytes.clear();
            self.bytes.resize(len, 0);
            self.start = start;
            let read = file.read_exact_at(&mut self.bytes, start);
            if read.is_err() {
                self.bytes.clear();
            }
            read?;
        }
        Ok(&self.bytes)
    }
}

/// One of the arrays read from front to back, many pages at once, each checked.
struct Stream {
    pages: Pages,
    next_page: u64,
    bytes: Vec<u8>,
    at: usize,
}

impl Stream {
    fn new(pages: Pages) -> Self {
        Self {
            pages,
            next_page: 0,
            bytes: Vec::new(),
            at: 0,
        }
    }

    /// The next `n` bytes; fewer at the end.
    fn take(&mut self, run: &Run, n: usize) -> Result<&[u8]> {
        if self.bytes.len() - self.at < n && self.next_page < self.pages.count() {
            self.load(run)?;
        }
        let (_, rest) = self.bytes.split_at(self.at);
        // Fewer at the end, which the caller finds out of range.
        let taken = rest.get(..n).unwrap_or(rest);
        self.at += taken.len();
        Ok(taken)
    }

    fn load(&mut self, run: &Run) -> Result<()> {
        let end = (self.next_page + STREAM_PAGES).min(self.pages.count());
        let range = self.pages.range(self.next_page).start..self.pages.range(end - 1).end;
        self.bytes.drain(..self.at);
        self.at = 0;
        let kept = self.bytes.len();
        self.bytes
            .resize(kept + (range.end - range.start) as usize, 0);
        let mut sums = vec![0; ((end - self.next_page) * 8) as usize];
        let (_, new) = self.bytes.split_at_mut(kept);
        run.file
            .read_exact_at(new, self.pages.offset + range.start)
            .and_then(|()| {
                let sums_at = self.pages.sums_offset + self.next_page * 8;
                run.file.read_exact_at(&mut sums, sums_at)
            })
            .map_err(|error| run.unreadable(error))?;
        for (page, sum) in new.chunks(PAGE).zip(sums.as_chunks().0) {
            self.pages
                .check(
                    run.header.salt,
                    self.next_page,
                    page,
                    u64::from_le_bytes(*sum),
                )
                .map_err(|error| broken(run.header.number, &error))?;
            self.next_page += 1;
        }
        Ok(())
    }
}

pub(super) fn damaged(number: u64, why: &str) -> Error {
    let name = names::run(number);
    Error::new(
        ErrorKind::Corrupt,
        format!("The index file {name} is damaged ({why}); nothing is lost, deleting it is safe."),
    )
}

fn broken(number: u64, error: &FormatError) -> Error {
    damaged(number, &error.to_string()).with_source(error.clone())
}
