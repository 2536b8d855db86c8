//! Arrow types for the types of columns.
//!
//! HUGEINT is `Decimal128(38, 0)`, which every reader of Arrow knows and DuckDB casts to HUGEINT exactly. JSON is
//! `Utf8` with the canonical extension name `arrow.json`, which DuckDB reads as its JSON type.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DataType as ArrowType, Field, Fields, Schema as ArrowSchema, TimeUnit};

use super::types::{DataType, Schema};

impl DataType {
    /// Its Arrow type. VARCHAR and JSON have the same; the field tells them apart, see [`arrow_field`].
    pub fn arrow(&self) -> ArrowType {
        match self {
            Self::Boolean => ArrowType::Boolean,
            Self::BigInt => ArrowType::Int64,
            Self::UBigInt => ArrowType::UInt64,
            Self::HugeInt => ArrowType::Decimal128(38, 0),
            Self::Double => ArrowType::Float64,
            Self::Varchar | Self::Json => ArrowType::Utf8,
            Self::Date => ArrowType::Date32,
            Self::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::List(element) => ArrowType::List(Arc::new(arrow_field("item", element))),
            Self::Struct(_) => ArrowType::Struct(self.arrow_fields()),
            Self::Map(_) => {
                let entries = Field::new("entries", ArrowType::Struct(self.arrow_fields()), false);
                ArrowType::Map(Arc::new(entries), false)
            }
        }
    }

    /// The fields of a STRUCT or of the entries of a MAP; none for other types.
    pub(crate) fn arrow_fields(&self) -> Fields {
        match self {
            Self::Struct(fields) => fields
                .iter()
                .map(|field| arrow_field(&field.name, &field.data_type))
                .collect(),
            Self::Map(value) => Fields::from(vec![
                Field::new("key", ArrowType::Utf8, false),
                arrow_field("value", value),
            ]),
            _ => Fields::empty(),
        }
    }
}

/// A nullable field of that type.
pub fn arrow_field(name: &str, data_type: &DataType) -> Field {
    let field = Field::new(name, data_type.arrow(), true);
    if *data_type != DataType::Json {
        return field;
    }
    field.with_metadata(HashMap::from([
        (EXTENSION_TYPE_NAME_KEY.to_owned(), "arrow.json".to_owned()),
        (EXTENSION_TYPE_METADATA_KEY.to_owned(), String::new()),
    ]))
}

/// The columns of `schema` with the indices in `projection`, in that order. Indices it does not have are left out.
pub fn arrow_schema(schema: &Schema, projection: &[usize]) -> ArrowSchema {
    let columns = projection
        .iter()
        .filter_map(|number| schema.columns.get(*number));
    ArrowSchema::new(
        columns
            .map(|column| arrow_field(&column.name, &column.data_type))
            .collect::<Vec<_>>(),
    )
}
