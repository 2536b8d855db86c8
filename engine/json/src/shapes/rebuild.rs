//! Records from shapes and values.

use std::fmt;

use super::bytes::Input;
use super::spell::Spellers;
use super::table::Shapes;
use super::template::{MIXED, Op};
use super::values::LeafValues;
use crate::syntax::Cursor;

/// Why a record cannot be rebuilt: its part is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuildError {
    /// There is no shape with that number.
    UnknownShape,
    /// The row has no further value of a leaf that the shape has a hole for, or the leaf cannot have it.
    MissingValue {
        /// The number of the leaf.
        leaf: usize,
    },
    /// The row has no further list.
    MissingList {
        /// The number of the list.
        list: usize,
    },
    /// `_fix` is cut, damaged, or of another record.
    BadFix,
    /// The record would be longer than it may.
    TooLong,
    /// Lists nest deeper than any that is written.
    TooDeep,
}

impl fmt::Display for RebuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownShape => f.write_str("its shape is not in the table of shapes"),
            Self::MissingValue { leaf } => write!(f, "leaf {leaf} of its columns lacks a value"),
            Self::MissingList { list } => write!(f, "list {list} of its columns is missing"),
            Self::BadFix => f.write_str("its column _fix is damaged"),
            Self::TooLong => f.write_str("it would be longer than the record was"),
            Self::TooDeep => f.write_str("its lists nest too deep"),
        }
    }
}

impl std::error::Error for RebuildError {}

/// How deep lists nest in shapes.
pub(super) const MOST_NESTED: usize = 64;

impl Shapes {
    /// Appends the record with the shape `number` and the values of the row at which `values` stands. `fix` is the
    /// row's `_fix`, empty where that is NULL; `limit` is the number of bytes that the record has at most.
    ///
    /// # Errors
    /// See [`RebuildError`]; `out` is then as it was.
    #[inline]
    pub fn rebuild<V: LeafValues>(
        &self,
        spellers: &Spellers,
        number: u32,
        values: &mut V,
        fix: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RebuildError> {
        let start = out.len();
        let rebuilt = Fix::read(fix).and_then(|fix| {
            let mut rebuilding = Rebuilding {
                shapes: self,
                spellers,
                values,
                fix,
                hole: 0,
                members: Vec::new(),
                end: start.saturating_add(limit),
                out,
            };
            rebuilding.shape(number, 0)?;
            rebuilding.finish()
        });
        if rebuilt.is_err() {
            out.truncate(start);
        }
        rebuilt
    }
}

/// The parts of a `_fix` that are left.
struct Fix<'a> {
    /// Texts of holes that are written otherwise.
    exceptions: Input<'a>,
    /// How many of them are left after the next one.
    left: u64,
    /// The number of the hole that the next one is for; the largest number when there is none.
    next: u64,
    /// Everything else, in the order in which it is needed.
    stream: Input<'a>,
}

impl<'a> Fix<'a> {
    #[inline]
    fn read(bytes: &'a [u8]) -> Result<Self, RebuildError> {
        let nothing = Self {
            exceptions: Input { bytes: &[] },
            left: 0,
            next: u64::MAX,
            stream: Input { bytes: &[] },
        };
        if bytes.is_empty() {
            return Ok(nothing);
        }
        Self::parts(bytes).ok_or(RebuildError::BadFix)
    }

    fn parts(bytes: &'a [u8]) -> Option<Self> {
        let mut input = Input { bytes };
        let count = input.varint()?;
        let mut fix = Self {
            exceptions: input,
            left: count,
            next: u64::MAX,
            stream: input,
        };
        for _ in 0..count {
            input.varint()?;
            input.block()?;
        }
        fix.stream = input;
        fix.advance(0)?;
        Some(fix)
    }

    /// Goes to the next exception, whose hole is counted from `from`.
    fn advance(&mut self, from: u64) -> Option<()> {
        if self.left == 0 {
            self.next = u64::MAX;
            return Some(());
        }
        self.left -= 1;
        self.next = from.checked_add(self.exceptions.varint()?)?;
        Some(())
    }
}

/// The members of an object that are not written yet.
struct Members {
    leaf: u32,
    text: Vec<u8>,
    at: usize,
}

struct Rebuilding<'a, V> {
    shapes: &'a Shapes,
    spellers: &'a Spellers,
    values: &'a mut V,
    fix: Fix<'a>,
    /// The number of the next hole.
    hole: u64,
    members: Vec<Members>,
    /// The length that `out` has at most.
    end: usize,
    out: &'a mut Vec<u8>,
}

impl<V: LeafValues> Rebuilding<'_, V> {
    fn shape(&mut self, number: u32, depth: usize) -> Result<(), RebuildError> {
        let shapes = self.shapes;
        let ops = shapes.ops(number).ok_or(RebuildError::UnknownShape)?;
        for op in ops {
            match *op {
                Op::Literal(span) => self.out.extend_from_slice(shapes.text(span)),
                Op::Hole(leaf) => self.hole(leaf as usize)?,
                Op::List {
                    list,
                    element,
                    separator,
                } => self.list(list as usize, element, shapes.text(separator), depth)?,
                Op::Verbatim => {
                    let text = self.fix.stream.block().ok_or(RebuildError::BadFix)?;
                    self.out.extend_from_slice(text);
                }
                Op::Members {
                    leaf,
                    separator,
                    colon,
                } => self.members(leaf, shapes.text(separator), shapes.text(colon))?,
            }
            if self.out.len() > self.end {
                return Err(RebuildError::TooLong);
            }
        }
        Ok(())
    }

    #[inline]
    fn hole(&mut self, leaf: usize) -> Result<(), RebuildError> {
        let speller = self.spellers.of_leaf.get(leaf);
        let missing = RebuildError::MissingValue { leaf };
        let speller = speller.ok_or(missing)?;
        if self.hole == self.fix.next {
            let text = self.fix.exceptions.block().ok_or(RebuildError::BadFix)?;
            speller
                .write_exception(self.values, leaf, text, self.out)
                .ok_or(missing)?;
            let after = self.hole + 1;
            self.fix.advance(after).ok_or(RebuildError::BadFix)?;
        } else {
            speller
                .write_next(self.values, leaf, self.out)
                .ok_or(missing)?;
        }
        self.hole += 1;
        Ok(())
    }

    fn list(
        &mut self,
        list: usize,
        element: u32,
        separator: &[u8],
        depth: usize,
    ) -> Result<(), RebuildError> {
        if depth == MOST_NESTED {
            return Err(RebuildError::TooDeep);
        }
        let length = self.values.length(list);
        let length = length.ok_or(RebuildError::MissingList { list })?;
        for number in 0..length {
            if number > 0 {
                // Not empty: so the length of the record bounds that of the list.
                self.out.extend_from_slice(separator);
                if self.out.len() > self.end {
                    return Err(RebuildError::TooLong);
                }
            }
            let shape = if element == MIXED {
                let shape = self.fix.stream.varint();
                let shape = shape.and_then(|shape| u32::try_from(shape).ok());
                shape.ok_or(RebuildError::BadFix)?
            } else {
                element
            };
            self.shape(shape, depth + 1)?;
        }
        Ok(())
    }

    #[cold]
    fn members(&mut self, leaf: u32, separator: &[u8], colon: &[u8]) -> Result<(), RebuildError> {
        let missing = RebuildError::MissingValue {
            leaf: leaf as usize,
        };
        let count = self.fix.stream.varint().ok_or(RebuildError::BadFix)?;
        let pending = self.members.iter().rposition(|known| known.leaf == leaf);
        let mut members = if let Some(place) = pending {
            self.members.swap_remove(place)
        } else {
            let speller = self.spellers.of_leaf.get(leaf as usize).ok_or(missing)?;
            let mut text = Vec::new();
            speller
                .write_next(self.values, leaf as usize, &mut text)
                .ok_or(missing)?;
            Members { leaf, text, at: 0 }
        };
        let mut cursor = Cursor::starting_at(&members.text, members.at);
        if members.at == 0 {
            cursor.enter().map_err(|_| missing)?;
        }
        for number in 0..count {
            let key = cursor.key().ok().flatten().ok_or(missing)?;
            let value = cursor.skip().map_err(|_| missing)?;
            if number > 0 {
                self.out.extend_from_slice(separator);
            }
            self.out.push(b'"');
            self.out.extend_from_slice(key.raw);
            self.out.push(b'"');
            self.out.extend_from_slice(colon);
            self.out.extend_from_slice(value);
            if self.out.len() > self.end {
                return Err(RebuildError::TooLong);
            }
        }
        if cursor.peek() == Ok(b'}') {
            return Ok(());
        }
        members.at = cursor.position();
        self.members.push(members);
        Ok(())
    }

    fn finish(&self) -> Result<(), RebuildError> {
        if self.fix.next != u64::MAX || !self.fix.stream.bytes.is_empty() {
            return Err(RebuildError::BadFix);
        }
        Ok(())
    }
}
