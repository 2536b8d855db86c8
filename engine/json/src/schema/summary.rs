//! The summary: a tree of the paths seen, with counts and ranges for each, that merges in any order.
//!
//! Every number in it is a sum, a minimum, a maximum or a set of marks, so merging is associative and commutative by
//! construction. Two things need more:
//!
//! *Size.* An object whose paths weigh more than the limit of its depth *collapses*: its keys are forgotten and all their values share one
//! node. The weight of a path never falls when lines are added, a collapsed object weighs one more than the heaviest that is not,
//! and what a collapsed object keeps is the merge of everything under it; so whether and how an object collapses depends on
//! the set of lines and not on their order.
//!
//! *Order of keys.* Each key sums up where it stood, as a fraction of its object; keys sort by the mean. On records that
//! lack a key here and there this is closer to their common order than the order of first appearance, which would also
//! depend on which line came first.

use std::collections::HashMap;

use super::observe::Scratch;
use super::stats::Stats;

pub(super) type NodeId = u32;
pub(super) const NONE: NodeId = u32::MAX;
pub(super) const ROOT: NodeId = 0;

/// Containers at this depth are counted, not looked into.
pub(super) const MAX_DEPTH: u8 = 12;

/// Most weight the keys of an object may have, by its depth.
pub(super) type Limits = [u32; MAX_DEPTH as usize];

const LIMITS: Limits = [32_768, 4_096, 1_024, 512, 256, 128, 64, 64, 64, 64, 64, 64];

/// What is inside a column adds at most this part of the limit of its depth to the weight of the record, so that one that collapses does
/// not take the others with it.
const COLUMN_SHARE: u32 = 4;

/// A path with a key this long weighs two, and so on, so that the bytes of keys are bounded too.
const KEY_WEIGHT: usize = 64;

fn own_weight(key: &[u8]) -> u32 {
    (1 + key.len() / KEY_WEIGHT) as u32
}

/// Objects with more keys than this find them by hash.
const INDEXED: usize = 48;

/// One path.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its key, unescaped; empty for the record, elements and values of a collapsed object.
    pub(super) key: Box<[u8]>,
    pub(super) stats: Stats,
    /// Sum of the key's places in its objects, see [`place_unit`].
    pub(super) order: u64,
    /// How often the key stood in an object once more.
    pub(super) duplicates: u64,
    pub(super) fields: Fields,
    /// All elements of the arrays here.
    pub(super) element: NodeId,
    /// All values of the objects here, if they collapsed.
    pub(super) value: NodeId,
    pub(super) parent: NodeId,
    pub(super) depth: u8,
    /// Weight of the fields.
    inner: u32,
    /// Weight of the whole path.
    weight: u32,
    /// The key that came after this one last time, and the first one of the objects here.
    pub(super) follow: NodeId,
    pub(super) first: NodeId,
    /// The object in which the key was seen last.
    pub(super) stamp: u64,
}

impl Node {
    fn new(key: Box<[u8]>, parent: NodeId, depth: u8) -> Self {
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
        }
    }
}

/// The fields of an object, in the order they came up.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    entries: Vec<Entry>,
    index: Option<HashMap<Box<[u8]>, NodeId>>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The first bytes of the key, zero-padded.
    prefix: u64,
    length: u32,
    node: NodeId,
}

fn prefix(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => key
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

impl Fields {
    pub(super) fn ids(&self) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.entries.iter().map(|entry| entry.node)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn push(&mut self, key: &[u8], node: NodeId, nodes: &[Node]) {
        self.entries.push(Entry {
            prefix: prefix(key),
            length: key.len() as u32,
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

/// The places of the keys of an object with `keys` keys: key number p (from 0) stands at `(2p + 1) * place_unit(keys)`, in units of
/// 2^-24 of the object.
#[inline]
pub(super) fn place_unit(keys: u32) -> u64 {
    (1 << 23) / u64::from(keys.max(1))
}

/// What a collection's values look like. See the [module](self).
#[derive(Debug)]
pub struct Summary {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    limits: &'static Limits,
    pub(super) seen: u8,
    /// Number of the last object observed.
    pub(super) instance: u64,
    pub(super) scratch: Scratch,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            nodes: vec![Node::new(Box::default(), NONE, 0)],
            free: Vec::new(),
            limits: &LIMITS,
            seen: 0,
            instance: 0,
            scratch: Scratch::default(),
        }
    }
}

impl Clone for Summary {
    fn clone(&self) -> Self {
        let mut copy = Self {
            limits: self.limits,
            ..Self::default()
        };
        copy.merge(self);
        copy
    }
}

impl PartialEq for Summary {
    fn eq(&self, other: &Self) -> bool {
        self.encode() == other.encode()
    }
}

impl Eq for Summary {}

impl Summary {
    /// The summary of no lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether an object somewhere in it collapsed.
    pub(super) fn collapsed(&self) -> bool {
        let mut open = vec![ROOT];
        while let Some(id) = open.pop() {
            let node = self.node(id);
            if node.value != NONE {
                return true;
            }
            open.extend(node.fields.ids());
            open.extend((node.element != NONE).then_some(node.element));
        }
        false
    }

    /// With other limits than a store has.
    #[cfg(test)]
    pub(super) fn with_limits(limits: &'static Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(super) fn limit(&self, depth: u8) -> u32 {
        self.limits.get(usize::from(depth)).copied().unwrap_or(0)
    }

    /// What a path adds to the weight of its parent.
    pub(super) fn share(&self, id: NodeId) -> u32 {
        let node = self.node(id);
        if node.depth != 1 {
            return node.weight;
        }
        let own = own_weight(&node.key);
        own + (node.weight - own).min(self.limit(1) / COLUMN_SHARE)
    }

    /// How many lines it is the summary of.
    pub fn rows(&self) -> u64 {
        self.node(ROOT).stats.total()
    }

    /// Whether no line was observed.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// Makes it the summary of its lines and `other`'s.
    pub fn merge(&mut self, other: &Self) {
        self.seen |= other.seen;
        let copy = self.import(other, ROOT, NONE);
        self.absorb(ROOT, copy);
    }

    // Ids come from this arena only, also when decoding: they are never read from bytes.
    #[inline]
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    // Ids come from this arena only, also when decoding: they are never read from bytes.
    #[inline]
    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    fn insert(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.free.pop() {
            *self.node_mut(id) = node;
            return id;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as NodeId
    }

    /// A copy of `other`'s subtree in this arena.
    fn import(&mut self, other: &Self, from: NodeId, parent: NodeId) -> NodeId {
        let source = other.node(from);
        let mut copy = Node::new(source.key.clone(), parent, source.depth);
        copy.stats = source.stats.clone();
        (copy.order, copy.duplicates) = (source.order, source.duplicates);
        (copy.inner, copy.weight) = (source.inner, source.weight);
        let id = self.insert(copy);
        for field in source.fields.ids() {
            let field = self.import(other, field, id);
            self.list(id, field);
        }
        if source.element != NONE {
            let element = self.import(other, source.element, id);
            self.node_mut(id).element = element;
        }
        if source.value != NONE {
            let value = self.import(other, source.value, id);
            self.node_mut(id).value = value;
        }
        id
    }

    /// Names `field` in its parent's list, weights untouched.
    pub(super) fn list(&mut self, parent: NodeId, field: NodeId) {
        let mut fields = std::mem::take(&mut self.node_mut(parent).fields);
        fields.push(&self.node(field).key, field, &self.nodes);
        self.node_mut(parent).fields = fields;
        let node = self.node_mut(field);
        // What followed it elsewhere may be gone.
        (node.parent, node.follow) = (parent, NONE);
    }

    /// The field of `id` with that key.
    pub(super) fn field(&self, id: NodeId, key: &[u8]) -> Option<NodeId> {
        let fields = &self.node(id).fields;
        if let Some(index) = &fields.index {
            return index.get(key).copied();
        }
        let (prefix, length) = (prefix(key), key.len() as u32);
        let same = |entry: &&Entry| {
            entry.prefix == prefix
                && entry.length == length
                && (length <= 8 || *self.node(entry.node).key == *key)
        };
        fields.entries.iter().find(same).map(|entry| entry.node)
    }

    /// Moves everything known of `source` into `target`, which has the same depth, and gives up `source`.
    fn absorb(&mut self, target: NodeId, source: NodeId) {
        let spare = Node::new(Box::default(), NONE, 0);
        let source_node = std::mem::replace(self.node_mut(source), spare);
        self.free.push(source);
        let node = self.node_mut(target);
        node.stats.merge(&source_node.stats);
        node.order = node.order.saturating_add(source_node.order);
        node.duplicates = node.duplicates.saturating_add(source_node.duplicates);
        let (element, value) = (node.element, node.value);

        if source_node.element != NONE {
            if element == NONE {
                self.node_mut(target).element = source_node.element;
                self.node_mut(source_node.element).parent = target;
            } else {
                self.absorb(element, source_node.element);
            }
        }
        if source_node.value != NONE {
            if value == NONE {
                self.node_mut(target).value = source_node.value;
                self.node_mut(source_node.value).parent = target;
                self.collapse(target);
            } else {
                self.absorb(value, source_node.value);
            }
        } else if value != NONE {
            for field in source_node.fields.ids() {
                self.absorb_value(value, field);
            }
        } else {
            for field in source_node.fields.ids() {
                match self.field(target, &self.node(field).key) {
                    Some(same) => self.absorb(same, field),
                    None => self.list(target, field),
                }
            }
        }
        self.weigh(target);
    }

    /// As [`Self::absorb`], for a field whose key is forgotten.
    fn absorb_value(&mut self, target: NodeId, field: NodeId) {
        let node = self.node_mut(field);
        (node.order, node.duplicates) = (0, 0);
        self.absorb(target, field);
    }

    /// Makes the fields of `id` one value; it is collapsed from now on.
    fn collapse(&mut self, id: NodeId) {
        let node = self.node_mut(id);
        let fields = std::mem::take(&mut node.fields);
        (node.inner, node.first) = (0, NONE);
        let value = self.value_of(id);
        for field in fields.ids() {
            self.absorb_value(value, field);
        }
    }

    /// The node of the values of a collapsed object, made if it is not there.
    fn value_of(&mut self, id: NodeId) -> NodeId {
        let node = self.node(id);
        if node.value != NONE {
            return node.value;
        }
        let value = self.child(id, Box::default());
        self.node_mut(id).value = value;
        value
    }

    /// Adds up the weight of `id` from those below it, and collapses it if that is too much.
    pub(super) fn weigh(&mut self, id: NodeId) {
        let node = self.node(id);
        let inner = node
            .fields
            .ids()
            .map(|field| self.share(field))
            .fold(0, u32::saturating_add);
        let most = self.limit(node.depth);
        let too_heavy = node.value == NONE && inner > most;
        self.node_mut(id).inner = inner;
        if too_heavy {
            self.collapse(id);
        }
        let node = self.node(id);
        let element = if node.element == NONE {
            0
        } else {
            self.share(node.element)
        };
        let own = own_weight(&node.key);
        let objects = if node.value == NONE { inner } else { most + 1 };
        self.node_mut(id).weight = own + element + objects;
    }

    /// A node below `parent`, in nothing's list yet.
    pub(super) fn child(&mut self, parent: NodeId, key: Box<[u8]>) -> NodeId {
        let depth = self.node(parent).depth + 1;
        self.insert(Node::new(key, parent, depth))
    }

    /// The summary of all values of the object `id`, whatever their key, as its root.
    pub(super) fn values_of(&self, id: NodeId) -> Self {
        let mut all = Self {
            seen: self.seen,
            limits: self.limits,
            ..Self::default()
        };
        all.node_mut(ROOT).depth = self.node(id).depth + 1;
        for field in self.node(id).fields.ids() {
            let copy = all.import(self, field, NONE);
            all.absorb_value(ROOT, copy);
        }
        all
    }

    /// A new field; see [`Self::grow`].
    pub(super) fn add_field(&mut self, parent: NodeId, key: &[u8]) -> NodeId {
        let field = self.child(parent, key.into());
        self.list(parent, field);
        self.grow(field);
        field
    }

    /// The elements of `parent`; see [`Self::grow`].
    pub(super) fn add_element(&mut self, parent: NodeId) -> NodeId {
        let element = self.child(parent, Box::default());
        self.node_mut(parent).element = element;
        self.grow(element);
        element
    }

    /// Passes the weight of a path just added on to those above it. Objects that become too heavy get the node of their values at
    /// once, so that they grow no further, and collapse when the line is through ([`Self::settle`]): until then paths into them are in use.
    fn grow(&mut self, added: NodeId) {
        let mut id = added;
        let mut more = self.share(added);
        while more > 0 {
            let parent = self.node(id).parent;
            if parent == NONE {
                return;
            }
            let before = self.share(parent);
            let most = self.limit(self.node(parent).depth);
            let node = self.node_mut(parent);
            if node.element == id {
                node.weight += more;
            } else if node.value == NONE {
                node.inner += more;
                node.weight += more;
                if node.inner > most {
                    node.weight -= node.inner - (most + 1);
                    self.value_of(parent);
                    self.scratch.too_heavy.push(parent);
                }
            } else {
                return;
            }
            more = self.share(parent) - before;
            id = parent;
        }
    }

    /// Collapses what became too heavy, from the inside out.
    #[cold]
    pub(super) fn settle(&mut self) {
        let mut heavy = std::mem::take(&mut self.scratch.too_heavy);
        heavy.sort_by_key(|id| std::cmp::Reverse(self.node(*id).depth));
        for id in heavy {
            self.collapse(id);
            self.weigh(id);
        }
    }
}
