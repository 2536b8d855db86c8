//! Bytes of a segment file that is complete: out of a mapping where mapping is safe, by reads elsewhere.
//!
//! Random and sequential access have mappings of their own, because the system reads ahead by mapping: one piece of advice for both
//! makes either cold gets or cold scans many times slower.

use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use lakebed_format::SegmentNumber;
use lakebed_format::names;
use lakebed_vfs::{Advice, File, Mapping, Open};

use super::Access;
use crate::context::StoreContext;
use crate::error::{Error, Result};

/// A part of a segment.
#[derive(Clone, Debug)]
pub(crate) enum Slice {
    Mapped(Mapping, Range<usize>),
    Held(Arc<[u8]>),
}

impl Slice {
    /// Fetches a part that is about to be read for the first time.
    pub(crate) fn prefetch(&self, part: Range<usize>) {
        if let Slice::Mapped(mapping, range) = self {
            mapping.prefetch(range.start + part.start..range.start + part.end);
        }
    }
}

impl Deref for Slice {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Slice::Mapped(mapping, range) => mapping.get(range.clone()).unwrap_or_default(),
            Slice::Held(bytes) => bytes,
        }
    }
}

#[derive(Debug)]
enum Bytes {
    Mapped {
        random: Mapping,
        sequential: OnceLock<Mapping>,
    },
    File(Arc<dyn File>),
}

/// The bytes of one complete segment.
#[derive(Debug)]
pub(crate) struct Source {
    segment: SegmentNumber,
    len: u64,
    bytes: Bytes,
}

impl Source {
    /// Opens a segment of which `len` bytes are known to have been written.
    pub(crate) fn open(context: &StoreContext, segment: SegmentNumber, len: u64) -> Result<Self> {
        let file = open(context, segment)?;
        let has = file.len().map_err(|e| Error::io(&reading(segment), e))?;
        if has < len {
            return Err(Error::corrupt(
                segment,
                has,
                format!("the file ends here and should have {len} bytes"),
            ));
        }
        let bytes = if context.can_map {
            Bytes::Mapped {
                random: map(&file, segment, len, Advice::Random)?,
                sequential: OnceLock::new(),
            }
        } else {
            Bytes::File(file)
        };
        Ok(Self {
            segment,
            len,
            bytes,
        })
    }

    /// Bytes of the segment.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// A part of it.
    pub(crate) fn slice(&self, offset: u64, len: u64) -> Result<Slice> {
        let range = self.range(offset, len)?;
        match &self.bytes {
            Bytes::Mapped { random, .. } => Ok(Slice::Mapped(random.clone(), range)),
            Bytes::File(file) => {
                let mut bytes = vec![0; range.len()];
                file.read_exact_at(&mut bytes, offset)
                    .map_err(|e| Error::io(&reading(self.segment), e))?;
                Ok(Slice::Held(bytes.into()))
            }
        }
    }

    /// The mapping, where there is one.
    pub(crate) fn mapping(&self) -> Option<&Mapping> {
        match &self.bytes {
            Bytes::Mapped { random, .. } => Some(random),
            Bytes::File(_) => None,
        }
    }

    /// The mapping for this access, where there is one; the second one is made when it is first wanted.
    pub(crate) fn mapping_for(
        &self,
        context: &StoreContext,
        access: Access,
    ) -> Result<Option<&Mapping>> {
        let Bytes::Mapped { random, sequential } = &self.bytes else {
            return Ok(None);
        };
        if access == Access::Random {
            return Ok(Some(random));
        }
        if let Some(mapping) = sequential.get() {
            return Ok(Some(mapping));
        }
        let mapping = match open(context, self.segment) {
            Ok(file) => map(&file, self.segment, self.len, Advice::Sequential)?,
            // Compaction may have removed the name while this reader goes on: the first mapping still has the bytes.
            Err(_) => random.clone(),
        };
        Ok(Some(sequential.get_or_init(|| mapping)))
    }

    /// The file, where it is not mapped.
    pub(crate) fn file(&self) -> Option<&Arc<dyn File>> {
        match &self.bytes {
            Bytes::Mapped { .. } => None,
            Bytes::File(file) => Some(file),
        }
    }

    fn range(&self, offset: u64, len: u64) -> Result<Range<usize>> {
        let end = offset.checked_add(len).filter(|end| *end <= self.len);
        match end {
            // The length fits an address: the file is mapped, or the part is about to be read.
            Some(end) => Ok(offset as usize..end as usize),
            None => Err(Error::corrupt(
                self.segment,
                offset,
                format!("{len} bytes from here on do not lie within the file"),
            )),
        }
    }
}

/// Opens a segment file for reading.
pub(crate) fn open(context: &StoreContext, segment: SegmentNumber) -> Result<Arc<dyn File>> {
    let name = names::segment(segment);
    context
        .vfs
        .open(&name, Open::Read)
        .map_err(|error| missing(segment, &name, error))
}

/// A segment that the catalogue names and that cannot be opened.
pub(crate) fn missing(segment: SegmentNumber, name: &str, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::corrupt(segment, 0, format!("its file {name} is missing"))
            .with_source(error);
    }
    Error::io(&reading(segment), error)
}

/// "reading segment 3"
pub(crate) fn reading(segment: SegmentNumber) -> String {
    format!("reading segment {segment}")
}

fn map(file: &Arc<dyn File>, segment: SegmentNumber, len: u64, advice: Advice) -> Result<Mapping> {
    let mapping = file.map(len).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            return Error::corrupt(segment, 0, "the file is shorter than it was");
        }
        Error::io(&format!("mapping segment {segment}"), error)
    })?;
    // Advice is a hint; without it reads are only slower.
    let _ = mapping.advise(advice, 0..mapping.len());
    Ok(mapping)
}
