//! Loading the extension: DuckDB's table of functions, and a connection to register the extension's own.

use std::ffi::CStr;
use std::sync::{Arc, OnceLock};

use crate::attached::replacement;
use crate::c_api::{
    API_VERSION, Access, Api, Connection, ContextApi, ExtensionInfo, SUCCESS, has_context,
};
use crate::callback::c_text;
use crate::file_access::AllowedStores;

/// The functions of the DuckDB library that loaded the extension.
static API: OnceLock<Api> = OnceLock::new();

/// Its later functions; `None` in a DuckDB before 1.5.5.
static CONTEXT_API: OnceLock<Option<ContextApi>> = OnceLock::new();

/// The functions that reach the connection of a call, where this DuckDB has them.
pub(crate) fn context_api() -> Option<&'static ContextApi> {
    CONTEXT_API.get().and_then(Option::as_ref)
}

/// The functions of DuckDB; `None` until the extension is loaded, and no callback runs before.
pub(crate) fn api() -> Option<&'static Api> {
    API.get()
}

/// Whether this DuckDB reads the Parquet files of stores as what they are: one before version 2 gives JSON as text.
pub(crate) fn reads_columns() -> bool {
    api().is_some_and(|api| {
        // SAFETY: DuckDB returns a C string that it never frees.
        let version = unsafe { CStr::from_ptr((api.library_version)()) };
        !version.to_string_lossy().starts_with("v1.")
    })
}

/// The loading of the extension, during the call of its entry point.
pub(crate) struct ExtensionLoad<'a> {
    info: ExtensionInfo,
    access: &'a Access,
}

impl ExtensionLoad<'_> {
    /// # Safety
    /// `info` and `access` are what DuckDB gave to the entry point, which has not returned.
    pub(crate) unsafe fn new(info: ExtensionInfo, access: *const Access) -> Option<Self> {
        // SAFETY: DuckDB's `access` points to a whole structure during the call of the entry point, or is null.
        unsafe { access.as_ref() }.map(|access| Self { info, access })
    }

    /// Reports why the extension cannot be loaded.
    pub(crate) fn refuse(&self, message: &str) {
        let message = c_text(message);
        // SAFETY: `info` is the one of this call; DuckDB copies the message.
        unsafe { (self.access.set_error)(self.info, message.as_ptr()) };
    }

    /// Reads DuckDB's functions and opens a connection to register the extension's. An empty message means that DuckDB
    /// has reported the error already.
    pub(crate) fn open(&self) -> Result<Registrar, String> {
        // SAFETY: `info` is the one of this call, the version a C string.
        let table = unsafe { (self.access.get_api)(self.info, API_VERSION.as_ptr()) };
        if table.is_null() {
            return Err(String::new());
        }
        // SAFETY: the table of the requested version, not null.
        let api = unsafe { Api::read(table) };
        let first = API.get_or_init(|| api);
        if first.library_version as usize != api.library_version as usize {
            return Err(
                "another DuckDB library of this process has loaded lakebed already: one extension file serves one library a process"
                    .to_owned(),
            );
        }
        CONTEXT_API.get_or_init(|| {
            // SAFETY: DuckDB returns a C string that it never frees.
            let version = unsafe { CStr::from_ptr((first.library_version)()) };
            // SAFETY: the table of a DuckDB that has these entries.
            has_context(&version.to_string_lossy()).then(|| unsafe { ContextApi::read(table) })
        });
        // SAFETY: `info` is the one of this call.
        let database = unsafe { (self.access.get_database)(self.info) };
        // SAFETY: a pointer to a database handle that is valid during this call, or null.
        let Some(database) = (unsafe { database.as_ref() }) else {
            return Err("DuckDB gave no database".to_owned());
        };
        let mut connection = Connection(std::ptr::null_mut());
        // SAFETY: the database is open, and the registrar closes the connection.
        if unsafe { (first.connect)(*database, &raw mut connection) } != SUCCESS {
            return Err("DuckDB gave no connection".to_owned());
        }
        let stores: Arc<AllowedStores> = Arc::default();
        // SAFETY: the database is open.
        unsafe { replacement::register(first, *database, Arc::clone(&stores)) };
        Ok(Registrar {
            api: first,
            connection,
            stores,
        })
    }
}

/// A connection that functions are registered on.
pub(crate) struct Registrar {
    pub(crate) api: &'static Api,
    pub(crate) connection: Connection,
    /// What every function of this database shares.
    pub(crate) stores: Arc<AllowedStores>,
}

impl Drop for Registrar {
    fn drop(&mut self) {
        // SAFETY: it was opened in `open` and is closed here alone.
        unsafe { (self.api.disconnect)(&raw mut self.connection) };
    }
}
