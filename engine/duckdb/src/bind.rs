//! Safe words for DuckDB's C API: the table of functions, values, types, and the calls around a table function's columns.

use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use arrow_schema::{DataType, Field, TimeUnit};
use lakebed_core::{Error, ErrorKind, Result};

use crate::c_api::{
    Access, Api, BindInfo, Connection, ExtensionInfo, Index, Logical, SUCCESS, Value, type_id,
};

/// The functions of the DuckDB library this file was loaded into.
static API: OnceLock<Api> = OnceLock::new();

/// The table of functions; none before DuckDB handed it over, when none of its callbacks can run.
pub(crate) fn api() -> Option<&'static Api> {
    API.get()
}

/// An extension that is being loaded.
pub(crate) struct Loading<'a> {
    info: ExtensionInfo,
    access: &'a Access,
}

impl Loading<'_> {
    /// # Safety
    /// `info` and `access` are what DuckDB gave to the entry point, which has not returned.
    pub(crate) unsafe fn new(info: ExtensionInfo, access: *const Access) -> Option<Self> {
        // SAFETY: DuckDB's `access` points to a whole structure during the call of the entry point, or is null.
        unsafe { access.as_ref() }.map(|access| Self { info, access })
    }

    /// Says why it cannot be loaded.
    pub(crate) fn refuse(&self, message: &str) {
        let message = text(message);
        // SAFETY: `info` is the one of this call; DuckDB copies the message.
        unsafe { (self.access.set_error)(self.info, message.as_ptr()) };
    }

    /// Takes over DuckDB's functions and opens a connection for registering ours.
    pub(crate) fn open(&self) -> std::result::Result<Registrar, String> {
        // SAFETY: `info` is the one of this call, the version a C string.
        let table = unsafe { (self.access.get_api)(self.info, crate::c_api::API_VERSION.as_ptr()) };
        if table.is_null() {
            // DuckDB said why already.
            return Err(String::new());
        }
        // SAFETY: the table of the version asked for, which is not null.
        let api = unsafe { Api::read(table) };
        let first = API.get_or_init(|| api);
        if first.library_version as usize != api.library_version as usize {
            return Err(
                "another DuckDB library of this process has loaded lakebed already: one extension file serves one library a process"
                    .to_owned(),
            );
        }
        // SAFETY: `info` is the one of this call.
        let database = unsafe { (self.access.get_database)(self.info) };
        // SAFETY: a pointer to a database handle that is valid during this call, or null.
        let Some(database) = (unsafe { database.as_ref() }) else {
            return Err("DuckDB gave no database".to_owned());
        };
        let mut connection = Connection(std::ptr::null_mut());
        // SAFETY: the database is open; the connection is ours to close.
        if unsafe { (first.connect)(*database, &raw mut connection) } != SUCCESS {
            return Err("DuckDB gave no connection".to_owned());
        }
        Ok(Registrar {
            api: first,
            connection,
        })
    }
}

/// A connection on which functions are registered.
pub(crate) struct Registrar {
    pub(crate) api: &'static Api,
    pub(crate) connection: Connection,
}

impl Drop for Registrar {
    fn drop(&mut self) {
        // SAFETY: it was opened in `open` and is closed here alone.
        unsafe { (self.api.disconnect)(&raw mut self.connection) };
    }
}

/// Text for DuckDB. A zero byte, which cannot be handed over, shows as its symbol.
pub(crate) fn text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{2400}")).unwrap_or_default()
}

/// Runs the body of a callback; what goes wrong in it, panics included, is the sentence for DuckDB.
pub(crate) fn contained<T>(body: impl FnOnce() -> Result<T>) -> std::result::Result<T, CString> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(text(&error.to_string())),
        Err(panic) => {
            let cause = panic
                .downcast_ref::<&str>()
                .map(|cause| (*cause).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no reason given".to_owned());
            // The payload may panic once more when it is dropped; it is small.
            std::mem::forget(panic);
            Err(text(&format!(
                "lakebed panicked, which is a bug worth reporting: {cause}."
            )))
        }
    }
}

/// An argument that cannot be accepted.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// A type of DuckDB.
#[derive(Debug)]
pub(crate) struct LogicalType {
    api: &'static Api,
    raw: Logical,
}

// SAFETY: a type belongs to no database, connection or thread, and any thread may destroy it. It is changed by `of` alone, before anybody
// else has it; from then on it is only handed to functions that copy it, and what copies share DuckDB counts atomically.
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
        // SAFETY: every number is accepted; DuckDB answers unknown ones with its invalid type.
        let raw = unsafe { (api.create_logical_type)(type_id) };
        Self { api, raw }
    }

    pub(crate) fn raw(&self) -> Logical {
        self.raw
    }

    /// The type for the values of an Arrow field, as `vector` writes them.
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
                let varchar = Self::simple(api, type_id::VARCHAR);
                if !field.metadata().is_empty() {
                    // SAFETY: the type is ours; DuckDB copies the name.
                    unsafe { (api.logical_type_set_alias)(varchar.raw, c"JSON".as_ptr()) };
                }
                Ok(varchar)
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
                let names: Vec<CString> = fields.iter().map(|field| text(field.name())).collect();
                let mut raw_types: Vec<Logical> = types.iter().map(Self::raw).collect();
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
    invalid(format!(
        "The column {:?} is of the Arrow type {}, which lakebed's extension cannot hand to DuckDB.",
        field.name(),
        field.data_type()
    ))
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Bytes,
    Int,
    Bool,
    Time,
    /// A STRUCT of texts.
    Texts,
}

impl Kind {
    pub(crate) fn logical(self, api: &'static Api) -> LogicalType {
        LogicalType::simple(
            api,
            match self {
                Self::Text => type_id::VARCHAR,
                Self::Bytes => type_id::BLOB,
                Self::Int => type_id::BIGINT,
                Self::Bool => type_id::BOOLEAN,
                Self::Time => type_id::TIMESTAMP_TZ,
                Self::Texts => type_id::ANY,
            },
        )
    }
}

/// A constant of a query.
struct Constant {
    api: &'static Api,
    raw: Value,
}

impl Drop for Constant {
    fn drop(&mut self) {
        // SAFETY: values that DuckDB hands out are ours to destroy, once.
        unsafe { (self.api.destroy_value)(&raw mut self.raw) };
    }
}

impl Constant {
    /// `None` for no value at all.
    fn new(api: &'static Api, raw: Value) -> Option<Self> {
        (!raw.0.is_null()).then_some(Self { api, raw })
    }

    fn is_null(&self) -> bool {
        // SAFETY: the value lives as long as this.
        unsafe { (self.api.is_null_value)(self.raw) }
    }

    fn text(&self) -> String {
        // SAFETY: the value lives as long as this; the text is ours to free.
        unsafe { owned_text(self.api, (self.api.get_varchar)(self.raw)) }
    }
}

/// Copies a text that DuckDB allocated, and frees it.
///
/// # Safety
/// `text` is null or a C string from DuckDB that the caller owns.
unsafe fn owned_text(api: &'static Api, text: *mut c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and a C string.
    let copy = unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned();
    // SAFETY: DuckDB allocated it, and nobody uses it any more.
    unsafe { (api.free)(text.cast()) };
    copy
}

/// A column of a table function's result.
#[derive(Debug)]
pub(crate) struct Column {
    name: CString,
    data_type: LogicalType,
}

/// The call of a table function that is being bound: what it was given, and which columns it has.
pub(crate) struct Binding {
    api: &'static Api,
    info: BindInfo,
    function: &'static CStr,
}

impl Binding {
    /// For the `info` of a bind callback that has not returned.
    pub(crate) fn new(api: &'static Api, info: BindInfo, function: &'static CStr) -> Self {
        Self {
            api,
            info,
            function,
        }
    }

    fn function(&self) -> &str {
        self.function.to_str().unwrap_or("lakebed")
    }

    /// A positional argument, which must be there.
    pub(crate) fn text(&self, number: usize, what: &str) -> Result<String> {
        // SAFETY: `info` is the one of this call; numbers out of range give null.
        let raw = unsafe { (self.api.bind_get_parameter)(self.info, number as Index) };
        match Constant::new(self.api, raw) {
            Some(value) if !value.is_null() => Ok(value.text()),
            _ => Err(invalid(format!(
                "{} needs {what}, and was given NULL.",
                self.function()
            ))),
        }
    }

    /// A named argument; NULL counts as not given.
    fn named(&self, name: &'static CStr) -> Option<Constant> {
        // SAFETY: `info` is the one of this call; unknown names give null.
        let raw = unsafe { (self.api.bind_get_named_parameter)(self.info, name.as_ptr()) };
        Constant::new(self.api, raw).filter(|value| !value.is_null())
    }

    pub(crate) fn named_text(&self, name: &'static CStr) -> Option<String> {
        self.named(name).map(|value| value.text())
    }

    pub(crate) fn named_bool(&self, name: &'static CStr) -> Option<bool> {
        // SAFETY: a value that lives during the call; DuckDB cast it to the parameter's type.
        self.named(name)
            .map(|value| unsafe { (self.api.get_bool)(value.raw) })
    }

    /// A number from 0.
    pub(crate) fn named_count(&self, name: &'static CStr) -> Result<Option<u64>> {
        let Some(value) = self.named(name) else {
            return Ok(None);
        };
        // SAFETY: a value that lives during the call; DuckDB cast it to the parameter's type.
        let number = unsafe { (self.api.get_int64)(value.raw) };
        u64::try_from(number).map(Some).map_err(|_| {
            let (function, name) = (self.function(), name.to_string_lossy());
            invalid(format!(
                "{function} was given {name} := {number}: it is a number from 0."
            ))
        })
    }

    /// Microseconds since 1970 UTC.
    pub(crate) fn named_time(&self, name: &'static CStr) -> Option<i64> {
        // SAFETY: a value that lives during the call; DuckDB cast it to the parameter's type.
        self.named(name)
            .map(|value| unsafe { (self.api.get_timestamp_tz)(value.raw) }.micros)
    }

    /// The names and texts of a STRUCT such as `{a: 'BIGINT'}`.
    pub(crate) fn named_texts(&self, name: &'static CStr) -> Result<Vec<(String, String)>> {
        let Some(value) = self.named(name) else {
            return Ok(Vec::new());
        };
        let mut pairs = Vec::new();
        // SAFETY: the type belongs to the value and lives as long.
        let data_type = unsafe { (self.api.get_value_type)(value.raw) };
        // SAFETY: a type that lives during the call.
        if unsafe { (self.api.get_type_id)(data_type) } != type_id::STRUCT {
            let (function, name) = (self.function(), name.to_string_lossy());
            return Err(invalid(format!(
                "{function} was given {name} := {}: it is a STRUCT of types, as in {{id: 'BIGINT', tags: 'VARCHAR[]'}}.",
                value.text()
            )));
        }
        // SAFETY: a type that lives during the call, and is a STRUCT.
        let count = unsafe { (self.api.struct_type_child_count)(data_type) };
        for number in 0..count {
            // SAFETY: the number is in range; the name is ours to free.
            let field = unsafe {
                owned_text(
                    self.api,
                    (self.api.struct_type_child_name)(data_type, number),
                )
            };
            // SAFETY: the number is in range; the value is ours to destroy.
            let child = unsafe { (self.api.get_struct_child)(value.raw, number) };
            if let Some(child) = Constant::new(self.api, child) {
                pairs.push((field, child.text()));
            }
        }
        Ok(pairs)
    }

    /// The column for the values of an Arrow field; it serves any call.
    pub(crate) fn prepare(&self, field: &Field) -> Result<Column> {
        Ok(Column {
            name: text(field.name()),
            data_type: LogicalType::of(self.api, field)?,
        })
    }

    /// Adds a column to the result.
    pub(crate) fn declare(&self, column: &Column) {
        let (name, data_type) = (column.name.as_ptr(), column.data_type.raw());
        // SAFETY: `info` is the one of this call; DuckDB copies name and type.
        unsafe { (self.api.bind_add_result_column)(self.info, name, data_type) };
    }

    /// Tells the optimizer how many rows there will be.
    pub(crate) fn cardinality(&self, rows: u64, exact: bool) {
        // SAFETY: `info` is the one of this call.
        unsafe { (self.api.bind_set_cardinality)(self.info, rows, exact) };
    }
}
