//! The nodes of a summary.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::stats::Stats;

/// The number of a node in its summary.
pub(super) type NodeId = u32;
/// No node.
pub(super) const NONE: NodeId = u32::MAX;
/// The node of the records themselves.
pub(super) const ROOT: NodeId = 0;

/// Containers at this depth are counted, but not what is in them.
pub(super) const MAX_DEPTH: u8 = 12;

/// The most columns of a collection. Where the records have more keys, one of these holds the keys without a column.
pub const MAX_COLUMNS: usize = 4_096;

/// The greatest weight that the keys of an object may have together, by its depth.
pub(super) type Limits = [u32; MAX_DEPTH as usize];

pub(super) const LIMITS: Limits = [32_768, 4_096, 1_024, 512, 256, 128, 64, 64, 64, 64, 64, 64];

/// A path weighs one, and one more for each so many bytes of its key: that bounds the bytes of keys too.
const KEY_WEIGHT: usize = 64;

/// The weight of a path without what is below it.
pub(super) fn own_weight(key: &[u8]) -> u32 {
    // A key is shorter than a record, and so its weight fits 32 bits.
    u32::try_from(1 + key.len() / KEY_WEIGHT).unwrap_or(u32::MAX)
}

/// Objects with more keys than this find them by hash.
const INDEXED: usize = 48;

/// What was seen at one path.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its key, unescaped; empty for the record, for array elements and for the values of a collapsed object.
    pub(super) key: Box<[u8]>,
    pub(super) stats: Stats,
    /// Sum of the key's positions in its objects, see [`position_unit`].
    pub(super) order: u64,
    /// How many times the key was repeated within an object.
    pub(super) duplicates: u64,
    pub(super) fields: Fields,
    /// The node of all elements of the arrays here.
    pub(super) element: NodeId,
    /// The node of all values of the objects here, if they collapsed.
    pub(super) value: NodeId,
    pub(super) parent: NodeId,
    pub(super) depth: u8,
    /// Weight of the fields together.
    pub(super) inner: u32,
    /// Weight of the whole path.
    pub(super) weight: u32,
    /// The key that came after this one in the last object that had it.
    pub(super) follow: NodeId,
    /// The first key of the last object here.
    pub(super) first: NodeId,
    /// The number of the last object that had the key.
    pub(super) stamp: u64,
    /// Whether other lines had it: then it is not forgotten when its object collapses.
    pub(super) expected: bool,
}

impl Node {
    pub(super) fn new(key: Box<[u8]>, parent: NodeId, depth: u8) -> Self {
        let weight = own_weight(&key);
        Self {
            key,
            stats: Stats::default(),
            order: 0,
            duplicates: 0,
            fields: Fields::default(),
            element: NONE,
            value: NONE,
            parent,
            depth,
            inner: 0,
            weight,
            follow: NONE,
            first: NONE,
            stamp: 0,
            expected: false,
        }
    }
}

/// The fields of an object, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) entries: Vec<Entry>,
    /// The fields by key; absent while there are few.
    pub(super) index: Option<HashMap<Box<[u8]>, NodeId>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The first eight bytes of the key, zero-padded.
    pub(super) prefix: u64,
    pub(super) length: u32,
    pub(super) node: NodeId,
}

pub(super) fn prefix(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => key
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Bytes of a key. Keys are shorter than a record, whose length fits 32 bits.
pub(super) fn key_length(key: &[u8]) -> u32 {
    u32::try_from(key.len()).unwrap_or(u32::MAX)
}

impl Fields {
    pub(super) fn ids(&self) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.entries.iter().map(|entry| entry.node)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn push(&mut self, key: &[u8], node: NodeId, nodes: &[Node]) {
        self.entries.push(Entry {
            prefix: prefix(key),
            length: key_length(key),
            node,
        });
        if let Some(index) = &mut self.index {
            index.insert(key.into(), node);
        } else if self.entries.len() > INDEXED {
            let keys = self.entries.iter().filter_map(|entry| {
                Some((nodes.get(entry.node as usize)?.key.clone(), entry.node))
            });
            self.index = Some(keys.collect());
        }
    }
}

/// Positions of the keys of an object with `keys` keys: key number p (from 0) is at `(2p + 1) * position_unit(keys)`,
/// in units of 2^-24 of the object.
#[inline]
pub(super) fn position_unit(keys: u32) -> u64 {
    (1 << 23) / u64::from(keys.max(1))
}

/// Orders by mean position, then by key. Cross-multiplied, so that it is exact.
pub(super) fn by_place(a: &Node, b: &Node) -> Ordering {
    let mean = |of: &Node, other: &Node| u128::from(of.order) * u128::from(other.stats.total());
    mean(a, b).cmp(&mean(b, a)).then_with(|| a.key.cmp(&b.key))
}
