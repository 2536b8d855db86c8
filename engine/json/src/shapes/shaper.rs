//! Shapes of records.

use super::keys::Keys;
use super::leaves::{LeafKind, Leaves};
use super::spell::{LeafValue, Spellers, Trial};
use super::table::{Interner, Limits, Shapes};
use super::walk::{Holes, Walk, Work};
use crate::syntax::{Integer, fitting_double, integer, unescape_into};
use crate::time::{Moment, moment};

/// Finds the shapes of records, and numbers them. It serves one part and one thread. See the [module](super).
#[derive(Debug)]
pub struct Shaper {
    keys: Keys,
    work: Work,
    interner: Interner,
    spellers: Spellers,
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
        self.interner.intern(&self.work.template, &self.spellers)
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

/// The value of a leaf in the text of a record, without quotes. Texts are unescaped into `unescaped` where they have
/// escapes. `None` where the leaf cannot have it.
fn value_of<'a>(
    kind: LeafKind,
    raw: &'a [u8],
    escaped: bool,
    unescaped: &'a mut Vec<u8>,
) -> Option<LeafValue<'a>> {
    Some(match kind {
        LeafKind::Boolean => LeafValue::Boolean(raw == b"true"),
        LeafKind::BigInt => match integer(raw)? {
            Integer::Small(value) => LeafValue::Integer(value),
            _ => return None,
        },
        LeafKind::UBigInt => LeafValue::Unsigned(match integer(raw)? {
            Integer::Small(value) => value.try_into().ok()?,
            Integer::Large(value) => value.try_into().ok()?,
            Integer::Beyond => return None,
        }),
        LeafKind::HugeInt => LeafValue::Huge(match integer(raw)? {
            Integer::Small(value) => value.into(),
            Integer::Large(value) => value,
            Integer::Beyond => return None,
        }),
        LeafKind::Double => LeafValue::Double(fitting_double(raw)?),
        LeafKind::Varchar if escaped => {
            unescaped.clear();
            unescape_into(raw, unescaped);
            LeafValue::Text(unescaped)
        }
        LeafKind::Varchar | LeafKind::Json => LeafValue::Text(raw),
        LeafKind::Date => match moment(raw)? {
            Moment::Date(days) => LeafValue::Integer(days.into()),
            _ => return None,
        },
        LeafKind::Timestamp => match moment(raw)? {
            Moment::Naive(micros) => LeafValue::Integer(micros),
            _ => return None,
        },
        LeafKind::TimestampTz => match moment(raw)? {
            Moment::Zoned { micros, .. } => LeafValue::Integer(micros),
            _ => return None,
        },
    })
}

/// Compares the texts of holes with what their spellers write.
struct Spelled<'a> {
    spellers: &'a Spellers,
    buffer: &'a mut Vec<u8>,
    unescaped: &'a mut Vec<u8>,
}

impl Spelled<'_> {
    fn writes(&mut self, leaf: u32, value: LeafValue<'_>, raw: &[u8]) -> bool {
        self.buffer.clear();
        let speller = self.spellers.of_leaf.get(leaf as usize);
        let written = speller.and_then(|speller| speller.write(value, self.buffer));
        written.is_some() && self.buffer == raw
    }
}

impl Holes for Spelled<'_> {
    #[inline]
    fn is_spelled(&mut self, leaf: u32, kind: LeafKind, raw: &[u8], escaped: bool) -> bool {
        match kind {
            // JSON is its text; of the others the type accepts one form only.
            LeafKind::Json | LeafKind::Boolean | LeafKind::Date => true,
            LeafKind::BigInt | LeafKind::UBigInt | LeafKind::HugeInt => raw != b"-0",
            LeafKind::Varchar if !escaped => {
                let speller = self.spellers.of_leaf.get(leaf as usize);
                speller.is_some_and(|speller| speller.keeps(raw))
            }
            _ => {
                let mut unescaped = std::mem::take(self.unescaped);
                let spelled = value_of(kind, raw, escaped, &mut unescaped)
                    .is_some_and(|value| self.writes(leaf, value, raw));
                *self.unescaped = unescaped;
                spelled
            }
        }
    }

    fn is_written(&mut self, leaf: u32, raw: &[u8], value: LeafValue<'_>) -> bool {
        self.writes(leaf, value, raw)
    }
}

/// Lets a trial see the values of a sample.
struct Observed<'a> {
    trial: &'a mut Trial,
    unescaped: Vec<u8>,
}

impl Holes for Observed<'_> {
    fn is_spelled(&mut self, leaf: u32, kind: LeafKind, raw: &[u8], escaped: bool) -> bool {
        if let Some(value) = value_of(kind, raw, escaped, &mut self.unescaped) {
            self.trial.observe(leaf as usize, raw, value);
        }
        true
    }

    fn is_written(&mut self, leaf: u32, raw: &[u8], value: LeafValue<'_>) -> bool {
        self.trial.observe(leaf as usize, raw, value);
        true
    }
}

/// Lets a trial see the values of these records.
pub(super) fn observe<'r>(
    leaves: &Leaves,
    trial: &mut Trial,
    records: impl IntoIterator<Item = &'r [u8]>,
) {
    let spellers = Spellers::plain(leaves);
    let mut keys = Keys::of(leaves);
    let mut work = Work::default();
    let mut interner = Interner::new(Limits::default());
    let mut holes = Observed {
        trial,
        unescaped: Vec::new(),
    };
    for record in records {
        work.clear();
        let mut walk = Walk {
            record,
            work: &mut work,
            holes: &mut holes,
            interner: &mut interner,
            spellers: &spellers,
        };
        // A record that is to be raw has shown some values, and no more is asked of it.
        let _ = walk.record(&mut keys);
    }
}
