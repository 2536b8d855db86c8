//! A sealed segment: found from its tail, mapped when first touched, its tables checked page by page.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use lakebed_format::{
    BlobId, CommitEntry, Encoding, Extent, Fingerprint, FooterTail, FormatError, FrameEntry,
    FrameHeader, FrameTable, HEADER_LEN, IdRun, IdSet, IndexBlock, Layout, Ordinals, Reason,
    RowEntry, SectionKind, SegmentEntry, SegmentHeader, TAIL_LEN, wire::Reader,
};
use parking_lot::Mutex;

use super::frame::{self, Place};
use super::paged::Paged;
use super::source::{Slice, Source};
use super::{Access, Frames, Reading, in_frame};
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::frame_cache::FrameKey;
use crate::home::Home;
use crate::index::search;
use lakebed_codec::Decoded;

/// A segment of layout 0 that a manifest names.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) entry: SegmentEntry,
    opening: Mutex<()>,
    body: OnceLock<Body>,
}

#[derive(Debug)]
struct Body {
    source: Source,
    salt: u64,
    block: IndexBlock,
    frames: Option<Paged>,
    /// Runs of ids with the ordinal of their first.
    ids: Vec<(u64, IdRun)>,
    ordinals: Option<Paged>,
    extents: Vec<(Extent, Paged)>,
    rows: OnceLock<Arc<[RowEntry]>>,
    /// Frames read in place whose checksums passed.
    passed: Mutex<HashSet<u64>>,
}

impl Sealed {
    pub(crate) fn new(entry: SegmentEntry) -> Self {
        Self {
            entry,
            opening: Mutex::new(()),
            body: OnceLock::new(),
        }
    }

    /// The salt of its checksums.
    pub(crate) fn salt(&self, home: &Home) -> Result<u64> {
        self.body(home).map(|body| body.salt)
    }

    fn body(&self, home: &Home) -> Result<&Body> {
        if let Some(body) = self.body.get() {
            return Ok(body);
        }
        let _one = self.opening.lock();
        if let Some(body) = self.body.get() {
            return Ok(body);
        }
        let body = Body::open(home, &self.entry)?;
        Ok(self.body.get_or_init(|| body))
    }

    /// Appends the ids whose fingerprints lie in the range.
    pub(crate) fn find_range(
        &self,
        home: &Home,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        let body = self.body(home)?;
        let Some(ordinals) = &body.ordinals else {
            return Ok(());
        };
        let table = ordinals_in(ordinals, &self.entry)?;
        let mut rank = search::lower_bound(table.len(), range.start().0, |rank| {
            body.fingerprint(ordinals, &table, rank, &self.entry)
                .map(|(fingerprint, _)| fingerprint)
        })?;
        while rank < table.len() {
            let (fingerprint, ordinal) = body.fingerprint(ordinals, &table, rank, &self.entry)?;
            if fingerprint > range.end().0 {
                break;
            }
            found.extend(body.id(u64::from(ordinal)));
            rank += 1;
        }
        Ok(())
    }

    /// All fingerprints in id order.
    pub(crate) fn fingerprints(
        &self,
        home: &Home,
        mut each: impl FnMut(BlobId, Fingerprint),
    ) -> Result<()> {
        let body = self.body(home)?;
        let mut ids = body.ids.iter().flat_map(|(_, run)| run.range());
        for (_, paged) in &body.extents {
            paged.touch_all()?;
            let (entries, _) = paged.data().as_chunks::<8>();
            for (entry, id) in entries.iter().zip(ids.by_ref()) {
                each(BlobId(id), Fingerprint(u64::from_le_bytes(*entry)));
            }
        }
        Ok(())
    }

    /// The row directory.
    pub(crate) fn rows(&self, home: &Home) -> Result<Arc<[RowEntry]>> {
        let body = self.body(home)?;
        if let Some(rows) = body.rows.get() {
            return Ok(Arc::clone(rows));
        }
        let (data, at) = body.section(SectionKind::Rows, &self.entry)?;
        let rows = RowEntry::decode_all(&data, at)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Error::of_format(self.entry.number, &e))?;
        Ok(Arc::clone(body.rows.get_or_init(|| rows.into())))
    }

    /// Bytes of a row batch; not checked.
    pub(crate) fn batch(&self, home: &Home, entry: &RowEntry) -> Result<(Slice, u64)> {
        let body = self.body(home)?;
        Ok((body.source.slice(entry.offset, entry.len)?, body.salt))
    }

    /// The commits, oldest first.
    pub(crate) fn commits(&self, home: &Home) -> Result<Vec<CommitEntry>> {
        let body = self.body(home)?;
        let (data, at) = body.section(SectionKind::Commits, &self.entry)?;
        CommitEntry::decode_all(&data, at)
            .collect::<Result<_, _>>()
            .map_err(|e| Error::of_format(self.entry.number, &e))
    }

    /// Checks every table of the footer.
    pub(crate) fn check_tables(&self, home: &Home) -> Result<()> {
        let body = self.body(home)?;
        for paged in [&body.frames, &body.ordinals].into_iter().flatten() {
            paged.touch_all()?;
        }
        for (_, paged) in &body.extents {
            paged.touch_all()?;
        }
        for kind in [
            SectionKind::Ids,
            SectionKind::Rows,
            SectionKind::Commits,
            SectionKind::Catalogue,
        ] {
            body.section(kind, &self.entry)?;
        }
        Ok(())
    }

    /// Where its frames begin.
    pub(crate) fn frame_offsets(&self, home: &Home) -> Result<Vec<u64>> {
        let Some(paged) = &self.body(home)?.frames else {
            return Ok(Vec::new());
        };
        paged.touch_all()?;
        let table =
            FrameTable::new(paged.data()).map_err(|e| Error::of_format(self.entry.number, &e))?;
        Ok(table.iter_from(0).map(|entry| entry.offset).collect())
    }

    /// The frame that holds `id`, if any does, and the next one.
    fn find_frame(
        &self,
        body: &Body,
        id: BlobId,
    ) -> Result<Option<(FrameEntry, Option<FrameEntry>)>> {
        let Some(paged) = &body.frames else {
            return Ok(None);
        };
        let table =
            FrameTable::new(paged.data()).map_err(|e| Error::of_format(self.entry.number, &e))?;
        let Some(index) = table.find_checked(id, |page| paged.touch(page))? else {
            return Ok(None);
        };
        let touched = |index: usize| -> Result<Option<FrameEntry>> {
            let Some(entry) = table.entry(index) else {
                return Ok(None);
            };
            let at = (index * FrameEntry::LEN) as u64;
            paged.touch_range(at..at + FrameEntry::LEN as u64)?;
            Ok(Some(entry))
        };
        let Some(entry) = touched(index)? else {
            return Ok(None);
        };
        Ok(Some((entry, touched(index + 1)?)))
    }

    fn place(&self, body: &Body, offset: u64) -> Place {
        Place {
            segment: self.entry.number,
            salt: body.salt,
            offset,
        }
    }

    fn key(&self, offset: u64) -> FrameKey {
        FrameKey {
            segment: self.entry.number,
            offset,
        }
    }

    /// Decodes a frame out of the mapping for this access, or by reading it.
    fn decode(
        &self,
        reading: Reading<'_>,
        body: &Body,
        offset: u64,
        next: Option<FrameEntry>,
        access: Access,
    ) -> Result<Decoded> {
        let place = self.place(body, offset);
        if let Some(mapping) = body.source.mapping_for(reading.home, access)? {
            let bytes = mapping.get(offset as usize..).unwrap_or_default();
            return frame::decode(reading, place, bytes);
        }
        let Some(file) = body.source.file() else {
            return Err(Error::internal("a segment has neither mapping nor file"));
        };
        let next = next.map(|next| next.offset);
        let bytes = frame::read(file.as_ref(), place, next, body.block.offset)?;
        frame::decode(reading, place, &bytes)
    }

    /// The blob where it lies, if the frame is raw, mapped and of one blob.
    fn in_place(&self, body: &Body, offset: u64, id: BlobId) -> Result<Option<Blob>> {
        let Some(mapping) = body.source.mapping() else {
            return Ok(None);
        };
        let place = self.place(body, offset);
        let bytes = mapping.get(offset as usize..).unwrap_or_default();
        let header = FrameHeader::decode(bytes, offset).map_err(|e| place.error(&e))?;
        if header.encoding != Encoding::Raw || header.ids.len() != 1 || header.ids.first() != id {
            return Ok(None);
        }
        if !body.passed.lock().contains(&offset) {
            header
                .check(bytes, body.salt, offset)
                .map_err(|e| place.error(&e))?;
            body.passed.lock().insert(offset);
        }
        let start = offset as usize + header.header_len;
        let range = start..start + header.stored_len as usize;
        Ok(Blob::in_mapping(mapping.clone(), range))
    }
}

impl Frames for Sealed {
    fn blob(&self, reading: Reading<'_>, id: BlobId) -> Result<Option<Blob>> {
        let body = self.body(reading.home)?;
        let Some((entry, next)) = self.find_frame(body, id)? else {
            return Ok(None);
        };
        let key = self.key(entry.offset);
        let cached = reading.home.cache.get(key);
        if cached.is_none() {
            body.prefetch(&entry, next.as_ref());
        }
        // A frame of one blob may have been decoded while the segment was active, and may lie here as it is now.
        if cached.as_ref().is_none_or(|frame| frame.len() == 1)
            && let Some(blob) = self.in_place(body, entry.offset, id)?
        {
            return Ok(Some(blob));
        }
        if let Some(frame) = cached {
            return Ok(in_frame(frame, id));
        }
        let frame = Arc::new(self.decode(reading, body, entry.offset, next, Access::Random)?);
        Ok(in_frame(reading.home.cache.insert(key, frame), id))
    }

    fn frame(&self, reading: Reading<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>> {
        let body = self.body(reading.home)?;
        let Some((entry, next)) = self.find_frame(body, id)? else {
            return Ok(None);
        };
        let key = self.key(entry.offset);
        let frame = if let Some(frame) = reading.home.cache.peek(key) {
            frame
        } else {
            let frame = self.decode(reading, body, entry.offset, next, Access::Sequential)?;
            let frame = Arc::new(frame);
            reading.home.cache.fill(key, &frame);
            frame
        };
        Ok(frame.place(id).is_some().then_some(frame))
    }
}

/// Frames of more stored bytes than this are not fetched in one piece.
const PREFETCH: u64 = 64 << 10;

impl Body {
    /// Fetches a frame that is about to be decoded. Frames of one blob are left alone: a raw one is read in place, again and again.
    fn prefetch(&self, entry: &FrameEntry, next: Option<&FrameEntry>) {
        let (Some(mapping), Some(next)) = (self.source.mapping(), next) else {
            return;
        };
        let len = next.offset.saturating_sub(entry.offset);
        if len <= PREFETCH && next.first.0 > entry.first.0 + 1 {
            mapping.prefetch(entry.offset as usize..next.offset as usize);
        }
    }

    fn open(home: &Home, entry: &SegmentEntry) -> Result<Self> {
        let refuse = |error: FormatError| Error::of_format(entry.number, &error);
        let source = Source::open(home, entry.number, entry.len)?;
        let header = source.slice(0, HEADER_LEN as u64)?;
        let header = SegmentHeader::decode(&header).map_err(refuse)?;
        if header.uuid != home.header.uuid
            || header.number != entry.number
            || header.layout != Layout::Rows
        {
            return Err(Error::corrupt(
                entry.number,
                0,
                "the file is another segment's or another store's",
            ));
        }
        let salt = header.salt;
        let tail_at = source.len().saturating_sub(TAIL_LEN as u64);
        let tail = source.slice(tail_at, TAIL_LEN as u64)?;
        let tail = FooterTail::decode(&tail, salt, tail_at).map_err(refuse)?;
        let block = source.slice(tail.block_offset, tail.block_len)?;
        let block =
            IndexBlock::decode(&block, salt, tail.block_offset, tail.block_len).map_err(refuse)?;
        if block.header_checksum != tail.header_checksum {
            return Err(Error::corrupt(
                entry.number,
                tail_at,
                "the tail belongs to another footer",
            ));
        }
        let paged = |kind| -> Result<Option<Paged>> {
            block
                .section(kind)
                .map(|section| Paged::of_section(&source, entry.number, salt, section))
                .transpose()
        };
        let frames = paged(SectionKind::Frames)?;
        let ordinals = paged(SectionKind::Ordinals)?;
        let mut body = Self {
            source,
            salt,
            frames,
            ordinals,
            block,
            ids: Vec::new(),
            extents: Vec::new(),
            rows: OnceLock::new(),
            passed: Mutex::default(),
        };
        let (data, at) = body.section(SectionKind::Ids, entry)?;
        let ids = IdSet::decode(&mut Reader::new("ids", &data, at)).map_err(refuse)?;
        let mut ordinal = 0;
        for run in ids.runs() {
            body.ids.push((ordinal, *run));
            ordinal += run.len;
        }
        let (data, at) = body.section(SectionKind::Extents, entry)?;
        for extent in Extent::decode_all(&data, at).map_err(refuse)? {
            let paged = Paged::new(&body.source, entry.number, salt, extent.pages())?;
            body.extents.push((extent, paged));
        }
        Ok(body)
    }

    /// A section's bytes, checked whole, and their place; nothing when there is none.
    fn section(&self, kind: SectionKind, entry: &SegmentEntry) -> Result<(Slice, u64)> {
        let Some(section) = self.block.section(kind) else {
            return Ok((Slice::Held(Arc::from([])), self.block.offset));
        };
        let bytes = self
            .source
            .slice(section.offset, section.end() - section.offset)?;
        section
            .check_whole(self.salt, &bytes, section.offset)
            .map_err(|e| Error::of_format(entry.number, &e))?;
        let data = match bytes {
            Slice::Mapped(mapping, range) => {
                Slice::Mapped(mapping, range.start..range.start + section.len as usize)
            }
            Slice::Held(bytes) => {
                Slice::Held(bytes.get(..section.len as usize).unwrap_or_default().into())
            }
        };
        Ok((data, section.offset))
    }

    /// The fingerprint of this rank, and its blob's ordinal.
    #[inline]
    fn fingerprint(
        &self,
        paged: &Paged,
        ordinals: &Ordinals<'_>,
        rank: usize,
        entry: &SegmentEntry,
    ) -> Result<(u64, u32)> {
        paged.touch_range(ordinals.place(rank))?;
        let found = ordinals.get(rank).and_then(|ordinal| {
            let wanted = u64::from(ordinal);
            let after = self
                .extents
                .partition_point(|(extent, _)| extent.first_ordinal <= wanted);
            let (extent, fingerprints) = self.extents.get(after.checked_sub(1)?)?;
            let at = (wanted - extent.first_ordinal).checked_mul(8)?;
            Some((ordinal, at, fingerprints))
        });
        if let Some((ordinal, at, fingerprints)) = found {
            fingerprints.touch_range(at..at + 8)?;
            let bytes = fingerprints.data().get(at as usize..);
            if let Some(bytes) = bytes.and_then(<[u8]>::first_chunk::<8>) {
                return Ok((u64::from_le_bytes(*bytes), ordinal));
            }
        }
        Err(Error::of_format(
            entry.number,
            &FormatError::new(
                "ordinals",
                self.block.offset,
                Reason::Value("an ordinal has no fingerprint"),
            ),
        ))
    }

    /// The id with this ordinal.
    fn id(&self, ordinal: u64) -> Option<BlobId> {
        let after = self.ids.partition_point(|(first, _)| *first <= ordinal);
        let (first, run) = self.ids.get(after.checked_sub(1)?)?;
        let id = run.first.0 + (ordinal - first);
        (id < run.end()).then_some(BlobId(id))
    }
}

/// The ordinals in their section, of which only touched pages may be used.
fn ordinals_in<'a>(ordinals: &'a Paged, entry: &SegmentEntry) -> Result<Ordinals<'a>> {
    ordinals.touch(0)?;
    Ordinals::new(ordinals.data()).map_err(|e| Error::of_format(entry.number, &e))
}
