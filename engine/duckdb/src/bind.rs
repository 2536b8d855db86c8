//! Binding a call of a table function: its arguments, and the columns of its result.

use std::ffi::{CStr, CString};
use std::sync::Arc;

use arrow_schema::Field;
use lakebed_core::Result;

use crate::c_api::{Api, BindInfo, Index, LogicalTypeHandle, type_id};
use crate::callback::{c_text, invalid};
use crate::calling_connection::CallingConnection;
use crate::file_access::{AllowedStores, FileAccess};
use crate::types::LogicalType;
use crate::value::{SqlValue, owned_text};

/// Columns that a call asks for.
#[derive(Debug)]
pub(crate) enum Columns {
    /// All there are.
    All,
    /// These, in this order.
    Named(Vec<String>),
    /// All there are, some of them with these types, and further ones.
    Typed(Vec<(String, String)>),
}

/// A column of a table function's result.
#[derive(Debug)]
pub(crate) struct ResultColumn {
    name: CString,
    data_type: LogicalType,
}

/// A call of a table function while it is bound: its arguments in, the columns of its result out.
pub(crate) struct BindCall {
    api: &'static Api,
    info: BindInfo,
    function: &'static CStr,
    connection: Arc<CallingConnection>,
}

impl BindCall {
    /// For the `info` of a bind callback that has not returned, on behalf of `connection`.
    pub(crate) fn new(
        api: &'static Api,
        info: BindInfo,
        function: &'static CStr,
        connection: Arc<CallingConnection>,
    ) -> Self {
        Self {
            api,
            info,
            function,
            connection,
        }
    }

    /// The connection that the call belongs to.
    pub(crate) fn connection(&self) -> &Arc<CallingConnection> {
        &self.connection
    }

    /// What the call may open.
    pub(crate) fn file_access(&self) -> FileAccess {
        self.connection.file_access()
    }

    /// The stores that the database has allowed.
    pub(crate) fn allowed_stores(&self) -> &Arc<AllowedStores> {
        self.connection.allowed_stores()
    }

    fn function(&self) -> &str {
        self.function.to_str().unwrap_or("lakebed")
    }

    /// A positional argument that is a text; `what` describes it in the error for NULL.
    pub(crate) fn text(&self, number: usize, what: &str) -> Result<String> {
        Ok(self.positional(number, what)?.text())
    }

    /// A positional argument that is a number; `what` describes it in the error for NULL.
    pub(crate) fn int(&self, number: usize, what: &str) -> Result<i64> {
        let value = self.positional(number, what)?;
        // SAFETY: a value that lives during the call; DuckDB cast it to the parameter's type.
        Ok(unsafe { (self.api.get_int64)(value.raw()) })
    }

    fn positional(&self, number: usize, what: &str) -> Result<SqlValue> {
        // SAFETY: `info` is the one of this call; numbers out of range give null.
        let raw = unsafe { (self.api.bind_get_parameter)(self.info, number as Index) };
        match SqlValue::new(self.api, raw) {
            Some(value) if !value.is_null() => Ok(value),
            _ => Err(invalid(format!(
                "{} needs {what}, and was given NULL.",
                self.function()
            ))),
        }
    }

    /// A named argument; `None` if it is NULL or absent.
    fn named(&self, name: &'static CStr) -> Option<SqlValue> {
        // SAFETY: `info` is the one of this call; unknown names give null.
        let raw = unsafe { (self.api.bind_get_named_parameter)(self.info, name.as_ptr()) };
        SqlValue::new(self.api, raw).filter(|value| !value.is_null())
    }

    pub(crate) fn named_text(&self, name: &'static CStr) -> Option<String> {
        self.named(name).map(|value| value.text())
    }

    pub(crate) fn named_bool(&self, name: &'static CStr) -> Option<bool> {
        self.named(name).map(|value| value.is_true())
    }

    /// A named argument that is a number of 0 or more.
    pub(crate) fn named_count(&self, name: &'static CStr) -> Result<Option<u64>> {
        let Some(value) = self.named(name) else {
            return Ok(None);
        };
        // SAFETY: a value that lives during the call; DuckDB cast it to the parameter's type.
        let number = unsafe { (self.api.get_int64)(value.raw()) };
        u64::try_from(number).map(Some).map_err(|_| {
            let (function, name) = (self.function(), name.to_string_lossy());
            invalid(format!(
                "{function} was given {name} := {number}: it is a number from 0."
            ))
        })
    }

    /// A named argument that is a time, in microseconds since 1970 UTC.
    pub(crate) fn named_time(&self, name: &'static CStr) -> Option<i64> {
        // SAFETY: a value that lives during the call; DuckDB cast it to the parameter's type.
        self.named(name)
            .map(|value| unsafe { (self.api.get_timestamp_tz)(value.raw()) }.micros)
    }

    /// A named argument that is a list of names, such as `['id', 'commit.collection']`, or a STRUCT of texts, such as
    /// `{id: 'BIGINT'}`.
    pub(crate) fn named_columns(&self, name: &'static CStr) -> Result<Columns> {
        let Some(value) = self.named(name) else {
            return Ok(Columns::All);
        };
        // SAFETY: the type belongs to the value and lives as long.
        let data_type = unsafe { (self.api.get_value_type)(value.raw()) };
        // SAFETY: a type that lives during the call.
        match unsafe { (self.api.get_type_id)(data_type) } {
            type_id::STRUCT => Ok(Columns::Typed(self.fields(&value, data_type))),
            type_id::LIST => Ok(Columns::Named(value.texts())),
            _ => {
                let (function, name) = (self.function(), name.to_string_lossy());
                Err(invalid(format!(
                    "{function} was given {name} := {}: it is a list of columns, as in ['id', 'commit.collection'], or a STRUCT of types, \
                     as in {{id: 'BIGINT', tags: 'VARCHAR[]'}}.",
                    value.text()
                )))
            }
        }
    }

    /// The field names and texts of a STRUCT.
    fn fields(&self, value: &SqlValue, data_type: LogicalTypeHandle) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        // SAFETY: a type that lives during the call, and is a STRUCT.
        let count = unsafe { (self.api.struct_type_child_count)(data_type) };
        for number in 0..count {
            // SAFETY: the number is in range; the name is owned by the caller.
            let field = unsafe {
                owned_text(
                    self.api,
                    (self.api.struct_type_child_name)(data_type, number),
                )
            };
            // SAFETY: the number is in range; the value is owned by the caller.
            let child = unsafe { (self.api.get_struct_child)(value.raw(), number) };
            if let Some(child) = SqlValue::new(self.api, child) {
                pairs.push((field, child.text()));
            }
        }
        pairs
    }

    /// The result column for the values of an Arrow field; it can be added to any call.
    pub(crate) fn result_column(&self, field: &Field) -> Result<ResultColumn> {
        Ok(ResultColumn {
            name: c_text(field.name()),
            data_type: LogicalType::of(self.api, field)?,
        })
    }

    /// Adds a column to the result.
    pub(crate) fn add_column(&self, column: &ResultColumn) {
        let (name, data_type) = (column.name.as_ptr(), column.data_type.raw());
        // SAFETY: `info` is the one of this call; DuckDB copies name and type.
        unsafe { (self.api.bind_add_result_column)(self.info, name, data_type) };
    }

    /// Gives the optimizer the number of rows, or an upper bound of it.
    pub(crate) fn set_cardinality(&self, rows: u64, exact: bool) {
        // SAFETY: `info` is the one of this call.
        unsafe { (self.api.bind_set_cardinality)(self.info, rows, exact) };
    }
}
