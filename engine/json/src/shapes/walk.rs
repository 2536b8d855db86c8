//! Walks a record once, and writes its template and its `_fix`.

use std::collections::HashSet;

use super::bytes::{block, varint};
use super::fix_writer::FixWriter;
use super::keys::{Keys, Object, Place, PlaceForm, Rest};
use super::leaves::{DeclaredType, LeafKind};
use super::spell::{LeafValue, Spellers};
use super::table::Interner;
use super::template::{put_hole, put_literal, put_members, put_verbatim};
use crate::extract::{Fitted, fit};
use crate::schema::DataType;
use crate::syntax::{Cursor, Malformed, Text, Value};

/// How the text of a hole differs from what the leaf's speller writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    Same,
    Other,
    /// It is a timestamp whose zone differs, which is this number of bytes at its end.
    OtherZone(usize),
}

/// What is done with the texts of holes.
pub(super) trait Holes {
    /// How the text differs from what the leaf's speller writes. It is without quotes, and `escaped` says that it has
    /// escapes.
    fn spelling(&mut self, leaf: u32, kind: LeafKind, raw: &[u8], escaped: bool) -> Spelling;

    /// The same where the value is known already.
    fn spelling_of(&mut self, leaf: u32, raw: &[u8], value: LeafValue<'_>) -> Spelling;
}

/// Why a record has no shape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// The record is to be raw.
    Raw,
    /// The list cannot be told by its elements: separators differ, or a MAP lacks an entry.
    Irregular,
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self::Raw
    }
}

/// Memory of the walk, reused for each record.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The template so far: of the record, or of the element that is walked.
    pub(super) template: Vec<u8>,
    /// Where the literal begins that is not in the template yet.
    pub(super) from: usize,
    pub(super) fix: FixWriter,
    /// Templates to use again.
    pub(super) spare: Vec<Vec<u8>>,
    /// The shapes of the elements of open lists, each with the place in the stream of `_fix` where it began.
    pub(super) elements: Vec<(u32, usize)>,
}

impl Work {
    pub(super) fn clear(&mut self) {
        self.template.clear();
        self.from = 0;
        self.fix.clear();
        self.elements.clear();
    }
}

/// A walk over one record.
pub(super) struct Walk<'w, H> {
    pub(super) record: &'w [u8],
    pub(super) work: &'w mut Work,
    pub(super) holes: &'w mut H,
    pub(super) interner: &'w mut Interner,
    pub(super) spellers: &'w Spellers,
}

pub(super) type Walked = Result<(), Stop>;

/// Members of an object that its rest holds, one after the other.
struct Run<'w> {
    start: usize,
    end: usize,
    count: u64,
    separator: Option<&'w [u8]>,
    colon: &'w [u8],
}

impl<'w, H: Holes> Walk<'w, H> {
    /// Writes the template and the `_fix` of the record.
    #[inline]
    pub(super) fn record(&mut self, keys: &mut Keys) -> Walked {
        let mut cursor = Cursor::new(self.record);
        match (cursor.peek()?, keys.non_object) {
            (b'{', _) => self.object(&mut keys.record, &mut cursor)?,
            (b'n', _) => {
                cursor.skip()?;
            }
            (_, Some(leaf)) => {
                let start = cursor.position();
                cursor.skip()?;
                self.hole(leaf, LeafKind::Json, start..cursor.position(), false);
            }
            (_, None) => self.verbatim(&mut cursor)?,
        }
        self.flush(self.record.len());
        Ok(())
    }

    #[inline]
    pub(super) fn text(&self, range: std::ops::Range<usize>) -> &'w [u8] {
        self.record.get(range).unwrap_or_default()
    }

    /// Where the bytes of a key begin.
    #[inline]
    fn offset(&self, part: &[u8]) -> usize {
        (part.as_ptr().addr()).saturating_sub(self.record.as_ptr().addr())
    }

    /// Passes the comma after an element, or the bracket after the last one: whether there is another.
    #[inline]
    pub(super) fn next_element(&self, cursor: &mut Cursor<'w>) -> Result<bool, Stop> {
        let byte = cursor.peek()?;
        *cursor = Cursor::starting_at(self.record, cursor.position() + 1);
        match byte {
            b',' => Ok(true),
            b']' | b'}' => Ok(false),
            _ => Err(Stop::Raw),
        }
    }

    /// Ends the literal before `end`.
    #[inline]
    pub(super) fn flush(&mut self, end: usize) {
        let literal = self.record.get(self.work.from..end).unwrap_or_default();
        put_literal(literal, &mut self.work.template);
        self.work.from = end;
    }

    #[inline]
    pub(super) fn hole(
        &mut self,
        leaf: u32,
        kind: LeafKind,
        range: std::ops::Range<usize>,
        escaped: bool,
    ) {
        let text = self.text(range.clone());
        let spelling = self.holes.spelling(leaf, kind, text, escaped);
        self.put_hole(leaf, range, spelling);
    }

    #[inline]
    fn put_hole(&mut self, leaf: u32, range: std::ops::Range<usize>, spelling: Spelling) {
        self.flush(range.start);
        self.work.from = range.end;
        put_hole(leaf, &mut self.work.template);
        let length = match spelling {
            Spelling::Same => None,
            Spelling::Other => Some(range.len()),
            Spelling::OtherZone(length) => Some(length),
        };
        if let Some(length) = length {
            let text = self.text(range.end.saturating_sub(length)..range.end);
            self.work.fix.exception(text);
        }
        self.work.fix.hole += 1;
    }

    /// Takes a value that no column has.
    pub(super) fn verbatim(&mut self, cursor: &mut Cursor<'w>) -> Walked {
        if cursor.peek()? == b'n' {
            cursor.skip()?;
            return Ok(());
        }
        let start = cursor.position();
        let text = cursor.skip()?;
        self.flush(start);
        self.work.from = cursor.position();
        put_verbatim(&mut self.work.template);
        block(text, &mut self.work.fix.stream);
        Ok(())
    }

    #[inline]
    pub(super) fn value(&mut self, place: &mut Place, cursor: &mut Cursor<'w>) -> Walked {
        let first = cursor.peek()?;
        if let Some(declared) = &place.declared
            && !matches!(
                (&place.form, first),
                (PlaceForm::Object(_), b'{') | (PlaceForm::List(_), b'[' | b'{')
            )
        {
            return self.declared(declared, &place.form, cursor);
        }
        if first == b'n' {
            cursor.skip()?;
            return Ok(());
        }
        match (&mut place.form, first) {
            (PlaceForm::Leaf(leaf, kind), _) => self.leaf(*leaf, *kind, cursor),
            (PlaceForm::Object(object), b'{') => self.object(object, cursor),
            (PlaceForm::List(list), b'[' | b'{') if list.key.is_some() == (first == b'{') => {
                self.list(list, cursor)
            }
            // A declared list has no value here.
            (PlaceForm::List(_), b'[' | b'{') if place.declared.is_some() => self.verbatim(cursor),
            _ => Err(Stop::Raw),
        }
    }

    #[inline]
    fn leaf(&mut self, leaf: u32, kind: LeafKind, cursor: &mut Cursor<'w>) -> Walked {
        let start = cursor.position();
        if kind == LeafKind::Json {
            cursor.skip()?;
            self.hole(leaf, kind, start..cursor.position(), false);
            return Ok(());
        }
        let value = cursor.value()?;
        let end = cursor.position();
        match (kind, value) {
            (
                LeafKind::Varchar | LeafKind::Date | LeafKind::Timestamp | LeafKind::TimestampTz,
                Value::String(text),
            ) => self.hole(leaf, kind, start + 1..end - 1, text.escaped),
            (
                LeafKind::BigInt | LeafKind::UBigInt | LeafKind::HugeInt | LeafKind::Double,
                Value::Number(_),
            )
            | (LeafKind::Boolean, Value::Bool(_)) => self.hole(leaf, kind, start..end, false),
            _ => return Err(Stop::Raw),
        }
        Ok(())
    }

    /// Takes a value whose type was declared, other than the list or object that the type says.
    #[cold]
    fn declared(
        &mut self,
        declared: &DeclaredType,
        form: &PlaceForm,
        cursor: &mut Cursor<'w>,
    ) -> Walked {
        let start = cursor.position();
        let mut ahead = *cursor;
        let raw = ahead.skip()?;
        let value = cursor.value()?;
        let fitted = fit(&declared.data_type, value, raw, &declared.nulls);
        let PlaceForm::Leaf(leaf, _) = form else {
            return self.without_value(fitted.is_some(), start, cursor);
        };
        let value_of = match &fitted {
            Some(Fitted::Bool(value)) => LeafValue::Boolean(*value),
            Some(Fitted::Int(value)) => match declared.data_type {
                DataType::UBigInt => {
                    LeafValue::Unsigned(u64::try_from(*value).map_err(|_| Stop::Raw)?)
                }
                DataType::HugeInt => LeafValue::Huge(*value),
                _ => LeafValue::Integer(i64::try_from(*value).map_err(|_| Stop::Raw)?),
            },
            Some(Fitted::Float(value)) => LeafValue::Double(*value),
            Some(Fitted::Text(text)) => LeafValue::Text(text),
            Some(Fitted::Days(days)) => LeafValue::Integer((*days).into()),
            Some(Fitted::Micros(micros)) => LeafValue::Integer(*micros),
            None | Some(Fitted::Null) => {
                return self.without_value(fitted.is_some(), start, cursor);
            }
        };
        // Quotes belong to the shape, but for the text of JSON.
        let end = cursor.position();
        let is_json = declared.data_type == DataType::Json;
        let range = match value {
            Value::String(_) if !is_json => start + 1..end - 1,
            _ => start..end,
        };
        let text = self.text(range.clone());
        let spelling = self.holes.spelling_of(*leaf, text, value_of);
        self.put_hole(*leaf, range, spelling);
        Ok(())
    }

    /// Ends a value that is NULL in its column: part of the shape where it is a text that means NULL.
    fn without_value(&mut self, is_null: bool, start: usize, cursor: &mut Cursor<'w>) -> Walked {
        if is_null {
            return Ok(());
        }
        *cursor = Cursor::starting_at(self.record, start);
        self.verbatim(cursor)
    }

    fn object(&mut self, object: &mut Object, cursor: &mut Cursor<'w>) -> Walked {
        object.stamp += 1;
        let stamp = object.stamp;
        let mut last = 0;
        let mut run: Option<Run<'w>> = None;
        let mut others = None;
        cursor.enter()?;
        while let Some(key) = cursor.key()? {
            let found = object.position(key, last);
            if let Some(number) = found
                && let Some(seen) = object.stamps.get_mut(number)
                && *seen != stamp
                && let Some(place) = object.values.get_mut(number)
            {
                *seen = stamp;
                last = number + 1;
                if let (Some(run), Some(rest)) = (run.take(), &mut object.rest) {
                    self.end_run(&run, rest);
                }
                self.value(place, cursor)?;
                continue;
            }
            if let (None, Some(rest)) = (found, &mut object.rest) {
                let unescaped = key.unescaped();
                let is_known = rest
                    .known
                    .as_ref()
                    .is_some_and(|known| known.contains(&*unescaped));
                let others = others.get_or_insert_with(HashSet::new);
                if !is_known && others.insert(unescaped) {
                    self.rest_member(key, &mut run, rest, cursor)?;
                    continue;
                }
                if let Some(run) = run.take() {
                    self.end_run(&run, rest);
                }
            }
            if let (Some(run), Some(rest)) = (run.take(), &mut object.rest) {
                self.end_run(&run, rest);
            }
            self.verbatim(cursor)?;
        }
        if let (Some(run), Some(rest)) = (run, &mut object.rest) {
            self.end_run(&run, rest);
        }
        Ok(())
    }

    /// Takes a member that the rest holds: in the run, or in a new one where it is spelled otherwise.
    fn rest_member(
        &mut self,
        key: Text<'w>,
        run: &mut Option<Run<'w>>,
        rest: &mut Rest,
        cursor: &mut Cursor<'w>,
    ) -> Walked {
        let key_start = self.offset(key.raw).saturating_sub(1);
        let key_end = key_start + key.raw.len() + 2;
        cursor.peek()?;
        let colon = self.text(key_end..cursor.position());
        cursor.skip()?;
        let end = cursor.position();
        if let Some(run) = run {
            let separator = self.text(run.end..key_start);
            if run.colon == colon && *run.separator.get_or_insert(separator) == separator {
                run.end = end;
                run.count += 1;
                return Ok(());
            }
        }
        let new = Run {
            start: key_start,
            end,
            count: 1,
            separator: None,
            colon,
        };
        if let Some(run) = run.replace(new) {
            self.end_run(&run, rest);
        }
        Ok(())
    }

    fn end_run(&mut self, run: &Run<'w>, rest: &mut Rest) {
        self.flush(run.start);
        self.work.from = run.end;
        if let Some(separator) = run.separator
            && rest.separator != separator
        {
            rest.separator.clear();
            rest.separator.extend_from_slice(separator);
        }
        put_members(
            rest.leaf,
            &rest.separator,
            run.colon,
            &mut self.work.template,
        );
        varint(run.count, &mut self.work.fix.stream);
    }
}
