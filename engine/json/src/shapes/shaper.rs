//! Shapes of records.

use super::keys::Keys;
use super::leaves::{LeafKind, Leaves};
use super::spell::{LeafValue, Spellers};
use super::table::{Interner, Limits, Shapes};
use super::text_value::value_of;
use super::walk::{Holes, Spelling, Walk, Work};

/// Finds the shapes of records, and numbers them. It serves one part and one thread. See the [module](crate::shapes).
#[derive(Debug)]
pub struct Shaper {
    keys: Keys,
    work: Work,
    interner: Interner,
    spellers: Spellers,
    /// The shape of the last record.
    last: u32,
    spelled: Vec<u8>,
    unescaped: Vec<u8>,
}

impl Shaper {
    /// For records whose columns have these leaves, to be spelled like that.
    pub fn new(leaves: &Leaves, spellers: Spellers, limits: Limits) -> Self {
        Self {
            keys: Keys::of(leaves),
            work: Work::default(),
            interner: Interner::new(limits),
            spellers,
            last: 0,
            spelled: Vec::new(),
            unescaped: Vec::new(),
        }
    }

    /// The number of the record's shape; `fix` becomes its `_fix`, empty for NULL. The record must be validated JSON.
    ///
    /// `None` where the record is to be kept raw: the table of shapes is full, or what shape and values do not say
    /// is more than half of the record. Other bytes than JSON give `None` or an arbitrary shape.
    #[inline]
    pub fn shape(&mut self, record: &[u8], fix: &mut Vec<u8>) -> Option<u32> {
        fix.clear();
        let mut holes = Spelled {
            spellers: &self.spellers,
            buffer: &mut self.spelled,
            unescaped: &mut self.unescaped,
        };
        self.work.clear();
        let mut walk = Walk {
            record,
            work: &mut self.work,
            holes: &mut holes,
            interner: &mut self.interner,
            spellers: &self.spellers,
        };
        walk.record(&mut self.keys).ok()?;
        self.work.fix.write(fix);
        // A few bytes are always worth it: tiny records are mostly brackets.
        if fix.len() > record.len() / 2 + 8 {
            return None;
        }
        let template = &self.work.template;
        if !self.interner.is(self.last, template) {
            self.last = self.interner.intern(template, &self.spellers)?;
        }
        Some(self.last)
    }

    /// The shapes so far.
    pub fn shapes(&self) -> &Shapes {
        &self.interner.shapes
    }

    /// How the values are spelled.
    pub fn spellers(&self) -> &Spellers {
        &self.spellers
    }
}

/// Compares the texts of holes with what their spellers write.
struct Spelled<'a> {
    spellers: &'a Spellers,
    buffer: &'a mut Vec<u8>,
    unescaped: &'a mut Vec<u8>,
}

impl Spelled<'_> {
    /// How the value of the text is written.
    fn compare(&mut self, leaf: u32, kind: LeafKind, raw: &[u8], escaped: bool) -> Spelling {
        let mut unescaped = std::mem::take(self.unescaped);
        let value = value_of(kind, raw, escaped, &mut unescaped);
        let spelling = value.map_or(Spelling::Other, |value| self.spelling_of(leaf, raw, value));
        *self.unescaped = unescaped;
        spelling
    }
}

impl Holes for Spelled<'_> {
    #[inline]
    fn spelling(&mut self, leaf: u32, kind: LeafKind, raw: &[u8], escaped: bool) -> Spelling {
        let speller = self.spellers.of_leaf.get(leaf as usize);
        let is_same = match kind {
            // JSON is its text; of the others the type accepts one form only.
            LeafKind::Json | LeafKind::Boolean | LeafKind::Date => true,
            LeafKind::BigInt | LeafKind::UBigInt | LeafKind::HugeInt => raw != b"-0",
            LeafKind::Varchar if !escaped => speller.is_some_and(|speller| speller.keeps(raw)),
            LeafKind::Timestamp | LeafKind::TimestampTz
                if speller.and_then(|speller| speller.is_of(raw)) == Some(true) =>
            {
                true
            }
            _ => return self.compare(leaf, kind, raw, escaped),
        };
        if is_same {
            Spelling::Same
        } else {
            Spelling::Other
        }
    }

    fn spelling_of(&mut self, leaf: u32, raw: &[u8], value: LeafValue<'_>) -> Spelling {
        let Some(speller) = self.spellers.of_leaf.get(leaf as usize) else {
            return Spelling::Other;
        };
        self.buffer.clear();
        let written = speller.write(value, self.buffer);
        if written.is_some() && self.buffer == raw {
            return Spelling::Same;
        }
        let zone = speller.other_zone(value, raw, self.buffer);
        zone.map_or(Spelling::Other, |zone| Spelling::OtherZone(zone.len()))
    }
}
