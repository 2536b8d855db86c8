//! The spellers of the leaves of a part, and their bytes.

use super::doubles::{DoubleStyle, Notation};
use super::strings::{Escapes, TextStyle};
use super::times::{Fraction, TimeStyle};
use super::{integers, times};
use crate::shapes::bytes::{BadShapes, Input, bad, block, varint};
use crate::shapes::leaves::{LeafKind, Leaves};
use crate::shapes::values::LeafValues;

/// How the values of one leaf are spelled.
#[derive(Clone, Debug)]
pub(in crate::shapes) enum Speller {
    Boolean,
    BigInt,
    UBigInt,
    HugeInt,
    Double(DoubleStyle),
    Varchar(Escapes),
    Json,
    Date,
    Timestamp(TimeStyle),
    TimestampTz(TimeStyle),
}

/// A value of a leaf.
#[derive(Clone, Copy, Debug)]
pub(in crate::shapes) enum LeafValue<'a> {
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Huge(i128),
    Double(f64),
    Text(&'a [u8]),
}

/// How the values of each leaf of a part are spelled. See the [module](crate::shapes).
#[derive(Clone, Debug, Default)]
pub struct Spellers {
    pub(in crate::shapes) of_leaf: Vec<Speller>,
    lists: usize,
}

impl Speller {
    /// Appends the value of a leaf; `None` where the leaf cannot have it, with something appended perhaps.
    #[inline]
    pub(in crate::shapes) fn write(&self, value: LeafValue<'_>, out: &mut Vec<u8>) -> Option<()> {
        match (self, value) {
            (Self::Varchar(escapes), LeafValue::Text(text)) => escapes.write(text, out),
            (Self::Json, LeafValue::Text(text)) => out.extend_from_slice(text),
            (Self::BigInt, LeafValue::Integer(value)) => integers::write_i64(value, out),
            (Self::UBigInt, LeafValue::Unsigned(value)) => integers::write_u64(value, out),
            (Self::HugeInt, LeafValue::Huge(value)) => integers::write_i128(value, out),
            (Self::Boolean, LeafValue::Boolean(value)) => {
                out.extend_from_slice(if value { b"true" } else { b"false" });
            }
            (Self::Double(style), LeafValue::Double(value)) => return style.write(value, out),
            (Self::Date, LeafValue::Integer(days)) => return times::write_date(days, out),
            (Self::Timestamp(style) | Self::TimestampTz(style), LeafValue::Integer(micros)) => {
                return style.write(micros, out);
            }
            _ => return None,
        }
        Some(())
    }

    /// Appends the next value of a leaf; `None` where there is none.
    #[inline]
    pub(in crate::shapes) fn write_next<V: LeafValues>(
        &self,
        values: &mut V,
        leaf: usize,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let value = match self {
            Self::Varchar(_) | Self::Json => LeafValue::Text(values.text(leaf)?),
            Self::BigInt | Self::Date | Self::Timestamp(_) | Self::TimestampTz(_) => {
                LeafValue::Integer(values.integer(leaf)?)
            }
            Self::UBigInt => LeafValue::Unsigned(values.unsigned(leaf)?),
            Self::HugeInt => LeafValue::Huge(values.huge(leaf)?),
            Self::Double(_) => LeafValue::Double(values.double(leaf)?),
            Self::Boolean => LeafValue::Boolean(values.boolean(leaf)?),
        };
        self.write(value, out)
    }

    /// Passes the next value of a leaf; `None` where there is none.
    fn pass_next<V: LeafValues>(&self, values: &mut V, leaf: usize) -> Option<()> {
        match self {
            Self::Varchar(_) | Self::Json => values.text(leaf).map(|_| ()),
            Self::BigInt | Self::Date | Self::Timestamp(_) | Self::TimestampTz(_) => {
                values.integer(leaf).map(|_| ())
            }
            Self::UBigInt => values.unsigned(leaf).map(|_| ()),
            Self::HugeInt => values.huge(leaf).map(|_| ()),
            Self::Double(_) => values.double(leaf).map(|_| ()),
            Self::Boolean => values.boolean(leaf).map(|_| ()),
        }
    }

    /// Whether a string without escapes, whose bytes are the value, is spelled like that.
    #[inline]
    pub(in crate::shapes) fn keeps(&self, raw: &[u8]) -> bool {
        match self {
            Self::Varchar(escapes) => escapes.keeps(raw),
            _ => false,
        }
    }

    /// Whether the text of a timestamp is spelled like that; `None` where its form does not tell.
    #[inline]
    pub(in crate::shapes) fn is_of(&self, raw: &[u8]) -> Option<bool> {
        match self {
            Self::Timestamp(style) | Self::TimestampTz(style) => style.is_of(raw),
            _ => None,
        }
    }

    /// The zone in the text of a timestamp, where this spells the value like that but for the zone.
    pub(in crate::shapes) fn other_zone<'r>(
        &self,
        value: LeafValue<'_>,
        raw: &'r [u8],
        scratch: &mut Vec<u8>,
    ) -> Option<&'r [u8]> {
        let (Self::TimestampTz(style), LeafValue::Integer(micros)) = (self, value) else {
            return None;
        };
        let zone = times::zone_of(raw).filter(|zone| !zone.is_empty())?;
        scratch.clear();
        style.write_in(micros, zone, times::minutes_of(zone)?, scratch)?;
        (scratch == raw).then_some(zone)
    }

    /// Appends the next value of a leaf whose text in `_fix` is this; `None` where there is no value.
    #[cold]
    pub(in crate::shapes) fn write_exception<V: LeafValues>(
        &self,
        values: &mut V,
        leaf: usize,
        text: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<()> {
        if let (Self::TimestampTz(style), Some(b'+' | b'-' | b'Z')) = (self, text.first()) {
            let micros = values.integer(leaf)?;
            return style.write_in(micros, text, times::minutes_of(text)?, out);
        }
        self.pass_next(values, leaf)?;
        out.extend_from_slice(text);
        Some(())
    }

    fn of(kind: LeafKind) -> Self {
        let zoned = TimeStyle {
            zone: Box::new(*b"Z"),
            ..TimeStyle::default()
        };
        match kind {
            LeafKind::Boolean => Self::Boolean,
            LeafKind::BigInt => Self::BigInt,
            LeafKind::UBigInt => Self::UBigInt,
            LeafKind::HugeInt => Self::HugeInt,
            LeafKind::Double => Self::Double(DoubleStyle::Shortest {
                notation: Notation::Python,
                point: true,
            }),
            LeafKind::Varchar => Self::Varchar(Escapes::of(TextStyle::default())),
            LeafKind::Json => Self::Json,
            LeafKind::Date => Self::Date,
            LeafKind::Timestamp => Self::Timestamp(TimeStyle::default()),
            LeafKind::TimestampTz => Self::TimestampTz(zoned),
        }
    }
}

impl Spellers {
    /// The version of their bytes.
    const VERSION: u8 = 1;

    /// What most writers of JSON write, without having seen a record.
    pub fn plain(leaves: &Leaves) -> Self {
        Self {
            of_leaf: leaves
                .leaves()
                .iter()
                .map(|leaf| Speller::of(leaf.kind))
                .collect(),
            lists: leaves.lists().len(),
        }
    }

    /// The number of leaves.
    pub fn leaves(&self) -> usize {
        self.of_leaf.len()
    }

    /// The number of lists.
    pub fn lists(&self) -> usize {
        self.lists
    }

    /// Appends their bytes; `docs/format.md` has the layout.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(Self::VERSION);
        varint(self.of_leaf.len() as u64, out);
        for speller in &self.of_leaf {
            match speller {
                Speller::Boolean => out.push(0),
                Speller::BigInt => out.push(1),
                Speller::UBigInt => out.push(2),
                Speller::HugeInt => out.push(3),
                Speller::Double(style) => out.extend_from_slice(&[4, style.to_byte()]),
                Speller::Varchar(escapes) => {
                    out.push(5);
                    varint(escapes.style.bits(), out);
                }
                Speller::Json => out.push(6),
                Speller::Date => out.push(7),
                Speller::Timestamp(style) | Speller::TimestampTz(style) => {
                    let zoned = matches!(speller, Speller::TimestampTz(_));
                    out.push(if zoned { 9 } else { 8 });
                    out.extend_from_slice(&[u8::from(style.t), style.fraction.to_byte()]);
                    block(&style.zone, out);
                }
            }
        }
        varint(self.lists as u64, out);
    }

    /// Reads what [`Spellers::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are cut, damaged, or of a newer version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadShapes> {
        let mut input = Input { bytes };
        if input.byte() != Some(Self::VERSION) {
            return bad("has spellers of a newer version");
        }
        let Some(spellers) = decode(&mut input).filter(|_| input.bytes.is_empty()) else {
            return bad("has damaged spellers");
        };
        Ok(spellers)
    }
}

fn decode(input: &mut Input<'_>) -> Option<Spellers> {
    let count = input.varint()?;
    let mut of_leaf = Vec::new();
    for _ in 0..count {
        of_leaf.push(match input.byte()? {
            0 => Speller::Boolean,
            1 => Speller::BigInt,
            2 => Speller::UBigInt,
            3 => Speller::HugeInt,
            4 => Speller::Double(DoubleStyle::from_byte(input.byte()?)?),
            5 => Speller::Varchar(Escapes::of(TextStyle::from_bits(input.varint()?)?)),
            6 => Speller::Json,
            7 => Speller::Date,
            8 => Speller::Timestamp(time(input, false)?),
            9 => Speller::TimestampTz(time(input, true)?),
            _ => return None,
        });
    }
    let lists = usize::try_from(input.varint()?).ok()?;
    Some(Spellers { of_leaf, lists })
}

fn time(input: &mut Input<'_>, zoned: bool) -> Option<TimeStyle> {
    let t = match input.byte()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let fraction = Fraction::from_byte(input.byte()?)?;
    let zone = input.block()?;
    let minutes = times::minutes_of(zone).filter(|_| zone.is_empty() != zoned)?;
    Some(TimeStyle {
        t,
        fraction,
        zone: zone.into(),
        minutes,
    })
}
