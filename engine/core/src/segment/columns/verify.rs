//! Verification of parts: every byte of their files, and every record.

use lakebed_format::{BlobId, Fingerprint, Hash, IdRun, RunningChecksum, SegmentFormat};

use super::arrays::OpenArrays;
use super::pages::{Keeping, PartPages};
use super::part::OpenPart;
use super::sealed::SealedColumns;
use crate::error::{Error, Result};
use crate::problem::ProblemKind;
use crate::segment::files::{SegmentFiles, len_of, reading};
use crate::segment::interface::{ReadContext, Segment};
use crate::segment::verify::Verification;

/// One record in so many is sampled.
const SAMPLE: usize = 64;
/// Bytes of a file read at a time.
const STEP: usize = 1 << 20;

impl SealedColumns {
    /// Checks the parts.
    pub(super) fn verify_parts(
        &self,
        read: ReadContext<'_>,
        verification: &mut dyn Verification,
    ) -> Result<()> {
        let number = self.entry.number;
        let list = match self.rows.parts(read.files) {
            // Reported with the tables.
            Err(error) if error.kind().is_of_stored_bytes() => return Ok(()),
            list => list?.1,
        };
        let Some(opened) =
            verification.keep(ProblemKind::Part, number, None, self.opened(read.files))?
        else {
            return Ok(());
        };
        if verification.scope().has_structures() {
            for damage in &opened.damage {
                verification.problem(ProblemKind::Part, number, None, damage.clone());
            }
        }
        let format = self.rows.format(read.files)?;
        let mut listed: Vec<(BlobId, Fingerprint)> = Vec::new();
        let result = self.fingerprints(read.files, &mut |id, fingerprint| {
            listed.push((id, fingerprint));
        });
        // That they cannot be read was reported with the tables.
        let is_listed = result.is_ok();
        for part in &opened.parts {
            let mut entries = list.parts.iter();
            let Some(entry) = entries.find(|entry| entry.collection == part.file.collection) else {
                continue;
            };
            // Only the first slice reads the files; of a sample nobody does.
            let scope = verification.scope();
            let read_whole = scope.has_structures() && !scope.sampled;
            let sum = if read_whole {
                file_checksum(read.files, part, entry.len, verification)?
            } else {
                Some(entry.checksum)
            };
            let is_whole = sum == Some(entry.checksum);
            if !is_whole && !verify_pages(part, verification)? && sum.is_some() {
                let error = part
                    .file
                    .damaged(0, "bytes outside the pages are not what was written");
                verification.problem(ProblemKind::Part, number, None, error.message().to_owned());
            }
            if is_whole && scope.has_structures() {
                // Other engines and scans go by the file's own footer.
                let footer = OpenArrays::new(&part.file).map(|_| ());
                verification.keep(ProblemKind::Part, number, None, footer)?;
            }
            let known = is_listed.then_some(listed.as_slice());
            verify_records(part, format, known, is_whole, verification)?;
        }
        Ok(())
    }
}

/// The checksum of a part's file as it is on disk now.
fn file_checksum(
    files: &SegmentFiles,
    part: &OpenPart,
    len: u64,
    verification: &mut dyn Verification,
) -> Result<Option<u64>> {
    let file = files.open_part(part.file.segment, part.file.collection);
    let Some(file) = verification.keep(ProblemKind::Part, part.file.segment, None, file)? else {
        return Ok(None);
    };
    let found = len_of(part.file.segment, file.as_ref())?;
    if found < len {
        let text = format!("the bytes from here on are missing: it should have {len}");
        let error = part.file.damaged(found, &text);
        verification.problem(
            ProblemKind::Part,
            part.file.segment,
            None,
            error.message().to_owned(),
        );
        return Ok(None);
    }
    let mut sum = RunningChecksum::new(part.file.salt);
    let mut bytes = vec![0; STEP];
    let mut at = 0;
    while at < len {
        let step = usize::try_from(len - at).map_or(STEP, |rest| rest.min(STEP));
        bytes.resize(step, 0);
        file.read_exact_at(&mut bytes, at)
            .map_err(|e| Error::io(&reading(part.file.segment), e))?;
        sum.update(&bytes);
        at += step as u64;
        verification.advance(step as u64)?;
    }
    Ok(Some(sum.finish()))
}

/// Checks each page; whether one is damaged.
fn verify_pages(part: &OpenPart, verification: &mut dyn Verification) -> Result<bool> {
    let mut pages = PartPages {
        part: &part.file,
        keeping: Keeping::Never,
        dictionaries: Vec::new(),
        error: None,
    };
    let directory = &part.file.directory;
    let mut damaged = false;
    for leaf in 0..directory.leaves.len() {
        let mut row = 0;
        while let Some(found) = directory.page(leaf, row) {
            let read = pages.read(leaf, found);
            damaged |= verification
                .keep(
                    ProblemKind::Part,
                    part.file.segment,
                    Some(found.page.offset),
                    read,
                )?
                .is_none();
            row = found.page.first_row + (found.rows as u64).max(1);
            if row >= directory.rows {
                break;
            }
        }
    }
    Ok(damaged)
}

/// Rebuilds each record and compares its hash. Where the file is whole, a record that cannot be read is a problem;
/// where it is not, its pages were reported. Without fingerprints
/// nothing is compared.
fn verify_records(
    part: &OpenPart,
    format: SegmentFormat,
    listed: Option<&[(BlobId, Fingerprint)]>,
    is_whole: bool,
    verification: &mut dyn Verification,
) -> Result<()> {
    let mut records = part.records(Keeping::Never);
    let mut bytes = Vec::new();
    let ids = part.blobs.runs().iter().flat_map(IdRun::range);
    let scope = verification.scope();
    let slice = scope.part(usize::try_from(part.blobs.len()).unwrap_or(usize::MAX));
    let step = if scope.sampled { SAMPLE } else { 1 };
    let ids = ids.map(BlobId).enumerate().take(slice.end);
    for (row, id) in ids.skip(slice.start).step_by(step) {
        bytes.clear();
        let read = records.append(row as u64, &mut bytes);
        let read = match read {
            Err(error) if !is_whole && error.kind() == crate::ErrorKind::Corrupt => continue,
            read => verification.keep(ProblemKind::Part, part.file.segment, None, read)?,
        };
        if read.is_none() {
            continue;
        }
        verification.blob();
        let Some(listed) = listed else {
            continue;
        };
        let place = listed.binary_search_by_key(&id, |(id, _)| *id).ok();
        let known = place.and_then(|place| listed.get(place));
        let found = format.stored_fingerprint(Hash::of(&bytes).fingerprint());
        if known.map(|(_, fingerprint)| *fingerprint) != Some(found) {
            let text = format!("blob {id} does not have the hash it was stored under");
            let error = part.file.damaged(0, &text);
            verification.problem(
                ProblemKind::Blob,
                part.file.segment,
                None,
                error.message().to_owned(),
            );
        }
    }
    Ok(())
}
