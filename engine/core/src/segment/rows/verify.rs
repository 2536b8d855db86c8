//! Verification of a rows segment: every group, frame and blob.

use lakebed_format::{BlobId, Fingerprint, FrameHeader, Hash, LocatedCommit, limits};
use lakebed_vfs::ReadFile;

use super::frame::{self, FramePlace};
use super::walker::{WalkedBytes, Walker};
use crate::error::{Error, Result};
use crate::segment::interface::ReadContext;
use crate::segment::verify::Verification;

/// What a segment's tables say of its blobs.
#[derive(Debug, Default)]
pub(super) struct RowsTables {
    /// By ascending ids.
    pub(super) fingerprints: Vec<(BlobId, Fingerprint)>,
    /// Where frames begin, ascending.
    pub(super) frames: Vec<u64>,
}

/// Walks back over the groups of a segment from its last COMMIT, at offset `last`, and checks each. Bytes are read from
/// the file as it is on disk now, not through a mapping.
pub(super) fn verify_rows(
    read: ReadContext<'_>,
    walker: Walker<'_>,
    last: u64,
    tables: &RowsTables,
    verification: &mut dyn Verification,
) -> Result<()> {
    let segment = walker.segment;
    let file = read.files.open(segment);
    let Some(file) = verification.keep(segment, None, file)? else {
        return Ok(());
    };
    let groups = Groups {
        walker: Walker {
            bytes: WalkedBytes::File(file.as_ref()),
            ..walker
        },
        file: file.as_ref(),
        read,
        tables,
    };
    let commit = groups.walker.commit_at(last).map_err(Error::from);
    let mut next = verification.keep(segment, Some(last), commit)?;
    while let Some(commit) = next {
        verification.commit();
        groups.verify(&commit, verification)?;
        let group = commit.commit.group;
        let before = groups.walker.commit_before(group).map_err(Error::from);
        next = verification.keep(segment, Some(group), before)?.flatten();
        let chained = next.as_ref().is_none_or(|before| {
            before.checksum == commit.commit.predecessor
                && before.commit.number < commit.commit.number
        });
        if !chained {
            let text = "a commit does not follow the one before it".to_owned();
            verification.problem(segment, Some(commit.offset), text);
        }
    }
    Ok(())
}

struct Groups<'a> {
    walker: Walker<'a>,
    file: &'a dyn ReadFile,
    read: ReadContext<'a>,
    tables: &'a RowsTables,
}

impl Groups<'_> {
    fn verify(&self, commit: &LocatedCommit, verification: &mut dyn Verification) -> Result<()> {
        let segment = self.walker.segment;
        let start = commit.commit.group;
        let whole = self.walker.group_is_whole(commit).map_err(Error::from);
        match verification.keep(segment, Some(start), whole)? {
            Some(true) => {}
            Some(false) => {
                let text = format!(
                    "the group of commit {} does not have its checksum",
                    commit.commit.number
                );
                verification.problem(segment, Some(start), text);
            }
            None => return Ok(()),
        }
        let limit = commit.commit.index_offset;
        let frames = &self.tables.frames;
        let first = frames.partition_point(|offset| *offset < start.max(limits::FIRST_GROUP));
        let mut frames = frames
            .iter()
            .skip(first)
            .take_while(|offset| **offset < limit)
            .copied()
            .peekable();
        while let Some(offset) = frames.next() {
            let result = self.frame(offset, frames.peek().copied(), limit, verification);
            verification.keep(segment, Some(offset), result)?;
        }
        Ok(())
    }

    fn frame(
        &self,
        offset: u64,
        next: Option<u64>,
        limit: u64,
        verification: &mut dyn Verification,
    ) -> Result<()> {
        let place = FramePlace {
            segment: self.walker.segment,
            salt: self.walker.salt,
            offset,
        };
        let bytes = frame::read(self.file, place, next, limit)?;
        let header = FrameHeader::decode(&bytes, offset).map_err(|e| place.error(&e))?;
        let decoded = frame::decode(self.read, place, &bytes)?;
        verification.frame();
        for (index, id) in header.ids.iter().enumerate() {
            verification.blob();
            let found = decoded
                .blob(index)
                .map(|bytes| Hash::of(bytes).fingerprint());
            let listed = self
                .tables
                .fingerprints
                .binary_search_by_key(&id, |(id, _)| *id)
                .ok()
                .and_then(|at| self.tables.fingerprints.get(at))
                .map(|(_, fingerprint)| *fingerprint);
            if found.is_none() || found != listed {
                return Err(Error::corrupt(
                    place.segment,
                    offset,
                    format!("blob {id} does not have the hash it was stored under"),
                ));
            }
        }
        verification.advance(bytes.len() as u64)
    }
}
