//! The summary: a tree of the paths of all records, with counts and ranges for each, that merges in any order.
//!
//! Every number in it is a sum, a minimum, a maximum or a set of marks, so merging is associative and commutative by
//! construction. Two things need more:
//!
//! *Size.* An object whose paths weigh more than the limit of its depth *collapses*: its keys are dropped and all their
//! values share one node. The weight of a path never falls when lines are added, a collapsed object weighs one more
//! than the heaviest that is not, and a collapsed object keeps the merge of everything under it. So whether and how an
//! object collapses depends on the set of lines and not on their order. It keeps the keys that are in many objects: a
//! key stays only while each of the summaries that were merged has it, so that its node describes all its values. Which
//! keys these are may depend on the order.
//!
//! *Order of keys.* Each key sums up its positions, as fractions of its object; keys sort by the mean. On records that
//! lack some keys this is closer to their common order than the order of first appearance, which would also depend on
//! which line came first.

use std::collections::HashSet;

use super::node::{
    Entry, LIMITS, Limits, MAX_COLUMNS, NONE, Node, NodeId, ROOT, key_length, own_weight, prefix,
};
use super::scratch::Scratch;

/// What is known of the values of a collection: paths, types, counts and ranges. See the [module](super).
#[derive(Debug)]
pub struct Summary {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    limits: &'static Limits,
    /// See [`super::stats::key_mark`].
    pub(super) key_marks: u8,
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
            key_marks: 0,
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

/// Where the record has too many keys, those that less than one line in so many has are the first to lose their node or
/// column.
const RARE: u64 = 100;

/// What is inside a column adds at most this part of the limit of its depth to the weight of the record, so that a
/// column that collapses does not make the record collapse.
const COLUMN_SHARE: u32 = 4;

impl Summary {
    /// A summary of no lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether any object in it collapsed.
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

    /// With limits other than those of stores.
    #[cfg(test)]
    pub(super) fn with_limits(limits: &'static Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// The greatest weight of an object's keys at that depth.
    pub(super) fn limit(&self, depth: u8) -> u32 {
        self.limits.get(usize::from(depth)).copied().unwrap_or(0)
    }

    /// The weight that a path adds to its parent.
    pub(super) fn share(&self, id: NodeId) -> u32 {
        let node = self.node(id);
        if node.depth != 1 {
            return node.weight;
        }
        let own = own_weight(&node.key);
        own + (node.weight - own).min(self.limit(1) / COLUMN_SHARE)
    }

    /// The number of lines it describes.
    pub fn rows(&self) -> u64 {
        self.node(ROOT).stats.total()
    }

    /// The number of lines that are no objects.
    pub fn non_objects(&self) -> u64 {
        // Counts saturate, so that those of a decoded summary need not add up.
        self.rows().saturating_sub(self.node(ROOT).stats.objects)
    }

    /// The keys of the lines that have a node of their own.
    pub fn top_keys(&self) -> impl Iterator<Item = &[u8]> {
        let seen = self
            .node(ROOT)
            .fields
            .ids()
            .filter(|field| !self.is_blank(*field));
        seen.map(|field| &*self.node(field).key)
    }

    /// Whether the lines have this key, and it has a node of its own.
    pub fn has_top_key(&self, key: &[u8]) -> bool {
        self.field(ROOT, key)
            .is_some_and(|field| !self.is_blank(field))
    }

    /// Whether the lines have more keys than there are columns.
    pub fn is_wide(&self) -> bool {
        let root = self.node(ROOT);
        root.value != NONE || root.fields.len() > MAX_COLUMNS
    }

    /// Whether it describes no lines.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// Forgets all lines and keeps the keys.
    pub(super) fn blank(&mut self) {
        self.nodes.iter_mut().for_each(Node::clear_values);
        self.key_marks = 0;
    }

    /// Adds the lines that `other` describes.
    pub fn merge(&mut self, other: &Self) {
        self.key_marks |= other.key_marks;
        let copy = self.import(other, ROOT, NONE);
        self.absorb(ROOT, copy);
    }

    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "numbers come from this arena only; none is ever read from bytes"
    )]
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "numbers come from this arena only; none is ever read from bytes"
    )]
    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    fn insert(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.free.pop() {
            *self.node_mut(id) = node;
            return id;
        }
        self.nodes.push(node);
        last_id(&self.nodes)
    }

    /// A copy of `other`'s subtree in this arena.
    fn import(&mut self, other: &Self, from: NodeId, parent: NodeId) -> NodeId {
        let source = other.node(from);
        let mut copy = Node::new(source.key.clone(), parent, source.depth);
        copy.stats = source.stats.clone();
        (copy.order, copy.duplicates) = (source.order, source.duplicates);
        (copy.inner, copy.weight) = (source.inner, source.weight);
        copy.expected = source.expected;
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

    /// Adds `field` to the fields of `parent`. Weights stay as they are.
    pub(super) fn list(&mut self, parent: NodeId, field: NodeId) {
        let mut fields = std::mem::take(&mut self.node_mut(parent).fields);
        fields.push(&self.node(field).key, field, &self.nodes);
        self.node_mut(parent).fields = fields;
        let node = self.node_mut(field);
        // The node that followed it in another object may no longer exist.
        (node.parent, node.follow) = (parent, NONE);
    }

    /// The field of `id` with that key.
    pub(super) fn field(&self, id: NodeId, key: &[u8]) -> Option<NodeId> {
        let fields = &self.node(id).fields;
        if let Some(index) = &fields.index {
            return index.get(key).copied();
        }
        let (prefix, length) = (prefix(key), key_length(key));
        let same = |entry: &&Entry| {
            entry.prefix == prefix
                && entry.length == length
                && (length <= 8 || *self.node(entry.node).key == *key)
        };
        fields.entries.iter().find(same).map(|entry| entry.node)
    }

    /// Merges `source` into `target`, which has the same depth, and frees `source`.
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
            } else {
                self.absorb(value, source_node.value);
            }
            // The values of keys that the source has no node of are among those of its other keys.
            let keys = source_node.fields.ids();
            let known: HashSet<NodeId> = keys
                .filter_map(|field| self.field(target, &self.node(field).key))
                .collect();
            self.drop_keys(target, |field| known.contains(&field));
        }
        for field in source_node.fields.ids() {
            match self.field(target, &self.node(field).key) {
                Some(same) => self.absorb(same, field),
                None if value != NONE => self.absorb_value(value, field),
                None => self.list(target, field),
            }
        }
        self.weigh(target);
    }

    /// As [`Self::absorb`], for a field whose key is dropped.
    fn absorb_value(&mut self, target: NodeId, field: NodeId) {
        let node = self.node_mut(field);
        (node.order, node.duplicates) = (0, 0);
        self.absorb(target, field);
    }

    /// Collapses `id`: merges its fields into one node of values. Those that are in many objects stay, up to half of
    /// the limit.
    fn collapse(&mut self, id: NodeId) {
        let most = self.limit(self.node(id).depth) / 2;
        let mut weight = 0u32;
        let frequent = self.frequent_fields(id, |_| false).into_iter();
        let kept: HashSet<NodeId> = frequent
            .take_while(|field| {
                weight = weight.saturating_add(self.share(*field));
                weight <= most
            })
            .collect();
        self.value_of(id);
        self.drop_keys(id, |field| kept.contains(&field));
    }

    /// Merges the fields that are not kept into the node of values.
    fn drop_keys(&mut self, id: NodeId, keep: impl Fn(NodeId) -> bool) {
        let node = self.node_mut(id);
        let fields = std::mem::take(&mut node.fields);
        (node.inner, node.first) = (0, NONE);
        let value = node.value;
        for field in fields.ids() {
            if keep(field) {
                self.list(id, field);
            } else {
                self.absorb_value(value, field);
            }
        }
    }

    /// The fields of `id` that are in many of its objects, without those that `skip` names: those in most objects
    /// first. Of the record these are all that are not rare; inside it, those that at least half of the objects have,
    /// since objects with other keys each are rather a MAP.
    pub(super) fn frequent_fields(&self, id: NodeId, skip: impl Fn(&[u8]) -> bool) -> Vec<NodeId> {
        let node = self.node(id);
        let share = if id == ROOT { RARE } else { 2 };
        let objects = |field: NodeId| self.node(field).stats.total();
        let mut fields: Vec<NodeId> = node
            .fields
            .ids()
            .filter(|field| {
                self.node(*field).expected
                    || objects(*field).saturating_mul(share) >= node.stats.objects
            })
            .filter(|field| !skip(&self.node(*field).key))
            .collect();
        fields.sort_by(|a, b| {
            let expected = |id: NodeId| self.node(id).expected;
            let by_objects = objects(*b).cmp(&objects(*a));
            let by_need = expected(*b).cmp(&expected(*a)).then(by_objects);
            by_need.then_with(|| self.node(*a).key.cmp(&self.node(*b).key))
        });
        fields
    }

    /// The node of the values of a collapsed object, created if missing.
    fn value_of(&mut self, id: NodeId) -> NodeId {
        let node = self.node(id);
        if node.value != NONE {
            return node.value;
        }
        let value = self.child(id, Box::default());
        self.node_mut(id).value = value;
        value
    }

    /// Sums up the weight of `id` from the nodes below it, and collapses it where that is above the limit.
    pub(super) fn weigh(&mut self, id: NodeId) {
        let node = self.node(id);
        let inner = node
            .fields
            .ids()
            .map(|field| self.share(field))
            .fold(0, u32::saturating_add);
        let most = self.limit(node.depth);
        self.node_mut(id).inner = inner;
        if inner > most {
            self.collapse(id);
            let left = self.node(id).fields.ids();
            let inner = left
                .map(|field| self.share(field))
                .fold(0, u32::saturating_add);
            self.node_mut(id).inner = inner;
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

    /// A new node below `parent`, not yet among its fields.
    pub(super) fn child(&mut self, parent: NodeId, key: Box<[u8]>) -> NodeId {
        let depth = self.node(parent).depth + 1;
        self.insert(Node::new(key, parent, depth))
    }

    /// A summary whose root merges all values of the object `id`, under any key.
    pub(super) fn values_of(&self, id: NodeId) -> Self {
        let mut all = Self {
            key_marks: self.key_marks,
            limits: self.limits,
            ..Self::default()
        };
        all.node_mut(ROOT).depth = self.node(id).depth + 1;
        let node = self.node(id);
        let collapsed = (node.value != NONE).then_some(node.value);
        for field in node.fields.ids().chain(collapsed) {
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

    /// A new node for the elements of `parent`; see [`Self::grow`].
    pub(super) fn add_element(&mut self, parent: NodeId) -> NodeId {
        let element = self.child(parent, Box::default());
        self.node_mut(parent).element = element;
        self.grow(element);
        element
    }

    /// Adds the weight of a new path to the nodes above it. An object that becomes too heavy gets its node of values at
    /// once, so that it grows no further. It collapses at the end of the line ([`Self::settle`]), because until then
    /// its paths are in use.
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
                // What stayed of its keys may become too heavy again.
                if node.value != id {
                    let was = node.inner;
                    node.inner += more;
                    if was <= most && node.inner > most {
                        self.scratch.too_heavy.push(parent);
                    }
                }
                return;
            }
            more = self.share(parent) - before;
            id = parent;
        }
    }

    /// Collapses the objects that became too heavy, innermost first.
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

#[expect(
    clippy::cast_possible_truncation,
    reason = "limits bound the nodes of a summary far below 2^32"
)]
fn last_id(nodes: &[Node]) -> NodeId {
    (nodes.len() - 1) as NodeId
}
