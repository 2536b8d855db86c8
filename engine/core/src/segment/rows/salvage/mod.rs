//! A segment of the rows layout whose tables, groups or frames are damaged: whatever is whole of it, for repair to
//! write again. The file of a segment of the columns layout has the same structures.
//!
//! Nothing of it is trusted but its checksums. Frames and row batches are found by walking over the file and by every
//! table that is whole; fingerprints are made from the blobs.

mod scan;
mod structures;

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, OnceLock};

use lakebed_codec::{Decoded, Dictionary};
use lakebed_format::{
    BlobId, CatalogueRecord, CommitEntry, CommitNumber, DictionaryNumber, Encoding, Fingerprint,
    Hash, IdRun, IdSet, PartList, RowBatchEntry, SegmentFormat, SegmentNumber,
};
use lakebed_vfs::ReadFile;

use super::frame::{self, FramePlace};
use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::bytes::Slice;
use crate::segment::damage::Damage;
use crate::segment::files::SegmentFiles;
use crate::segment::interface::{
    Contents, ReadContext, RowBatchBytes, Segment, StoredBlobs, StoredFrame, blob_in,
};
use crate::segment::rows::walker::{WalkedBytes, Walker};
use crate::segment::verify::Verification;

pub(crate) use scan::salvage;

/// A frame whose checksum is right.
#[derive(Clone, Debug)]
pub(crate) struct WholeFrame {
    pub(crate) offset: u64,
    /// Bytes of the frame.
    pub(crate) len: u64,
    pub(crate) encoding: Encoding,
    pub(crate) ids: Vec<IdRun>,
}

/// What is whole of a segment.
#[derive(Debug)]
pub(crate) struct Salvaged {
    pub(crate) segment: SegmentNumber,
    pub(crate) format: SegmentFormat,
    pub(crate) salt: u64,
    /// By their ids.
    pub(crate) frames: Vec<WholeFrame>,
    /// In the order of the file.
    pub(crate) batches: Vec<RowBatchEntry>,
    /// All batches that some table lists, whole or not.
    pub(crate) listed: Vec<RowBatchEntry>,
    pub(crate) commits: BTreeMap<CommitNumber, CommitEntry>,
    /// The predecessor that the first COMMIT names.
    pub(crate) predecessor: Option<u64>,
    /// The checksum of the last COMMIT.
    pub(crate) checksum: u64,
    /// The next blob id after it.
    pub(crate) next_blob: BlobId,
    /// Catalogue records, in the order they apply.
    pub(crate) records: Vec<CatalogueRecord>,
    /// Whether the records of some group cannot be read.
    pub(crate) lost_records: bool,
    /// The parts that some table lists.
    pub(crate) parts: PartList,
    /// Where the last COMMIT ends.
    pub(crate) end: u64,
    /// Bytes of the file.
    pub(crate) len: u64,
}

impl Salvaged {
    /// Leaves commits out that are not among these; where none is left, the last one is there, without a time.
    pub(crate) fn keep_commits(&mut self, range: RangeInclusive<CommitNumber>) {
        self.commits.retain(|number, _| range.contains(number));
        if self.commits.is_empty() {
            let number = *range.end();
            let time = self.batches.last().map_or(0, |batch| batch.time);
            let commit = CommitEntry {
                number,
                time,
                offset: self.end,
                blobs: 0,
                rows: 0,
                raw_bytes: 0,
            };
            self.commits.insert(number, commit);
        }
    }
}

/// The segment of what is whole.
#[derive(Debug)]
pub(crate) struct SalvagedRows {
    found: Salvaged,
    file: Arc<dyn ReadFile>,
    proven: OnceLock<Proven>,
    /// The row batches, if some were left out.
    batches: OnceLock<Arc<[RowBatchEntry]>>,
}

/// The frames that can be decoded.
#[derive(Debug, Default)]
struct Proven {
    frames: Vec<WholeFrame>,
    ids: IdSet,
    dictionaries: BTreeMap<DictionaryNumber, Arc<Dictionary>>,
}

impl SalvagedRows {
    pub(crate) fn new(found: Salvaged, file: Arc<dyn ReadFile>) -> Self {
        Self {
            found,
            file,
            proven: OnceLock::new(),
            batches: OnceLock::new(),
        }
    }

    /// Leaves row batches out. To be called once.
    pub(in crate::segment) fn keep_batches(&self, mut keep: impl FnMut(&RowBatchEntry) -> bool) {
        let batches = self.found.batches.iter().copied();
        self.batches
            .get_or_init(|| batches.filter(|entry| keep(entry)).collect());
    }

    /// What was found.
    pub(crate) fn found(&self) -> &Salvaged {
        &self.found
    }

    /// Decodes every frame, and forgets those that cannot be decoded or hold blobs of other segments. To be called
    /// once, when the dictionaries can be read. Returns the blobs of the others.
    ///
    /// # Errors
    /// `Io`; those of `advance`, which is told the bytes read.
    pub(crate) fn prove(
        &self,
        read: ReadContext<'_>,
        range: &Range<BlobId>,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<&IdSet> {
        let mut proven = Proven::default();
        for found in &self.found.frames {
            advance(found.len)?;
            let known = |run: &IdRun| run.range().any(|id| proven.ids.contains(BlobId(id)));
            let other = |run: &IdRun| run.first < range.start || run.end() > range.end.0;
            if found.ids.iter().any(|run| other(run) || known(run)) {
                continue;
            }
            let dictionary = match found.encoding.dictionary() {
                None => None,
                Some(number) => match read.dictionaries.dictionary(number) {
                    Ok(dictionary) => Some((number, dictionary)),
                    Err(error) if error.kind() == ErrorKind::Corrupt => continue,
                    Err(error) => return Err(error),
                },
            };
            match self.decode(found, dictionary.as_ref().map(|(_, d)| d.as_ref())) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => continue,
                Err(error) => return Err(error),
            }
            proven.dictionaries.extend(dictionary);
            for run in &found.ids {
                proven.ids.insert_run(*run);
            }
            proven.frames.push(found.clone());
        }
        Ok(&self.proven.get_or_init(|| proven).ids)
    }

    fn frames(&self) -> &[WholeFrame] {
        self.proven
            .get()
            .map_or(&self.found.frames, |proven| &proven.frames)
    }

    fn holder(&self, id: BlobId) -> Option<&WholeFrame> {
        let holds = |frame: &&WholeFrame| frame.ids.iter().any(|run| run.range().contains(&id.0));
        self.frames().iter().find(holds)
    }

    fn place(&self, found: &WholeFrame) -> FramePlace {
        FramePlace {
            segment: self.found.segment,
            salt: self.found.salt,
            offset: found.offset,
        }
    }

    fn pass<T>(
        &self,
        found: &WholeFrame,
        mut then: impl FnMut(&StoredFrame<'_>) -> Result<T>,
    ) -> Result<T> {
        let place = self.place(found);
        let end = found.offset + found.len;
        let bytes = frame::read(self.file.as_ref(), place, Some(end), end)?;
        let mut result = None;
        frame::pass(place, &bytes, &mut |stored| {
            result = Some(then(stored)?);
            Ok(())
        })?;
        result.ok_or_else(|| Error::internal("a frame was not passed"))
    }

    fn decode(&self, found: &WholeFrame, dictionary: Option<&Dictionary>) -> Result<Decoded> {
        self.pass(found, |stored| stored.decode(dictionary))
    }

    fn decode_with(&self, read: ReadContext<'_>, found: &WholeFrame) -> Result<Decoded> {
        let number = found.encoding.dictionary();
        let dictionary = number.map(|number| read.dictionaries.dictionary(number));
        self.decode(found, dictionary.transpose()?.as_deref())
    }

    /// A part of the file.
    ///
    /// # Errors
    /// `Corrupt` when it is not within the file; `Io`.
    pub(in crate::segment) fn slice(&self, offset: u64, len: u64) -> Result<Slice> {
        if offset
            .checked_add(len)
            .is_none_or(|end| end > self.found.len)
        {
            let detail = format!("{len} bytes from here on do not lie within the file");
            return Err(Error::corrupt(self.found.segment, offset, detail));
        }
        Ok(self.walker().read(offset, len, Damage::Index)?)
    }

    fn walker(&self) -> Walker<'_> {
        Walker {
            bytes: WalkedBytes::File(self.file.as_ref()),
            segment: self.found.segment,
            format: self.found.format,
            salt: self.found.salt,
        }
    }
}

impl Segment for SalvagedRows {
    fn number(&self) -> SegmentNumber {
        self.found.segment
    }

    fn blob(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>> {
        match self.blobs_from(read, id)? {
            Some(decoded) => Ok(blob_in(decoded, id)),
            None => Ok(None),
        }
    }

    fn blobs_from(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>> {
        let found = self.holder(id);
        let decoded = found.map(|found| self.decode_with(read, found));
        Ok(decoded.transpose()?.map(Arc::new))
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
        _: &SegmentFiles,
        each: &mut dyn FnMut(BlobId, Fingerprint),
    ) -> Result<()> {
        let Some(proven) = self.proven.get() else {
            return Err(Error::internal(
                "the blobs of a damaged segment are not known",
            ));
        };
        for found in &proven.frames {
            let dictionary = found.encoding.dictionary();
            let dictionary = dictionary.and_then(|number| proven.dictionaries.get(&number));
            let decoded = self.decode(found, dictionary.map(Arc::as_ref))?;
            let ids = found.ids.iter().flat_map(IdRun::range).map(BlobId);
            for (index, id) in ids.enumerate() {
                let blob = decoded.blob(index).unwrap_or_default();
                each(id, Hash::of(blob).fingerprint());
            }
        }
        Ok(())
    }

    fn rows(&self, _: &SegmentFiles) -> Result<Arc<[RowBatchEntry]>> {
        let kept = self.batches.get();
        Ok(kept.map_or_else(|| self.found.batches.as_slice().into(), Arc::clone))
    }

    fn row_batch(&self, _: &SegmentFiles, entry: &RowBatchEntry) -> Result<RowBatchBytes> {
        let bytes = self.walker().read(entry.offset, entry.len, Damage::Index)?;
        let (segment, format) = (self.found.segment, self.found.format);
        RowBatchBytes::checked(segment, format, self.found.salt, entry, bytes)
    }

    fn commits(&self, _: &SegmentFiles) -> Result<Vec<CommitEntry>> {
        Ok(self.found.commits.values().copied().collect())
    }

    fn stored(&self, _: ReadContext<'_>, _: usize, _: bool) -> Result<Option<StoredBlobs>> {
        Err(Error::internal("a damaged segment is listed"))
    }

    fn contents(&self, _: &SegmentFiles) -> Result<Contents> {
        let mut contents = Contents::default();
        for found in self.frames() {
            for run in &found.ids {
                contents.ids.insert_run(*run);
            }
        }
        Ok(contents)
    }

    fn frame(
        &self,
        _: &SegmentFiles,
        place: usize,
        pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool> {
        let Some(found) = self.frames().get(place) else {
            return Ok(false);
        };
        self.pass(found, pass)?;
        Ok(true)
    }

    fn verify(&self, _: ReadContext<'_>, _: &mut dyn Verification) -> Result<()> {
        Err(Error::internal("a damaged segment is verified"))
    }
}
