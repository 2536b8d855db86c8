//! Records handed over one by one, as rows of a collection.

use lakebed_format::{CatalogueRecord, FileNumber, Seq, limits};

use super::{BlobCounts, Lines, NewBlob, Session, Shared};
use crate::error::{Error, ErrorKind, Result};
use crate::hashing::hash_each;
use lakebed_json::schema::{Summary, validate_and_observe};

/// What an `append` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Rows added.
    pub rows: u64,
    /// Blobs that were not there before.
    pub new_blobs: u64,
    /// Rows whose blob was there before.
    pub duplicates: u64,
    /// Sequence number of the first row added.
    pub first_seq: Option<Seq>,
    /// Bytes of the records.
    pub bytes: u64,
}

/// Records that go to the group together, in bytes.
const PIECE: usize = 1 << 20;

/// Appends records; see [`crate::Store::append`].
pub(crate) fn append(
    shared: &Shared,
    collection: &str,
    records: &mut dyn Iterator<Item = Result<Vec<u8>>>,
) -> Result<Appended> {
    let mut session = Session::begin(shared, None)?;
    let mark = session.mark()?;
    match run(&mut session, collection, records) {
        Ok(appended) => session.leave().map(|()| appended),
        Err(error) if keeps_group(&error) => {
            session.go_back(mark)?;
            session.leave()?;
            Err(error)
        }
        // The group cannot be relied on: leaving the session rolls it back.
        Err(error) => Err(error),
    }
}

/// Whether what was pending before a call that failed so is whole.
fn keeps_group(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::Io
            | ErrorKind::Internal
            | ErrorKind::StoreFull
            | ErrorKind::Poisoned
            | ErrorKind::Corrupt
    )
}

fn run(
    session: &mut Session<'_>,
    collection: &str,
    records: &mut dyn Iterator<Item = Result<Vec<u8>>>,
) -> Result<Appended> {
    let id = session.collection(collection)?;
    session.encode_for(id)?;
    let mut appended = Appended::default();
    let mut summary = session.expected(id);
    let mut piece: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    let mut number = 0_u64;
    for record in records {
        let record = record?;
        number += 1;
        check(&record, number, &mut summary)?;
        bytes += record.len();
        piece.push(record);
        if bytes >= PIECE {
            flush(session, id, &mut piece, &mut appended)?;
            bytes = 0;
        }
    }
    flush(session, id, &mut piece, &mut appended)?;
    if appended.rows > 0 {
        session.record(CatalogueRecord::Schema {
            collection: id,
            summary: summary.encode(),
        })?;
    }
    Ok(appended)
}

/// One record: JSON, on one line, not too large.
fn check(record: &[u8], number: u64, summary: &mut Summary) -> Result<()> {
    let bad = |why: String| {
        Err(Error::new(
            ErrorKind::BadRecord,
            format!("Record {number} cannot be appended: {why}; nothing of this call was kept."),
        ))
    };
    if record.len() as u64 > limits::MAX_LINE {
        return bad(format!(
            "it has {} bytes, and {} are the most",
            record.len(),
            limits::MAX_LINE
        ));
    }
    if memchr::memchr2(b'\n', b'\r', record).is_some() {
        return bad("it contains a line break, so it would not be one line of NDJSON".to_owned());
    }
    match validate_and_observe(record, summary) {
        Ok(_) => Ok(()),
        Err(error) => bad(error.to_string()),
    }
}

fn flush(
    session: &mut Session<'_>,
    collection: lakebed_format::CollectionId,
    piece: &mut Vec<Vec<u8>>,
    appended: &mut Appended,
) -> Result<()> {
    if piece.is_empty() {
        return Ok(());
    }
    let records: Vec<&[u8]> = piece.iter().map(Vec::as_slice).collect();
    let batch: Vec<NewBlob<'_>> = hash_each(&records)
        .into_iter()
        .zip(records)
        .map(|(hash, bytes)| NewBlob { hash, bytes })
        .collect();
    let mut ids = Vec::with_capacity(batch.len());
    let BlobCounts { new, known, .. } = session.blobs(&batch, &mut ids)?;
    let first = session
        .catalogue()
        .collection(collection)
        .map(|collection| collection.next_seq);
    session.rows(collection, FileNumber::NONE, Lines::None, &ids)?;
    appended.first_seq = appended.first_seq.or(first);
    appended.rows += ids.len() as u64;
    appended.new_blobs += new;
    appended.duplicates += known;
    appended.bytes += piece.iter().map(|record| record.len() as u64).sum::<u64>();
    piece.clear();
    Ok(())
}
