//! Arrow arrays, one value of JSON at a time.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, ListArray, MapArray, PrimitiveArray, StringArray,
    StructArray,
};
use arrow_buffer::{
    BooleanBufferBuilder, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::{ArrowError, Field, FieldRef, Fields};

use crate::schema::{DataType, arrow_field};
use crate::syntax::{Cursor, Integer, Malformed, Text, Value, double, integer, unescape_into};
use crate::time::{Moment, moment};

/// Why a value was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Malformed,
    Misfit,
    TooLarge,
}

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The only thing that is left to find out when an array is put together is whether its text is UTF-8.
impl From<ArrowError> for Refused {
    fn from(_: ArrowError) -> Self {
        Self::Malformed
    }
}

/// The values of one column so far.
#[derive(Debug)]
pub(super) struct Builder {
    valid: NullBufferBuilder,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Boolean(BooleanBufferBuilder),
    BigInt(Vec<i64>),
    UBigInt(Vec<u64>),
    HugeInt(Vec<i128>),
    Double(Vec<f64>),
    Varchar(Texts),
    Json(Texts),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    TimestampTz(Vec<i64>),
    List(Box<Lists>),
    Struct(Box<Structs>),
    Map(Box<Maps>),
}

impl Builder {
    pub(super) fn new(data_type: &DataType) -> Self {
        let values = match data_type {
            DataType::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            DataType::BigInt => Values::BigInt(Vec::new()),
            DataType::UBigInt => Values::UBigInt(Vec::new()),
            DataType::HugeInt => Values::HugeInt(Vec::new()),
            DataType::Double => Values::Double(Vec::new()),
            DataType::Varchar => Values::Varchar(Texts::default()),
            DataType::Json => Values::Json(Texts::default()),
            DataType::Date => Values::Date(Vec::new()),
            DataType::Timestamp => Values::Timestamp(Vec::new()),
            DataType::TimestampTz => Values::TimestampTz(Vec::new()),
            DataType::List(element) => Values::List(Box::new(Lists {
                offsets: vec![0],
                field: Arc::new(arrow_field("item", element)),
                elements: Self::new(element),
            })),
            DataType::Struct(fields) => Values::Struct(Box::new(Structs {
                names: fields
                    .iter()
                    .map(|field| field.name.as_bytes().into())
                    .collect(),
                fields: data_type.arrow_fields(),
                builders: fields
                    .iter()
                    .map(|field| Self::new(&field.data_type))
                    .collect(),
                stamps: vec![0; fields.len()],
                stamp: 0,
            })),
            DataType::Map(value) => Values::Map(Box::new(Maps {
                offsets: vec![0],
                fields: data_type.arrow_fields(),
                keys: Texts::default(),
                values: Self::new(value),
            })),
        };
        Self {
            valid: NullBufferBuilder::new(0),
            values,
        }
    }

    pub(super) fn append_null(&mut self) {
        self.valid.append_null();
        match &mut self.values {
            Values::Boolean(values) => values.append(false),
            Values::BigInt(values) | Values::Timestamp(values) | Values::TimestampTz(values) => {
                values.push(0);
            }
            Values::UBigInt(values) => values.push(0),
            Values::HugeInt(values) => values.push(0),
            Values::Double(values) => values.push(0.0),
            Values::Date(values) => values.push(0),
            Values::Varchar(values) | Values::Json(values) => values.end(),
            Values::List(values) => values.offsets.push(last(&values.offsets)),
            Values::Map(values) => values.offsets.push(last(&values.offsets)),
            Values::Struct(values) => values.builders.iter_mut().for_each(Self::append_null),
        }
    }

    /// Appends the value that `cursor` is before, and passes it.
    #[inline]
    pub(super) fn append(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refused> {
        let first = cursor.peek()?;
        if first == b'n' {
            cursor.skip()?;
            self.append_null();
            return Ok(());
        }
        match (&mut self.values, first) {
            (Values::Varchar(texts), b'"') => texts.push(string(cursor)?)?,
            (Values::Json(texts), _) => texts.push_raw(cursor.skip()?)?,
            (Values::List(lists), b'[') => lists.push(cursor)?,
            (Values::Struct(structs), b'{') => structs.push(cursor)?,
            (Values::Map(maps), b'{') => maps.push(cursor)?,
            (Values::BigInt(values), _) => match integer(number(cursor)?) {
                Some(Integer::Small(value)) => values.push(value),
                _ => return Err(Refused::Misfit),
            },
            (Values::UBigInt(values), _) => match integer(number(cursor)?) {
                Some(Integer::Small(value)) => {
                    values.push(value.try_into().map_err(|_| Refused::Misfit)?);
                }
                Some(Integer::Large(value)) => {
                    values.push(value.try_into().map_err(|_| Refused::Misfit)?);
                }
                _ => return Err(Refused::Misfit),
            },
            (Values::HugeInt(values), _) => match integer(number(cursor)?) {
                Some(Integer::Small(value)) => values.push(value.into()),
                Some(Integer::Large(value)) if value.unsigned_abs() < 10u128.pow(38) => {
                    values.push(value);
                }
                _ => return Err(Refused::Misfit),
            },
            (Values::Double(values), _) => {
                values.push(fitting_double(number(cursor)?).ok_or(Refused::Misfit)?);
            }
            (Values::Boolean(values), b't' | b'f') => {
                cursor.skip()?;
                values.append(first == b't');
            }
            (Values::Date(values), b'"') => match moment(string(cursor)?.raw) {
                Some(Moment::Date(days)) => values.push(days),
                _ => return Err(Refused::Misfit),
            },
            (Values::Timestamp(values), b'"') => match moment(string(cursor)?.raw) {
                Some(Moment::Naive(micros)) => values.push(micros),
                _ => return Err(Refused::Misfit),
            },
            (Values::TimestampTz(values), b'"') => match moment(string(cursor)?.raw) {
                Some(Moment::Zoned { micros, .. }) => values.push(micros),
                _ => return Err(Refused::Misfit),
            },
            _ => return Err(Refused::Misfit),
        }
        self.valid.append_non_null();
        Ok(())
    }

    /// The array of what was appended; nothing is left.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, Refused> {
        let nulls = self.valid.finish();
        Ok(match &mut self.values {
            Values::Boolean(values) => {
                let values = values.finish();
                Arc::new(BooleanArray::new(values, nulls))
            }
            Values::BigInt(values) => Arc::new(primitive::<Int64Type>(values, nulls)?),
            Values::UBigInt(values) => Arc::new(primitive::<UInt64Type>(values, nulls)?),
            Values::HugeInt(values) => Arc::new(
                primitive::<Decimal128Type>(values, nulls)?.with_precision_and_scale(38, 0)?,
            ),
            Values::Double(values) => Arc::new(primitive::<Float64Type>(values, nulls)?),
            Values::Date(values) => Arc::new(primitive::<Date32Type>(values, nulls)?),
            Values::Timestamp(values) => {
                Arc::new(primitive::<TimestampMicrosecondType>(values, nulls)?)
            }
            Values::TimestampTz(values) => {
                Arc::new(primitive::<TimestampMicrosecondType>(values, nulls)?.with_timezone("UTC"))
            }
            Values::Varchar(texts) | Values::Json(texts) => Arc::new(texts.finish(nulls)?),
            Values::List(lists) => {
                let offsets = offsets(&mut lists.offsets);
                Arc::new(ListArray::try_new(
                    lists.field.clone(),
                    offsets,
                    lists.elements.finish()?,
                    nulls,
                )?)
            }
            Values::Struct(structs) => {
                let arrays = structs
                    .builders
                    .iter_mut()
                    .map(Self::finish)
                    .collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new(structs.fields.clone(), arrays, nulls)?)
            }
            Values::Map(maps) => {
                let columns: Vec<ArrayRef> =
                    vec![Arc::new(maps.keys.finish(None)?), maps.values.finish()?];
                let entries = StructArray::try_new(maps.fields.clone(), columns, None)?;
                let field = Field::new(
                    "entries",
                    arrow_schema::DataType::Struct(maps.fields.clone()),
                    false,
                );
                let offsets = offsets(&mut maps.offsets);
                Arc::new(MapArray::try_new(
                    Arc::new(field),
                    offsets,
                    entries,
                    nulls,
                    false,
                )?)
            }
        })
    }
}

/// The number that comes next.
#[inline]
fn number<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Refused> {
    match cursor.value()? {
        Value::Number(bytes) => Ok(bytes),
        _ => Err(Refused::Misfit),
    }
}

#[inline]
fn string<'a>(cursor: &mut Cursor<'a>) -> Result<Text<'a>, Refused> {
    match cursor.value()? {
        Value::String(text) => Ok(text),
        _ => Err(Refused::Misfit),
    }
}

/// The double of a number; `None` for an integer that no double equals, and for what is outside their range.
pub fn fitting_double(bytes: &[u8]) -> Option<f64> {
    match integer(bytes) {
        Some(Integer::Small(value)) if bytes != b"-0" => {
            let nearest = value as f64;
            (nearest as i128 == i128::from(value)).then_some(nearest)
        }
        Some(Integer::Large(value)) => {
            let nearest = value as f64;
            (nearest as i128 == value && value != i128::MAX).then_some(nearest)
        }
        Some(Integer::Beyond) => None,
        _ => double(bytes),
    }
}

fn last(offsets: &[i32]) -> i32 {
    offsets.last().copied().unwrap_or(0)
}

fn offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let room = offsets.len();
    let taken = std::mem::replace(offsets, Vec::with_capacity(room));
    offsets.push(0);
    OffsetBuffer::new(ScalarBuffer::from(taken))
}

fn primitive<T: ArrowPrimitiveType>(
    values: &mut Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<PrimitiveArray<T>, ArrowError> {
    let room = values.len();
    let taken = std::mem::replace(values, Vec::with_capacity(room));
    PrimitiveArray::try_new(ScalarBuffer::from(taken), nulls)
}

/// Texts one after the other.
#[derive(Debug)]
struct Texts {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            bytes: Vec::new(),
        }
    }
}

impl Texts {
    #[inline]
    fn push_raw(&mut self, raw: &[u8]) -> Result<(), Refused> {
        if self.bytes.len() + raw.len() > i32::MAX as usize {
            return Err(Refused::TooLarge);
        }
        self.bytes.extend_from_slice(raw);
        self.end();
        Ok(())
    }

    #[inline]
    fn push(&mut self, text: Text<'_>) -> Result<(), Refused> {
        if !text.escaped {
            return self.push_raw(text.raw);
        }
        if self.bytes.len() + text.raw.len() > i32::MAX as usize {
            return Err(Refused::TooLarge);
        }
        let start = self.bytes.len();
        unescape_into(text.raw, &mut self.bytes);
        let unescaped = self.bytes.get(start..).unwrap_or_default();
        // A lone surrogate is no text; the schema would have said so.
        if simdutf8::basic::from_utf8(unescaped).is_err() {
            return Err(Refused::Misfit);
        }
        self.end();
        Ok(())
    }

    /// Ends a text; without bytes since the last, an empty one.
    #[inline]
    fn end(&mut self) {
        self.offsets.push(self.bytes.len() as i32);
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let room = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        StringArray::try_new(offsets(&mut self.offsets), Buffer::from_vec(bytes), nulls)
    }
}

#[derive(Debug)]
struct Lists {
    offsets: Vec<i32>,
    field: FieldRef,
    elements: Builder,
}

impl Lists {
    fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refused> {
        cursor.enter()?;
        let mut end = last(&self.offsets);
        while cursor.element()? {
            self.elements.append(cursor)?;
            end = end.checked_add(1).ok_or(Refused::TooLarge)?;
        }
        self.offsets.push(end);
        Ok(())
    }
}

#[derive(Debug)]
struct Structs {
    names: Vec<Box<[u8]>>,
    fields: Fields,
    builders: Vec<Builder>,
    /// The object in which each field was seen last.
    stamps: Vec<u64>,
    stamp: u64,
}

impl Structs {
    fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refused> {
        self.stamp += 1;
        cursor.enter()?;
        let mut expected = 0;
        while let Some(key) = cursor.key()? {
            let found = self.position(key, expected);
            if let Some(found) = found
                && let Some(stamp) = self.stamps.get_mut(found)
                && *stamp != self.stamp
                && let Some(builder) = self.builders.get_mut(found)
            {
                *stamp = self.stamp;
                expected = found + 1;
                builder.append(cursor)?;
            } else {
                cursor.skip()?;
            }
        }
        for (builder, stamp) in self.builders.iter_mut().zip(&self.stamps) {
            if *stamp != self.stamp {
                builder.append_null();
            }
        }
        Ok(())
    }

    fn position(&self, key: Text<'_>, expected: usize) -> Option<usize> {
        let key = key.unescaped();
        if self.names.get(expected).is_some_and(|name| **name == *key) {
            return Some(expected);
        }
        self.names.iter().position(|name| **name == *key)
    }
}

#[derive(Debug)]
struct Maps {
    offsets: Vec<i32>,
    fields: Fields,
    keys: Texts,
    values: Builder,
}

impl Maps {
    /// Readers of Arrow refuse maps with equal keys, so the first of them is taken here.
    fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refused> {
        cursor.enter()?;
        let mut end = last(&self.offsets);
        let mut seen = HashSet::new();
        while let Some(key) = cursor.key()? {
            if !seen.insert(key.unescaped()) {
                cursor.skip()?;
                continue;
            }
            self.keys.push(key)?;
            self.values.append(cursor)?;
            end = end.checked_add(1).ok_or(Refused::TooLarge)?;
        }
        self.offsets.push(end);
        Ok(())
    }
}
