//! Reading everything and checking it.

use std::sync::Arc;
use std::time::Instant;

use lakebed_format::{
    BlobId, CommitAt, Fingerprint, FrameHeader, Hash, SegmentNumber, Seq, limits, names,
};
use lakebed_vfs::Open;

use super::{Problem, Store, VerifyReport};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, ProgressFn};
use crate::segment::chain::Chain;
use crate::segment::frame::{self, Place};
use crate::segment::source::missing;
use crate::snapshot::open::{Asking, newest};
use crate::snapshot::{BatchRef, Snapshot};
use crate::write::lock::read_synced;

/// Bytes read between two reports of how far it got.
const REPORT_BYTES: u64 = 8 << 20;

impl Store {
    /// Reads everything this object sees of the committed store and checks it: groups, frames, hashes, rows, tables. What is wrong is
    /// in the report; an error means that checking itself could not go on.
    ///
    /// # Errors
    /// `Io`, `Interrupted`.
    pub fn verify(&self, progress: ProgressFn) -> Result<VerifyReport> {
        self.shared.check_open()?;
        let snapshot = Snapshot::new(self.shared.view(), None);
        let mut check = Check {
            snapshot: &snapshot,
            report: VerifyReport::default(),
            began: Instant::now(),
            told: 0,
            total: snapshot.segments()?.iter().map(|s| s.file_bytes).sum(),
            progress,
        };
        check.acknowledged()?;
        check.segments()?;
        check.rows()?;
        check.dictionaries()?;
        let mut report = check.report;
        report.seconds = check.began.elapsed().as_secs_f64();
        Ok(report)
    }
}

struct Check<'a> {
    snapshot: &'a Snapshot,
    report: VerifyReport,
    began: Instant,
    told: u64,
    total: u64,
    progress: ProgressFn,
}

impl Check<'_> {
    fn problem(&mut self, segment: Option<SegmentNumber>, offset: Option<u64>, message: String) {
        self.report.problems.push(Problem {
            segment,
            offset,
            message,
        });
    }

    /// Keeps what is wrong with the store, and passes on what is wrong with checking.
    fn keep<T>(
        &mut self,
        segment: Option<SegmentNumber>,
        offset: Option<u64>,
        result: Result<T>,
    ) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                self.problem(segment, offset, error.message().to_owned());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn advance(&mut self, bytes: u64) -> Result<()> {
        self.snapshot.view.home.options.go_on()?;
        self.report.bytes += bytes;
        if self.report.bytes - self.told >= REPORT_BYTES {
            self.told = self.report.bytes;
            self.progress.report(&Progress {
                bytes: self.report.bytes,
                total_bytes: Some(self.total),
                rows: self.report.blobs,
                seconds: self.began.elapsed().as_secs_f64(),
            })?;
        }
        Ok(())
    }

    /// The last writer said which commit was on disk: nothing up to it may be gone.
    fn acknowledged(&mut self) -> Result<()> {
        let view = Arc::clone(&self.snapshot.view);
        let Some(synced) = read_synced(view.home.vfs.as_ref()) else {
            return Ok(());
        };
        let found = newest(&view.home, Some(&view), Asking::Reader)?;
        if found.commit < synced {
            let text = format!(
                "commits up to {synced} were acknowledged and the last one found is {}",
                found.commit
            );
            self.problem(Some(found.base.active), None, text);
        }
        Ok(())
    }

    fn segments(&mut self) -> Result<()> {
        let view = Arc::clone(&self.snapshot.view);
        let home = &view.home;
        for damage in view.damage() {
            self.problem(
                Some(damage.segment),
                Some(damage.offset),
                damage.detail.clone(),
            );
        }
        for sealed in &view.base.sealed {
            let number = sealed.entry.number;
            self.report.segments += 1;
            let tables = sealed.check_tables(home);
            self.keep(Some(number), None, tables)?;
            let salt = sealed.salt(home);
            let Some(salt) = self.keep(Some(number), None, salt)? else {
                continue;
            };
            let mut fingerprints = Vec::new();
            let listed = sealed.fingerprints(home, |id, fingerprint| {
                fingerprints.push((id, fingerprint));
            });
            self.keep(Some(number), None, listed)?;
            let commits = sealed.commits(home);
            let Some(commits) = self.keep(Some(number), None, commits)? else {
                continue;
            };
            let end = commits.last().map_or(0, |commit| commit.offset);
            self.groups(number, salt, end, &fingerprints)?;
        }
        if let Some(active) = &view.active {
            self.report.segments += 1;
            let chain = active.file.chain();
            let mut fingerprints = Vec::new();
            for block in &active.blocks {
                let listed = chain.fingerprints(block);
                let kept =
                    self.keep(Some(active.file.number), Some(block.header.offset), listed)?;
                fingerprints.extend(kept.unwrap_or_default());
            }
            self.groups(
                active.file.number,
                active.file.salt,
                active.last.offset,
                &fingerprints,
            )?;
        }
        for entry in view.catalogue.large_blobs() {
            self.report.segments += 1;
            let blob = home.large(entry);
            if let Some(blob) = self.keep(Some(entry.segment), None, blob)? {
                self.report.blobs += 1;
                if Hash::of(&blob).fingerprint() != entry.fingerprint {
                    let text = "its bytes do not have the hash they were stored under".to_owned();
                    self.problem(Some(entry.segment), None, text);
                }
                self.advance(blob.len() as u64)?;
            }
        }
        Ok(())
    }

    /// Walks back over the groups of a segment from its last COMMIT and checks each.
    fn groups(
        &mut self,
        segment: SegmentNumber,
        salt: u64,
        last: u64,
        fingerprints: &[(BlobId, Fingerprint)],
    ) -> Result<()> {
        let home = Arc::clone(&self.snapshot.view.home);
        let name = names::segment(segment);
        let file = home
            .vfs
            .open(&name, Open::Read)
            .map_err(|e| missing(segment, &name, e));
        let Some(file) = self.keep(Some(segment), None, file)? else {
            return Ok(());
        };
        let chain = Chain {
            file: file.as_ref(),
            segment,
            salt,
        };
        let commit = chain.commit_at(last);
        let mut next = self.keep(Some(segment), Some(last), commit)?;
        while let Some(commit) = next {
            self.report.commits += 1;
            self.group(chain, &commit, fingerprints)?;
            let group = commit.commit.group;
            let before = chain.before(group);
            next = self.keep(Some(segment), Some(group), before)?.flatten();
            let chained = next.as_ref().is_none_or(|before| {
                before.checksum == commit.commit.predecessor
                    && before.commit.number < commit.commit.number
            });
            if !chained {
                let text = "a commit does not follow the one before it".to_owned();
                self.problem(Some(segment), Some(commit.offset), text);
            }
        }
        Ok(())
    }

    fn group(
        &mut self,
        chain: Chain<'_>,
        commit: &CommitAt,
        fingerprints: &[(BlobId, Fingerprint)],
    ) -> Result<()> {
        let segment = chain.segment;
        let whole = chain.group_is_whole(commit);
        match self.keep(Some(segment), Some(commit.commit.group), whole)? {
            Some(true) => {}
            Some(false) => {
                let text = format!(
                    "the group of commit {} does not have its checksum",
                    commit.commit.number
                );
                self.problem(Some(segment), Some(commit.commit.group), text);
            }
            None => return Ok(()),
        }
        let frames: Vec<u64> = self.frames_of(chain, commit)?;
        for (index, offset) in frames.iter().enumerate() {
            let next = frames.get(index + 1).copied();
            let limit = commit.commit.index_offset;
            let result = self.frame(chain, *offset, next, limit, fingerprints);
            self.keep(Some(segment), Some(*offset), result)?;
        }
        Ok(())
    }

    /// Where the frames of a group begin: they follow each other from its start.
    fn frames_of(&mut self, chain: Chain<'_>, commit: &CommitAt) -> Result<Vec<u64>> {
        let first = commit.commit.group.max(limits::FIRST_GROUP);
        let view = Arc::clone(&self.snapshot.view);
        let within = |offset: u64| offset >= first && offset < commit.commit.index_offset;
        let active = view
            .active
            .as_ref()
            .filter(|active| active.file.number == chain.segment);
        if let Some(active) = active {
            return Ok(active
                .blocks
                .iter()
                .flat_map(|block| &block.frames)
                .map(|frame| frame.offset)
                .filter(|offset| within(*offset))
                .collect());
        }
        let sealed = view
            .base
            .sealed
            .iter()
            .find(|sealed| sealed.entry.number == chain.segment);
        match sealed {
            Some(sealed) => {
                let offsets = sealed.frame_offsets(&view.home);
                let offsets = self.keep(Some(chain.segment), None, offsets)?;
                Ok(offsets
                    .unwrap_or_default()
                    .into_iter()
                    .filter(|offset| within(*offset))
                    .collect())
            }
            None => Ok(Vec::new()),
        }
    }

    fn frame(
        &mut self,
        chain: Chain<'_>,
        offset: u64,
        next: Option<u64>,
        limit: u64,
        fingerprints: &[(BlobId, Fingerprint)],
    ) -> Result<()> {
        let place = Place {
            segment: chain.segment,
            salt: chain.salt,
            offset,
        };
        let bytes = frame::read(chain.file, place, next, limit)?;
        let header = FrameHeader::decode(&bytes, offset).map_err(|e| place.error(&e))?;
        let frame = frame::decode(self.snapshot.reading(), place, &bytes)?;
        self.report.frames += 1;
        for (index, id) in header.ids.iter().enumerate() {
            self.report.blobs += 1;
            let found = frame.blob(index).map(|bytes| Hash::of(bytes).fingerprint());
            let listed = fingerprints
                .binary_search_by_key(&id, |(id, _)| *id)
                .ok()
                .and_then(|at| fingerprints.get(at))
                .map(|(_, fingerprint)| *fingerprint);
            if found.is_none() || found != listed {
                return Err(Error::corrupt(
                    chain.segment,
                    offset,
                    format!("blob {id} does not have the hash it was stored under"),
                ));
            }
        }
        self.advance(bytes.len() as u64)
    }

    /// Every row's blob is there, and sequence numbers have no holes.
    fn rows(&mut self) -> Result<()> {
        let snapshot = self.snapshot;
        if snapshot.view.check_whole().is_err() {
            // Named above; what is missing cannot be counted.
            return Ok(());
        }
        let mut batches: Vec<BatchRef> = Vec::new();
        let listed = snapshot.each_batch(|entry, source| {
            batches.push(BatchRef {
                entry: *entry,
                source: source(),
            });
        });
        self.keep(None, None, listed)?;
        batches.sort_by_key(|batch| (batch.entry.collection, batch.entry.first_seq));
        let mut expected: Option<(lakebed_format::CollectionId, Seq)> = None;
        for batch in batches {
            snapshot.view.home.options.go_on()?;
            let entry = batch.entry;
            if let Some((collection, seq)) = expected
                && collection == entry.collection
                && seq != entry.first_seq
            {
                let text = format!(
                    "the rows of collection {collection} go from {seq} on with {}",
                    entry.first_seq
                );
                self.problem(None, None, text);
            }
            expected = Some((entry.collection, Seq(entry.first_seq.0 + entry.rows)));
            if snapshot.catalogue().collection(entry.collection).is_none() {
                continue;
            }
            let bytes = snapshot.read_batch(&batch);
            let Some(bytes) = self.keep(None, None, bytes)? else {
                continue;
            };
            let decoded = bytes.decode()?;
            for run in decoded.row_runs() {
                let run = run.map_err(|e| {
                    Error::new(ErrorKind::Corrupt, format!("A row batch is damaged: {e}."))
                });
                let Some(run) = self.keep(None, None, run)? else {
                    break;
                };
                self.report.rows += run.len;
                if run.blob.0 + run.len > snapshot.view.next_blob.0 {
                    let text = format!("row {} names a blob that does not exist", run.seq);
                    self.problem(None, None, text);
                }
            }
        }
        Ok(())
    }

    fn dictionaries(&mut self) -> Result<()> {
        let entries: Vec<_> = self.snapshot.catalogue().dictionaries().copied().collect();
        for entry in entries {
            let blob = self.snapshot.read(entry.blob);
            let whole = self
                .keep(None, None, blob)?
                .flatten()
                .is_some_and(|blob| Hash::of(&blob) == entry.hash);
            if !whole {
                let text = format!("dictionary {} is missing or damaged", entry.number);
                self.problem(None, None, text);
            }
        }
        Ok(())
    }
}
