//! Keys that are expected: those that other lines had.
//!
//! An object that collapses forgets keys. What lines with very many keys say of the keys that they lack would be lost
//! with them: that they lack them. So a summary of further lines can begin with the keys of those before, without
//! values; they are not forgotten, and where the summary collapsed, it says of each what values it had, if any.

use super::node::{NONE, Node, NodeId, ROOT};
use super::summary::Summary;

impl Summary {
    /// A summary of no lines that expects the keys of this one.
    pub fn expecting(&self) -> Self {
        let mut copy = self.clone();
        copy.blank();
        copy
    }

    /// Whether merging `other` into this one would forget keys that this one has.
    pub fn would_forget(&self, other: &Self) -> bool {
        self.forgets(ROOT, other, ROOT)
    }

    fn forgets(&self, own_id: NodeId, other: &Self, other_id: NodeId) -> bool {
        let (own, theirs) = (self.node(own_id), other.node(other_id));
        let is_lost = |field: NodeId| match other.field(other_id, &self.node(field).key) {
            Some(same) => self.forgets(field, other, same),
            None => theirs.value != NONE,
        };
        own.fields.ids().any(is_lost)
            || (own.element != NONE
                && theirs.element != NONE
                && self.forgets(own.element, other, theirs.element))
    }

    /// Whether nothing was seen at this path.
    pub(super) fn is_blank(&self, id: NodeId) -> bool {
        self.node(id).stats.total() == 0
    }

    /// The fields of `id` that are written and shown: those that were seen, and where it collapsed also those that were
    /// only expected, since that they were not seen says something.
    pub(super) fn written_fields(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let node = self.node(id);
        let (any, all) = (node.stats.objects > 0, node.value != NONE);
        let is_written = move |field: &NodeId| any && (all || !self.is_blank(*field));
        node.fields.ids().filter(is_written)
    }
}

impl Node {
    /// Forgets all values and keeps the keys.
    pub(super) fn clear_values(&mut self) {
        self.stats = super::stats::Stats::default();
        (self.order, self.duplicates, self.expected) = (0, 0, true);
    }
}
