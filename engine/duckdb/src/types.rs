//! DuckDB's types: those of Arrow fields, and those of parameters.

use std::ffi::{CString, c_char};

use arrow_schema::{DataType, Field, TimeUnit};
use lakebed_core::{Error, Result};

use crate::c_api::{Api, Index, LogicalTypeHandle, type_id};
use crate::callback::{c_text, internal};

/// A type of DuckDB, owned.
#[derive(Debug)]
pub(crate) struct LogicalType {
    api: &'static Api,
    raw: LogicalTypeHandle,
}

// SAFETY: a type belongs to no database, connection or thread, and any thread may destroy it. Only `of` changes it,
// before it returns it; later uses pass it to functions that copy it, and DuckDB counts what copies share atomically.
unsafe impl Send for LogicalType {}
// SAFETY: as above.
unsafe impl Sync for LogicalType {}

impl Drop for LogicalType {
    fn drop(&mut self) {
        // SAFETY: it was created by this API and is destroyed once.
        unsafe { (self.api.destroy_logical_type)(&raw mut self.raw) };
    }
}

impl LogicalType {
    pub(crate) fn simple(api: &'static Api, type_id: u32) -> Self {
        // SAFETY: every number is accepted; for unknown ones DuckDB returns its invalid type.
        let raw = unsafe { (api.create_logical_type)(type_id) };
        Self { api, raw }
    }

    /// DuckDB's type of JSON texts, which is VARCHAR under another name.
    fn json(api: &'static Api) -> Self {
        let varchar = Self::simple(api, type_id::VARCHAR);
        // SAFETY: the type is owned by `varchar`; DuckDB copies the name.
        unsafe { (api.logical_type_set_alias)(varchar.raw, c"JSON".as_ptr()) };
        varchar
    }

    pub(crate) fn raw(&self) -> LogicalTypeHandle {
        self.raw
    }

    /// The type for the values of an Arrow field, as `vector` writes them.
    ///
    /// # Errors
    /// [`lakebed_core::ErrorKind::Internal`] for an Arrow type that scans of the engine do not have.
    pub(crate) fn of(api: &'static Api, field: &Field) -> Result<Self> {
        let simple = |type_id| Ok(Self::simple(api, type_id));
        match field.data_type() {
            DataType::Boolean => simple(type_id::BOOLEAN),
            DataType::Int64 => simple(type_id::BIGINT),
            DataType::UInt64 => simple(type_id::UBIGINT),
            DataType::Decimal128(38, 0) => simple(type_id::HUGEINT),
            DataType::Float64 => simple(type_id::DOUBLE),
            DataType::Date32 => simple(type_id::DATE),
            DataType::Timestamp(TimeUnit::Microsecond, None) => simple(type_id::TIMESTAMP),
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => simple(type_id::TIMESTAMP_TZ),
            DataType::Binary => simple(type_id::BLOB),
            DataType::Utf8 | DataType::Utf8View => {
                if field.metadata().is_empty() {
                    simple(type_id::VARCHAR)
                } else {
                    Ok(Self::json(api))
                }
            }
            DataType::List(element) => {
                let element = Self::of(api, element)?;
                // SAFETY: DuckDB copies the element's type.
                let raw = unsafe { (api.create_list_type)(element.raw) };
                Ok(Self { api, raw })
            }
            DataType::Struct(fields) => {
                let types = fields
                    .iter()
                    .map(|field| Self::of(api, field))
                    .collect::<Result<Vec<_>>>()?;
                let names: Vec<CString> = fields.iter().map(|field| c_text(field.name())).collect();
                let mut raw_types: Vec<LogicalTypeHandle> = types.iter().map(Self::raw).collect();
                let mut raw_names: Vec<*const c_char> =
                    names.iter().map(|name| name.as_ptr()).collect();
                // SAFETY: both arrays have that many entries; DuckDB copies types and names.
                let raw = unsafe {
                    (api.create_struct_type)(
                        raw_types.as_mut_ptr(),
                        raw_names.as_mut_ptr(),
                        fields.len() as Index,
                    )
                };
                Ok(Self { api, raw })
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) => match fields.as_ref() {
                    [key, value] => {
                        let (key, value) = (Self::of(api, key)?, Self::of(api, value)?);
                        // SAFETY: DuckDB copies both types.
                        let raw = unsafe { (api.create_map_type)(key.raw, value.raw) };
                        Ok(Self { api, raw })
                    }
                    _ => Err(unknown(field)),
                },
                _ => Err(unknown(field)),
            },
            _ => Err(unknown(field)),
        }
    }
}

fn unknown(field: &Field) -> Error {
    internal(format!(
        "The column {:?} is of the Arrow type {}, which lakebed's extension cannot hand to DuckDB.",
        field.name(),
        field.data_type()
    ))
}

/// The type of a function's parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterType {
    Text,
    Json,
    Bytes,
    Int,
    Bool,
    Time,
    /// A list of texts, or a STRUCT whose fields are texts.
    Columns,
}

impl ParameterType {
    pub(crate) fn logical(self, api: &'static Api) -> LogicalType {
        let simple = |type_id| LogicalType::simple(api, type_id);
        match self {
            Self::Text => simple(type_id::VARCHAR),
            Self::Json => LogicalType::json(api),
            Self::Bytes => simple(type_id::BLOB),
            Self::Int => simple(type_id::BIGINT),
            Self::Bool => simple(type_id::BOOLEAN),
            Self::Time => simple(type_id::TIMESTAMP_TZ),
            Self::Columns => simple(type_id::ANY),
        }
    }
}
