//! Bytes of a segment file that is complete: from a mapping where mapping is safe, by reads elsewhere.
//!
//! Random and sequential access have mappings of their own, because the system reads ahead by mapping: one piece of
//! advice for both makes either cold gets or cold scans many times slower.

use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use lakebed_format::SegmentNumber;
use lakebed_vfs::{Advice, Mapping, ReadFile, mappings_are_scarce};

use super::files::{SegmentFiles, len_of, reading};
use crate::error::{Error, ErrorKind, Result};

/// How bytes will be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Here and there.
    Random,
    /// From front to back.
    Sequential,
}

/// A part of a segment.
#[derive(Clone, Debug)]
pub(crate) enum Slice {
    /// A range within a mapping, checked when it is made.
    Mapped(Mapping, Range<usize>),
    /// The first bytes of a buffer, as many as its length says.
    Read(Arc<Vec<u8>>, usize),
}

impl Slice {
    /// A part of a mapping; `None` when it is not within it.
    fn of_mapping(mapping: &Mapping, range: Range<usize>) -> Option<Self> {
        mapping.get(range.clone())?;
        Some(Self::Mapped(mapping.clone(), range))
    }

    /// The same bytes without those from `len` on.
    pub(crate) fn truncated(self, len: usize) -> Self {
        match self {
            Slice::Mapped(mapping, range) => {
                let end = range.end.min(range.start.saturating_add(len));
                Slice::Mapped(mapping, range.start..end)
            }
            Slice::Read(bytes, known) => Slice::Read(bytes, known.min(len)),
        }
    }

    /// The same bytes in memory, so that nothing more is read of a mapping.
    pub(crate) fn in_memory(self) -> Self {
        match self {
            Slice::Mapped(..) => self.to_vec().into(),
            Slice::Read(..) => self,
        }
    }

    /// Fetches a part that is about to be read for the first time.
    pub(crate) fn prefetch(&self, part: Range<usize>) {
        if let Slice::Mapped(mapping, range) = self {
            mapping.prefetch(range.start + part.start..range.start + part.end);
        }
    }
}

impl From<Vec<u8>> for Slice {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        Slice::Read(Arc::new(bytes), len)
    }
}

impl Deref for Slice {
    type Target = [u8];

    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "both ranges were checked when the slice was made, and neither a mapping nor a buffer ever shrinks"
    )]
    fn deref(&self) -> &[u8] {
        match self {
            Slice::Mapped(mapping, range) => &mapping[range.start..range.end],
            Slice::Read(bytes, len) => &bytes[..*len],
        }
    }
}

#[derive(Debug)]
enum Storage {
    Mapped {
        random: Mapping,
        sequential: OnceLock<Sequential>,
    },
    File(Arc<dyn ReadFile>),
}

/// What reads from front to back take.
#[derive(Debug)]
enum Sequential {
    Mapped(Mapping),
    /// Mappings are scarce.
    File(Arc<dyn ReadFile>),
}

impl Sequential {
    fn readable(&self) -> Readable<'_> {
        match self {
            Self::Mapped(mapping) => Readable::Mapped(mapping),
            Self::File(file) => Readable::File(file.as_ref()),
        }
    }
}

/// The bytes of one complete segment.
#[derive(Debug)]
pub(crate) struct SegmentBytes {
    segment: SegmentNumber,
    /// The name of the file.
    name: Arc<str>,
    len: u64,
    storage: Storage,
    /// Bytes that are read in the place of the file's, and where they begin.
    end: Option<(u64, Arc<Vec<u8>>)>,
}

impl SegmentBytes {
    /// Opens a segment of which `len` bytes are known to have been written.
    ///
    /// # Errors
    /// `Corrupt` when the file is missing or shorter; `Io`.
    pub(crate) fn open(files: &SegmentFiles, segment: SegmentNumber, len: u64) -> Result<Self> {
        Self::of_file(files, segment, &files.name(segment), len)
    }

    /// The same of the file of the segment that has this name.
    ///
    /// # Errors
    /// As [`SegmentBytes::open`].
    pub(crate) fn of_file(
        files: &SegmentFiles,
        segment: SegmentNumber,
        name: &str,
        len: u64,
    ) -> Result<Self> {
        let bytes = Self::of_file_so_far(files, segment, name, len)?;
        if bytes.len < len {
            return Err(Error::corrupt(
                segment,
                bytes.len,
                format!("the file ends here and should have {len} bytes"),
            ));
        }
        Ok(bytes)
    }

    /// The same, also of a file that is shorter: what is behind its end is damaged when it is read.
    ///
    /// # Errors
    /// `Corrupt` when the file is missing; `Io`.
    pub(crate) fn of_file_so_far(
        files: &SegmentFiles,
        segment: SegmentNumber,
        name: &str,
        len: u64,
    ) -> Result<Self> {
        let file = files.open_named(segment, name)?;
        let name = Arc::from(name);
        let len = len.min(len_of(segment, file.as_ref())?);
        let mapping = if files.can_map && len > 0 {
            map(file.as_ref(), segment, len, Advice::Random)?
        } else {
            None
        };
        let storage = match mapping {
            Some(random) => Storage::Mapped {
                random,
                sequential: OnceLock::new(),
            },
            None => Storage::File(files.file(&name)),
        };
        Ok(Self {
            segment,
            name,
            len,
            storage,
            end: None,
        })
    }

    /// The same bytes of the same file up to `at`, and these from there on in the place of the file's.
    pub(super) fn ending_with(&self, at: u64, end: Vec<u8>) -> Self {
        let storage = match &self.storage {
            Storage::Mapped { random, .. } => Storage::Mapped {
                random: random.clone(),
                sequential: OnceLock::new(),
            },
            Storage::File(file) => Storage::File(Arc::clone(file)),
        };
        Self {
            segment: self.segment,
            name: Arc::clone(&self.name),
            len: self.len,
            storage,
            end: Some((at, Arc::new(end))),
        }
    }

    /// Bytes of the segment.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// A part of it.
    ///
    /// # Errors
    /// `Corrupt` when it is not within the segment; `Io`.
    pub(crate) fn slice(&self, offset: u64, len: u64) -> Result<Slice> {
        if let Some((at, end)) = &self.end
            && let Some(offset) = offset.checked_sub(*at)
        {
            let range = self.range_in(end.len() as u64, offset, len)?;
            return Ok(end.get(range).unwrap_or_default().to_vec().into());
        }
        let range = self.range(offset, len)?;
        match &self.storage {
            Storage::Mapped { random, .. } => Slice::of_mapping(random, range)
                .ok_or_else(|| Error::internal("a mapping is shorter than its segment")),
            Storage::File(file) => {
                let mut bytes = vec![0; range.len()];
                file.read_exact_at(&mut bytes, offset)
                    .map_err(|e| Error::io(&reading(self.segment), e))?;
                Ok(bytes.into())
            }
        }
    }

    /// Checks that everything that was read from mappings so far could be read. To be called before it is used.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn check_read(&self) -> Result<()> {
        let failed = match &self.storage {
            Storage::Mapped { random, sequential } => {
                random.has_failed()
                    || matches!(sequential.get(), Some(Sequential::Mapped(mapping)) if mapping.has_failed())
            }
            Storage::File(_) => false,
        };
        if failed {
            return Err(unreadable(self.segment));
        }
        Ok(())
    }

    /// The mapping, where there is one.
    pub(crate) fn mapping(&self) -> Option<&Mapping> {
        match &self.storage {
            Storage::Mapped { random, .. } => Some(random),
            Storage::File(_) => None,
        }
    }

    /// The mapping for this access, or the file where it is not mapped. The mapping for sequential access is made when
    /// it is first needed.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(crate) fn for_access(&self, files: &SegmentFiles, access: Access) -> Result<Readable<'_>> {
        let (random, sequential) = match &self.storage {
            Storage::File(file) => return Ok(Readable::File(file.as_ref())),
            Storage::Mapped { random, sequential } => (random, sequential),
        };
        if access == Access::Random {
            return Ok(Readable::Mapped(random));
        }
        if let Some(known) = sequential.get() {
            return Ok(known.readable());
        }
        let found = match files.open_named(self.segment, &self.name) {
            // A segment that cannot have two mappings keeps the one for random access.
            Ok(_) if mappings_are_scarce() => Sequential::File(files.file(&self.name)),
            Ok(file) => match map(file.as_ref(), self.segment, self.len, Advice::Sequential)? {
                Some(mapping) => Sequential::Mapped(mapping),
                None => Sequential::File(files.file(&self.name)),
            },
            // Compaction may have removed the name while this reader goes on: the first mapping still has the bytes.
            Err(_) => Sequential::Mapped(random.clone()),
        };
        Ok(sequential.get_or_init(|| found).readable())
    }

    fn range(&self, offset: u64, len: u64) -> Result<Range<usize>> {
        self.range_in(self.len, offset, len)
    }

    /// A range within `all` bytes.
    fn range_in(&self, all: u64, offset: u64, len: u64) -> Result<Range<usize>> {
        let end = offset.checked_add(len).filter(|end| *end <= all);
        let range =
            end.and_then(|end| Some(usize::try_from(offset).ok()?..usize::try_from(end).ok()?));
        range.ok_or_else(|| {
            Error::corrupt(
                self.segment,
                offset,
                format!("{len} bytes from here on do not lie within the file"),
            )
        })
    }
}

/// What a segment's bytes are read from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Readable<'a> {
    Mapped(&'a Mapping),
    File(&'a dyn ReadFile),
}

/// What was read of a segment, unless a page of its mapping could not be.
///
/// # Errors
/// `Io`; otherwise that of `read`.
pub(crate) fn if_read<T>(
    segment: SegmentNumber,
    mapping: Option<&Mapping>,
    read: Result<T>,
) -> Result<T> {
    if mapping.is_some_and(Mapping::has_failed) {
        return Err(unreadable(segment));
    }
    read
}

/// Gives the bytes of a mapping to somebody who cannot ask whether they were read.
///
/// # Errors
/// `Io` when some were not.
pub(crate) fn give(segment: SegmentNumber, mapping: &Mapping) -> Result<()> {
    mapping.give().map_err(|_| unreadable(segment))
}

/// A mapping of a segment has a page that could not be read.
fn unreadable(segment: SegmentNumber) -> Error {
    Error::new(
        ErrorKind::Io,
        format!(
            "Segment {segment} could not be read: its disk reported an error, or another program cut the file. This store object \
             reads nothing more of it; with LAKEBED_MMAP=0 a store reads all but the part that is lost."
        ),
    )
}

/// A mapping of a segment; `None` when the process can have no more, or no more addresses: then it is read.
fn map(
    file: &dyn ReadFile,
    segment: SegmentNumber,
    len: u64,
    advice: Advice,
) -> Result<Option<Mapping>> {
    match file.map(len) {
        Ok(mapping) => {
            // Advice is a hint; without it reads are only slower.
            let _ = mapping.advise(advice, 0..mapping.len());
            Ok(Some(mapping))
        }
        Err(error) if error.kind() == std::io::ErrorKind::OutOfMemory => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            let text = "the file is shorter than it was";
            Err(Error::corrupt(segment, 0, text))
        }
        Err(error) => Err(Error::io(&format!("mapping segment {segment}"), error)),
    }
}
