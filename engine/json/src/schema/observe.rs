//! From the tokens of a line to the summary.
//!
//! Records of one collection have nearly the same keys in nearly the same order, so each key remembers which came after it; a
//! hit costs one comparison of bytes. Nothing is allocated for a line that holds only what is known.

use std::collections::HashSet;

use super::stats::{Stats, format, mark, seen};
use super::summary::{MAX_DEPTH, NONE, NodeId, ROOT, Summary, place_unit};
use crate::syntax::{
    Flags, Ignore, Integer, JsonError, Kind, Sink, Token, TokenKind, check_encoding, double,
    integer, parse, significant_digits, unescape_into,
};
use crate::time::{Moment, moment};

/// Texts above this size are parsed a second time for the summary instead of being remembered as tokens, which
/// may take six times the room of the text.
const MAX_TAPE: usize = 1 << 20;

/// Checks `line` as [`crate::validate`] does and adds it to `summary`. A line that is refused leaves the summary as it was.
pub fn validate_and_observe(line: &[u8], summary: &mut Summary) -> Result<Kind, JsonError> {
    check_encoding(line)?;
    if line.len() > MAX_TAPE {
        let kind = parse(line, &mut Ignore)?;
        parse(line, &mut summary.observer(line))?;
        return Ok(kind);
    }
    let mut tape = summary.take_tape();
    tape.clear();
    let parsed = parse(line, &mut tape);
    if parsed.is_ok() {
        summary.observer(line).tokens(&tape);
    }
    summary.give_tape(tape);
    parsed
}

/// Room used again for every line.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    tape: Vec<Token>,
    /// The containers around the innermost open one.
    levels: Vec<Level>,
    /// The keys of the open objects with their positions.
    touched: Vec<(NodeId, u32)>,
    key: Vec<u8>,
    /// The keys of open objects that collapsed, with the object's number.
    seen: Vec<(u64, HashSet<Box<[u8]>>)>,
    pub(super) too_heavy: Vec<NodeId>,
}

/// An open container.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// `NONE` around the record.
    node: NodeId,
    array: bool,
    /// Object: its number. Keys with this stamp were in it before.
    instance: u64,
    /// Object: the key before.
    last: NodeId,
    /// Object: how many keys came.
    keys: u32,
    /// Object: where its keys start in `touched`.
    touched: usize,
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
        self.scratch.seen.clear();
        let top = Level {
            node: NONE,
            array: false,
            instance: 0,
            last: NONE,
            keys: 0,
            touched: 0,
        };
        Observer {
            summary: self,
            line,
            top,
            target: ROOT,
            ignored: 0,
            ignoring: false,
        }
    }
}

/// Adds one line to a [`Summary`].
#[derive(Debug)]
pub struct Observer<'a> {
    summary: &'a mut Summary,
    line: &'a [u8],
    /// The innermost open container.
    top: Level,
    /// Where the next value belongs; `NONE`: the elements of `top`, which had none in any line so far.
    target: NodeId,
    /// The next value is not looked into.
    ignoring: bool,
    /// Open containers inside that value.
    ignored: u32,
}

impl Sink for Observer<'_> {
    fn token(&mut self, token: Token) {
        self.take(token);
    }
}

impl Observer<'_> {
    /// Takes all tokens of the line.
    pub(crate) fn tokens(&mut self, tape: &[Token]) {
        for token in tape {
            self.take(*token);
        }
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a call for each token costs a twentieth of the throughput"
    )]
    fn take(&mut self, token: Token) {
        if self.ignoring {
            self.ignore(token);
            return;
        }
        match token.kind {
            TokenKind::Key => self.key(token),
            TokenKind::String => {
                let target = self.place();
                let stats = &mut self.summary.node_mut(target).stats;
                stats.strings = stats.strings.saturating_add(1);
                if stats.formats != 0 || token.flags != Flags::default() {
                    string(stats, token, self.line);
                }
            }
            TokenKind::ObjectEnd => self.end_object(),
            TokenKind::ArrayEnd => self.end(),
            TokenKind::ObjectStart => self.start(false),
            TokenKind::ArrayStart => self.start(true),
            _ => {
                let target = self.place();
                other_scalar(&mut self.summary.node_mut(target).stats, token, self.line);
            }
        }
    }

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
        self.ignoring = self.ignored > 0;
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
        if self.target == NONE {
            self.target = self.summary.add_element(self.top.node);
        }
        self.target
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
            (self.ignoring, self.ignored) = (true, 1);
            return;
        }
        let (first, element) = (node.first, node.element);
        self.target = if array { element } else { first };
        self.summary.instance += 1;
        let top = Level {
            node: id,
            array,
            instance: self.summary.instance,
            last: NONE,
            keys: 0,
            touched: self.summary.scratch.touched.len(),
        };
        let around = std::mem::replace(&mut self.top, top);
        self.summary.scratch.levels.push(around);
    }

    #[inline]
    fn end_object(&mut self) {
        let unit = place_unit(self.top.keys);
        while self.summary.scratch.touched.len() > self.top.touched
            && let Some((field, position)) = self.summary.scratch.touched.pop()
        {
            let node = self.summary.node_mut(field);
            node.order = node
                .order
                .saturating_add((2 * u64::from(position) + 1) * unit);
        }
        self.end();
    }

    #[inline]
    fn end(&mut self) {
        if let Some(around) = self.summary.scratch.levels.pop() {
            self.top = around;
        }
        if self.top.array {
            self.target = self.summary.node(self.top.node).element;
        }
        // When the line is through, what became too heavy may collapse.
        if !self.summary.scratch.too_heavy.is_empty() && self.top.node == NONE {
            self.summary.settle();
        }
    }

    #[inline]
    fn key(&mut self, token: Token) {
        let raw = token.bytes(self.line);
        if token.flags.escaped() {
            self.escaped_key(token, raw);
        } else {
            self.find(raw);
        }
    }

    #[cold]
    fn escaped_key(&mut self, token: Token, raw: &[u8]) {
        self.note_key(token);
        let mut key = std::mem::take(&mut self.summary.scratch.key);
        key.clear();
        unescape_into(raw, &mut key);
        self.find(&key);
        self.summary.scratch.key = key;
    }

    #[inline]
    fn find(&mut self, key: &[u8]) {
        let (parent, last, position) = (self.top.node, self.top.last, self.top.keys);
        self.top.keys += 1;
        let node = self.summary.node(parent);
        if node.value != NONE {
            let value = node.value;
            self.find_in_collapsed(key, value);
            return;
        }
        let guess = if last == NONE {
            node.first
        } else {
            self.summary.node(last).follow
        };
        let field = if guess != NONE && same(&self.summary.node(guess).key, key) {
            guess
        } else {
            self.search(parent, last, key)
        };
        self.top.last = field;
        let node = self.summary.node_mut(field);
        if node.stamp == self.top.instance {
            node.duplicates = node.duplicates.saturating_add(1);
            self.ignoring = true;
            return;
        }
        node.stamp = self.top.instance;
        self.summary.scratch.touched.push((field, position));
        self.target = field;
    }

    /// The field that was not the one expected after `last`; it is expected there from now on.
    #[inline(never)]
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
        let instance = self.top.instance;
        let mut seen = std::mem::take(&mut self.summary.scratch.seen);
        // Objects with a higher number lie in this one and have ended.
        while seen.last().is_some_and(|(number, _)| *number > instance) {
            seen.pop();
        }
        if seen.last().is_none_or(|(number, _)| *number < instance) {
            let before = self
                .summary
                .scratch
                .touched
                .get(self.top.touched..)
                .unwrap_or_default();
            let keys = before
                .iter()
                .map(|(field, _)| self.summary.node(*field).key.clone());
            seen.push((instance, keys.collect()));
        }
        let new = seen
            .last_mut()
            .is_some_and(|(_, keys)| keys.insert(key.into()));
        self.summary.scratch.seen = seen;
        if new {
            self.target = value;
        } else {
            self.ignoring = true;
        }
    }
}

/// Whether two keys are equal; most have less than 16 bytes, where calling the library's comparison costs more than comparing.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if let (Some(a_first), Some(b_first), Some(a_last), Some(b_last)) = (
        a.first_chunk::<8>(),
        b.first_chunk::<8>(),
        a.last_chunk::<8>(),
        b.last_chunk::<8>(),
    ) {
        let ends = u64::from_le_bytes(*a_first) == u64::from_le_bytes(*b_first)
            && u64::from_le_bytes(*a_last) == u64::from_le_bytes(*b_last);
        return ends && (a.len() <= 16 || a == b);
    }
    if let (Some(a_first), Some(b_first), Some(a_last), Some(b_last)) = (
        a.first_chunk::<4>(),
        b.first_chunk::<4>(),
        a.last_chunk::<4>(),
        b.last_chunk::<4>(),
    ) {
        return u32::from_le_bytes(*a_first) == u32::from_le_bytes(*b_first)
            && u32::from_le_bytes(*a_last) == u32::from_le_bytes(*b_last);
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

#[inline(never)]
fn string(stats: &mut Stats, token: Token, line: &[u8]) {
    if token.flags == Flags::default() {
        string_format(stats, token.bytes(line));
    } else {
        unusual_string(stats, token);
    }
}

#[inline]
fn other_scalar(stats: &mut Stats, token: Token, line: &[u8]) {
    let count = match token.kind {
        TokenKind::Integer => {
            number(stats, token.bytes(line));
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

#[inline]
fn number(stats: &mut Stats, bytes: &[u8]) {
    match integer(bytes) {
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
            // The cast back stops at the largest value, which is odd.
            if value as f64 as i128 != value || value == i128::MAX {
                stats.marks |= mark::INEXACT;
            }
        }
        _ => stats.marks |= mark::BEYOND,
    }
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
