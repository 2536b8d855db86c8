//! Where an ingest begins, by what was ingested of the same input before.
//!
//! An input that can be read again is recognised by its content. If the file that holds it was ingested in full, under
//! any name, nothing is to be done. If it begins with what was ingested under the same name, the ingest goes on from
//! there: the file has grown, or its ingest was interrupted. The same holds for a log file that was renamed or
//! compressed by a rotation, and for a plain file of any name that has a long beginning in common.

use lakebed_format::{Hash, IngestEntry};

use super::IngestOptions;
use super::Sizes;
use super::chunks::Prefix;
use super::content::Content;
use super::input::{Input, Origin};
use super::name::rotation_name;
use super::ticker::Ticker;
use crate::error::{Error, ErrorKind, Result};

/// The least bytes of a beginning by which a file of an unrelated name is recognised.
const LONG: u64 = 4 << 10;

/// Where an ingest begins.
pub(super) enum StartingPoint {
    /// Nowhere: all of it was ingested before, under this name.
    Skip(String),
    At(Box<Begun>),
}

/// An ingest that is about to read its content.
pub(super) struct Begun {
    pub(super) input: Input,
    /// Positioned at the first byte that was not ingested before.
    pub(super) content: Content,
    /// What was ingested before, with the name of the file.
    pub(super) after: Option<(String, IngestEntry)>,
    /// The hash of the file that holds the input, where it is not the hash of what is read.
    pub(super) original_digest: Option<Hash>,
}

/// Decides where to begin from the ingests recorded for the collection, in order, each with its file's name.
pub(super) fn find(
    mut input: Input,
    records: &[(String, IngestEntry)],
    options: &IngestOptions,
    sizes: Sizes,
    ticker: &mut Ticker<'_>,
) -> Result<StartingPoint> {
    if options.again && options.resume {
        let message =
            "An ingest either goes on (`resume`) or begins anew (`again`): ask for one of the two.";
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    let mut original_digest = None;
    if matches!(input.origin, Origin::Made { .. }) {
        original_digest = input.digest_of_file(|| ticker.tick())?;
    }
    if !options.again
        && let Some(name) = ingested_in_full(&input, records, original_digest, ticker)?
    {
        return Ok(StartingPoint::Skip(name));
    }
    let candidates = match () {
        () if options.again => Vec::new(),
        () if options.resume => latest(&input, records),
        () => candidates(&input, records),
    };
    let mut tick = |raw| {
        ticker.progress.bytes = raw;
        ticker.tick()
    };
    if let Origin::Stream(_) = &input.origin {
        let mut content = open_stream(&mut input, sizes)?;
        if let Some((_, entry)) = candidates.first() {
            content.chunker.skip_prefix(&prefix(entry), &mut tick)?;
        }
        let after = candidates.into_iter().next();
        return Ok(at(input, content, after, original_digest));
    }
    let mut content = Content::begin(&mut input, sizes)?;
    if options.resume {
        if let Some((_, entry)) = candidates.first() {
            content.chunker.skip_prefix(&prefix(entry), &mut tick)?;
        }
        let after = candidates.into_iter().next();
        return Ok(at(input, content, after, original_digest));
    }
    if candidates.is_empty() {
        return Ok(at(input, content, None, original_digest));
    }
    let prefixes: Vec<Prefix> = candidates.iter().map(|(_, entry)| prefix(entry)).collect();
    let longest = content.chunker.longest_prefix(&prefixes, &mut tick)?;
    let after = longest.and_then(|index| candidates.into_iter().nth(index));
    match &after {
        Some((_, entry)) if content.chunker.offset() == entry.content_offset => {
            content.chunker.skip_line_end(&mut tick)?;
        }
        Some((_, entry)) => {
            content = Content::begin(&mut input, sizes)?;
            content.chunker.skip_prefix(&prefix(entry), &mut tick)?;
        }
        None => {
            refuse_if_rewritten(&input, records, ticker)?;
            content = Content::begin(&mut input, sizes)?;
        }
    }
    // What has no file of its own to be known by is over when nothing follows.
    if let Some((name, entry)) = &after
        && entry.complete
        && matches!(input.origin, Origin::Made { original: None, .. })
        && content.chunker.is_over()?
    {
        return Ok(StartingPoint::Skip(name.clone()));
    }
    Ok(at(input, content, after, original_digest))
}

fn at(
    input: Input,
    content: Content,
    after: Option<(String, IngestEntry)>,
    original_digest: Option<Hash>,
) -> StartingPoint {
    StartingPoint::At(Box::new(Begun {
        input,
        content,
        after,
        original_digest,
    }))
}

fn open_stream(input: &mut Input, sizes: Sizes) -> Result<Content> {
    let nothing = Origin::Stream(Box::new(std::io::empty()));
    match std::mem::replace(&mut input.origin, nothing) {
        Origin::Stream(reader) => Content::of_stream(&input.name, reader, sizes),
        _ => Err(Error::internal("an input is not the stream that it was")),
    }
}

/// The name under which the file that holds the input was ingested in full, if it was. `digest` is its hash, if it is
/// known already.
fn ingested_in_full(
    input: &Input,
    records: &[(String, IngestEntry)],
    digest: Option<Hash>,
    ticker: &mut Ticker<'_>,
) -> Result<Option<String>> {
    // The size is compared first: a file of a size that was never ingested need not be hashed.
    let mut of_this_size = records
        .iter()
        .filter(|(_, entry)| {
            entry.complete && entry.raw_digest.is_some() && Some(entry.raw_size) == input.size
        })
        .peekable();
    if of_this_size.peek().is_none() {
        return Ok(None);
    }
    let digest = match digest {
        Some(digest) => Some(digest),
        None => input.digest_of_file(|| ticker.tick())?,
    };
    Ok(of_this_size
        .find(|(_, entry)| digest.is_some() && entry.raw_digest == digest)
        .map(|(name, _)| name.clone()))
}

/// Refuses a made text that differs from what was ingested under its name, although the file that it is made from has
/// only grown: its rows would be there twice.
fn refuse_if_rewritten(
    input: &Input,
    records: &[(String, IngestEntry)],
    ticker: &mut Ticker<'_>,
) -> Result<()> {
    if !matches!(
        input.origin,
        Origin::Made {
            original: Some(_),
            ..
        }
    ) {
        return Ok(());
    }
    for (name, entry) in records.iter().rev() {
        if *name == input.name
            && entry.complete
            && entry.raw_digest.is_some()
            && input.size.is_some_and(|size| size > entry.raw_size)
            && input.digest_of_beginning(entry.raw_size, || ticker.tick())? == entry.raw_digest
        {
            return Err(Error::new(
                ErrorKind::SourceChanged,
                format!(
                    "{name} has grown, and the rows that were ingested of it before would now be written otherwise, because a column has \
                     values of another kind; `again` ingests all of it as new rows."
                ),
            ));
        }
    }
    Ok(())
}

/// The latest ingest of this name.
fn latest(input: &Input, records: &[(String, IngestEntry)]) -> Vec<(String, IngestEntry)> {
    let latest = records.iter().rev().find(|(name, _)| *name == input.name);
    latest.cloned().into_iter().collect()
}

/// The ingests that this input may be the continuation of, in the order of their ends.
fn candidates(input: &Input, records: &[(String, IngestEntry)]) -> Vec<(String, IngestEntry)> {
    if input.is_stream() {
        // A pipe of the same name is another input each time.
        return Vec::new();
    }
    let is_file = matches!(input.origin, Origin::File(_) | Origin::Followed(_));
    let own = rotation_name(&input.name);
    let may_continue = |name: &str, entry: &IngestEntry| {
        let related = name == input.name || (is_file && rotation_name(name) == own);
        // A compressed file is not decompressed for every other file there is.
        let long = matches!(input.origin, Origin::File(_)) && entry.content_offset >= LONG;
        entry.content_offset > 0
            && (related || long && input.size.is_some_and(|size| entry.content_offset <= size))
    };
    let mut found: Vec<_> = records
        .iter()
        .filter(|(name, entry)| may_continue(name, entry))
        .cloned()
        .collect();
    found.sort_by_key(|(_, entry)| entry.content_offset);
    found
}

/// The part of the content that was committed.
pub(super) fn prefix(entry: &IngestEntry) -> Prefix {
    Prefix {
        bytes: entry.content_offset,
        digest: entry.prefix_digest,
    }
}
