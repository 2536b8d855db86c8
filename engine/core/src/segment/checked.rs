//! A sealed segment of which nothing is returned that could not be read.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use lakebed_codec::Decoded;
use lakebed_format::{
    BlobId, CollectionId, CommitEntry, Fingerprint, PartEntry, RowBatchEntry, SegmentNumber,
};

use super::columns::part::OpenPart;
use super::files::SegmentFiles;
use super::interface::{
    Contents, ReadContext, RowBatchBytes, RowSink, Segment, StoredBlobs, StoredFrame,
};
use super::rows::sealed::SealedRows;
use super::verify::Verification;
use crate::blob::Blob;
use crate::error::Result;

/// Asks after each read through mappings whether a page of them could not be read: then what was read are zeros.
#[derive(Debug)]
pub(super) struct Checked<S>(pub(super) S);

/// A segment that is read through mappings.
pub(super) trait CheckRead: Segment + Sized {
    /// Checks that everything that was read of it could be read.
    ///
    /// # Errors
    /// `Io`.
    fn check_read(&self) -> Result<()>;

    /// The same segment with nothing opened yet.
    fn unopened(&self) -> Self;
}

impl CheckRead for SealedRows {
    fn check_read(&self) -> Result<()> {
        SealedRows::check_read(self)
    }

    fn unopened(&self) -> Self {
        Self::new(self.entry())
    }
}

impl<S: CheckRead> Checked<S> {
    fn check<T>(&self, read: Result<T>) -> Result<T> {
        self.0.check_read()?;
        read
    }
}

impl<S: CheckRead> Segment for Checked<S> {
    fn parts(&self, files: &SegmentFiles) -> Result<Vec<PartEntry>> {
        self.check(self.0.parts(files))
    }

    fn part(&self, files: &SegmentFiles, collection: CollectionId) -> Result<Option<&OpenPart>> {
        self.check(self.0.part(files, collection))
    }

    fn frame_by_ids(
        &self,
        read: ReadContext<'_>,
        place: usize,
        pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool> {
        let passed = self.0.frame_by_ids(read, place, &mut |frame| {
            self.0.check_read()?;
            pass(frame)
        });
        self.check(passed)
    }

    fn number(&self) -> SegmentNumber {
        self.0.number()
    }

    fn blob(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>> {
        self.check(self.0.blob(read, id))
    }

    fn blobs_from(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Arc<Decoded>>> {
        self.check(self.0.blobs_from(read, id))
    }

    fn find(
        &self,
        files: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<BlobId>,
    ) -> Result<()> {
        self.check(self.0.find(files, range, found))
    }

    fn find_pairs(
        &self,
        files: &SegmentFiles,
        range: RangeInclusive<Fingerprint>,
        found: &mut Vec<(Fingerprint, BlobId)>,
    ) -> Result<()> {
        self.check(self.0.find_pairs(files, range, found))
    }

    fn fingerprints(
        &self,
        files: &SegmentFiles,
        each: &mut dyn FnMut(BlobId, Fingerprint),
    ) -> Result<()> {
        self.check(self.0.fingerprints(files, each))
    }

    fn rows(&self, files: &SegmentFiles) -> Result<Arc<[RowBatchEntry]>> {
        self.check(self.0.rows(files))
    }

    fn row_batch(&self, files: &SegmentFiles, entry: &RowBatchEntry) -> Result<RowBatchBytes> {
        self.check(self.0.row_batch(files, entry))
    }

    fn scan(
        &self,
        files: &SegmentFiles,
        entry: &RowBatchEntry,
        range: &Range<lakebed_format::Seq>,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        self.check(self.0.scan(files, entry, range, sink))
    }

    fn commits(&self, files: &SegmentFiles) -> Result<Vec<CommitEntry>> {
        self.check(self.0.commits(files))
    }

    fn stored(
        &self,
        read: ReadContext<'_>,
        place: usize,
        decode: bool,
    ) -> Result<Option<StoredBlobs>> {
        self.check(self.0.stored(read, place, decode))
    }

    fn contents(&self, files: &SegmentFiles) -> Result<Contents> {
        self.check(self.0.contents(files))
    }

    fn frame(
        &self,
        files: &SegmentFiles,
        place: usize,
        pass: &mut dyn FnMut(&StoredFrame<'_>) -> Result<()>,
    ) -> Result<bool> {
        self.check(self.0.frame(files, place, pass))
    }

    fn verify(&self, read: ReadContext<'_>, verification: &mut dyn Verification) -> Result<()> {
        // The file as it is, and not a mapping that may have failed before; what it takes in memory goes afterwards.
        let files = read.files.without_mapping();
        let read = ReadContext {
            files: &files,
            ..read
        };
        let verified = self.0.unopened().verify(read, verification);
        verification.unless_unreadable(self.number(), verified)
    }
}
