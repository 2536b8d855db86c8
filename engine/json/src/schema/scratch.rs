//! Working memory of an observer, kept between lines so that lines of a known shape allocate nothing.

use std::collections::HashSet;

use super::node::NodeId;
use crate::syntax::Token;

/// Buffers that every line uses again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The tokens of the line.
    pub(super) tape: Vec<Token>,
    /// The open containers but the innermost, outermost first.
    pub(super) levels: Vec<Level>,
    /// The keys of the open objects so far, with their positions.
    pub(super) touched: Vec<(NodeId, u32)>,
    /// An unescaped key.
    pub(super) key: Vec<u8>,
    /// For each open object that collapsed: its number, and its keys so far.
    pub(super) seen: Vec<(u64, HashSet<Box<[u8]>>)>,
    /// Objects that became too heavy in this line.
    pub(super) too_heavy: Vec<NodeId>,
}

/// An open container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// `NONE` for the level around the record.
    pub(super) node: NodeId,
    pub(super) array: bool,
    /// Object: its number, which is the stamp of the keys it had so far.
    pub(super) instance: u64,
    /// Object: its last key so far.
    pub(super) last: NodeId,
    /// Object: the number of keys so far.
    pub(super) keys: u32,
    /// Object: where its keys start in `touched`.
    pub(super) touched: usize,
}
