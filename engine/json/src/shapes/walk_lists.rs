//! The part of the walk that takes lists and maps.

use std::collections::HashSet;

use super::bytes::varint;
use super::fix_writer::Mark;
use super::keys::ListPlace;
use super::leaves::LeafKind;
use super::template::{MIXED, put_list};
use super::walk::{Holes, Stop, Walk, Walked};
use crate::syntax::{Cursor, has_lone_surrogate};

impl<'w, H: Holes> Walk<'w, H> {
    /// Takes a list or MAP, or its text where it cannot be told by its elements.
    pub(super) fn list(&mut self, list: &mut ListPlace, cursor: &mut Cursor<'w>) -> Walked {
        if list.depth > 0 {
            return self.elements(list, cursor);
        }
        let begin = *cursor;
        let mark = self.mark();
        match self.elements(list, cursor) {
            Err(Stop::Irregular) => {
                self.restore(mark);
                *cursor = begin;
                self.verbatim(cursor)
            }
            walked => walked,
        }
    }

    fn mark(&self) -> (usize, usize, Mark) {
        (
            self.work.template.len(),
            self.work.from,
            self.work.fix.mark(),
        )
    }

    /// Goes back to a mark of a place outside lists.
    fn restore(&mut self, (template, from, fix): (usize, usize, Mark)) {
        self.work.template.truncate(template);
        self.work.from = from;
        self.work.fix.restore(fix);
        self.work.elements.clear();
    }

    /// Takes a list or MAP.
    fn elements(&mut self, list: &mut ListPlace, cursor: &mut Cursor<'w>) -> Walked {
        cursor.enter()?;
        if matches!(cursor.peek()?, b']' | b'}') {
            self.next_element(cursor)?;
            return Ok(());
        }
        self.flush(cursor.position());
        let spare = self.work.spare.pop().unwrap_or_default();
        let outer = std::mem::replace(&mut self.work.template, spare);
        self.work.template.clear();
        let first = self.work.elements.len();
        let stream = self.work.fix.stream.len();
        let walked = self.each_element(list, cursor);
        let inner = std::mem::replace(&mut self.work.template, outer);
        self.work.spare.push(inner);
        walked?;
        let element = self.same_shape(first);
        if element == MIXED {
            self.name_shapes(first, stream);
        }
        self.work.elements.truncate(first);
        put_list(list.list, element, &list.separator, &mut self.work.template);
        Ok(())
    }

    /// The shape that the elements from `first` on have in common.
    fn same_shape(&self, first: usize) -> u32 {
        let elements = self.work.elements.get(first..).unwrap_or_default();
        match elements.split_first() {
            Some(((shape, _), others)) if others.iter().all(|(other, _)| other == shape) => *shape,
            _ => MIXED,
        }
    }

    /// Puts the shape of each element before what the element has in the stream of `_fix`, which begins at `start`.
    fn name_shapes(&mut self, first: usize, start: usize) {
        let stream = &mut self.work.fix.stream;
        let elements = self.work.elements.get(first..).unwrap_or_default();
        let tail = stream.split_off(start);
        let ends = elements.iter().skip(1).map(|(_, end)| *end);
        for ((shape, at), end) in elements.iter().zip(ends.chain([start + tail.len()])) {
            varint(u64::from(*shape), stream);
            stream.extend_from_slice(tail.get(at - start..end - start).unwrap_or_default());
        }
    }

    /// Takes the elements of a list, whose bracket was passed, and the bracket that closes it.
    fn each_element(&mut self, list: &mut ListPlace, cursor: &mut Cursor<'w>) -> Walked {
        let mut seen = None;
        let mut before: Option<(usize, &'w [u8])> = None;
        let mut shape = None;
        loop {
            // Passes the comma and the blanks around it; the first element has none before it.
            if let Some((end, _)) = before {
                if !self.next_element(cursor)? {
                    self.work.from = end;
                    return Ok(());
                }
                cursor.peek()?;
            }
            let start = cursor.position();
            if let Some((end, separator)) = &mut before {
                let found = self.text(*end..start);
                if separator.is_empty() {
                    *separator = found;
                    if list.separator != found {
                        list.separator.clear();
                        list.separator.extend_from_slice(found);
                    }
                } else if *separator != found {
                    return Err(Stop::Irregular);
                }
            }
            self.work.from = start;
            let stream = self.work.fix.stream.len();
            let is_first = before.is_none();
            if let Some(leaf) = list.key {
                let key = cursor.key()?.ok_or(Stop::Raw)?;
                let unescaped = key.unescaped();
                // The entry of a key with a lone surrogate is not in the column.
                let is_held = !key.escaped || !has_lone_surrogate(&unescaped);
                let seen = seen.get_or_insert_with(HashSet::new);
                if !is_held || !seen.insert(unescaped) {
                    return Err(Stop::Irregular);
                }
                let range = start + 1..start + 1 + key.raw.len();
                self.hole(leaf, LeafKind::Varchar, range, key.escaped);
            }
            self.value(&mut list.element, cursor)?;
            let end = cursor.position();
            self.flush(end);
            before = Some((end, before.map_or(&[][..], |(_, separator)| separator)));
            shape = match shape {
                // Mostly the shape of the element before.
                Some(number) if !is_first && self.interner.is(number, &self.work.template) => {
                    Some(number)
                }
                _ => self.interner.intern(&self.work.template, self.spellers),
            };
            let number = shape.ok_or(Stop::Raw)?;
            self.work.elements.push((number, stream));
            self.work.template.clear();
        }
    }
}
