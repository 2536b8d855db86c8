//! A damaged segment of rows or columns: whatever is whole of it, for repair to write again as rows.
//!
//! Of its own file that is what [`crate::segment::rows::salvage`] finds. Of a part it is each record all of whose pages
//! are whole. A part is looked for under its name, in `aside/`, and under the names of other parts of its length.

use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, OnceLock};

use lakebed_codec::Decoded;
use lakebed_format::{
    BlobId, CommitEntry, Encoding, Fingerprint, Hash, IdRun, IdSet, PartEntry, RowBatchEntry,
    SegmentNumber,
};
use lakebed_vfs::ReadFile;

use super::chunks::{ALONE_BYTES, Chunks, decoded, payload};
use super::pages::Keeping;
use super::part::{OpenPart, Records};
use super::table::PartTable;
use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::files::SegmentFiles;
use crate::segment::interface::{
    Contents, ReadContext, RowBatchBytes, Segment, StoredBlobs, StoredFrame, blob_in,
};
use crate::segment::rows::salvage::{Salvaged, SalvagedRows};
use crate::segment::verify::Verification;

/// Rows that are read between two calls of `advance`.
const STEP_ROWS: usize = 512;

/// The segment of what is whole.
#[derive(Debug)]
pub(crate) struct SalvagedSegment {
    rows: SalvagedRows,
    proven: OnceLock<Proven>,
}

/// What can be read.
#[derive(Debug)]
struct Proven {
    parts: Vec<ProvenPart>,
    /// Blobs of frames and parts.
    ids: IdSet,
    chunks: Chunks,
}

/// A part, and its records that can be read.
#[derive(Debug)]
struct ProvenPart {
    open: OpenPart,
    ids: IdSet,
    fingerprints: Vec<(BlobId, Fingerprint)>,
    alone: IdSet,
}

impl SalvagedSegment {
    pub(crate) fn new(found: Salvaged, file: Arc<dyn ReadFile>) -> Self {
        Self {
            rows: SalvagedRows::new(found, file),
            proven: OnceLock::new(),
        }
    }

    /// What was found in its own file.
    pub(crate) fn found(&self) -> &Salvaged {
        self.rows.found()
    }

    /// Leaves row batches out. To be called once.
    pub(crate) fn keep_batches(&self, keep: impl FnMut(&RowBatchEntry) -> bool) {
        self.rows.keep_batches(keep);
    }

    /// Decodes every frame and rebuilds every record, and forgets those that cannot be decoded or are blobs of other
    /// segments. To be called once, when the dictionaries can be read.
    ///
    /// # Errors
    /// `Io`; those of `advance`, which is told the bytes read.
    pub(crate) fn prove(
        &self,
        read: ReadContext<'_>,
        range: &Range<BlobId>,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let mut ids = self.rows.prove(read, range, advance)?.clone();
        let list = &self.found().parts;
        let mut alone = list.alone.clone();
        let mut parts = Vec::new();
        for (place, entry) in list.parts.iter().enumerate() {
            let Some(table) = self.table(entry)? else {
                continue;
            };
            let known = |id| !range.contains(&id) || ids.contains(id);
            let part = self.part(read.files, place, entry, &table, &known, advance)?;
            if let Some(part) = part {
                ids.extend(&part.ids);
                alone.extend(&part.alone);
                parts.push(part);
            }
        }
        let chunks = Chunks::new(&ids, &alone);
        self.proven.get_or_init(|| Proven { parts, ids, chunks });
        Ok(())
    }

    /// The table of a part, if it is whole.
    fn table(&self, entry: &PartEntry) -> Result<Option<PartTable>> {
        let found = self.found();
        let read = || {
            let bytes = self.rows.slice(entry.table_offset, entry.table_len)?;
            PartTable::decode(found.segment, found.salt, entry.table_offset, &bytes)
        };
        unless_damaged(read())
    }

    /// Of the files that may be this part, the one of which the most records can be read.
    fn part(
        &self,
        files: &SegmentFiles,
        place: usize,
        entry: &PartEntry,
        table: &PartTable,
        known: &dyn Fn(BlobId) -> bool,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Option<ProvenPart>> {
        let found = self.found();
        let mut best: Option<ProvenPart> = None;
        for name in files.part_candidates(found.segment, entry.collection, entry.len)? {
            let own = (found.segment, found.salt);
            let open = OpenPart::of_file(files, own, place, entry, table.clone(), &name);
            let Some(open) = unless_damaged(open)? else {
                continue;
            };
            let part = ProvenPart::new(open, known, advance)?;
            let whole = part.ids.len() == table.ids.len();
            if !part.ids.is_empty()
                && best
                    .as_ref()
                    .is_none_or(|best| best.ids.len() < part.ids.len())
            {
                best = Some(part);
            }
            if whole {
                break;
            }
        }
        Ok(best)
    }

    fn parts(&self) -> &[ProvenPart] {
        self.proven.get().map_or(&[], |proven| &proven.parts)
    }

    fn record(&self, id: BlobId) -> Result<Option<Vec<u8>>> {
        let holder = self.parts().iter().find(|part| part.ids.contains(id));
        let Some((part, row)) = holder.and_then(|part| Some((part, part.open.row(id)?))) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        part.open.records(Keeping::Never).append(row, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// The blobs of a chunk, as the payload of a frame.
    fn chunk(&self, read: ReadContext<'_>, proven: &Proven, runs: &[IdRun]) -> Result<Vec<u8>> {
        let mut readers: Vec<(&ProvenPart, Records<'_>)> = proven
            .parts
            .iter()
            .map(|part| (part, part.open.records(Keeping::Never)))
            .collect();
        let mut frame: Option<Arc<Decoded>> = None;
        let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
        for id in runs.iter().flat_map(IdRun::range).map(BlobId) {
            let start = bytes.len();
            let mut holders = readers.iter_mut();
            if let Some((part, records)) = holders.find(|(part, _)| part.ids.contains(id)) {
                let row = part.open.row(id).ok_or_else(missing)?;
                records.append(row, &mut bytes)?;
            } else {
                if frame.as_ref().is_none_or(|known| known.place(id).is_none()) {
                    frame = self.rows.blobs_from(read, id)?;
                }
                let blob = frame.clone().and_then(|frame| blob_in(frame, id));
                bytes.extend_from_slice(&blob.ok_or_else(missing)?);
            }
            let len = u32::try_from(bytes.len() - start);
            lengths.push(len.map_err(|_| Error::internal("a blob in a chunk is too long"))?);
        }
        Ok(payload(&lengths, &bytes))
    }
}

impl ProvenPart {
    /// Reads every record that is not known already.
    fn new(
        open: OpenPart,
        known: &dyn Fn(BlobId) -> bool,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        let (mut ids, mut fingerprints, mut alone) = (IdSet::new(), Vec::new(), IdSet::new());
        let mut records = open.records(Keeping::Never);
        let (mut bytes, mut read) = (Vec::new(), 0);
        let all = open.blobs.runs().iter().flat_map(IdRun::range).map(BlobId);
        for (row, id) in all.enumerate() {
            if row.is_multiple_of(STEP_ROWS) {
                advance(std::mem::take(&mut read))?;
            }
            bytes.clear();
            let found = records.append(row as u64, &mut bytes);
            if unless_damaged(found)?.is_none() || known(id) {
                continue;
            }
            read += bytes.len() as u64;
            ids.insert(id);
            fingerprints.push((id, Hash::of(&bytes).fingerprint()));
            if bytes.len() > ALONE_BYTES {
                alone.insert(id);
            }
        }
        advance(read)?;
        drop(records);
        Ok(Self {
            open,
            ids,
            fingerprints,
            alone,
        })
    }
}

/// The value of a result; `None` for damage.
fn unless_damaged<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
        Err(error) => Err(error),
    }
}

fn missing() -> Error {
    Error::internal("a blob that was read is gone")
}

impl Segment for SalvagedSegment {
    fn number(&self) -> SegmentNumber {
        self.rows.number()
    }

    fn blob(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>> {
        match self.record(id)? {
            Some(record) => Ok(Some(Blob::owned(record))),
            None => self.rows.blob(read, id),
        }
    }

    fn blobs_from(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>> {
        match self.record(id)? {
            Some(record) => Ok(decoded(record, &[IdRun { first: id, len: 1 }])),
            None => self.rows.blobs_from(read, id),
        }
    }

    fn find(
        &self,
        files: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        self.fingerprints(files, &mut |id, fingerprint| {
            if range.contains(&fingerprint) {
                found.push(id);
            }
        })
    }

    fn fingerprints(
        &self,
        files: &SegmentFiles,
        each: &mut dyn FnMut(BlobId, Fingerprint),
    ) -> Result<()> {
        let mut all = Vec::new();
        self.rows
            .fingerprints(files, &mut |id, fingerprint| all.push((id, fingerprint)))?;
        for part in self.parts() {
            all.extend_from_slice(&part.fingerprints);
        }
        all.sort_unstable_by_key(|(id, _)| *id);
        for (id, fingerprint) in all {
            each(id, fingerprint);
        }
        Ok(())
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

    fn stored(&self, _: ReadContext<'_>, _: usize, _: bool) -> Result<Option<StoredBlobs>> {
        Err(Error::internal("a damaged segment is listed"))
    }

    fn contents(&self, files: &SegmentFiles) -> Result<Contents> {
        match self.proven.get() {
            Some(proven) => Ok(Contents {
                ids: proven.ids.clone(),
                frames: Vec::new(),
            }),
            None => self.rows.contents(files),
        }
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
        let Some(proven) = self.proven.get().filter(|proven| !proven.parts.is_empty()) else {
            return self.rows.frame(read.files, place, pass);
        };
        let Some(runs) = proven.chunks.get(place) else {
            return Ok(false);
        };
        let payload = self.chunk(read, proven, runs)?;
        pass(&StoredFrame {
            segment: self.number(),
            offset: 0,
            encoding: Encoding::Raw,
            raw_len: payload.len() as u64,
            ids: runs.to_vec(),
            payload: &payload,
            is_made: true,
        })?;
        Ok(true)
    }

    fn verify(&self, _: ReadContext<'_>, _: &mut dyn Verification) -> Result<()> {
        Err(Error::internal("a damaged segment is verified"))
    }
}
