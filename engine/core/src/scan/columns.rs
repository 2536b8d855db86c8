//! The columns of a scan by name: typed ones and system columns.

use arrow_schema::{DataType as ArrowType, Field, TimeUnit};
use lakebed_json::schema::{DataType, SYSTEM_COLUMNS, Schema, arrow_field};

use crate::error::{Error, ErrorKind, Result};
use crate::spelling::{closest_name, quoted};

/// A column by where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanColumn {
    /// Its number in the schema.
    Typed(usize),
    /// Its name.
    System(&'static str),
}

/// The field of a system column.
pub(super) fn system_field(name: &str) -> Option<Field> {
    let data_type = match name {
        "_seq" | "_line" => ArrowType::Int64,
        "_hash" | "_file" => ArrowType::Utf8,
        "_ingested_at" => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "_json" => return Some(arrow_field(name, &DataType::Json)),
        _ => return None,
    };
    Some(Field::new(name, data_type, true))
}

/// The SQL type of a system column.
pub fn system_column_type(name: &str) -> &'static str {
    match name {
        "_seq" | "_line" => "BIGINT",
        "_ingested_at" => "TIMESTAMP WITH TIME ZONE",
        "_json" => "JSON",
        _ => "VARCHAR",
    }
}

/// What a name stands for: a typed column, in whatever case, or a system column.
pub(super) fn column_named(schema: &Schema, collection: &str, name: &str) -> Result<ScanColumn> {
    if let Some(position) = schema.position(name) {
        return Ok(ScanColumn::Typed(position));
    }
    if let Some(known) = SYSTEM_COLUMNS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))
    {
        return Ok(ScanColumn::System(known));
    }
    let known = schema.columns.iter().map(|column| column.name.as_str());
    let hint = match closest_name(name, known.chain(SYSTEM_COLUMNS)) {
        Some(near) => format!("did you mean {near}?", near = quoted(near)),
        None => format!("describe {collection} lists its columns."),
    };
    Err(Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "Collection {collection} has no column {name}; {hint}",
            name = quoted(name)
        ),
    ))
}
