//! Writing what is kept of neighbouring sealed segments as one new, sealed segment.
//!
//! The new segment has one group: the frames of all sources, then their row batches, then an index block whose commit
//! table lists the sources' commits, and a COMMIT (docs/format.md, segment format 3). Frames that are wholly kept and
//! well filled are copied; the others are decoded, and their blobs gathered into full frames. Memory is bounded: bytes
//! go to the file as they come, and only the tables wait for the end.

use std::sync::Arc;

use lakebed_codec::{Compressor, Decoded, Dictionary, Frame, Page, Workers};
use lakebed_format::{
    BlobId, CommitEntry, Fingerprint, FrameEntry, IdRun, IdSet, Layout, ManifestBody,
    RowBatchHeader, RunningChecksum, SegmentEntry, SegmentFormat, SegmentHeader, SegmentNumber,
    Seq, limits,
};
use lakebed_vfs::{File, ReadFile, Vfs};

use super::keep::{Keep, Kept, NewSegment};
use super::pending::PendingBatch;
use super::walker::{Block, WalkedBytes, Walker};
use super::writer::{CommitFacts, EncodedIndex, IndexContents, SegmentTotals, SegmentWriter};
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::segment::columns::listing::NewParts;
use crate::segment::create::create_file;
use crate::segment::interface::{ReadContext, Segment, StoredFrame, damaged_rows};

/// Bytes held in memory before they go to the file.
const SPILL: usize = 4 << 20;
/// A page ends also at this many blobs, however small they are.
const PAGE_BLOBS: usize = 4096;
/// Frames between two checks for an interrupt.
const FRAMES: usize = 64;

/// A segment that is written.
#[derive(Debug)]
pub(crate) struct Rewrite {
    new: NewSegment,
    writer: SegmentWriter,
    file: Arc<dyn File>,
    /// Bytes before this place are in the file; `buffer` goes on from there.
    written: u64,
    buffer: Vec<u8>,
    sum: RunningChecksum,
    compressor: Compressor<Vec<IdRun>>,
    page: Page,
    page_ids: Vec<IdRun>,
    dictionary: Option<Arc<Dictionary>>,
    frames: Vec<FrameEntry>,
    /// Of the frames written or begun.
    framed: IdSet,
    ids: IdSet,
    fingerprints: Vec<Fingerprint>,
    rows: Vec<u8>,
    commits: Vec<CommitEntry>,
    totals: SegmentTotals,
    parts: NewParts,
}

impl Rewrite {
    /// Begins the file. `parts` are written and synced; with them the segment is of layout columns.
    ///
    /// # Errors
    /// `Io`, `StoreFull`.
    pub(crate) fn begin(
        vfs: &dyn Vfs,
        new: NewSegment,
        workers: Arc<Workers>,
        parts: NewParts,
    ) -> Result<Self> {
        let (format, layout) = if parts.is_empty() {
            (SegmentFormat::V6, Layout::Rows)
        } else {
            (SegmentFormat::V7, Layout::Columns)
        };
        let writer = SegmentWriter::new(SegmentHeader {
            format,
            layout,
            number: new.number,
            uuid: new.store,
            salt: new.salt,
            first_blob: new.first_blob,
        });
        let totals = SegmentTotals {
            raw_bytes: parts.raw_bytes(),
            rows: 0,
        };
        let file = create_file(vfs, new.number)?;
        let header = writer.header();
        file.write_all_at(&header, 0)
            .map_err(|e| Error::io(&writing(new.number), e))?;
        Ok(Self {
            new,
            file,
            written: limits::FIRST_GROUP,
            buffer: Vec::with_capacity(SPILL + (1 << 20)),
            sum: writer.group_sum(),
            writer,
            compressor: Compressor::new(workers),
            page: Page::default(),
            page_ids: Vec::new(),
            dictionary: None,
            frames: Vec::new(),
            framed: IdSet::new(),
            ids: IdSet::new(),
            fingerprints: Vec::new(),
            rows: Vec::new(),
            commits: Vec::new(),
            totals,
            parts,
        })
    }

    /// Adds the blobs of a source that are kept, after those of the sources before it.
    ///
    /// # Errors
    /// `Corrupt` when the source is not whole; `Io`, `StoreFull`, `Interrupted`.
    pub(crate) fn add_blobs(
        &mut self,
        read: ReadContext<'_>,
        source: &dyn Segment,
        keep: &mut dyn Keep,
    ) -> Result<()> {
        let mut read_bytes = 0;
        for place in 0.. {
            let more = source.frame_by_ids(read, place, &mut |frame| {
                read_bytes += frame.payload.len() as u64;
                self.add_frame(read, frame, keep)
            })?;
            if !more || place % FRAMES == FRAMES - 1 {
                keep.advance(std::mem::take(&mut read_bytes))?;
            }
            if !more {
                break;
            }
        }
        let (ids, fingerprints) = (&mut self.ids, &mut self.fingerprints);
        source.fingerprints(read.files, &mut |id, fingerprint| {
            if keep.blob(id) {
                ids.insert(id);
                fingerprints.push(fingerprint);
            }
        })
    }

    fn add_frame(
        &mut self,
        read: ReadContext<'_>,
        frame: &StoredFrame<'_>,
        keep: &mut dyn Keep,
    ) -> Result<()> {
        let mut some = false;
        let mut all = true;
        for run in &frame.ids {
            match keep.run(*run) {
                Kept::All => some = true,
                Kept::Some => (some, all) = (true, false),
                Kept::None => all = false,
            }
        }
        if some && !self.parts.is_empty() {
            let ids = || frame.ids.iter().flat_map(IdRun::range).map(BlobId);
            all &= !ids().any(|id| self.parts.ids.contains(id));
            some = ids().any(|id| keep.blob(id) && !self.parts.ids.contains(id));
        }
        if !some {
            return Ok(());
        }
        // Also what is copied is decoded: a frame that cannot be read must not take the place of nothing.
        let dictionary = match frame.encoding.dictionary() {
            Some(number) => Some(read.dictionaries.dictionary(number)?),
            None => None,
        };
        let decoded = frame.decode(dictionary.as_deref())?;
        let filled = frame.raw_len >= self.new.page_bytes as u64 / 2;
        let alone = matches!(frame.ids.as_slice(), [run] if keep.is_dictionary(run.first));
        if all
            && !frame.is_made
            && keep.allows(frame.encoding)
            && (alone || filled && !self.new.encode_all)
        {
            return self.copy(frame, &decoded);
        }
        self.add_decoded(frame, &decoded, keep)
    }

    /// Adds the blobs of a frame that are kept.
    fn add_decoded(
        &mut self,
        frame: &StoredFrame<'_>,
        decoded: &Decoded,
        keep: &mut dyn Keep,
    ) -> Result<()> {
        let mut chosen = false;
        let ids = frame.ids.iter().flat_map(IdRun::range).map(BlobId);
        for (index, id) in ids.enumerate() {
            if !keep.blob(id) || self.parts.ids.contains(id) {
                continue;
            }
            let bytes = decoded
                .blob(index)
                .ok_or_else(|| frame.damaged("it has fewer blobs than ids"))?;
            if keep.is_dictionary(id) {
                self.cut_page()?;
                self.dictionary = None;
                self.push(id, bytes)?;
                self.cut_page()?;
                chosen = false;
                continue;
            }
            if !chosen {
                chosen = true;
                let dictionary = keep.dictionary(id, frame.encoding)?;
                self.choose(dictionary)?;
            }
            self.push(id, bytes)?;
        }
        Ok(())
    }

    /// Further blobs want this dictionary. A page that is half full ends; a smaller one keeps its own.
    fn choose(&mut self, dictionary: Option<Arc<Dictionary>>) -> Result<()> {
        let number = |dictionary: &Option<Arc<Dictionary>>| dictionary.as_ref().map(|d| d.number());
        if number(&dictionary) == number(&self.dictionary) {
            return Ok(());
        }
        if self.page.bytes() >= self.new.page_bytes / 2 {
            self.cut_page()?;
        }
        if self.page.is_empty() || self.dictionary.is_none() {
            self.dictionary = dictionary;
        }
        Ok(())
    }

    fn push(&mut self, id: BlobId, bytes: &[u8]) -> Result<()> {
        let page_bytes = self.new.page_bytes;
        // A blob as large as a page has a frame of its own, so that it can be read in place if it does not shrink.
        if bytes.len() >= page_bytes {
            self.cut_page()?;
        }
        match self.page_ids.last_mut() {
            Some(run) if run.end() == id.0 => run.len += 1,
            _ => {
                if self.page_ids.len() == limits::MAX_FRAME_RUNS {
                    self.cut_page()?;
                }
                self.page_ids.push(IdRun { first: id, len: 1 });
            }
        }
        self.parts.framed(id, bytes.len());
        self.page.push(bytes);
        self.totals.raw_bytes += bytes.len() as u64;
        if self.page.bytes() >= page_bytes || self.page.blobs() >= PAGE_BLOBS {
            self.cut_page()?;
        }
        Ok(())
    }

    fn cut_page(&mut self) -> Result<()> {
        if self.page.is_empty() {
            return Ok(());
        }
        let empty = self.page.like();
        let page = Arc::new(std::mem::replace(&mut self.page, empty));
        let ids = std::mem::take(&mut self.page_ids);
        self.compressor
            .submit(ids, page, self.dictionary.clone())
            .map_err(|e| Error::compressing(&e))?;
        while let Some(frame) = self
            .compressor
            .ready()
            .map_err(|e| Error::compressing(&e))?
        {
            self.write_frame(&frame)?;
        }
        Ok(())
    }

    /// Ends the page and waits for all frames.
    fn drain(&mut self) -> Result<()> {
        self.cut_page()?;
        while let Some(frame) = self.compressor.next().map_err(|e| Error::compressing(&e))? {
            self.write_frame(&frame)?;
        }
        Ok(())
    }

    fn copy(&mut self, frame: &StoredFrame<'_>, decoded: &Decoded) -> Result<()> {
        self.drain()?;
        let ids = frame.ids.iter().flat_map(IdRun::range).map(BlobId);
        for (index, id) in ids.enumerate() {
            let len = decoded.blob(index).map_or(0, <[u8]>::len);
            self.totals.raw_bytes += len as u64;
            self.parts.framed(id, len);
        }
        self.write_frame(&Frame {
            tag: frame.ids.clone(),
            encoding: frame.encoding,
            raw_length: frame.raw_len,
            payload: frame.payload.to_vec(),
        })
    }

    fn write_frame(&mut self, frame: &Frame<Vec<IdRun>>) -> Result<()> {
        let Some(first) = frame.tag.first() else {
            return Err(Error::internal("a frame has no blob"));
        };
        let offset = self.position();
        self.writer
            .frame(&frame.tag, frame, offset, &mut self.buffer)?;
        self.frames.push(FrameEntry {
            first: first.first,
            offset,
        });
        for run in &frame.tag {
            self.framed.insert_run(*run);
        }
        self.spill_if_due()
    }

    /// Adds the rows of a source that are kept, and its commits. To be called for each source, in their order, when the
    /// blobs of all were added.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, `StoreFull`, `Interrupted`.
    pub(crate) fn add_rows(
        &mut self,
        read: ReadContext<'_>,
        source: &dyn Segment,
        keep: &mut dyn Keep,
    ) -> Result<()> {
        self.drain()?;
        for entry in source.rows(read.files)?.iter() {
            let Some(first) = keep.first_row(entry) else {
                continue;
            };
            keep.advance(entry.len)?;
            let bytes = source.row_batch(read.files, entry)?;
            let batch = bytes.decode()?;
            let skip = first.0.saturating_sub(batch.head.first_seq.0);
            let mut new = PendingBatch::new(RowBatchHeader {
                first_seq: Seq(batch.head.first_seq.0 + skip),
                ..batch.head
            });
            for run in batch.row_runs_from(skip) {
                let run = run.map_err(|e| damaged_rows(&e))?;
                new.push_run(run.line.unwrap_or(0), run.blob, run.len);
            }
            let offset = self.position();
            let entry = self
                .writer
                .row_batch(&new, entry.commit, offset, &mut self.buffer)?;
            self.totals.rows += entry.rows;
            entry.encode(self.writer.format(), &mut self.rows);
            self.spill_if_due()?;
        }
        self.commits.extend(source.commits(read.files)?);
        Ok(())
    }

    /// Writes the rest, syncs the file, and checks what was written. `catalogue_with` gives what the manifest that will
    /// name the segment as this entry says. The name is durable when the caller has synced the directory.
    ///
    /// # Errors
    /// `Corrupt` when the sources were not whole; `Io`, `StoreFull`.
    pub(crate) fn finish(
        mut self,
        catalogue_with: impl FnOnce(SegmentEntry) -> Result<ManifestBody>,
    ) -> Result<SegmentEntry> {
        let (salt, level, position) = (self.writer.salt(), self.new.level, self.position());
        let list = self.parts.tables(salt, level, position, &mut self.buffer)?;
        self.framed.extend(&self.parts.ids);
        if self.framed != self.ids {
            return Err(Error::corrupt(
                self.new.number,
                0,
                "the frames and the fingerprints of the segments it was made from list other blobs",
            ));
        }
        let Some(own) = self.commits.pop() else {
            return Err(Error::internal("a segment without commits is rewritten"));
        };
        let fingerprints = std::mem::take(&mut self.fingerprints);
        let contents = |commits: Vec<CommitEntry>| IndexContents {
            level: 0,
            first_group: limits::FIRST_GROUP,
            frames: self.frames.clone(),
            fingerprints: fingerprints.clone(),
            ids: self.ids.clone(),
            rows: self.rows.clone(),
            commits,
            records: Vec::new(),
            parts: list.clone(),
        };
        // The length of the block does not depend on where its COMMIT lies, which all of its commits name.
        let position = self.position();
        let commits = std::mem::take(&mut self.commits);
        let probe = self
            .writer
            .index(position, contents(commits.clone()), own)?;
        let moved = commits
            .into_iter()
            .map(|commit| CommitEntry {
                offset: probe.commit_offset,
                ..commit
            })
            .collect();
        drop(probe.bytes);
        let index = self.writer.index(position, contents(moved), own)?;
        self.close(index, own, catalogue_with)
    }

    fn close(
        mut self,
        index: EncodedIndex,
        own: CommitEntry,
        catalogue_with: impl FnOnce(SegmentEntry) -> Result<ManifestBody>,
    ) -> Result<SegmentEntry> {
        self.buffer.extend_from_slice(&index.bytes);
        let facts = CommitFacts {
            number: own.number,
            time: own.time,
            group: limits::FIRST_GROUP,
            predecessor: 0,
            next_blob: self.new.end_blob,
        };
        let mut sum = self.sum.clone();
        sum.update(&self.buffer);
        let (bytes, commit) = self.writer.commit(&index, facts, sum.finish());
        self.buffer.extend_from_slice(&bytes);
        self.spill()?;
        let file: &dyn ReadFile = self.file.as_ref();
        let walker = Walker {
            bytes: WalkedBytes::File(file),
            segment: self.new.number,
            format: self.writer.format(),
            salt: self.writer.salt(),
        };
        let block = Arc::new(Block {
            header: index.header,
            commit,
            frames: index.frames,
            ids: index.ids,
            catalogue: Catalogue::default(),
        });
        let body_of = |entry| {
            let mut body = Vec::new();
            catalogue_with(entry)?.encode(&mut body);
            Ok(body)
        };
        let footer = self
            .writer
            .footer(walker, &[block], &commit, Some(self.totals), body_of)?;
        let io = |error| Error::io(&writing(self.new.number), error);
        self.file
            .write_all_at(&footer.bytes, commit.end())
            .map_err(io)?;
        if !walker.group_is_whole(&commit)? {
            return Err(Error::corrupt(
                self.new.number,
                limits::FIRST_GROUP,
                "what was just written does not have its checksum",
            ));
        }
        self.file.sync_data().map_err(io)?;
        Ok(footer.entry)
    }

    /// Where the next byte goes.
    fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn spill_if_due(&mut self) -> Result<()> {
        if self.buffer.len() < SPILL {
            return Ok(());
        }
        self.spill()
    }

    fn spill(&mut self) -> Result<()> {
        self.file
            .write_all_at(&self.buffer, self.written)
            .map_err(|e| Error::io(&writing(self.new.number), e))?;
        self.sum.update(&self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn writing(number: SegmentNumber) -> String {
    format!("writing segment {number}")
}
