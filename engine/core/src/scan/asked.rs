//! Types a request asks for instead of those the values have.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};

use super::request::ScanRequest;
use crate::error::{Error, ErrorKind, Result};
use lakebed_json::schema::{Column, ColumnSource, DataType, SYSTEM_COLUMNS, Schema};
use lakebed_json::{Cursor, Value, unescape_into};

/// Columns by their numbers in the schema.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Those whose type was asked for.
    pub(super) typed: Vec<usize>,
    /// Those of them that are read as JSON and given as text.
    pub(super) texts: Vec<usize>,
}

/// Changes the schema to what the request asks for.
pub(super) fn apply(schema: &mut Arc<Schema>, request: &ScanRequest) -> Result<Asked> {
    let mut asked = Asked::default();
    if request.types.is_empty() {
        return Ok(asked);
    }
    let schema = Arc::make_mut(schema);
    for (name, data_type) in &request.types {
        if SYSTEM_COLUMNS
            .iter()
            .any(|own| own.eq_ignore_ascii_case(name))
        {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "The column {name:?} has a type of its own: only columns of the records can be given another."
                ),
            ));
        }
        let position = schema.position(name).unwrap_or_else(|| {
            schema.columns.push(Column {
                name: name.clone(),
                source: ColumnSource::Key(name.as_bytes().into()),
                data_type: DataType::Json,
                values: 0,
                nulls: 0,
                missing: schema.rows,
                notes: Vec::new(),
                unique: false,
            });
            schema.columns.len() - 1
        });
        let Some(column) = schema.columns.get_mut(position) else {
            continue;
        };
        if column.data_type == *data_type {
            continue;
        }
        asked.typed.push(position);
        column.data_type = data_type.clone();
        if *data_type == DataType::Varchar {
            asked.texts.push(position);
            column.data_type = DataType::Json;
        }
    }
    let refused = request.filters.iter().find(|filter| {
        schema
            .position(&filter.column)
            .is_some_and(|position| asked.typed.contains(&position))
    });
    match refused {
        None => Ok(asked),
        Some(filter) => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "The column {:?} cannot have both a filter and another type than its own.",
                filter.column
            ),
        )),
    }
}

/// JSON values as text: strings without quotes and escapes, everything else as it stands. `None` when a string is no text.
pub(super) fn text_of(json: &ArrayRef) -> Option<ArrayRef> {
    let json = json.as_string_opt::<i32>()?;
    let mut texts = StringBuilder::with_capacity(json.len(), json.values().len());
    let mut unescaped = Vec::new();
    for value in json {
        let Some(value) = value else {
            texts.append_null();
            continue;
        };
        match Cursor::new(value.as_bytes()).value() {
            Ok(Value::String(text)) if text.escaped => {
                unescaped.clear();
                unescape_into(text.raw, &mut unescaped);
                texts.append_value(simdutf8::basic::from_utf8(&unescaped).ok()?);
            }
            Ok(Value::String(text)) => {
                texts.append_value(simdutf8::basic::from_utf8(text.raw).ok()?);
            }
            _ => texts.append_value(value),
        }
    }
    Some(Arc::new(texts.finish()))
}
