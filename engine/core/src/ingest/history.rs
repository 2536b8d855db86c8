//! What was ingested of an input before, and what that means for ingesting it now.

use lakebed_format::IngestEntry;

use super::chunks::Prefix;
use super::input::Input;
use crate::error::{Error, ErrorKind, Result};

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Plan {
    /// It is all there: do nothing.
    Skip(IngestEntry),
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
        let message = "An ingest either resumes or begins again; ask for one of the two.";
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
        let found = records
            .iter()
            .map(|(_, entry)| entry)
            .filter(in_full)
            .find(|entry| entry.raw_digest == digest);
        if let Some(entry) = found {
            return Ok(Plan::Skip(*entry));
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
            "{name} was ingested up to line {} before it was interrupted; resume goes on from there, again begins anew and adds all its \
             rows a second time.",
            entry.lines
        ),
    )
}
