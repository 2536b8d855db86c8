//! Types, columns and schemas.

use std::fmt;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    Boolean,
    /// Integers of 64 bits.
    BigInt,
    /// Integers from 0 to 2^64 - 1.
    UBigInt,
    /// Integers of up to 38 digits.
    HugeInt,
    Double,
    Varchar,
    Date,
    /// Without zone, microseconds.
    Timestamp,
    /// An instant, microseconds.
    TimestampTz,
    List(Box<DataType>),
    Struct(Vec<Field>),
    /// From VARCHAR.
    Map(Box<DataType>),
    /// The exact bytes of the value.
    Json,
}

/// A field of a [`DataType::Struct`]; its name is the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    pub name: String,
    pub data_type: DataType,
}

impl fmt::Display for DataType {
    /// As SQL writes it.
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

/// Where a column's values stand in a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Under this key of a record that is an object; unescaped, lone surrogates as `json::unescape_into` writes them.
    Key(Box<[u8]>),
    /// The record itself, if it is no object.
    Record,
    /// The record itself, whatever it is.
    Whole,
}

/// A column of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub source: Source,
    pub data_type: DataType,
    /// Rows in which it has a value that is not null.
    pub values: u64,
    /// Rows in which its value is the JSON null.
    pub nulls: u64,
    /// Rows that lack the key.
    pub missing: u64,
    /// What a user should know: why it is JSON, what it was renamed from, what the type does not show.
    pub notes: Vec<String>,
    /// The bytes `"key"` and a colon after them can only be this column's key, in every row: no other path has the key, and no key is
    /// written with an escape. Set by [`super::to_columns`] alone; `extract` relies on it.
    pub unique: bool,
}

/// The typed columns of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    pub columns: Vec<Column>,
    /// Rows it was made from, deleted ones included.
    pub rows: u64,
}

impl Schema {
    /// Number of the column with that name. Letters A to Z may differ in case, as in SQL.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
    }
}

/// Names of the columns every collection has besides its own.
pub const SYSTEM_COLUMNS: [&str; 6] = ["_seq", "_hash", "_file", "_line", "_ingested_at", "_json"];
