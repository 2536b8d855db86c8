//! From the tokens of a line to the summary.
//!
//! Records of one collection have nearly the same keys in nearly the same order, so each key remembers which came after it; a
//! hit costs one comparison of bytes. Nothing is allocated for a line that holds only what is known.

use std::collections::HashSet;

use super::summary::{MAX_DEPTH, NONE, NodeId, ROOT, Stats, Summary, format, mark, place, seen};
use super::time::{Moment, moment};
use crate::json::{Integer, Sink, Token, TokenKind, integer, unescape_into};
use crate::json::{double, significant_digits};

/// Room used again for every line.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    tape: Vec<Token>,
    levels: Vec<Level>,
    /// The keys of the open objects with their positions.
    touched: Vec<(NodeId, u32)>,
    key: Vec<u8>,
    pub(super) too_heavy: Vec<NodeId>,
}

/// An open container.
#[derive(Debug)]
struct Level {
    node: NodeId,
    array: bool,
    /// Object: number of this object. Keys with this stamp were in it before.
    instance: u64,
    /// Object: the key before.
    last: NodeId,
    /// Object: how many keys came.
    keys: u32,
    /// Object: where its keys start in `touched`.
    touched: usize,
    /// Collapsed object: its keys.
    seen: Option<HashSet<Box<[u8]>>>,
}

impl Summary {
    pub(crate) fn take_tape(&mut self) -> Vec<Token> {
        std::mem::take(&mut self.scratch.tape)
    }

    pub(crate) fn give_tape(&mut self, tape: Vec<Token>) {
        self.scratch.tape = tape;
    }

    /// Takes the tokens of `line`, which must be all of a valid one's.
    pub fn observer<'a>(&'a mut self, line: &'a [u8]) -> Observer<'a> {
        self.scratch.levels.clear();
        self.scratch.touched.clear();
        Observer {
            summary: self,
            line,
            target: NONE,
            ignored: 0,
            ignore_next: false,
        }
    }
}

/// Adds one line to a [`Summary`].
#[derive(Debug)]
pub struct Observer<'a> {
    summary: &'a mut Summary,
    line: &'a [u8],
    /// Where the value of the last key belongs.
    target: NodeId,
    /// Open containers inside a value that is not looked into.
    ignored: u32,
    /// The next value is not looked into.
    ignore_next: bool,
}

impl Sink for Observer<'_> {
    #[inline]
    fn token(&mut self, token: Token) {
        if self.ignored > 0 || self.ignore_next {
            self.ignore(token);
            return;
        }
        match token.kind {
            TokenKind::Key => self.key(token),
            TokenKind::ObjectEnd => self.end_object(),
            TokenKind::ArrayEnd => {
                self.summary.scratch.levels.pop();
                self.end_value();
            }
            TokenKind::ObjectStart => self.start(false),
            TokenKind::ArrayStart => self.start(true),
            _ => {
                let node = self.place();
                let line = self.line;
                scalar(&mut self.summary.node_mut(node).stats, token, line);
                self.end_value();
            }
        }
    }
}

impl Observer<'_> {
    #[cold]
    fn ignore(&mut self, token: Token) {
        match token.kind {
            TokenKind::ObjectStart | TokenKind::ArrayStart => self.ignored += 1,
            TokenKind::ObjectEnd | TokenKind::ArrayEnd => self.ignored -= 1,
            TokenKind::Key => {
                self.summary.seen |= seen::HIDDEN_KEY;
                self.note_key(token);
            }
            _ => {}
        }
        if self.ignored == 0 {
            self.ignore_next = false;
            self.end_value();
        }
    }

    fn note_key(&mut self, token: Token) {
        if token.flags.escaped() {
            self.summary.seen |= seen::ESCAPED_KEY;
        }
        if token.flags.lone_surrogate() {
            self.summary.seen |= seen::SURROGATE_KEY;
        }
    }

    /// The node of the value that comes now.
    #[inline]
    fn place(&mut self) -> NodeId {
        let Some(level) = self.summary.scratch.levels.last() else {
            return ROOT;
        };
        if !level.array {
            return self.target;
        }
        let parent = level.node;
        let element = self.summary.node(parent).element;
        if element == NONE {
            self.summary.add_element(parent)
        } else {
            element
        }
    }

    /// When the line is through, what became too heavy may collapse.
    #[inline]
    fn end_value(&mut self) {
        let scratch = &self.summary.scratch;
        if !scratch.too_heavy.is_empty() && scratch.levels.is_empty() {
            self.summary.settle();
        }
    }

    #[inline]
    fn start(&mut self, array: bool) {
        let id = self.place();
        let node = self.summary.node_mut(id);
        let count = if array {
            &mut node.stats.arrays
        } else {
            &mut node.stats.objects
        };
        *count = count.saturating_add(1);
        if node.depth >= MAX_DEPTH {
            self.ignored = 1;
            return;
        }
        self.summary.instance += 1;
        let touched = self.summary.scratch.touched.len();
        let instance = self.summary.instance;
        self.summary.scratch.levels.push(Level {
            node: id,
            array,
            instance,
            last: NONE,
            keys: 0,
            touched,
            seen: None,
        });
    }

    #[inline]
    fn end_object(&mut self) {
        if let Some(level) = self.summary.scratch.levels.pop() {
            while self.summary.scratch.touched.len() > level.touched
                && let Some((field, position)) = self.summary.scratch.touched.pop()
            {
                let node = self.summary.node_mut(field);
                node.order = node.order.saturating_add(place(position, level.keys));
            }
        }
        self.end_value();
    }

    #[inline]
    fn key(&mut self, token: Token) {
        let raw = token.bytes(self.line);
        if token.flags.escaped() {
            self.note_key(token);
            let mut key = std::mem::take(&mut self.summary.scratch.key);
            key.clear();
            unescape_into(raw, &mut key);
            self.find(&key);
            self.summary.scratch.key = key;
        } else {
            self.find(raw);
        }
    }

    #[inline]
    fn find(&mut self, key: &[u8]) {
        let Some(level) = self.summary.scratch.levels.last_mut() else {
            return;
        };
        let (parent, last, instance, position) =
            (level.node, level.last, level.instance, level.keys);
        level.keys += 1;
        let node = self.summary.node(parent);
        if node.value != NONE {
            self.find_in_collapsed(key, node.value);
            return;
        }
        let guess = if last == NONE {
            node.first
        } else {
            self.summary.node(last).follow
        };
        let field = if guess != NONE && *self.summary.node(guess).key == *key {
            guess
        } else {
            self.search(parent, last, key)
        };
        if let Some(level) = self.summary.scratch.levels.last_mut() {
            level.last = field;
        }
        let node = self.summary.node_mut(field);
        if node.stamp == instance {
            node.duplicates = node.duplicates.saturating_add(1);
            self.ignore_next = true;
            return;
        }
        node.stamp = instance;
        self.summary.scratch.touched.push((field, position));
        self.target = field;
    }

    /// The field that was not the one expected after `last`; it is expected there from now on.
    fn search(&mut self, parent: NodeId, last: NodeId, key: &[u8]) -> NodeId {
        let field = match self.summary.field(parent, key) {
            Some(field) => field,
            None => self.summary.add_field(parent, key),
        };
        if last == NONE {
            self.summary.node_mut(parent).first = field;
        } else {
            self.summary.node_mut(last).follow = field;
        }
        field
    }

    /// The keys of a collapsed object are remembered until it ends, for of equal ones the first counts.
    #[cold]
    fn find_in_collapsed(&mut self, key: &[u8], value: NodeId) {
        let Some(mut level) = self.summary.scratch.levels.pop() else {
            return;
        };
        let before = self
            .summary
            .scratch
            .touched
            .get(level.touched..)
            .unwrap_or_default();
        let keys = level.seen.get_or_insert_with(|| {
            before
                .iter()
                .map(|(field, _)| self.summary.node(*field).key.clone())
                .collect()
        });
        if keys.insert(key.into()) {
            self.target = value;
        } else {
            self.ignore_next = true;
        }
        self.summary.scratch.levels.push(level);
    }
}

#[inline]
fn scalar(stats: &mut Stats, token: Token, line: &[u8]) {
    let count = match token.kind {
        TokenKind::String => {
            if token.flags != crate::json::Flags::default() {
                unusual_string(stats, token);
            } else if stats.formats != 0 {
                string_format(stats, token.bytes(line));
            }
            &mut stats.strings
        }
        TokenKind::Integer => {
            match integer(token.bytes(line)) {
                Some(Integer::Small(value)) => {
                    stats.min = stats.min.min(value.into());
                    stats.max = stats.max.max(value.into());
                    if value.unsigned_abs() > 1 << 53 && value as f64 as i128 != i128::from(value) {
                        stats.marks |= mark::INEXACT;
                    }
                }
                Some(Integer::Large(value)) => {
                    stats.min = stats.min.min(value);
                    stats.max = stats.max.max(value);
                    if value as f64 as i128 != value || value == i128::MAX {
                        stats.marks |= mark::INEXACT;
                    }
                }
                _ => stats.marks |= mark::BEYOND,
            }
            &mut stats.ints
        }
        TokenKind::Float => {
            float(stats, token.bytes(line));
            &mut stats.floats
        }
        TokenKind::Bool => &mut stats.bools,
        _ => &mut stats.nulls,
    };
    *count = count.saturating_add(1);
}

/// A string with escapes is text: the spelling of a moment needs none.
#[cold]
fn unusual_string(stats: &mut Stats, token: Token) {
    stats.spell(0);
    if token.flags.lone_surrogate() {
        stats.marks |= mark::SURROGATE;
    }
    if token.flags.nul() {
        stats.marks |= mark::NUL;
    }
}

#[inline]
fn string_format(stats: &mut Stats, raw: &[u8]) {
    let formats = match moment(raw) {
        None => 0,
        Some(Moment::Date(_)) => format::DATE,
        Some(Moment::Naive(_)) => format::NAIVE,
        Some(Moment::Zoned { utc, .. }) => {
            if !utc {
                stats.marks |= mark::OFFSET;
            }
            format::ZONED
        }
    };
    stats.spell(formats);
}

#[inline]
fn float(stats: &mut Stats, bytes: &[u8]) {
    // Without exponent and with less than 300 digits a number is far inside the range of doubles; in 17 bytes it has at most 16 digits.
    let exponent = || bytes.iter().any(|byte| matches!(byte, b'e' | b'E'));
    if (bytes.len() > 300 || exponent()) && double(bytes).is_none() {
        stats.marks |= mark::OUT_OF_RANGE;
    }
    if bytes.len() > 17 && significant_digits(bytes) > 17 {
        stats.marks |= mark::ROUNDED;
    }
}
