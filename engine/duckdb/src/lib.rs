//! `lakebed.duckdb_extension`: the store as table functions of any DuckDB.
//!
//! It only translates: arguments to calls of `lakebed-core`, Arrow batches to DuckDB's vectors, errors to messages.
//! DuckDB is not linked: it passes its functions in a table when it loads the file (`c_api`), so one file serves every
//! DuckDB of its platform from 1.3 on. Panics are caught in every callback, destructors included. What is kept between
//! queries is listed in `cache`. The functions are documented in docs/sql.md.

#![warn(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")
)]

mod attached;
#[expect(unsafe_code, reason = "DuckDB passes arguments as handles")]
mod bind;
#[expect(unsafe_code, reason = "the table of DuckDB's functions")]
mod c_api;
mod cache;
mod callback;
#[expect(
    unsafe_code,
    reason = "DuckDB passes connections and settings as handles"
)]
mod calling_connection;
mod file_access;
mod functions;
#[expect(unsafe_code, reason = "DuckDB keeps values as raw pointers")]
mod given;
#[expect(unsafe_code, reason = "DuckDB passes its functions as raw pointers")]
mod load;
mod query_snapshot;
mod row_queue;
#[expect(unsafe_code, reason = "DuckDB calls scalar functions with raw vectors")]
mod scalar_function;
#[expect(unsafe_code, reason = "DuckDB calls table functions with raw handles")]
mod table_function;
#[expect(unsafe_code, reason = "DuckDB's types are handles")]
mod types;
#[expect(unsafe_code, reason = "DuckDB's values are handles")]
mod value;
#[expect(unsafe_code, reason = "DuckDB's vectors are filled in place")]
mod vector;

use crate::functions::{
    MutationFunction, allow, attach, attached_records, attached_rows, ingest, scalars, scan,
    system_tables, train,
};
use crate::load::Registrar;

/// Registers all functions.
fn register(registrar: &Registrar) -> Result<(), String> {
    use system_tables::{Blobs, Collections, Commits, Dictionaries, Segments, SystemFunction};
    table_function::register::<scan::ScanFunction>(registrar)?;
    table_function::register::<SystemFunction<Blobs>>(registrar)?;
    table_function::register::<SystemFunction<Collections>>(registrar)?;
    table_function::register::<SystemFunction<Segments>>(registrar)?;
    table_function::register::<SystemFunction<Dictionaries>>(registrar)?;
    table_function::register::<SystemFunction<Commits>>(registrar)?;
    table_function::register::<MutationFunction<train::Train>>(registrar)?;
    table_function::register::<MutationFunction<ingest::Ingest>>(registrar)?;
    table_function::register::<MutationFunction<allow::Allow>>(registrar)?;
    table_function::register::<MutationFunction<attach::Attach>>(registrar)?;
    table_function::register::<attached_rows::AttachedRows>(registrar)?;
    scalar_function::register::<attached_records::RecordOfRow>(registrar)?;
    scalar_function::register::<attached_records::HashOfRow>(registrar)?;
    scalar_function::register::<scalars::Get>(registrar)?;
    scalar_function::register::<scalars::HashOf>(registrar)
}

#[expect(unsafe_code, reason = "DuckDB looks the entry point up by its C name")]
mod entry {
    use crate::c_api::{Access, ExtensionInfo};
    use crate::callback::{guarded, invalid};
    use crate::load::ExtensionLoad;

    /// The entry point of the extension, which DuckDB finds by the file's name.
    ///
    /// # Safety
    /// Called by DuckDB with what its C extension API says.
    // SAFETY: no other symbol of a process has this name: DuckDB opens extensions with local symbols, and Rust mangles
    // its own.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn lakebed_init_c_api(info: ExtensionInfo, access: *const Access) -> bool {
        // A panic becomes an error of the query. The default hook would also write it to the host's standard error.
        let hook_set = guarded(|| {
            std::panic::set_hook(Box::new(|_| {}));
            Ok(())
        });
        // SAFETY: DuckDB's arguments, during its call.
        let Some(loading) = (unsafe { ExtensionLoad::new(info, access) }) else {
            return false;
        };
        let loaded = hook_set.and_then(|()| {
            guarded(|| {
                let registrar = loading.open().map_err(invalid)?;
                crate::register(&registrar).map_err(invalid)
            })
        });
        match loaded {
            Ok(()) => true,
            Err(reason) => {
                if !reason.is_empty() {
                    loading.refuse(&format!(
                        "lakebed cannot be loaded: {}",
                        reason.to_string_lossy()
                    ));
                }
                false
            }
        }
    }
}
