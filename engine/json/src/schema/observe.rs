//! Adds the tokens of a line to a summary.
//!
//! Records of one collection have nearly the same keys in nearly the same order, so each key remembers its successor in
//! the last record; a correct guess costs one comparison of bytes. A line whose paths are all known allocates nothing.

use super::node::{MAX_DEPTH, NONE, NodeId, ROOT, position_unit};
use super::scratch::Level;
use super::stats::{Stats, format, key_mark, value_mark};
use super::summary::Summary;
use crate::syntax::{
    Flags, Ignore, Integer, JsonError, Kind, Sink, Token, TokenKind, check_encoding, double,
    integer, parse, significant_digits, unescape_into,
};
use crate::time::{Moment, moment};

/// Bytes of a text above which it is parsed twice, first to validate it and then for the summary. Below, its tokens are
/// kept in between, which may take six times the memory of the text.
const MAX_TAPE: usize = 1 << 20;

/// Validates `line` as [`crate::validate`] does, and adds it to `summary`.
///
/// # Errors
/// As [`crate::validate`]; the summary is then unchanged.
pub fn validate_and_observe(line: &[u8], summary: &mut Summary) -> Result<Kind, JsonError> {
    check_encoding(line)?;
    if line.len() > MAX_TAPE {
        let kind = parse(line, &mut Ignore)?;
        parse(line, &mut summary.observer(line))?;
        return Ok(kind);
    }
    let mut tape = std::mem::take(&mut summary.scratch.tape);
    tape.clear();
    let parsed = parse(line, &mut tape);
    if parsed.is_ok() {
        summary.observer(line).tokens(&tape);
    }
    summary.scratch.tape = tape;
    parsed
}

impl Summary {
    /// An observer of `line`, which must be given all tokens of that line and no others.
    fn observer<'a>(&'a mut self, line: &'a [u8]) -> Observer<'a> {
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
struct Observer<'a> {
    summary: &'a mut Summary,
    line: &'a [u8],
    /// The innermost open container.
    top: Level,
    /// The node of the next value; `NONE` for the first element ever of the array `top`.
    target: NodeId,
    /// Whether the current value is skipped.
    ignoring: bool,
    /// The number of open containers inside the skipped value.
    ignored: u32,
}

impl Sink for Observer<'_> {
    fn token(&mut self, token: Token) {
        self.add(token);
    }
}

impl Observer<'_> {
    /// Adds all tokens of the line.
    fn tokens(&mut self, tape: &[Token]) {
        for token in tape {
            self.add(*token);
        }
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a call for each token costs a twentieth of the throughput"
    )]
    fn add(&mut self, token: Token) {
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
                self.summary.key_marks |= key_mark::HIDDEN_KEY;
                self.note_key(token);
            }
            _ => {}
        }
        self.ignoring = self.ignored > 0;
    }

    fn note_key(&mut self, token: Token) {
        if token.flags.escaped() {
            self.summary.key_marks |= key_mark::ESCAPED_KEY;
        }
        if token.flags.lone_surrogate() {
            self.summary.key_marks |= key_mark::SURROGATE_KEY;
        }
    }

    /// The node of the current value.
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
        let unit = position_unit(self.top.keys);
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
        // At the end of the line, objects that became too heavy may collapse.
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
            if self.summary.field(parent, key).is_none() {
                self.find_in_collapsed(key, value);
                return;
            }
        }
        let node = self.summary.node(parent);
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

    /// The field with that key, which was not the expected successor of `last`; it is the expected one from now on.
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

    /// The keys of a collapsed object are kept until it ends: of equal keys the first counts.
    #[cold]
    fn find_in_collapsed(&mut self, key: &[u8], value: NodeId) {
        let instance = self.top.instance;
        let mut seen = std::mem::take(&mut self.summary.scratch.seen);
        // Objects with a higher number lie in this one and have ended.
        while seen.last().is_some_and(|(number, _)| *number > instance) {
            seen.pop();
        }
        if seen.last().is_none_or(|(number, _)| *number < instance) {
            // It may have collapsed in the middle of this object.
            let before = self.summary.scratch.touched.iter().skip(self.top.touched);
            let keys = before.map(|(field, _)| self.summary.node(*field).key.clone());
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

/// Whether two keys are equal. Most have at most 16 bytes, where a call of `memcmp` costs more than the comparison.
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
            if value.unsigned_abs() > 1 << 53 && Integer::Small(value).exact_double().is_none() {
                stats.marks |= value_mark::INEXACT;
            }
        }
        Some(Integer::Large(value)) => {
            stats.min = stats.min.min(value);
            stats.max = stats.max.max(value);
            if Integer::Large(value).exact_double().is_none() {
                stats.marks |= value_mark::INEXACT;
            }
        }
        _ => stats.marks |= value_mark::BEYOND,
    }
}

/// A string with escapes is text: dates and timestamps need none.
#[cold]
fn unusual_string(stats: &mut Stats, token: Token) {
    stats.restrict_formats(0);
    if token.flags.lone_surrogate() {
        stats.marks |= value_mark::SURROGATE;
    }
    if token.flags.nul() {
        stats.marks |= value_mark::NUL;
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
                stats.marks |= value_mark::OFFSET;
            }
            format::ZONED
        }
    };
    stats.restrict_formats(formats);
}

#[inline]
fn float(stats: &mut Stats, bytes: &[u8]) {
    // Without an exponent and with less than 300 digits a number is well within the range of doubles; in 17 bytes with
    // a point it has at most 16 digits.
    let exponent = || bytes.iter().any(|byte| matches!(byte, b'e' | b'E'));
    if (bytes.len() > 300 || exponent()) && double(bytes).is_none() {
        stats.marks |= value_mark::OUT_OF_RANGE;
    }
    if bytes.len() > 17 && significant_digits(bytes) > 17 {
        stats.marks |= value_mark::ROUNDED;
    }
}
