//! The store as plain maps: what it must hold after each call, at each commit, and after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakebed_format::Hash;

/// A collection's live rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// Sequence number -> blob.
    pub rows: BTreeMap<u64, Hash>,
}

/// What a reader of a store sees.
///
/// A blob is found while a row or a pin reaches it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Every blob that is found.
    pub blobs: BTreeMap<Hash, Arc<[u8]>>,
    /// Every collection that has not been dropped.
    pub collections: BTreeMap<String, Collection>,
}

impl State {
    /// The first difference, as the message of a failed test; `None` when both are the same.
    pub fn difference(&self, found: &Self) -> Option<String> {
        for (hash, bytes) in &self.blobs {
            match found.blobs.get(hash) {
                None => return Some(format!("blob {hash} is missing ({})", show(bytes))),
                Some(other) if other != bytes => {
                    return Some(format!(
                        "blob {hash} should be {} and is {}",
                        show(bytes),
                        show(other)
                    ));
                }
                Some(_) => {}
            }
        }
        if let Some((hash, bytes)) =
            (found.blobs.iter()).find(|(hash, _)| !self.blobs.contains_key(hash))
        {
            return Some(format!("blob {hash} should not be there ({})", show(bytes)));
        }
        for (name, collection) in &self.collections {
            let Some(other) = found.collections.get(name) else {
                return Some(format!(
                    "collection {name:?} with {} rows is missing",
                    collection.rows.len()
                ));
            };
            let seqs: BTreeSet<&u64> = collection.rows.keys().chain(other.rows.keys()).collect();
            for seq in seqs {
                let (should, is) = (collection.rows.get(seq), other.rows.get(seq));
                if should != is {
                    return Some(format!(
                        "row {seq} of {name:?} should be {should:?} and is {is:?} ({} rows wanted, {} found)",
                        collection.rows.len(),
                        other.rows.len()
                    ));
                }
            }
        }
        (found.collections.keys())
            .find(|name| !self.collections.contains_key(*name))
            .map(|name| format!("collection {name:?} should not be there"))
    }

    /// Whether `full` is this state and something appended: the same rows first, in order and without holes, and no
    /// blob that `full` does not have. For work that commits on its way, such as an ingest, between the states before
    /// and after it.
    pub fn check_prefix_of(&self, full: &Self) -> Result<(), String> {
        for (hash, bytes) in &self.blobs {
            if full.blobs.get(hash) != Some(bytes) {
                return Err(format!("blob {hash} ({}) was never written", show(bytes)));
            }
        }
        for (name, collection) in &self.collections {
            let Some(whole) = full.collections.get(name) else {
                return Err(format!("collection {name:?} was never made"));
            };
            for (at, (row, wanted)) in collection.rows.iter().zip(&whole.rows).enumerate() {
                if row != wanted {
                    return Err(format!(
                        "row {at} of {name:?} is {row:?} and should be {wanted:?}"
                    ));
                }
            }
            if collection.rows.len() > whole.rows.len() {
                return Err(format!(
                    "{name:?} has {} rows, more than the {} that were ever written",
                    collection.rows.len(),
                    whole.rows.len()
                ));
            }
        }
        Ok(())
    }
}

fn show(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let start: String = text.chars().take(60).collect();
    let more = if start.len() < text.len() { "..." } else { "" };
    format!("{} bytes: {start:?}{more}", bytes.len())
}

/// The store: its pending state, every commit it acknowledged, and those it was still trying when a crash came.
///
/// Calls mirror the store's and only touch what is pending, until [`Model::attempt`] and [`Model::acknowledge`], or
/// [`Model::commit`] for both. A test attempts before it asks the store and acknowledges when the store says so.
#[derive(Debug, Clone)]
pub struct Model {
    first_seq: u64,
    pending: Draft,
    /// In order, the empty store first.
    acknowledged: Vec<Draft>,
    attempted: Vec<Draft>,
    known: BTreeMap<Hash, Arc<[u8]>>,
}

/// A state, and what is needed to continue from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Draft {
    state: State,
    next_seq: BTreeMap<String, u64>,
    pinned: BTreeSet<Hash>,
}

impl Draft {
    /// Forgets the blobs that rows named which are gone, unless others or a pin reach them.
    fn release(&mut self, gone: impl Iterator<Item = Hash>) {
        let rows = self.state.collections.values();
        let named: BTreeSet<Hash> = rows.flat_map(|c| c.rows.values().copied()).collect();
        for hash in gone {
            if !named.contains(&hash) && !self.pinned.contains(&hash) {
                self.state.blobs.remove(&hash);
            }
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::counting_from(0)
    }
}

impl Model {
    /// An empty store whose collections count rows from `first_seq`.
    pub fn counting_from(first_seq: u64) -> Self {
        Self {
            first_seq,
            pending: Draft::default(),
            acknowledged: vec![Draft::default()],
            attempted: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    /// What the writer itself sees: pending work included.
    pub fn now(&self) -> &State {
        &self.pending.state
    }

    /// What others see, and what a crash must not lose.
    pub fn durable(&self) -> &State {
        self.acknowledged
            .last()
            .map_or(&self.pending.state, |draft| &draft.state)
    }

    /// The state after each acknowledged commit, in order, the empty store first.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &State> {
        self.acknowledged.iter().map(|draft| &draft.state)
    }

    /// Every blob that was ever put, rolled back and deleted ones included: none of them may be found with other bytes.
    pub fn known(&self) -> &BTreeMap<Hash, Arc<[u8]>> {
        &self.known
    }

    /// One of the known blobs, for operations that carry a number instead of a hash; `None` when there are none.
    pub fn pick(&self, number: usize) -> Option<Hash> {
        let at = number.checked_rem(self.known.len())?;
        self.known.keys().nth(at).copied()
    }

    /// `put`.
    pub fn put(&mut self, bytes: &[u8]) -> Hash {
        let hash = self.add(bytes);
        self.pending.pinned.insert(hash);
        hash
    }

    fn add(&mut self, bytes: &[u8]) -> Hash {
        let hash = Hash::of(bytes);
        let bytes: Arc<[u8]> = bytes.into();
        self.known.insert(hash, bytes.clone());
        self.pending.state.blobs.insert(hash, bytes);
        hash
    }

    /// `append`; makes the collection. The hashes of the records, in order.
    pub fn append<B: AsRef<[u8]>>(&mut self, collection: &str, records: &[B]) -> Vec<Hash> {
        let hashes: Vec<Hash> = records
            .iter()
            .map(|bytes| self.add(bytes.as_ref()))
            .collect();
        let next = (self.pending.next_seq)
            .entry(collection.to_owned())
            .or_insert(self.first_seq);
        let collection = (self.pending.state.collections)
            .entry(collection.to_owned())
            .or_default();
        for hash in &hashes {
            collection.rows.insert(*next, *hash);
            *next += 1;
        }
        hashes
    }

    /// `delete`: how many rows went with the blob, `None` when it is not there.
    pub fn delete(&mut self, hash: &Hash) -> Option<u64> {
        self.pending.state.blobs.remove(hash)?;
        self.pending.pinned.remove(hash);
        let mut rows = 0;
        for collection in self.pending.state.collections.values_mut() {
            let before = collection.rows.len();
            collection.rows.retain(|_, row| row != hash);
            rows += (before - collection.rows.len()) as u64;
        }
        Some(rows)
    }

    /// `drop`: how many rows went, `None` when there is no such collection. A later one of that name counts from the
    /// start.
    pub fn drop_collection(&mut self, name: &str) -> Option<u64> {
        let collection = self.pending.state.collections.remove(name)?;
        self.pending.next_seq.remove(name);
        self.pending.release(collection.rows.values().copied());
        Some(collection.rows.len() as u64)
    }

    /// `trim`: how many rows went, `None` when there is no such collection.
    pub fn trim(&mut self, name: &str, before_seq: u64) -> Option<u64> {
        let collection = self.pending.state.collections.get_mut(name)?;
        let kept = collection.rows.split_off(&before_seq);
        let gone = std::mem::replace(&mut collection.rows, kept);
        self.pending.release(gone.values().copied());
        Some(gone.len() as u64)
    }

    /// `rollback`: pending work is gone.
    pub fn rollback(&mut self) {
        let newest = self.attempted.last().or(self.acknowledged.last());
        self.pending = newest.cloned().unwrap_or_default();
    }

    /// A commit begins: from now on a crash may leave the state before it or after it. Without pending work there is no
    /// commit.
    pub fn attempt(&mut self) {
        let newest = self.attempted.last().or(self.acknowledged.last());
        if newest != Some(&self.pending) {
            self.attempted.push(self.pending.clone());
        }
    }

    /// What was attempted succeeded: it must survive every crash.
    pub fn acknowledge(&mut self) {
        self.acknowledged.append(&mut self.attempted);
    }

    /// A commit that succeeds.
    pub fn commit(&mut self) {
        self.attempt();
        self.acknowledge();
    }

    /// A store was opened after a crash and shows `found`: it must be the last acknowledged state or one attempted
    /// after it. The model continues from there; the result is how many attempted commits survived.
    pub fn recover(&mut self, found: &State) -> Result<usize, String> {
        let candidates = self.acknowledged.last().into_iter().chain(&self.attempted);
        let mut wrong = Vec::new();
        for (survived, draft) in candidates.enumerate() {
            if let Some(difference) = draft.state.difference(found) {
                wrong.push(difference);
                continue;
            }
            self.attempted.truncate(survived);
            self.acknowledge();
            self.rollback();
            return Ok(survived);
        }
        Err(wrong
            .iter()
            .enumerate()
            .map(|(survived, difference)| match survived {
                0 => format!("not the last acknowledged commit: {difference}"),
                n => format!("not attempted commit {n} after it: {difference}"),
            })
            .collect::<Vec<_>>()
            .join("; "))
    }
}
