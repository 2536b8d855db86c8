//! A sealed segment: found from its tail, mapped when first read, its tables checked page by page.

use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use lakebed_codec::Decoded;
use lakebed_format::{
    BlobId, CommitEntry, Encoding, Fingerprint, FormatError, FrameEntry, FrameHeader, FrameTable,
    PartList, Reason, RowBatchEntry, SectionKind, SegmentEntry, SegmentFormat, SegmentNumber,
};
use parking_lot::Mutex;

use super::frame::{self, FramePlace};
use super::sealed_tables::{FoundFrame, Opened};
use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::bytes::{Access, Readable, Slice, give};
use crate::segment::files::SegmentFiles;
use crate::segment::frame_cache::FrameKey;
use crate::segment::interface::{
    Contents, ReadContext, RowBatchBytes, Segment, StoredBlobs, StoredFrame, blob_in,
};
use crate::segment::verify::Verification;

/// A segment of layout *rows* that a manifest names. Its file is opened when it is first read.
#[derive(Debug)]
pub(crate) struct SealedRows {
    pub(super) entry: SegmentEntry,
    opening: Mutex<()>,
    opened: OnceLock<Opened>,
    /// The same with the tables of its groups, if those of its footer turned out to be damaged.
    by_groups: OnceLock<Option<Opened>>,
}

impl SealedRows {
    pub(crate) fn new(entry: SegmentEntry) -> Self {
        Self {
            entry,
            opening: Mutex::new(()),
            opened: OnceLock::new(),
            by_groups: OnceLock::new(),
        }
    }

    /// What the manifest says of it.
    pub(crate) fn entry(&self) -> SegmentEntry {
        self.entry
    }

    pub(super) fn opened(&self, files: &SegmentFiles) -> Result<&Opened> {
        if let Some(Some(opened)) = self.by_groups.get() {
            return Ok(opened);
        }
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let _one = self.opening.lock();
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = Opened::new(files, &self.entry)?;
        Ok(self.opened.get_or_init(|| opened))
    }

    /// Reads tables of the footer. If the footer is damaged, those of the groups are read.
    ///
    /// # Errors
    /// Those of `read`; `Io`.
    pub(super) fn tables<'a, T>(
        &'a self,
        files: &SegmentFiles,
        mut read: impl FnMut(&'a Opened) -> Result<T>,
    ) -> Result<T> {
        let opened = self.opened(files)?;
        match read(opened) {
            Err(error) if error.kind() == ErrorKind::Corrupt && opened.damage.is_none() => {
                match self.by_groups(opened)? {
                    Some(opened) => read(opened),
                    None => Err(error),
                }
            }
            read => read,
        }
    }

    /// The tables of the groups, if those of the footer are damaged.
    pub(super) fn by_groups(&self, opened: &Opened) -> Result<Option<&Opened>> {
        if self.by_groups.get().is_none() {
            let _one = self.opening.lock();
            if self.by_groups.get().is_none() {
                let made = opened.by_its_groups(&self.entry)?;
                _ = self.by_groups.set(made);
            }
        }
        Ok(self.by_groups.get().and_then(Option::as_ref))
    }

    /// The format of its structures.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(in crate::segment) fn format(&self, files: &SegmentFiles) -> Result<SegmentFormat> {
        Ok(self.opened(files)?.header.format)
    }

    /// The parts of a segment of layout columns, and the salt of the segment.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(in crate::segment) fn parts(&self, files: &SegmentFiles) -> Result<(u64, PartList)> {
        self.tables(files, |opened| {
            let data = opened
                .walker()
                .section(&opened.footer, SectionKind::Parts)?;
            let list =
                PartList::decode(&data, opened.footer.offset).map_err(|e| self.refused(&e))?;
            Ok((opened.header.salt, list))
        })
    }

    /// Bytes of the file.
    ///
    /// # Errors
    /// `Corrupt` when they are not within it; `Io`.
    pub(in crate::segment) fn slice(
        &self,
        files: &SegmentFiles,
        offset: u64,
        len: u64,
    ) -> Result<Slice> {
        self.opened(files)?.bytes.slice(offset, len)
    }

    /// Checks that everything that was read of it could be read. To be called before it is used.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn check_read(&self) -> Result<()> {
        let by_groups = self.by_groups.get().and_then(Option::as_ref);
        let mut opened = self.opened.get().into_iter().chain(by_groups);
        opened.try_for_each(|opened| opened.bytes.check_read())
    }

    /// Passes the blobs that may have fingerprints in the range: the bits that are stored decide.
    fn search(
        opened: &Opened,
        range: &RangeInclusive<Fingerprint>,
        mut each: impl FnMut(Fingerprint, BlobId),
    ) -> Result<()> {
        opened.fingerprints.search(range, |fingerprint, ordinal| {
            if let Some(id) = opened.id(ordinal) {
                each(fingerprint, id);
            }
        })
    }

    fn refused(&self, error: &FormatError) -> Error {
        Error::of_format(self.entry.number, error)
    }

    /// The frames.
    pub(super) fn all_frames(&self, opened: &Opened) -> Result<Vec<FrameEntry>> {
        let Some(table) = &opened.frames else {
            return Ok(Vec::new());
        };
        table.check_all()?;
        let frames = FrameTable::new(table.data()).map_err(|e| self.refused(&e))?;
        Ok(frames.iter_from(0).collect())
    }

    /// The frame at this place in the segment's order, and the next one.
    fn frame_at(&self, opened: &Opened, place: usize) -> Result<Option<FoundFrame>> {
        let Some(table) = &opened.frames else {
            return Ok(None);
        };
        let frames = FrameTable::new(table.data()).map_err(|e| self.refused(&e))?;
        let checked = |place: usize| -> Result<Option<FrameEntry>> {
            let Some(entry) = frames.entry(place) else {
                return Ok(None);
            };
            let at = (place * FrameEntry::LEN) as u64;
            table.check_range(at..at + FrameEntry::LEN as u64)?;
            Ok(Some(entry))
        };
        let Some(entry) = checked(place)? else {
            return Ok(None);
        };
        let next = checked(place + 1)?;
        Ok(Some(FoundFrame { entry, next }))
    }

    /// The frame that holds `id`, if any does, and the next one.
    fn find_frame(&self, opened: &Opened, id: BlobId) -> Result<Option<FoundFrame>> {
        let Some(table) = &opened.frames else {
            return Ok(None);
        };
        let frames = FrameTable::new(table.data()).map_err(|e| self.refused(&e))?;
        match frames.find_checked(id, |page| table.check(page))? {
            Some(place) => self.frame_at(opened, place),
            None => Ok(None),
        }
    }

    fn place(&self, opened: &Opened, offset: u64) -> FramePlace {
        FramePlace {
            segment: self.entry.number,
            salt: opened.header.salt,
            offset,
        }
    }

    fn key(&self, offset: u64) -> FrameKey {
        FrameKey {
            segment: self.entry.number,
            offset,
        }
    }

    /// Passes the bytes of a frame, which may go on after it: from the mapping for this access, or read.
    fn with_frame<T>(
        &self,
        files: &SegmentFiles,
        opened: &Opened,
        found: &FoundFrame,
        access: Access,
        pass: impl FnOnce(FramePlace, &[u8]) -> Result<T>,
    ) -> Result<T> {
        let place = self.place(opened, found.entry.offset);
        match opened.bytes.for_access(files, access)? {
            Readable::Mapped(mapping) => pass(place, tail_of(mapping, place)?),
            Readable::File(file) => {
                let next = found.next.map(|next| next.offset);
                pass(
                    place,
                    &frame::read(file, place, next, opened.footer.offset)?,
                )
            }
        }
    }

    /// The blob where it lies, if the frame is raw, mapped and of one blob.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the header was found within a mapping, whose length is a usize"
    )]
    fn in_place(&self, opened: &Opened, offset: u64, id: BlobId) -> Result<Option<Blob>> {
        let Some(mapping) = opened.bytes.mapping() else {
            return Ok(None);
        };
        let place = self.place(opened, offset);
        let bytes = tail_of(mapping, place)?;
        let header = FrameHeader::decode(bytes, offset).map_err(|e| place.error(&e))?;
        if header.encoding != Encoding::Raw || header.ids.len() != 1 || header.ids.first() != id {
            return Ok(None);
        }
        if !opened.passed.lock().contains(&offset) {
            header
                .check(bytes, opened.header.salt, offset)
                .map_err(|e| place.error(&e))?;
            opened.passed.lock().insert(offset);
        }
        // The check above found all of the payload within the mapping, whose length is a `usize`.
        let start = offset as usize + header.header_len;
        let range = start..start + header.stored_len as usize;
        give(self.entry.number, mapping)?;
        Ok(Blob::in_mapping(mapping.clone(), range))
    }
}

/// The bytes of a mapped segment from a frame on.
fn tail_of(mapping: &[u8], place: FramePlace) -> Result<&[u8]> {
    let tail = usize::try_from(place.offset)
        .ok()
        .and_then(|offset| mapping.get(offset..));
    tail.ok_or_else(|| {
        let error = FormatError::new("frame", place.offset, Reason::Truncated);
        place.error(&error)
    })
}

impl Segment for SealedRows {
    fn number(&self) -> SegmentNumber {
        self.entry.number
    }

    fn blob(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>> {
        let opened = self.opened(read.files)?;
        let found = self.tables(read.files, |opened| self.find_frame(opened, id))?;
        let Some(found) = found else {
            return Ok(None);
        };
        let key = self.key(found.entry.offset);
        let cached = read.cache.get(key);
        if cached.is_none() {
            opened.prefetch(&found);
        }
        // A frame of one blob may have been decoded while the segment was active, and may lie here as it is now.
        if cached.as_ref().is_none_or(|frame| frame.len() == 1)
            && let Some(blob) = self.in_place(opened, found.entry.offset, id)?
        {
            return Ok(Some(blob));
        }
        if let Some(frame) = cached {
            return Ok(blob_in(frame, id));
        }
        let frame = self.with_frame(
            read.files,
            opened,
            &found,
            Access::Random,
            |place, bytes| frame::decode(read, place, bytes),
        )?;
        Ok(blob_in(read.cache.insert(key, Arc::new(frame)), id))
    }

    fn blobs_from(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>> {
        let opened = self.opened(read.files)?;
        let found = self.tables(read.files, |opened| self.find_frame(opened, id))?;
        let Some(found) = found else {
            return Ok(None);
        };
        let key = self.key(found.entry.offset);
        let frame = if let Some(frame) = read.cache.peek(key) {
            frame
        } else {
            let frame = self.with_frame(
                read.files,
                opened,
                &found,
                Access::Sequential,
                |place, bytes| frame::decode(read, place, bytes),
            )?;
            let frame = Arc::new(frame);
            read.cache.fill(key, &frame);
            frame
        };
        Ok(frame.place(id).is_some().then_some(frame))
    }

    fn find(
        &self,
        files: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        let before = found.len();
        self.tables(files, |opened| {
            found.truncate(before);
            Self::search(opened, &range, |_, id| found.push(id))
        })
    }

    fn find_pairs(
        &self,
        files: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<(Fingerprint, BlobId)>,
    ) -> Result<()> {
        let before = found.len();
        self.tables(files, |opened| {
            found.truncate(before);
            Self::search(opened, &range, |fingerprint, id| {
                found.push((fingerprint, id));
            })
        })
    }

    fn fingerprints(
        &self,
        files: &SegmentFiles,
        each: &mut dyn FnMut(BlobId, Fingerprint),
    ) -> Result<()> {
        self.tables(files, |opened| {
            let mut ids = opened.ids.iter().flat_map(|(_, run)| run.range());
            opened.fingerprints.all(|fingerprint| {
                if let Some(id) = ids.next() {
                    each(BlobId(id), fingerprint);
                }
            })
        })
    }

    fn rows(&self, files: &SegmentFiles) -> Result<Arc<[RowBatchEntry]>> {
        if self.entry.rows == 0 {
            return Ok(Arc::from([]));
        }
        self.tables(files, |opened| {
            if let Some(rows) = opened.rows.get() {
                return Ok(Arc::clone(rows));
            }
            let rows = opened.walker().rows(&opened.footer)?;
            Ok(Arc::clone(opened.rows.get_or_init(|| rows.into())))
        })
    }

    fn row_batch(&self, files: &SegmentFiles, entry: &RowBatchEntry) -> Result<RowBatchBytes> {
        let opened = self.opened(files)?;
        let bytes = opened.bytes.slice(entry.offset, entry.len)?.in_memory();
        RowBatchBytes::checked(
            self.entry.number,
            opened.header.format,
            opened.header.salt,
            entry,
            bytes,
        )
    }

    fn commits(&self, files: &SegmentFiles) -> Result<Vec<CommitEntry>> {
        self.tables(files, |opened| {
            Ok(opened.walker().commits(&opened.footer)?)
        })
    }

    fn stored(
        &self,
        read: ReadContext<'_>,
        place: usize,
        decode: bool,
    ) -> Result<Option<StoredBlobs>> {
        let opened = self.opened(read.files)?;
        let found = self.tables(read.files, |opened| self.frame_at(opened, place))?;
        let Some(found) = found else {
            return Ok(None);
        };
        let stored = self.with_frame(
            read.files,
            opened,
            &found,
            Access::Sequential,
            |place, bytes| frame::stored(read, place, bytes, decode),
        )?;
        Ok(Some(stored))
    }

    fn contents(&self, files: &SegmentFiles) -> Result<Contents> {
        self.tables(files, |opened| {
            let mut contents = Contents::default();
            for (_, run) in &opened.ids {
                contents.ids.insert_run(*run);
            }
            contents.add_frames(&self.all_frames(opened)?, opened.footer.offset);
            Ok(contents)
        })
    }

    fn frame(
        &self,
        files: &SegmentFiles,
        place: usize,
        pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool> {
        let opened = self.opened(files)?;
        let found = self.tables(files, |opened| self.frame_at(opened, place))?;
        let Some(found) = found else {
            return Ok(false);
        };
        self.with_frame(files, opened, &found, Access::Sequential, |place, bytes| {
            frame::pass(place, bytes, pass)
        })?;
        Ok(true)
    }

    fn verify(&self, read: ReadContext<'_>, verification: &mut dyn Verification) -> Result<()> {
        self.check(read, verification)
    }
}
