//! One open run.
#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths of pages, and numbers of buckets of a file that is mapped or read piece by piece"
)]

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lakebed_format::index_run::{BUCKET_ENTRY, Bucket, BucketPlace, RUN_HEADER_LEN, RUN_START};
use lakebed_format::{Fingerprint, FormatError, IndexRunHeader, Pages, names};
use lakebed_vfs::{Advice, Mapping, ReadFile, ReadVfs};

use crate::error::{Error, ErrorKind, Result};

/// The fingerprint of a blob, of which the stored bits are right and the others zero, and the place of its segment
/// among those covered.
pub(crate) type RunEntry = (Fingerprint, u64);

/// Entries, ascending by both; ends after an error.
pub(crate) type Entries<'a> = Box<dyn Iterator<Item = Result<RunEntry>> + Send + 'a>;

/// An open run.
#[derive(Debug)]
pub(crate) struct Run {
    header: IndexRunHeader,
    file: Arc<dyn ReadFile>,
    /// Where files can be mapped.
    mapping: Option<Mapping>,
    directory: Pages,
    /// Which pages of the directory, and which buckets, were found whole.
    pages_seen: Seen,
    buckets_seen: Seen,
}

/// A bit for each of many things, set once it was checked.
#[derive(Debug)]
struct Seen(Vec<AtomicU64>);

impl Seen {
    fn new(things: u64) -> Self {
        Self(
            (0..things.div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
        )
    }

    fn has(&self, n: u64) -> bool {
        // What two threads check at once is checked twice; nothing else hangs on the order.
        let word = self.0.get((n / 64) as usize);
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (n % 64) & 1 == 1)
    }

    fn add(&self, n: u64) {
        if let Some(word) = self.0.get((n / 64) as usize) {
            word.fetch_or(1 << (n % 64), Ordering::Relaxed);
        }
    }
}

impl Run {
    /// Opens `index/N.segs` and checks its header and length. The rest is checked when it is first touched.
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
        let directory = header.directory();
        Ok(Self {
            header,
            file,
            mapping,
            directory,
            pages_seen: Seen::new(directory.count()),
            buckets_seen: Seen::new(header.buckets()),
        })
    }

    /// Its header: number, entries, segments covered.
    pub(crate) fn header(&self) -> &IndexRunHeader {
        &self.header
    }

    /// Appends the places of the segments that may have blobs with fingerprints in the range, each once, ascending: the
    /// stored bits decide, so that there may be others among them.
    pub(crate) fn range(
        &self,
        range: &RangeInclusive<Fingerprint>,
        found: &mut Vec<u64>,
    ) -> Result<()> {
        let before = found.len();
        let searched = self.search(range, found);
        if self.mapping.as_ref().is_some_and(Mapping::has_failed) {
            found.truncate(before);
            let text = "a part of it could not be read";
            return Err(damaged(self.header.number, text));
        }
        found.sort_unstable();
        found.dedup();
        searched
    }

    fn search(&self, range: &RangeInclusive<Fingerprint>, found: &mut Vec<u64>) -> Result<()> {
        let header = &self.header;
        if range.is_empty() {
            return Ok(());
        }
        let (first, lowest) = header.split(header.stored(*range.start()));
        let (last, highest) = header.split(header.stored(*range.end()));
        let mut reading = Reading::default();
        for n in first..=last {
            let bucket = self.bucket(n, &mut reading)?;
            let low = if n == first { lowest } else { 0 };
            let high = if n == last { highest } else { u64::MAX };
            let mut wrong = false;
            bucket.find(low..=high, |_, place| {
                wrong |= place >= header.segments;
                if found.last() != Some(&place) {
                    found.push(place);
                }
            });
            if wrong {
                return Err(damaged(header.number, "a segment is out of its range"));
            }
        }
        Ok(())
    }

    /// All entries in order. They are read from the file, not through the mapping, which is set up for single pages.
    pub(crate) fn entries(self: &Arc<Self>) -> Entries<'static> {
        let run = Arc::clone(self);
        let mut next = Some(0);
        let mut reading = Reading {
            from_file: true,
            ..Reading::default()
        };
        let mut entries = Vec::new().into_iter();
        let mut left = run.header.entries;
        Box::new(std::iter::from_fn(move || {
            loop {
                let n = next?;
                if let Some(entry) = entries.next() {
                    left = left.wrapping_sub(1);
                    return Some(Ok(entry));
                }
                if n == run.header.buckets() {
                    next = None;
                    let text = "it has more or fewer entries than it says";
                    return (left != 0).then(|| Err(damaged(run.header.number, text)));
                }
                match run.entries_of(n, &mut reading) {
                    Ok(found) => entries = found.into_iter(),
                    Err(error) => {
                        next = None;
                        return Some(Err(error));
                    }
                }
                next = Some(n + 1);
            }
        }))
    }

    fn entries_of(&self, n: u64, reading: &mut Reading) -> Result<Vec<RunEntry>> {
        let header = &self.header;
        let mut found = Vec::new();
        self.bucket(n, reading)?
            .entries(&mut found)
            .map_err(|error| broken(header.number, &error))?;
        let entry = |(remainder, place)| {
            if place >= header.segments {
                return Err(damaged(header.number, "a segment is out of its range"));
            }
            Ok((header.fingerprint(header.join(n, remainder)), place))
        };
        found.into_iter().map(entry).collect()
    }

    /// A bucket, checked when it is touched for the first time.
    fn bucket<'a>(&'a self, n: u64, reading: &'a mut Reading) -> Result<Bucket<'a>> {
        let place = self.place_of(n, &mut reading.page)?;
        let checked = self.buckets_seen.has(n);
        let mapping = self.mapping.as_ref().filter(|_| !reading.from_file);
        let bytes = match mapping {
            Some(mapping) => self.slice(mapping, place.offset, place.len as usize)?,
            None => reading
                .bucket
                .load(self.file.as_ref(), place.offset, place.len as usize)
                .map_err(|error| self.unreadable(error))?,
        };
        // What is read anew may be another than what was checked.
        let trusted = checked && mapping.is_some();
        let bucket = self
            .header
            .bucket(&place, bytes, trusted)
            .map_err(|error| broken(self.header.number, &error))?;
        self.buckets_seen.add(n);
        Ok(bucket)
    }

    /// Where a bucket is.
    fn place_of(&self, n: u64, buffer: &mut Buffer) -> Result<BucketPlace> {
        let at = n * BUCKET_ENTRY;
        let before = match n.checked_sub(1) {
            Some(_) => u64::from_le_bytes(self.directory_at(at - BUCKET_ENTRY, buffer)?),
            None => 0,
        };
        let mut entry = [0; BUCKET_ENTRY as usize];
        let (end, sum) = entry.split_at_mut(8);
        end.copy_from_slice(&self.directory_at(at, buffer)?);
        sum.copy_from_slice(&self.directory_at(at + 8, buffer)?);
        self.header
            .place(before, &entry)
            .map_err(|error| broken(self.header.number, &error))
    }

    /// Eight bytes of the directory, which lie within one of its pages.
    fn directory_at(&self, at: u64, buffer: &mut Buffer) -> Result<[u8; 8]> {
        let n = Pages::page_of(at);
        let range = self.directory.range(n);
        let page = self.page(n, buffer)?;
        let bytes = page
            .get((at - range.start) as usize..)
            .and_then(<[u8]>::first_chunk::<8>);
        bytes
            .copied()
            .ok_or_else(|| damaged(self.header.number, "a page is too short"))
    }

    /// The bytes of a page of the directory, checked when it is touched for the first time.
    fn page<'a>(&'a self, n: u64, buffer: &'a mut Buffer) -> Result<&'a [u8]> {
        let range = self.directory.range(n);
        let start = self.directory.offset + range.start;
        let len = (range.end - range.start) as usize;
        let sum_at = self.directory.sums_offset + n * 8;
        let checked = self.pages_seen.has(n);
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
            self.directory
                .check(self.header.salt, n, page, u64::from_le_bytes(sum))
                .map_err(|error| broken(self.header.number, &error))?;
            self.pages_seen.add(n);
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

/// What was read last of a run that is not mapped.
#[derive(Debug, Default)]
struct Reading {
    page: Buffer,
    bucket: Buffer,
    /// Buckets are read although the run is mapped.
    from_file: bool,
}

/// The piece of a file that was read last.
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
