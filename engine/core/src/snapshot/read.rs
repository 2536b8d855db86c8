//! Blobs by number, by hash, by prefix of a hash.

use std::ops::RangeInclusive;
use std::sync::Arc;

use lakebed_format::{BlobId, CommitNumber, DictionaryNumber, Fingerprint, Hash, IdRun, Seq};

use super::Snapshot;
use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::{FindDictionary, ReadContext};
use crate::spelling::quoted;
use lakebed_codec::Dictionary;

impl FindDictionary for Snapshot {
    fn dictionary(&self, number: DictionaryNumber) -> Result<Arc<Dictionary>> {
        let context = &self.committed.context;
        context.dictionaries.get(number, || {
            let entry = self.catalogue().dictionary(number).ok_or_else(|| {
                Error::new(
                    ErrorKind::Corrupt,
                    format!(
                        "A frame needs dictionary {number}, which the store does not know; restore the store from a backup, or save the rest with `lakebed repair`."
                    ),
                )
            })?;
            // A dictionary is in a frame, and so at most as large as one.
            let blob = match self.catalogue().large(entry.blob) {
                None => self.read_plain(entry.blob)?,
                Some(_) => None,
            };
            match blob {
                Some(blob) if context.prove(entry.blob, &blob, &entry.hash) => Ok(Arc::from(&*blob)),
                _ => Err(Error::new(
                    ErrorKind::Corrupt,
                    format!(
                        "Dictionary {number} (blob {}) is missing or damaged; restore the store from a backup, or save the rest with `lakebed repair`.",
                        entry.hash
                    ),
                )),
            }
        })
    }
}

/// Reads the blobs of dictionaries. A dictionary is never compressed with one: so none can need itself.
struct NoDictionaries;

impl FindDictionary for NoDictionaries {
    fn dictionary(&self, number: DictionaryNumber) -> Result<Arc<Dictionary>> {
        Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "A dictionary is compressed with dictionary {number}, which no lakebed does; save the rest of the store with `lakebed \
                 repair`."
            ),
        ))
    }
}

impl Snapshot {
    /// What reading blobs needs, with the dictionaries that this snapshot knows.
    pub(crate) fn reader(&self) -> ReadContext<'_> {
        let context = &self.committed.context;
        ReadContext {
            files: &context.segments,
            cache: &context.cache,
            dictionaries: self,
        }
    }

    /// The blob of this id, dead or alive; `None` when there never was one.
    pub(crate) fn read(&self, id: BlobId) -> Result<Option<Blob>> {
        self.read_with(self.reader(), id)
    }

    /// A blob that is to be a dictionary: what it is read with knows none.
    fn read_plain(&self, id: BlobId) -> Result<Option<Blob>> {
        let read = ReadContext {
            dictionaries: &NoDictionaries,
            ..self.reader()
        };
        self.read_with(read, id)
    }

    fn read_with(&self, read: ReadContext<'_>, id: BlobId) -> Result<Option<Blob>> {
        self.committed.context.check_not_forked()?;
        if let Some(pending) = &self.pending
            && id >= self.committed.next_blob
            && self.catalogue().large(id).is_none()
        {
            return pending.blob(read, id);
        }
        self.committed.blob(read, self.catalogue(), id)
    }

    /// The live blob of this hash, verified, and its id.
    pub(crate) fn find(&self, hash: &Hash) -> Result<Option<(BlobId, Blob)>> {
        self.committed.context.check_not_forked()?;
        if let Some(pending) = &self.pending
            && let Some(id) = pending.find(hash)
            && !pending.catalogue.is_deleted(id)
            && let Some(blob) = self.read(id)?
        {
            return Ok(Some((id, blob)));
        }
        let fingerprint = hash.fingerprint();
        let mut answer = None;
        let mut unreadable = None;
        let searched = self
            .committed
            .search(&(fingerprint..=fingerprint), &mut |ids| {
                for id in ids {
                    if self.catalogue().is_deleted(*id) {
                        continue;
                    }
                    match self.read(*id) {
                        Ok(Some(blob)) if self.committed.context.prove(*id, &blob, hash) => {
                            if self.is_reached(*id)? {
                                answer = Some((*id, blob));
                                return Ok(false);
                            }
                        }
                        Ok(_) => {}
                        // Another one of the same fingerprint may be the one that is wanted.
                        Err(error) if error.kind().is_of_stored_bytes() => {
                            unreadable = Some(error);
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(true)
            });
        if answer.is_some() {
            return Ok(answer);
        }
        searched?;
        match unreadable {
            Some(error) => Err(error),
            None => self.committed.check_whole().map(|()| None),
        }
    }

    /// The commit this snapshot shows (pending work comes after it).
    pub fn commit_number(&self) -> CommitNumber {
        self.committed.commit
    }

    /// The blob of this hash, verified.
    ///
    /// # Errors
    /// `BlobNotFound`, `Corrupt`, `Io`.
    pub fn get(&self, hash: &Hash) -> Result<Blob> {
        match self.find(hash)? {
            Some((_, blob)) => Ok(blob),
            None => Err(not_found(hash)),
        }
    }

    /// The blobs of these hashes, in their order; `None` where there is none.
    pub fn get_many(&self, hashes: &[Hash]) -> Result<Vec<Option<Blob>>> {
        hashes
            .iter()
            .map(|hash| Ok(self.find(hash)?.map(|(_, blob)| blob)))
            .collect()
    }

    /// The blob of this number.
    ///
    /// # Errors
    /// `BlobNotFound` also when it was deleted.
    pub fn blob(&self, id: BlobId) -> Result<Blob> {
        if let Some(blob) = self.read(id)?
            && self.is_reached(id)?
        {
            return Ok(blob);
        }
        Err(Error::new(
            ErrorKind::BlobNotFound,
            format!(
                "The store has no blob of number {id}; it was never there, it was deleted, or nothing holds it any more."
            ),
        ))
    }

    /// Whether a blob of this hash is there.
    pub fn contains(&self, hash: &Hash) -> Result<bool> {
        self.find(hash).map(|found| found.is_some())
    }

    /// Whether a row, a pin or a dictionary in use reaches this blob, which the store holds, and it is not deleted.
    ///
    /// # Errors
    /// `Io`, `Interrupted`.
    pub(crate) fn is_reached(&self, id: BlobId) -> Result<bool> {
        if self.catalogue().is_deleted(id) {
            return Ok(false);
        }
        if let Some(pending) = &self.pending
            && (id >= self.committed.next_blob || pending.revived.contains(id))
        {
            return Ok(true);
        }
        self.committed.is_reached(id)
    }

    /// Blobs that are reached, dictionaries not counted. Where that cannot be found out, all that are there.
    pub fn len(&self) -> u64 {
        self.reached_blobs().unwrap_or_else(|_| self.stored_blobs())
    }

    fn reached_blobs(&self) -> Result<u64> {
        let committed = &self.committed;
        // Until then every id that was given has its blob, and only deleted ones do not count.
        if !committed.has_gaps() {
            return Ok(self.stored_blobs());
        }
        let reach = committed.reach()?;
        let Some(pending) = &self.pending else {
            return Ok(reach.blobs());
        };
        let before = committed.catalogue.deleted();
        let after = self.catalogue();
        let mut blobs = reach.blobs() + pending.new_blobs + pending.revived.len();
        let deleted = after.deleted().runs().iter();
        let newly = deleted.flat_map(IdRun::range).map(BlobId);
        for id in newly.filter(|id| !before.contains(*id)) {
            let counted =
                id >= committed.next_blob || pending.revived.contains(id) || reach.contains(id);
            blobs -= u64::from(counted);
        }
        let dictionaries = after.dictionaries().filter(|entry| {
            entry.blob >= committed.next_blob
                && committed.catalogue.dictionary(entry.number).is_none()
        });
        Ok(blobs.saturating_sub(dictionaries.count() as u64))
    }

    /// Blobs that are there and not deleted, dictionaries not counted.
    fn stored_blobs(&self) -> u64 {
        let pending = self
            .pending
            .as_ref()
            .map_or(0, |pending| pending.frame_blobs());
        let large = (self.catalogue().large_blobs().len()
            - self.committed.catalogue.large_blobs().len()) as u64;
        let dead = self.catalogue().deleted().len() + self.catalogue().dictionaries().len() as u64;
        (self.committed.blobs() + pending + large).saturating_sub(dead)
    }

    /// Whether there is no blob.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one hash that begins with these hex characters.
    ///
    /// # Errors
    /// `InvalidArgument` for other characters or more than 64, `BlobNotFound`, `AmbiguousPrefix`.
    pub fn resolve(&self, prefix: &str) -> Result<Hash> {
        let range = range_of(prefix)?;
        let mut candidates = Vec::new();
        self.committed.search(&range, &mut |ids| {
            candidates.extend_from_slice(ids);
            Ok(true)
        })?;
        if let Some(pending) = &self.pending {
            pending.find_range(&range, &mut candidates);
        }
        let lower = prefix.to_ascii_lowercase();
        let mut found: Option<Hash> = None;
        for id in candidates {
            if self.catalogue().is_deleted(id) {
                continue;
            }
            let Some(blob) = self.read(id)? else {
                continue;
            };
            let hash = Hash::of(&blob);
            if !hash.to_string().starts_with(&lower) || !self.is_reached(id)? {
                continue;
            }
            match found {
                Some(first) if first != hash => {
                    return Err(Error::new(
                        ErrorKind::AmbiguousPrefix,
                        format!(
                            "Several blobs have hashes that begin with {prefix}, among them {first} and {hash}; give more characters."
                        ),
                    ));
                }
                _ => found = Some(hash),
            }
        }
        if found.is_none() {
            self.committed.check_whole()?;
        }
        found.ok_or_else(|| match prefix.parse() {
            Ok(whole) => not_found(&whole),
            Err(_) => Error::new(
                ErrorKind::BlobNotFound,
                format!("The store has no blob whose hash begins with {prefix}."),
            ),
        })
    }

    /// The number that a collection's next row gets.
    pub fn next_seq(&self, collection: &str) -> Result<Seq> {
        self.named(collection).map(|collection| collection.next_seq)
    }
}

/// There is no blob of this hash.
pub(crate) fn not_found(hash: &Hash) -> Error {
    Error::new(
        ErrorKind::BlobNotFound,
        format!("The store has no blob of hash {hash}."),
    )
}

/// The fingerprints that a prefix of a hash stands for.
#[expect(
    clippy::cast_possible_truncation,
    reason = "there are at most 16 digits"
)]
fn range_of(prefix: &str) -> Result<RangeInclusive<Fingerprint>> {
    let hex = prefix.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex || prefix.is_empty() || prefix.len() > 64 {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "{prefix} is no hash and no prefix of one: those are 1 to 64 hex characters.",
                prefix = quoted(prefix)
            ),
        ));
    }
    let digits = prefix.get(..16).unwrap_or(prefix);
    let value = u64::from_str_radix(digits, 16)
        .map_err(|_| Error::internal("a checked prefix does not parse"))?;
    let free = 64 - 4 * digits.len() as u32;
    // There is at least one digit, so that the second shift is below 64; the first is where all 16 are given.
    let low = value << free;
    let high = low | u64::MAX.checked_shr(64 - free).unwrap_or(0);
    Ok(Fingerprint(low)..=Fingerprint(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_range_of_fingerprints() {
        let whole = |prefix: &str| {
            let range = range_of(prefix).unwrap();
            (range.start().0, range.end().0)
        };
        assert_eq!(whole("a"), (0xa << 60, (0xb << 60) - 1));
        assert_eq!(whole("00"), (0, u64::MAX >> 8));
        assert_eq!(
            whole("0123456789abcdef"),
            (0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef)
        );
        assert_eq!(
            whole("0123456789ABCDEF0"),
            (0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef)
        );
        assert_eq!(range_of("").unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(
            range_of("xy").unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
    }
}
