//! Where an ingest begins, by what was ingested of the same input before.

use lakebed_format::IngestEntry;

use super::Sizes;
use super::chunks::{Chunker, Prefix};
use super::input::Input;
use super::request::Source;
use super::ticker::Ticker;
use crate::error::{Error, ErrorKind, Result};

/// Where an ingest begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum StartingPoint {
    /// Nowhere: the input was ingested in full before.
    Skip,
    /// At the first byte.
    FirstByte,
    /// After the part that was ingested before, which must not have changed.
    After(IngestEntry),
    /// At the first byte, unless the input begins with the part that an interrupted ingest committed: that is an error.
    FirstByteUnlessBegun(IngestEntry),
}

/// Decides where to begin from the ingests recorded for the collection, in order, each with its file's name.
pub(super) fn find(
    input: &Input,
    records: &[(String, IngestEntry)],
    again: bool,
    resume: bool,
    tick: impl FnMut() -> Result<()>,
) -> Result<StartingPoint> {
    if again && resume {
        let message =
            "An ingest either goes on (`resume`) or begins anew (`again`): ask for one of the two.";
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    if again {
        return Ok(StartingPoint::FirstByte);
    }
    // The size is compared first: a file of a size that was never ingested need not be hashed.
    let in_full = |entry: &&IngestEntry| {
        entry.complete && entry.raw_digest.is_some() && Some(entry.raw_size) == input.size
    };
    if input.path.is_some() && records.iter().any(|(_, entry)| in_full(&entry)) {
        let digest = input.digest_of_file(tick)?;
        let same = |entry: &IngestEntry| in_full(&entry) && entry.raw_digest == digest;
        if records.iter().any(|(_, entry)| same(entry)) {
            return Ok(StartingPoint::Skip);
        }
    }
    let latest = records
        .iter()
        .rev()
        .find(|(name, _)| *name == input.name)
        .map(|(_, entry)| *entry);
    Ok(match latest {
        Some(entry) if resume => StartingPoint::After(entry),
        // A pipe of the same name is another input each time.
        Some(entry) if !entry.complete && input.path.is_some() => {
            StartingPoint::FirstByteUnlessBegun(entry)
        }
        _ => StartingPoint::FirstByte,
    })
}

/// The part of the content that was committed.
pub(super) fn prefix(entry: &IngestEntry) -> Prefix {
    Prefix {
        bytes: entry.content_offset,
        digest: entry.prefix_digest,
    }
}

/// The error of [`StartingPoint::FirstByteUnlessBegun`].
fn begun(name: &str, entry: &IngestEntry) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "{name} was ingested up to line {} before it was interrupted; `resume` goes on from there, `again` begins anew and adds all its \
             rows a second time.",
            entry.lines
        ),
    )
}

/// Reads the beginning of the input, to distinguish the file of the interrupted ingest from another one of the same
/// name.
pub(super) fn refuse_if_begun(
    input: &Input,
    entry: &IngestEntry,
    sizes: Sizes,
    ticker: &mut Ticker<'_>,
) -> Result<()> {
    let Some(path) = &input.path else {
        return Ok(());
    };
    let (_, spare) = crossbeam_channel::unbounded();
    let content = Input::open(Source::Path(path.clone()))?.content()?;
    let mut chunker = Chunker::new(input.name.clone(), content, sizes, spare);
    match chunker.skip_prefix(&prefix(entry), |_| ticker.tick()) {
        Ok(()) => Err(begun(&input.name, entry)),
        Err(error) if error.kind() == ErrorKind::SourceChanged => Ok(()),
        Err(error) => Err(error),
    }
}
