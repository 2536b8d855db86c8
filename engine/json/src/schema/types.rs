//! Types, columns and schemas.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// BOOLEAN.
    Boolean,
    /// BIGINT: integers of 64 bits.
    BigInt,
    /// UBIGINT: integers from 0 to 2^64 - 1.
    UBigInt,
    /// HUGEINT: integers of up to 38 digits.
    HugeInt,
    /// DOUBLE.
    Double,
    /// VARCHAR: text.
    Varchar,
    /// DATE.
    Date,
    /// TIMESTAMP: microseconds, without a zone.
    Timestamp,
    /// TIMESTAMP WITH TIME ZONE: an instant, in microseconds.
    TimestampTz,
    /// A list of values of one type.
    List(Box<DataType>),
    /// STRUCT.
    Struct(Vec<Field>),
    /// MAP from VARCHAR to values of one type.
    Map(Box<DataType>),
    /// JSON: the exact bytes of the value.
    Json,
}

/// A field of a [`DataType::Struct`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name, which is the key in records.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether it holds the keys that have no field, as one JSON object, instead of the key of its name.
    pub rest: bool,
}

impl fmt::Display for DataType {
    /// The name of the type in SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::UBigInt => f.write_str("UBIGINT"),
            Self::HugeInt => f.write_str("HUGEINT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Varchar => f.write_str("VARCHAR"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::TimestampTz => f.write_str("TIMESTAMP WITH TIME ZONE"),
            Self::List(element) => write!(f, "{element}[]"),
            Self::Map(value) => write!(f, "MAP(VARCHAR, {value})"),
            Self::Json => f.write_str("JSON"),
            Self::Struct(fields) => {
                f.write_str("STRUCT(")?;
                for (number, field) in fields.iter().enumerate() {
                    let comma = if number == 0 { "" } else { ", " };
                    write!(
                        f,
                        "{comma}\"{}\" {}",
                        field.name.replace('"', "\"\""),
                        field.data_type
                    )?;
                }
                f.write_str(")")
            }
        }
    }
}

/// The part of a record that a column holds. Keys are unescaped, as by [`crate::unescape_into`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ColumnSource {
    /// The value of this key, where the record is an object.
    Key(Box<[u8]>),
    /// The value of a field inside objects: a key of the record, then the keys that lead to the field.
    Path(Vec<Box<[u8]>>),
    /// The record itself, where it is not an object.
    NonObject,
    /// An object of the keys that are not among these, where the record is an object that has any.
    Rest(Arc<BTreeSet<Box<[u8]>>>),
}

/// A step of a path into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// To the value of a key of an object.
    Key(Box<[u8]>),
    /// To every element of an array.
    Element,
}

/// A part of a column whose type was declared: a value that does not fit it is NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Where it is in the column; empty for the whole column.
    pub path: Vec<Step>,
    /// Texts that stand for NULL: strings, or numbers and words as they are written.
    pub nulls: Arc<[Box<str>]>,
}

impl Declared {
    /// The declared parts from a step on. A type declared as a whole holds for all that is inside it.
    pub(crate) fn inside(declared: &[Self], step: &Step) -> Vec<Self> {
        let parts = declared
            .iter()
            .filter_map(|part| match part.path.split_first() {
                None => Some(part.clone()),
                Some((first, rest)) => (first == step).then(|| Self {
                    path: rest.to_vec(),
                    nulls: Arc::clone(&part.nulls),
                }),
            });
        parts.collect()
    }
}

/// A column of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in SQL.
    pub name: String,
    /// The part of a record that it holds.
    pub source: ColumnSource,
    /// Its type.
    pub data_type: DataType,
    /// The number of rows with a value other than null.
    pub values: u64,
    /// The number of rows with the JSON null.
    pub nulls: u64,
    /// The number of rows without the key.
    pub missing: u64,
    /// Notes for the user: why it is JSON, the key it was renamed from, what the type does not show.
    pub notes: Vec<String>,
    /// Whether the bytes `"key"` followed by a colon are this column's key in every row: no other path has the key, and
    /// no key is written with an escape. Set by [`super::to_columns`] alone; [`crate::extract`] relies on it.
    pub unique: bool,
    /// The parts of it whose type was declared.
    pub declared: Vec<Declared>,
    /// The number of values that a declared type cannot hold; 0 where they were not counted.
    pub misfits: u64,
}

impl Column {
    /// Whether its type as a whole was declared.
    pub fn is_declared(&self) -> bool {
        self.declared.iter().any(|part| part.path.is_empty())
    }
}

/// The typed columns of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The columns in order, without the system columns.
    pub columns: Vec<Column>,
    /// The number of rows it was made from, deleted ones included.
    pub rows: u64,
    /// Fields inside objects that a search for their key finds, as [`Column::unique`] says of columns.
    pub unique_paths: BTreeSet<Vec<Box<[u8]>>>,
}

impl Schema {
    /// The index of the column with that name. The case of the letters A to Z is ignored, as in SQL.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
    }
}

impl Schema {
    /// What a path names: a column, in whatever case, and the steps from its value to the field that follows its name:
    /// `o.price`, `items[].price`.
    pub fn resolve(&self, path: &str) -> Option<(&Column, Vec<Step>)> {
        let ends = path.match_indices(['.', '[']).map(|(at, _)| at);
        let mut ends: Vec<usize> = ends.chain([path.len()]).collect();
        ends.reverse();
        ends.into_iter().find_map(|end| {
            let (name, rest) = path.split_at_checked(end)?;
            let column = self.columns.get(self.position(name)?)?;
            Some((column, column.data_type.steps(rest)?))
        })
    }
}

impl DataType {
    /// The steps of a path such as `.a[].b` into values of this type.
    fn steps(&self, path: &str) -> Option<Vec<Step>> {
        if path.is_empty() {
            return Some(Vec::new());
        }
        let (step, inside, rest) = match self {
            Self::List(element) => (Step::Element, &**element, path.strip_prefix("[]")?),
            Self::Struct(fields) => {
                let path = path.strip_prefix('.')?;
                // A field's name may hold a dot: the longest one that fits.
                let field = fields
                    .iter()
                    .filter(|field| !field.rest)
                    .filter(|field| {
                        let begins = path.get(..field.name.len());
                        begins.is_some_and(|begins| begins.eq_ignore_ascii_case(&field.name))
                            && matches!(
                                path.as_bytes().get(field.name.len()),
                                None | Some(b'.' | b'[')
                            )
                    })
                    .max_by_key(|field| field.name.len())?;
                let step = Step::Key(field.name.as_bytes().into());
                (step, &field.data_type, path.get(field.name.len()..)?)
            }
            _ => return None,
        };
        let mut steps = vec![step];
        steps.extend(inside.steps(rest)?);
        Some(steps)
    }

    /// The type of what these steps lead to.
    pub fn at(&self, steps: &[Step]) -> Option<&Self> {
        let Some((first, rest)) = steps.split_first() else {
            return Some(self);
        };
        match (self, first) {
            (Self::List(element), Step::Element) => element.at(rest),
            (Self::Struct(fields), Step::Key(key)) => {
                let field = fields
                    .iter()
                    .find(|field| field.name.as_bytes() == &**key)?;
                field.data_type.at(rest)
            }
            _ => None,
        }
    }
}

/// Names of the columns that every collection has besides those of its records.
pub const SYSTEM_COLUMNS: [&str; 6] = ["_seq", "_hash", "_file", "_line", "_ingested_at", "_json"];
