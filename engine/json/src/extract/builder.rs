//! Builds Arrow arrays from JSON, value by value.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, ListArray, MapArray, PrimitiveArray, StructArray,
};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer, NullBufferBuilder, ScalarBuffer};
use arrow_schema::{ArrowError, Field, FieldRef, Fields};

use super::fit::{Fitted, fit};
use super::texts::{Texts, last, offsets, put_member};
use super::value_error::ValueError;
use crate::schema::{DataType, Declared, Step, arrow_field};
use crate::syntax::{Cursor, Integer, Text, Value, fitting_double, integer};
use crate::time::{Moment, moment};

/// A declared type, and the texts that mean NULL.
#[derive(Debug)]
struct DeclaredType {
    data_type: DataType,
    nulls: Arc<[Box<str>]>,
}

/// The values of one column of the current batch.
#[derive(Debug)]
pub(super) struct Builder {
    valid: NullBufferBuilder,
    values: Values,
    declared: Option<Box<DeclaredType>>,
    /// Values that the declared type could not hold.
    misfits: u64,
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
    /// For values of this type; `declared` are the parts of it that were declared.
    pub(super) fn new(data_type: &DataType, declared: &[Declared]) -> Self {
        let whole = declared.iter().find(|part| part.path.is_empty());
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
                elements: Self::new(element, &Declared::inside(declared, &Step::Element)),
            })),
            DataType::Struct(fields) => Values::Struct(Box::new(Structs {
                // No key equals the byte that stands for the field of all other keys.
                names: fields
                    .iter()
                    .map(|field| {
                        if field.rest {
                            [0xFF].into()
                        } else {
                            field.name.as_bytes().into()
                        }
                    })
                    .collect(),
                rest: fields.iter().position(|field| field.rest),
                rest_text: Vec::new(),
                fields: data_type.arrow_fields(),
                builders: fields
                    .iter()
                    .map(|field| {
                        let step = Step::Key(field.name.as_bytes().into());
                        Self::new(&field.data_type, &Declared::inside(declared, &step))
                    })
                    .collect(),
                stamps: vec![0; fields.len()],
                stamp: 0,
                follow: (0..=fields.len()).collect(),
            })),
            DataType::Map(value) => Values::Map(Box::new(Maps {
                offsets: vec![0],
                fields: data_type.arrow_fields(),
                keys: Texts::default(),
                values: Self::new(value, whole.map_or(&[], std::slice::from_ref)),
                declared: whole.is_some(),
                misfits: 0,
            })),
        };
        Self {
            valid: NullBufferBuilder::new(0),
            values,
            declared: whole.map(|part| {
                Box::new(DeclaredType {
                    data_type: data_type.clone(),
                    nulls: Arc::clone(&part.nulls),
                })
            }),
            misfits: 0,
        }
    }

    /// How many values a declared type could not hold, in it and in what is inside, since it was made.
    pub(super) fn misfits(&self) -> u64 {
        let inside = match &self.values {
            Values::List(lists) => lists.elements.misfits(),
            Values::Struct(structs) => structs.builders.iter().map(Self::misfits).sum(),
            Values::Map(maps) => maps.misfits + maps.values.misfits(),
            _ => 0,
        };
        self.misfits + inside
    }

    /// Appends a text to a column of JSON or VARCHAR.
    pub(super) fn append_text(&mut self, text: &[u8]) -> Result<(), ValueError> {
        match &mut self.values {
            Values::Varchar(texts) | Values::Json(texts) => texts.push_raw(text)?,
            _ => return Err(ValueError::TypeMismatch),
        }
        self.valid.append_non_null();
        Ok(())
    }

    /// As [`Builder::append`], for a declared type: a value that it cannot hold is NULL, and counted.
    fn append_fitting(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
        let first = cursor.peek()?;
        match (&mut self.values, first) {
            (Values::List(lists), b'[') => lists.push(cursor)?,
            (Values::Struct(structs), b'{') => structs.push(cursor)?,
            (Values::Map(maps), b'{') => maps.push(cursor)?,
            _ => {
                let mut ahead = *cursor;
                let raw = ahead.skip()?;
                let value = cursor.value()?;
                let fitted = self
                    .declared
                    .as_ref()
                    .and_then(|declared| fit(&declared.data_type, value, raw, &declared.nulls));
                return self.append_fitted(fitted);
            }
        }
        self.valid.append_non_null();
        Ok(())
    }

    fn append_fitted(&mut self, fitted: Option<Fitted<'_>>) -> Result<(), ValueError> {
        let misfit = |_| ValueError::TypeMismatch;
        match (&mut self.values, fitted) {
            (_, Some(Fitted::Null)) => {
                self.append_null();
                return Ok(());
            }
            (Values::Boolean(values), Some(Fitted::Bool(value))) => values.append(value),
            (Values::BigInt(values), Some(Fitted::Int(value))) => {
                values.push(value.try_into().map_err(misfit)?);
            }
            (Values::UBigInt(values), Some(Fitted::Int(value))) => {
                values.push(value.try_into().map_err(misfit)?);
            }
            (Values::HugeInt(values), Some(Fitted::Int(value))) => values.push(value),
            (Values::Double(values), Some(Fitted::Float(value))) => values.push(value),
            (Values::Varchar(texts) | Values::Json(texts), Some(Fitted::Text(text))) => {
                texts.push_raw(&text)?;
            }
            (Values::Date(values), Some(Fitted::Days(days))) => values.push(days),
            (
                Values::Timestamp(values) | Values::TimestampTz(values),
                Some(Fitted::Micros(micros)),
            ) => values.push(micros),
            _ => {
                self.misfits += 1;
                self.append_null();
                return Ok(());
            }
        }
        self.valid.append_non_null();
        Ok(())
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
        if self.declared.is_some() {
            return self.append_fitting(cursor);
        }
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

fn primitive<T: ArrowPrimitiveType>(
    values: &mut Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<PrimitiveArray<T>, ArrowError> {
    let room = values.len();
    let taken = std::mem::replace(values, Vec::with_capacity(room));
    PrimitiveArray::try_new(ScalarBuffer::from(taken), nulls)
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
    /// For each field, the one that came after it last; before all of them, the one that came first.
    follow: Vec<usize>,
    /// The field of the keys that have none of their own.
    rest: Option<usize>,
    rest_text: Vec<u8>,
}

impl Structs {
    fn push(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
        self.stamp += 1;
        cursor.enter()?;
        let mut last = 0;
        let mut others = HashSet::new();
        self.rest_text.clear();
        while let Some(key) = cursor.key()? {
            let found = self.position(key, last);
            if let Some(found) = found
                && let Some(stamp) = self.stamps.get_mut(found)
                && *stamp != self.stamp
                && let Some(builder) = self.builders.get_mut(found)
            {
                *stamp = self.stamp;
                last = found + 1;
                builder.append(cursor)?;
                continue;
            }
            let value = cursor.skip()?;
            if found.is_none() && self.rest.is_some() && others.insert(key.unescaped()) {
                put_member(key, value, &mut self.rest_text);
            }
        }
        if let Some(rest) = self.rest.filter(|_| !self.rest_text.is_empty())
            && let Some(builder) = self.builders.get_mut(rest)
            && let Some(stamp) = self.stamps.get_mut(rest)
        {
            *stamp = self.stamp;
            self.rest_text.push(b'}');
            builder.append_text(&self.rest_text)?;
        }
        for (builder, stamp) in self.builders.iter_mut().zip(&self.stamps) {
            if *stamp != self.stamp {
                builder.append_null();
            }
        }
        Ok(())
    }

    /// The field of a key; `last` is that of the key before it, plus one, and 0 for none.
    #[inline]
    fn position(&mut self, key: Text<'_>, last: usize) -> Option<usize> {
        let key = key.unescaped();
        let is_key = |name: &[u8]| *name == *key;
        let expected = self.follow.get(last).copied().unwrap_or(0);
        if self.names.get(expected).is_some_and(|name| is_key(name)) {
            return Some(expected);
        }
        let found = self.names.iter().position(|name| is_key(name))?;
        if let Some(follow) = self.follow.get_mut(last) {
            *follow = found;
        }
        Some(found)
    }
}

#[derive(Debug)]
struct Maps {
    offsets: Vec<i32>,
    fields: Fields,
    keys: Texts,
    values: Builder,
    declared: bool,
    /// Entries whose key no VARCHAR can hold.
    misfits: u64,
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
            match self.keys.push(key) {
                Err(ValueError::TypeMismatch) if self.declared => {
                    self.misfits += 1;
                    cursor.skip()?;
                    continue;
                }
                pushed => pushed?,
            }
            self.values.append(cursor)?;
            end = end.checked_add(1).ok_or(ValueError::TooLarge)?;
        }
        self.offsets.push(end);
        Ok(())
    }
}
