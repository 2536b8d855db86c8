//! Templates: the bytes of a shape, and the operations they stand for.
//!
//! A template is a sequence of operations. Each begins with a varint whose lowest two bits are its kind and whose other
//! bits are a number `n`:
//!
//! | kind | operation | then |
//! |---|---|---|
//! | 0 | literal of `n` bytes, at least 1 | the bytes |
//! | 1 | hole of leaf `n` | |
//! | 2 | list `n` | shape of the elements + 1, or 0: each has its own; the separator's length, at least 1, and its bytes |
//! | 3 | verbatim, if `n` is 0; otherwise members of leaf `n - 1` | for members: the separator's length and bytes, the colon's |

use super::bytes::{Input, block, varint};
use super::spell::Spellers;

/// Mixed elements: each names its shape in `_fix`.
pub(super) const MIXED: u32 = u32::MAX;

/// Bytes in the text of a table of shapes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) length: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Literal(Span),
    Hole(u32),
    List {
        list: u32,
        /// The shape of every element, or [`MIXED`].
        element: u32,
        separator: Span,
    },
    Verbatim,
    Members {
        leaf: u32,
        separator: Span,
        colon: Span,
    },
}

pub(super) fn put_literal(bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        varint((bytes.len() as u64) << 2, out);
        out.extend_from_slice(bytes);
    }
}

pub(super) fn put_hole(leaf: u32, out: &mut Vec<u8>) {
    varint(u64::from(leaf) << 2 | 1, out);
}

pub(super) fn put_list(list: u32, element: u32, separator: &[u8], out: &mut Vec<u8>) {
    varint(u64::from(list) << 2 | 2, out);
    let element = if element == MIXED {
        0
    } else {
        u64::from(element) + 1
    };
    varint(element, out);
    block(separator, out);
}

pub(super) fn put_verbatim(out: &mut Vec<u8>) {
    varint(3, out);
}

pub(super) fn put_members(leaf: u32, separator: &[u8], colon: &[u8], out: &mut Vec<u8>) {
    varint((u64::from(leaf) + 1) << 2 | 3, out);
    block(separator, out);
    block(colon, out);
}

/// Reads the operations of the template that begins at `at` in the text of its table, and appends them. The shape's own
/// number is `number`: elements have lower ones. `None` where the bytes are not a template for leaves and lists such as
/// these.
pub(super) fn read(
    template: &[u8],
    at: u32,
    number: u32,
    spellers: &Spellers,
    ops: &mut Vec<Op>,
) -> Option<()> {
    let mut input = Input { bytes: template };
    let span = |input: &mut Input<'_>, length: u64| {
        let start = u32::try_from(template.len() - input.bytes.len()).ok()?;
        input.take(length)?;
        Some(Span {
            at: at.checked_add(start)?,
            length: u32::try_from(length).ok()?,
        })
    };
    while !input.bytes.is_empty() {
        let head = input.varint()?;
        let value = u32::try_from(head >> 2)
            .ok()
            .filter(|value| *value < MIXED)?;
        let is_leaf = |leaf: u32| (leaf as usize) < spellers.leaves();
        ops.push(match head & 3 {
            0 if value > 0 => Op::Literal(span(&mut input, value.into())?),
            1 if is_leaf(value) => Op::Hole(value),
            2 if (value as usize) < spellers.lists() => {
                let element = match input.varint()? {
                    0 => MIXED,
                    element if element <= u64::from(number) => u32::try_from(element - 1).ok()?,
                    _ => return None,
                };
                let length = input.varint().filter(|length| *length > 0)?;
                Op::List {
                    list: value,
                    element,
                    separator: span(&mut input, length)?,
                }
            }
            3 if value == 0 => Op::Verbatim,
            3 if is_leaf(value - 1) => {
                let length = input.varint()?;
                let separator = span(&mut input, length)?;
                let length = input.varint()?;
                Op::Members {
                    leaf: value - 1,
                    separator,
                    colon: span(&mut input, length)?,
                }
            }
            _ => return None,
        });
    }
    Some(())
}
