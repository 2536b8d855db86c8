//! What was ingested of an input before, and what that means for ingesting it now.

use lakebed_format::IngestEntry;

use super::Sizes;
use super::chunks::{Chunker, Prefix};
use super::input::Input;
use super::report::Ticker;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Source;

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Plan {
    /// It is all there: do nothing.
    Skip,
    /// From the first byte.
    Anew,
    /// After what is there, which must still be the same.
    After(IngestEntry),
    /// From the first byte, unless it begins with what an interrupted ingest left: that is refused.
    AnewUnlessBegun(IngestEntry),
}

/// Decides from the collection's records, in order, each with its file's name.
pub(super) fn plan(
    input: &Input,
    records: &[(String, IngestEntry)],
    again: bool,
    resume: bool,
    tick: impl FnMut() -> Result<()>,
) -> Result<Plan> {
    if again && resume {
        let message =
            "An ingest either goes on (`resume`) or begins anew (`again`): ask for one of the two.";
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    if again {
        return Ok(Plan::Anew);
    }
    // The size is looked at first: hashing a file that nothing of its size was ever read from would be in vain.
    let in_full = |entry: &&IngestEntry| {
        entry.complete && entry.raw_digest.is_some() && Some(entry.raw_size) == input.size
    };
    if input.path.is_some() && records.iter().any(|(_, entry)| in_full(&entry)) {
        let digest = input.digest_of_file(tick)?;
        let same = |entry: &IngestEntry| in_full(&entry) && entry.raw_digest == digest;
        if records.iter().any(|(_, entry)| same(entry)) {
            return Ok(Plan::Skip);
        }
    }
    let latest = records
        .iter()
        .rev()
        .find(|(name, _)| *name == input.name)
        .map(|(_, entry)| *entry);
    Ok(match latest {
        Some(entry) if resume => Plan::After(entry),
        // What comes through a pipe under the same name is taken to be something else each time.
        Some(entry) if !entry.complete && input.path.is_some() => Plan::AnewUnlessBegun(entry),
        _ => Plan::Anew,
    })
}

/// The part of the content that a record vouches for.
pub(super) fn prefix(entry: &IngestEntry) -> Prefix {
    Prefix {
        bytes: entry.content_offset,
        digest: entry.prefix_digest,
    }
}

/// The refusal of [`Plan::AnewUnlessBegun`].
pub(super) fn begun(name: &str, entry: &IngestEntry) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "{name} was ingested up to line {} before it was interrupted; `resume` goes on from there, `again` begins anew and adds all its \
             rows a second time.",
            entry.lines
        ),
    )
}

/// Reads the beginning once more to tell an interrupted file from another one of the same name.
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
    match chunker.skip(&prefix(entry), |_| ticker.tick()) {
        Ok(()) => Err(begun(&input.name, entry)),
        Err(error) if error.kind() == ErrorKind::SourceChanged => Ok(()),
        Err(error) => Err(error),
    }
}
