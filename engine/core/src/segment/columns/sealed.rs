//! A segment of layout columns: its parts, and what is in frames.

use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use lakebed_codec::Decoded;
use lakebed_format::{
    BlobId, CollectionId, CommitEntry, Encoding, Fingerprint, IdRun, PartEntry, RowBatchEntry,
    SegmentEntry, SegmentNumber,
};
use parking_lot::Mutex;

use super::chunks::{Chunks, decoded, payload};
use super::pages::Keeping;
use super::part::{OpenPart, Records};
use super::table::PartTable;
use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::checked::CheckRead;
use crate::segment::files::SegmentFiles;
use crate::segment::frame_cache::FrameKey;
use crate::segment::interface::{
    Contents, ReadContext, RowBatchBytes, Segment, StoredBlobs, StoredFrame,
};
use crate::segment::rows::sealed::SealedRows;
use crate::segment::verify::Verification;

/// Keys of chunks in the cache: above those of all pages.
const CHUNK_KEYS: u64 = 1 << 63;

/// A segment of layout *columns* that a manifest names. Its files are opened when they are first read.
#[derive(Debug)]
pub(crate) struct SealedColumns {
    pub(super) entry: SegmentEntry,
    /// Tables and frames: the structures of the rows layout.
    pub(super) rows: SealedRows,
    opening: Mutex<()>,
    opened: OnceLock<Opened>,
}

/// The open parts, and which blobs are decoded together.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) parts: Vec<OpenPart>,
    /// Why others cannot be opened.
    pub(super) damage: Vec<String>,
    pub(super) chunks: Chunks,
}

impl SealedColumns {
    pub(crate) fn new(entry: SegmentEntry) -> Self {
        Self {
            entry,
            rows: SealedRows::new(entry),
            opening: Mutex::new(()),
            opened: OnceLock::new(),
        }
    }

    pub(super) fn opened(&self, files: &SegmentFiles) -> Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let _one = self.opening.lock();
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let number = self.entry.number;
        let (salt, list) = self.rows.parts(files)?;
        let (mut parts, mut damage) = (Vec::with_capacity(list.parts.len()), Vec::new());
        for (place, entry) in list.parts.iter().enumerate() {
            let open = || {
                let (offset, len) = (entry.table_offset, entry.table_len);
                let bytes = self.rows.slice(files, offset, len)?;
                let table = PartTable::decode(number, salt, offset, &bytes)?;
                OpenPart::new(files, (number, salt), place, entry, table)
            };
            match open() {
                Ok(part) => parts.push(part),
                // What is in the other parts and in frames stays readable.
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    damage.push(error.message().to_owned());
                }
                Err(error) => return Err(error),
            }
        }
        let ids = self.rows.contents(files)?.ids;
        let opened = Opened {
            parts,
            damage,
            chunks: Chunks::new(&ids, &list.alone),
        };
        Ok(self.opened.get_or_init(|| opened))
    }

    /// The blobs of a chunk, one after the other, and their lengths.
    fn chunk(
        &self,
        read: ReadContext<'_>,
        opened: &Opened,
        runs: &[IdRun],
    ) -> Result<(Vec<u32>, Vec<u8>)> {
        // The reader of each part, and the row behind the last it read.
        let mut readers: Vec<Option<(Records<'_>, u64)>> = Vec::new();
        readers.resize_with(opened.parts.len(), || None);
        let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
        for id in runs.iter().flat_map(IdRun::range).map(BlobId) {
            let start = bytes.len();
            let mut parts = opened.parts.iter().zip(&mut readers);
            let found = parts.find_map(|(part, reader)| Some((part, reader, part.row(id)?)));
            if let Some((part, reader, row)) = found {
                let (records, end) =
                    reader.get_or_insert_with(|| (part.records_from(read.cache, row), row));
                records.append(row, &mut bytes)?;
                *end = row + 1;
            } else {
                let blob = self.rows.blob(read, id)?;
                let blob = blob.ok_or_else(|| self.missing(opened, id))?;
                bytes.extend_from_slice(&blob);
            }
            let len = u32::try_from(bytes.len() - start);
            lengths.push(len.map_err(|_| Error::internal("a blob in a chunk is too long"))?);
        }
        for (records, end) in readers.into_iter().flatten() {
            records.hand_on(read.cache, end);
        }
        Ok((lengths, bytes))
    }

    /// Bytes of all its files.
    fn bytes(&self, files: &SegmentFiles) -> Result<u64> {
        let parts = self.parts(files)?;
        Ok(self.entry.len + parts.iter().map(|part| part.len).sum::<u64>())
    }

    /// A blob of the segment is in no frame and in no part that is open.
    fn missing(&self, opened: &Opened, id: BlobId) -> Error {
        if let Some(damage) = opened.damage.first() {
            return Error::new(ErrorKind::Corrupt, damage.clone());
        }
        let detail = format!("blob {id} is listed and is in no frame and no part");
        Error::corrupt(self.entry.number, 0, detail)
    }
}

impl CheckRead for SealedColumns {
    fn check_read(&self) -> Result<()> {
        self.rows.check_read()?;
        let parts = self.opened.get().map_or(&[][..], |opened| &opened.parts);
        parts.iter().try_for_each(OpenPart::check_read)
    }

    fn unopened(&self) -> Self {
        Self::new(self.entry)
    }
}

impl Segment for SealedColumns {
    fn number(&self) -> SegmentNumber {
        self.entry.number
    }

    fn blob(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>> {
        let opened = self.opened(read.files)?;
        for part in &opened.parts {
            if let Some(row) = part.row(id) {
                let mut bytes = Vec::new();
                part.records(Keeping::Always(read.cache))
                    .append(row, &mut bytes)?;
                return Ok(Some(Blob::owned(bytes)));
            }
        }
        let found = self.rows.blob(read, id)?;
        if found.is_none()
            && !opened.damage.is_empty()
            && self.rows.contents(read.files)?.ids.contains(id)
        {
            return Err(self.missing(opened, id));
        }
        Ok(found)
    }

    fn blobs_from(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>> {
        let opened = self.opened(read.files)?;
        let Some(place) = opened.chunks.find(id) else {
            return Ok(None);
        };
        let key = FrameKey {
            segment: self.entry.number,
            offset: CHUNK_KEYS | place as u64,
        };
        if let Some(frame) = read.cache.peek(key) {
            return Ok(Some(frame));
        }
        let runs = opened.chunks.get(place).unwrap_or_default();
        let (lengths, bytes) = self.chunk(read, opened, runs)?;
        let frame = decoded(payload(&lengths, &bytes), runs)
            .ok_or_else(|| Error::internal("a chunk of blobs is no frame"))?;
        read.cache.fill(key, &frame);
        Ok(Some(frame))
    }

    fn find(
        &self,
        files: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        self.rows.find(files, range, found)
    }

    fn find_pairs(
        &self,
        files: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<(Fingerprint, BlobId)>,
    ) -> Result<()> {
        self.rows.find_pairs(files, range, found)
    }

    fn fingerprints(
        &self,
        files: &SegmentFiles,
        each: &mut dyn FnMut(BlobId, Fingerprint),
    ) -> Result<()> {
        self.rows.fingerprints(files, each)
    }

    fn rows(&self, files: &SegmentFiles) -> Result<Arc<[RowBatchEntry]>> {
        self.rows.rows(files)
    }

    fn row_batch(&self, files: &SegmentFiles, entry: &RowBatchEntry) -> Result<RowBatchBytes> {
        self.rows.row_batch(files, entry)
    }

    fn commits(&self, files: &SegmentFiles) -> Result<Vec<CommitEntry>> {
        self.rows.commits(files)
    }

    fn stored(
        &self,
        read: ReadContext<'_>,
        place: usize,
        decode: bool,
    ) -> Result<Option<StoredBlobs>> {
        let opened = self.opened(read.files)?;
        let Some(runs) = opened.chunks.get(place) else {
            return Ok(None);
        };
        let ids = runs.iter().flat_map(IdRun::range).map(BlobId).collect();
        if !decode {
            // Only a record that is rebuilt has a length.
            return Ok(Some(StoredBlobs {
                ids,
                encoding: Encoding::Zstd,
                offset: None,
                stored_len: 0,
                raw_len: 0,
                blobs: Vec::new(),
            }));
        }
        let (lengths, bytes) = self.chunk(read, opened, runs)?;
        // Blobs share pages: each chunk has its part of the files, by its bytes.
        let stored = self.bytes(read.files)?;
        let part =
            u128::from(stored) * bytes.len() as u128 / u128::from(self.entry.raw_bytes.max(1));
        let mut blobs = Vec::new();
        let mut rest = bytes.as_slice();
        for len in &lengths {
            let (blob, after) = rest
                .split_at_checked(*len as usize)
                .ok_or_else(|| Error::internal("a chunk is shorter than its blobs"))?;
            blobs.push(Blob::owned(blob.to_vec()));
            rest = after;
        }
        Ok(Some(StoredBlobs {
            ids,
            encoding: Encoding::Zstd,
            offset: None,
            stored_len: u64::try_from(part).unwrap_or(u64::MAX),
            raw_len: bytes.len() as u64,
            blobs,
        }))
    }

    fn contents(&self, files: &SegmentFiles) -> Result<Contents> {
        let mut contents = self.rows.contents(files)?;
        let first = contents.ids.runs().first().map(|run| run.first);
        // All blobs share the bytes of the files.
        let all = self.bytes(files)?;
        contents.frames = first.map(|first| (first, all)).into_iter().collect();
        Ok(contents)
    }

    fn part(&self, files: &SegmentFiles, collection: CollectionId) -> Result<Option<&OpenPart>> {
        let parts = &self.opened(files)?.parts;
        Ok(parts.iter().find(|part| part.collection() == collection))
    }

    fn parts(&self, files: &SegmentFiles) -> Result<Vec<PartEntry>> {
        Ok(self.rows.parts(files)?.1.parts)
    }

    fn frame(
        &self,
        files: &SegmentFiles,
        place: usize,
        pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool> {
        self.rows.frame(files, place, pass)
    }

    fn frame_by_ids(
        &self,
        read: ReadContext<'_>,
        place: usize,
        pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool> {
        let opened = self.opened(read.files)?;
        let Some(runs) = opened.chunks.get(place) else {
            return Ok(false);
        };
        let (lengths, bytes) = self.chunk(read, opened, runs)?;
        let payload = payload(&lengths, &bytes);
        pass(&StoredFrame {
            segment: self.entry.number,
            offset: 0,
            encoding: Encoding::Raw,
            raw_len: payload.len() as u64,
            ids: runs.to_vec(),
            payload: &payload,
            is_made: true,
        })?;
        Ok(true)
    }

    fn verify(&self, read: ReadContext<'_>, verification: &mut dyn Verification) -> Result<()> {
        self.rows.verify(read, verification)?;
        if self.entry.last_commit <= verification.scope().since {
            return Ok(());
        }
        self.verify_parts(read, verification)
    }
}
