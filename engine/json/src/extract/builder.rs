//! Builds Arrow arrays from JSON, value by value.

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
use crate::syntax::{
    Cursor, Integer, Malformed, Text, Value, fitting_double, integer, unescape_into,
};
use crate::time::{Moment, moment};

/// Why a value cannot be added to a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// The bytes are not JSON.
    Malformed,
    /// The column's type cannot hold the value.
    TypeMismatch,
    /// The column would exceed the 2 GiB of an Arrow array.
    TooLarge,
}

impl From<Malformed> for ValueError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// When an array is assembled, the only check that can still fail is that its text is UTF-8.
impl From<ArrowError> for ValueError {
    fn from(_: ArrowError) -> Self {
        Self::Malformed
    }
}

/// The values of one column of the current batch.
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

    /// Appends the next value of `cursor`, and passes it.
    #[inline]
    pub(super) fn append(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
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
                _ => return Err(ValueError::TypeMismatch),
            },
            (Values::UBigInt(values), _) => match integer(number(cursor)?) {
                Some(Integer::Small(value)) => {
                    values.push(value.try_into().map_err(|_| ValueError::TypeMismatch)?);
                }
                Some(Integer::Large(value)) => {
                    values.push(value.try_into().map_err(|_| ValueError::TypeMismatch)?);
                }
                _ => return Err(ValueError::TypeMismatch),
            },
            (Values::HugeInt(values), _) => match integer(number(cursor)?) {
                Some(Integer::Small(value)) => values.push(value.into()),
                Some(Integer::Large(value)) if value.unsigned_abs() < 10u128.pow(38) => {
                    values.push(value);
                }
                _ => return Err(ValueError::TypeMismatch),
            },
            (Values::Double(values), _) => {
                values.push(fitting_double(number(cursor)?).ok_or(ValueError::TypeMismatch)?);
            }
            (Values::Boolean(values), b't' | b'f') => {
                cursor.skip()?;
                values.append(first == b't');
            }
            (Values::Date(values), b'"') => match moment(string(cursor)?.raw) {
                Some(Moment::Date(days)) => values.push(days),
                _ => return Err(ValueError::TypeMismatch),
            },
            (Values::Timestamp(values), b'"') => match moment(string(cursor)?.raw) {
                Some(Moment::Naive(micros)) => values.push(micros),
                _ => return Err(ValueError::TypeMismatch),
            },
            (Values::TimestampTz(values), b'"') => match moment(string(cursor)?.raw) {
                Some(Moment::Zoned { micros, .. }) => values.push(micros),
                _ => return Err(ValueError::TypeMismatch),
            },
            _ => return Err(ValueError::TypeMismatch),
        }
        self.valid.append_non_null();
        Ok(())
    }

    /// The array of the values so far. The builder is then empty.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ValueError> {
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

/// Reads a number.
#[inline]
fn number<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], ValueError> {
    match cursor.value()? {
        Value::Number(bytes) => Ok(bytes),
        _ => Err(ValueError::TypeMismatch),
    }
}

/// Reads a string.
#[inline]
fn string<'a>(cursor: &mut Cursor<'a>) -> Result<Text<'a>, ValueError> {
    match cursor.value()? {
        Value::String(text) => Ok(text),
        _ => Err(ValueError::TypeMismatch),
    }
}

/// The last offset. Offsets start with 0 and never become empty.
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

/// Texts, concatenated.
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
    fn push_raw(&mut self, raw: &[u8]) -> Result<(), ValueError> {
        if self.bytes.len() + raw.len() > i32::MAX as usize {
            return Err(ValueError::TooLarge);
        }
        self.bytes.extend_from_slice(raw);
        self.end();
        Ok(())
    }

    #[inline]
    fn push(&mut self, text: Text<'_>) -> Result<(), ValueError> {
        if !text.escaped {
            return self.push_raw(text.raw);
        }
        if self.bytes.len() + text.raw.len() > i32::MAX as usize {
            return Err(ValueError::TooLarge);
        }
        let start = self.bytes.len();
        unescape_into(text.raw, &mut self.bytes);
        // Fails for a lone surrogate, for which a schema of this record has the type JSON.
        let text = self.bytes.get(start..).map(simdutf8::basic::from_utf8);
        if !matches!(text, Some(Ok(_))) {
            return Err(ValueError::TypeMismatch);
        }
        self.end();
        Ok(())
    }

    /// Ends the current text; an empty one if nothing was added since the last.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`push` and `push_raw` keep the bytes below 2^31"
    )]
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
    fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
        cursor.enter()?;
        let mut end = last(&self.offsets);
        while cursor.element()? {
            self.elements.append(cursor)?;
            end = end.checked_add(1).ok_or(ValueError::TooLarge)?;
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
    /// For each field, the number of the last object that had it.
    stamps: Vec<u64>,
    /// The number of the current object.
    stamp: u64,
}

impl Structs {
    fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
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
    /// Of equal keys the first is taken: readers of Arrow reject maps with equal keys.
    fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
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
            end = end.checked_add(1).ok_or(ValueError::TooLarge)?;
        }
        self.offsets.push(end);
        Ok(())
    }
}
