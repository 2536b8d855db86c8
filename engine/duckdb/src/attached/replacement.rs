//! The replacement scan: DuckDB asks what a name stands for that is no table.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;

use super::{find, table_query};
use crate::c_api::{Api, Database, ReplacementInfo};
use crate::callback::{c_text, guarded};
use crate::file_access::AllowedStores;
use crate::given::give;

/// DuckDB's own function that stands for the query that it is given.
const QUERY: &CStr = c"query";

/// What the callback needs.
struct Given {
    api: &'static Api,
    stores: Arc<AllowedStores>,
}

/// Has DuckDB ask the stores that are attached to a database.
///
/// # Safety
/// The database is open; called while the extension is loaded.
pub(crate) unsafe fn register(api: &'static Api, database: Database, stores: Arc<AllowedStores>) {
    let (data, destroy) = give(Given { api, stores });
    // SAFETY: the database is open; DuckDB passes the data to the callback alone, and destroys it with the database.
    unsafe { (api.add_replacement_scan)(database, replace, data, destroy) };
}

/// # Safety
/// Called by DuckDB with a valid `info`, the name of a table, and the data of `register`.
unsafe extern "C" fn replace(info: ReplacementInfo, table: *const c_char, data: *mut c_void) {
    // SAFETY: what `register` gave, which lives as long as the database.
    let Some(given) = (unsafe { data.cast::<Given>().as_ref() }) else {
        return;
    };
    let api = given.api;
    let found = guarded(|| {
        // SAFETY: a C string of DuckDB's, during this call.
        let table = unsafe { CStr::from_ptr(table) }.to_string_lossy();
        let found = find::find(&given.stores.attached, &table)?;
        found.map(table_query::query).transpose()
    });
    // SAFETY: `info` is the one of this call; DuckDB copies texts, and values, which are destroyed here.
    unsafe {
        match found {
            Ok(None) => {}
            Ok(Some(text)) => {
                let text = c_text(&text);
                let mut value = (api.create_varchar)(text.as_ptr());
                (api.replacement_scan_set_function_name)(info, QUERY.as_ptr());
                (api.replacement_scan_add_parameter)(info, value);
                (api.destroy_value)(&raw mut value);
            }
            Err(message) => (api.replacement_scan_set_error)(info, message.as_ptr()),
        }
    }
}
