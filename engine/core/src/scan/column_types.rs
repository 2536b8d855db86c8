//! Column types that a request sets instead of the inferred ones.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};

use super::request::ScanRequest;
use crate::error::{Error, ErrorKind, Result};
use crate::spelling::quoted;
use lakebed_json::schema::{
    Column, ColumnSource, DataType, Declared, SYSTEM_COLUMNS, Schema, Step,
};
use lakebed_json::{Cursor, Value, unescape_into};

/// The columns with a type set by the request, by their index in the schema.
#[derive(Debug, Default)]
pub(super) struct TypeOverrides {
    /// Columns whose type differs from the inferred one.
    pub(super) changed: Vec<usize>,
    /// Those of them that are VARCHAR: extracted as JSON and then converted to text.
    pub(super) as_text: Vec<usize>,
}

/// Changes the schema to the types that the request sets.
///
/// # Errors
/// `InvalidArgument` for a system column, and for a column that also has a filter.
pub(super) fn apply(schema: &mut Arc<Schema>, request: &ScanRequest) -> Result<TypeOverrides> {
    let mut overrides = TypeOverrides::default();
    if request.types.is_empty() {
        return Ok(overrides);
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
                    "The column {name} has a type of its own: only columns of the records can be given another.",
                    name = quoted(name)
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
                declared: Vec::new(),
                misfits: 0,
            });
            schema.columns.len() - 1
        });
        let Some(column) = schema.columns.get_mut(position) else {
            continue;
        };
        if column.data_type == *data_type {
            continue;
        }
        overrides.changed.push(position);
        column.data_type = data_type.clone();
        column.declared.clear();
        if *data_type == DataType::Varchar {
            overrides.as_text.push(position);
            column.data_type = DataType::Json;
        }
    }
    let refused = request.filters.iter().find(|filter| {
        schema
            .position(&filter.column)
            .is_some_and(|position| overrides.changed.contains(&position))
    });
    match refused {
        None => Ok(overrides),
        Some(filter) => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "The column {} cannot have both a filter and another type than its own.",
                quoted(&filter.column)
            ),
        )),
    }
}

/// Adds a column to the schema for each requested one that is a field inside objects, such as `commit.collection`.
pub(super) fn add_paths(schema: &mut Arc<Schema>, request: &ScanRequest) {
    let filtered = request.filters.iter().map(|filter| &filter.column);
    for name in request.columns.iter().flatten().chain(filtered) {
        let is_system = SYSTEM_COLUMNS
            .iter()
            .any(|own| own.eq_ignore_ascii_case(name));
        if is_system || schema.position(name).is_some() {
            continue;
        }
        if let Some(column) = path_column(schema, name) {
            Arc::make_mut(schema).columns.push(column);
        }
    }
}

/// The column of a field inside objects.
fn path_column(schema: &Schema, path: &str) -> Option<Column> {
    let (column, steps) = schema.resolve(path)?;
    let ColumnSource::Key(key) = &column.source else {
        return None;
    };
    let mut keys = vec![key.clone()];
    for step in &steps {
        match step {
            Step::Key(key) => keys.push(key.clone()),
            Step::Element => return None,
        }
    }
    let declared = column.declared.iter().filter_map(|part| {
        // What is declared around the field holds for it too.
        let path = match part.path.strip_prefix(steps.as_slice()) {
            Some(inside) => inside.to_vec(),
            None if steps.starts_with(&part.path) => Vec::new(),
            None => return None,
        };
        Some(Declared {
            path,
            nulls: Arc::clone(&part.nulls),
        })
    });
    Some(Column {
        name: path.to_owned(),
        data_type: column.data_type.at(&steps)?.clone(),
        values: 0,
        nulls: 0,
        missing: 0,
        notes: Vec::new(),
        unique: schema.unique_paths.contains(&keys),
        declared: declared.collect(),
        misfits: 0,
        source: ColumnSource::Path(keys),
    })
}

/// Converts JSON values to text: the values of strings, and the exact bytes of all others. `None` when a string has a
/// lone surrogate.
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
